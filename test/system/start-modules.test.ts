import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { localConfig } from '../support/local-config.ts';
import { freePorts } from '../support/ports.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const LIST = fileURLToPath(new URL('fixtures/start-modules.json', import.meta.url));

/** Writes down, when the first process is started, what the agent has loaded by then. */
const RECORDER = `
const { ChildProcess } = require('node:child_process');
const { spawn } = ChildProcess.prototype;
const { closeSync, openSync, writeSync } = require('node:fs');
const file = openSync(process.env.LOADED_FILE, 'w');
const asked = new Set();
const load = module.constructor._load;
module.constructor._load = function (name, ...rest) {
  if (!name.startsWith('/')) asked.add(name.replace(/^node:/, ''));
  return load.call(this, name, ...rest);
};
ChildProcess.prototype.spawn = function (...args) {
  writeSync(file, JSON.stringify([...asked].sort()));
  closeSync(file);
  ChildProcess.prototype.spawn = spawn;
  return spawn.apply(this, args);
};
`;

/**
 * Envoy, and with it the application, waits for all that is loaded before it starts, and at rest it stays in memory. Whoever adds
 * a module here does it in the fixture too, with a reason in the commit: `npm run bench -- start` says what it costs.
 */
it('loads only these modules of Node before it starts Envoy', async () => {
  const folder = await tempFolder();
  const [recorder, loaded] = [join(folder, 'recorder.cjs'), join(folder, 'loaded.json')];
  await writeFile(recorder, RECORDER);
  const [inbound = 0, application = 0] = await freePorts(2);
  const xds = await localConfig(inbound, application);
  const agent = await startAgent({
    args: ['--localConfig', xds.folder],
    env: { NODE_OPTIONS: `--require ${recorder}`, LOADED_FILE: loaded },
  });
  await until('Envoy is started', () => agent.envoys().length > 0);
  const asked: unknown = JSON.parse(await readFile(loaded, 'utf8'));
  const allowed: unknown = JSON.parse(await readFile(LIST, 'utf8'));
  expect(asked).toEqual(allowed);
});
