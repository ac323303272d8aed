import { constants } from 'node:fs';
import { chmod, copyFile, cp, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { canReach } from '../../src/platform/users.ts';
import { type AgentOptions, PILOT_AGENT, startAgent } from '../support/agent.ts';
import { startApplication } from '../support/application.ts';
import type { RunningAgent } from '../support/launch.ts';
import { localConfig } from '../support/local-config.ts';
import { freePort } from '../support/ports.ts';
import { credentialsOf } from '../support/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { isRoot } from '../support/tools.ts';

const NOBODY = 65534;
const AS_NOBODY = ['setpriv', '--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'];
const nodeForAll = await canReach(process.execPath, { uid: NOBODY, gid: NOBODY }, constants.X_OK);

/** A folder with everything that a sidecar is made of: its mode decides who can use it. */
async function installation(mode: number): Promise<
  Required<Pick<AgentOptions, 'executable' | 'binary'>> & {
    readonly folder: string;
  }
> {
  const folder = join(await tempFolder(), 'installed');
  await mkdir(folder);
  const [executable, binary] = [join(folder, 'pilot-agent.cjs'), join(folder, 'envoy')];
  await cp(dirname(PILOT_AGENT), folder, { recursive: true });
  const envoy = await findEnvoy(process.env);
  if (envoy === undefined) throw new Error('no Envoy: run "npm run envoy"');
  await copyFile(envoy, binary, constants.COPYFILE_FICLONE);
  await chmod(folder, mode);
  return { folder, executable, binary };
}

async function sidecar(options: AgentOptions = {}): Promise<{
  readonly agent: RunningAgent;
  readonly answer: () => Promise<{ status: number; body: string }>;
}> {
  const application = await startApplication();
  const inbound = await freePort();
  const { folder } = await localConfig(inbound, application.port);
  const agent = await startAgent({ ...options, args: ['--localConfig', folder, ...(options.args ?? [])] });
  await agent.ready();
  return { agent, answer: () => agent.get(inbound, '/') };
}

function expectUser(agent: RunningAgent, id: number): void {
  const envoys = agent.envoys();
  expect(envoys).toHaveLength(1);
  for (const pid of [agent.pid, ...envoys]) {
    const { users, groups, supplementary } = credentialsOf(pid);
    expect({ users, groups }).toEqual({ users: [id], groups: [id] });
    expect([[], [id]]).toContainEqual(supplementary);
  }
}

async function expectLeavesNothing(agent: RunningAgent): Promise<void> {
  agent.signal('SIGTERM');
  expect(await agent.exited).toBe(0);
  expect(await readdir(agent.configPath)).toEqual([]);
  expect(await readdir(agent.temporary)).toEqual([]);
  expect(agent.sharedMemoryLeft()).toBe(false);
}

describe.runIf(isRoot)('started as root, the agent', () => {
  it('becomes user and group 1337 with Envoy, and keeps no other group', async () => {
    const { agent, answer } = await sidecar();
    expectUser(agent, 1337);
    expect((await answer()).body).toBe('hello');
    await expectLeavesNothing(agent);
  });

  it('becomes the user of --proxy-uid', async () => {
    const { agent } = await sidecar({ args: ['--proxy-uid', '2000'] });
    expectUser(agent, 2000);
    await expectLeavesNothing(agent);
  });

  it('stays root, with the group of user 1337, where TPROXY needs NET_ADMIN', async () => {
    const { agent, answer } = await sidecar({ env: { ISTIO_META_INTERCEPTION_MODE: 'TPROXY' } });
    for (const pid of [agent.pid, ...agent.envoys()]) {
      expect(credentialsOf(pid)).toMatchObject({ users: [0], groups: [1337] });
    }
    expect((await answer()).body).toBe('hello');
    expect(agent.output()).toContain('TPROXY needs NET_ADMIN');
    await expectLeavesNothing(agent);
  });

  it('works in a folder that only root can read', async () => {
    const { folder, ...installed } = await installation(0o700);
    const application = await startApplication();
    const inbound = await freePort();
    const shared = await localConfig(inbound, application.port);
    const xds = join(folder, 'xds');
    await cp(shared.folder, xds, { recursive: true });
    const agent = await startAgent({ ...installed, cwd: folder, args: ['--localConfig', 'xds'] });
    await agent.ready();
    expectUser(agent, 1337);
    expect((await agent.get(inbound, '/')).body).toBe('hello');
    expect(agent.output()).toMatch(/user 1337 cannot read .*xds \(--localConfig\): Envoy follows a copy/);
    expect(await readdir(agent.temporary)).toHaveLength(1);
    expect(agent.output().match(/\twarn\t/g)).toHaveLength(1);
    await expectLeavesNothing(agent);
  });

  it('names a --configPath that user 1337 may not write in', async () => {
    const folder = join(await tempFolder(), 'of-root');
    await mkdir(folder, { mode: 0o755 });
    const agent = await startAgent({ args: ['--configPath', folder] });
    expect(await agent.exited).toBe(1);
    expect(agent.output()).toContain(`user 1337 may not write in the folder ${folder} (--configPath)`);
    expect(await readdir(agent.temporary)).toEqual([]);
  });
});

describe.runIf(isRoot && nodeForAll)('started as an ordinary user, the agent', () => {
  it('stays that user, and warns of redirection', async () => {
    const { agent, answer } = await sidecar({ ...(await installation(0o755)), through: AS_NOBODY });
    expectUser(agent, NOBODY);
    expect((await answer()).body).toBe('hello');
    expect(agent.output()).toContain(`Running as user ${NOBODY}, not 1337 (--proxy-uid)`);
    await expectLeavesNothing(agent);
  });

  it('does not warn when it is the user of --proxy-uid', async () => {
    const args = ['--proxy-uid', `${NOBODY}`];
    const { agent } = await sidecar({ ...(await installation(0o755)), through: AS_NOBODY, args });
    expect(agent.output()).not.toContain('\twarn\t');
    await expectLeavesNothing(agent);
  });

  it('names a --configPath that it cannot make', async () => {
    const folder = join(await tempFolder(), 'of-root');
    await mkdir(folder, { mode: 0o755 });
    const agent = await startAgent({
      ...(await installation(0o755)),
      through: AS_NOBODY,
      args: ['--configPath', join(folder, 'proxy')],
    });
    expect(await agent.exited).toBe(1);
    expect(agent.output()).toContain(`cannot create the folder ${join(folder, 'proxy')} (--configPath)`);
    expect(agent.output()).toContain('permission denied');
  });
});
