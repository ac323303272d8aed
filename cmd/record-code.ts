/**
 * What `npm run build` runs to make V8's code cache: the agent itself, with an Envoy in whose place this process answers. When
 * the agent has asked it, what V8 has compiled goes to descriptor 3. No part of the product.
 */
import { ChildProcess } from 'node:child_process';
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { packCodeCache } from '../src/platform/code-cache.ts';
import { holdParts } from '../src/platform/held-parts.ts';
import { loadProgram } from '../src/platform/load-program.ts';

declare const __PARTS__: { readonly proxy: readonly string[] };

const CACHE = 3;
const AFTER_ANSWER_MS = 100;

const flag = (name: string) => Number(process.argv[process.argv.indexOf(name) + 1]);
const program = loadProgram(
  join(__dirname, 'pilot-agent.proxy.cjs'),
  undefined,
  holdParts(__dirname, __PARTS__.proxy, require),
);

const prototype = ChildProcess.prototype as unknown as { spawn(options: object): number };
const { spawn } = prototype;
prototype.spawn = function (this: ChildProcess, options) {
  const result = spawn.call(this, options);
  answerFor(this);
  return result;
};
program.run();

let answering = false;
function answerFor(envoy: ChildProcess): void {
  if (answering) return;
  answering = true;
  const info = { state: 'LIVE', command_line_options: { restart_epoch: 0, base_id: flag('--base-id') } };
  createServer((_, response) => {
    response.end(JSON.stringify(info));
    setTimeout(() => finish(envoy), AFTER_ANSWER_MS);
  }).listen(flag('--proxyAdminPort'), '127.0.0.1');
}

function finish(envoy: ChildProcess): void {
  const { version: node, arch } = process;
  const bytes = packCodeCache({ build: program.build, node, arch }, program.script.createCachedData());
  for (let written = 0; written < bytes.length; ) written += writeSync(CACHE, bytes, written);
  try {
    if (envoy.pid !== undefined) process.kill(-envoy.pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
  process.exit(0);
}
