import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AgentState, parseState, type RecordedEpoch } from '../../src/agent/state.ts';
import { loadState, removeState, saveState, stateFile } from '../../src/agent/state-file.ts';
import { EnvironmentError } from '../../src/platform/errors.ts';
import { bootId, pidNamespace } from '../../src/platform/processes.ts';
import { privateFolder } from '../support/temp-folder.ts';
import { isRoot } from '../support/tools.ts';

const uid = process.getuid?.() ?? 0;

const CONTEXT = { configPath: '/etc/istio/proxy', bootId: 'this-boot', pidNamespace: 'pid:[1]' };
const EPOCH: RecordedEpoch = {
  pid: 100,
  startTime: 5_000,
  epoch: 3,
  baseId: 7,
  adminPort: 15_000,
  phase: 'serving',
  config: 'abc123',
  bootstrapFile: '/etc/istio/proxy/envoy-rev3.json',
};
const STATE: AgentState = {
  version: 1,
  bootId: 'this-boot',
  pidNamespace: 'pid:[1]',
  agent: { pid: 99, startTime: 4_000 },
  binary: '/usr/local/bin/envoy',
  epochs: [EPOCH],
};
const DRAINING: RecordedEpoch = {
  ...EPOCH,
  pid: 98,
  epoch: 2,
  phase: 'draining',
  bootstrapFile: '/etc/istio/proxy/envoy-rev2.json',
};

const parse = (value: unknown) => parseState(Buffer.from(JSON.stringify(value)), CONTEXT);
const withEpoch = (change: object) => ({ ...STATE, epochs: [{ ...EPOCH, ...change }] });

describe('parseState', () => {
  it('takes what an agent of this version writes', () => {
    expect(parse(STATE)).toEqual({ kind: 'good', state: STATE });
    expect(parse({ ...STATE, epochs: [DRAINING, EPOCH] }).kind).toBe('good');
    expect(parse({ ...STATE, epochs: [] }).kind).toBe('good');
  });

  it.each<[string, unknown, string]>([
    ['no object', [STATE], 'no JSON object'],
    ['null', null, 'no JSON object'],
    ['no version', { ...STATE, version: undefined }, 'version'],
    ['a later version', { ...STATE, version: 2 }, 'version'],
    ['a version as text', { ...STATE, version: '1' }, 'version'],
    ['another boot', { ...STATE, bootId: 'the-last-boot' }, 'another boot'],
    ['another container', { ...STATE, pidNamespace: 'pid:[2]' }, 'another container'],
    ['a member that nobody knows', { ...STATE, extra: 1 }, '"extra"'],
    ['no agent', { ...STATE, agent: undefined }, '"agent"'],
    ['an agent without start time', { ...STATE, agent: { pid: 1 } }, '"agent"'],
    ['a relative binary', { ...STATE, binary: 'envoy' }, '"binary"'],
    ['epochs that are no list', { ...STATE, epochs: { 0: EPOCH } }, '"epochs"'],
    ['too many epochs', { ...STATE, epochs: Array.from({ length: 9 }, () => EPOCH) }, '"epochs"'],
    ['pid 1', withEpoch({ pid: 1 }), '"epochs"'],
    ['pid 0, which would be our group', withEpoch({ pid: 0 }), '"epochs"'],
    ['pid -1, which would be everybody', withEpoch({ pid: -1 }), '"epochs"'],
    ['a pid as text', withEpoch({ pid: '100' }), '"epochs"'],
    ['a pid beyond what Linux has', withEpoch({ pid: 2 ** 22 + 1 }), '"epochs"'],
    ['half a pid', withEpoch({ pid: 100.5 }), '"epochs"'],
    ['an epoch below zero', withEpoch({ epoch: -1 }), '"epochs"'],
    ['a base id that Envoy cannot have', withEpoch({ baseId: 2 ** 32 }), '"epochs"'],
    ['an unknown phase', withEpoch({ phase: 'toString' }), '"epochs"'],
    ['a bootstrap elsewhere', withEpoch({ bootstrapFile: '/etc/passwd' }), 'no bootstrap of this folder'],
    [
      'a bootstrap by a detour',
      withEpoch({ bootstrapFile: '/etc/istio/proxy/../envoy-rev3.json' }),
      '"epochs"',
    ],
    ['a bootstrap below', withEpoch({ bootstrapFile: '/etc/istio/proxy/x/envoy-rev3.json' }), 'no bootstrap'],
    ['another file of the folder', withEpoch({ bootstrapFile: '/etc/istio/proxy/key.pem' }), 'no bootstrap'],
    ['a pid twice', { ...STATE, epochs: [{ ...DRAINING, pid: 100 }, EPOCH] }, 'twice'],
    ['an agent that is its own Envoy', withEpoch({ pid: 99 }), 'twice'],
    ['an epoch twice', { ...STATE, epochs: [{ ...DRAINING, epoch: 3 }, EPOCH] }, 'twice'],
    [
      'two that serve',
      { ...STATE, epochs: [{ ...DRAINING, phase: 'serving' }, EPOCH] },
      'two epochs are serving',
    ],
  ])('refuses %s', (_what, value, reason) => {
    const result = parse(value);
    expect(result).toEqual({ kind: 'bad', reason: expect.stringContaining(reason) });
  });

  it('refuses every part of a good file that stops too soon', () => {
    const whole = Buffer.from(JSON.stringify(STATE));
    for (let length = 0; length < whole.length; length += 1) {
      expect(parseState(whole.subarray(0, length), CONTEXT).kind).toBe('bad');
    }
  });

  it('never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(parseState(bytes, CONTEXT).kind).toBe('bad');
      }),
    );
  });

  it('never throws, whatever the JSON is, and takes nothing whose parts are not all right', () => {
    const strange = fc.oneof(fc.jsonValue(), fc.constantFrom('__proto__', 'constructor', -0, 2 ** 53));
    const mutated = fc
      .tuple(fc.constantFrom(...Object.keys(STATE), '__proto__', 'constructor'), strange)
      .map(([key, value]) => `{${[...Object.entries(STATE), [key, value]].map(asMember).join(',')}}`);
    const mutatedEpoch = fc
      .tuple(fc.constantFrom(...Object.keys(EPOCH), '__proto__', 'toString'), strange)
      .map(([key, value]) =>
        JSON.stringify(STATE).replace(
          JSON.stringify(EPOCH),
          `{${[...Object.entries(EPOCH), [key, value]].map(asMember).join(',')}}`,
        ),
      );
    fc.assert(
      fc.property(fc.oneof(fc.json(), mutated, mutatedEpoch), (text) => {
        const result = parseState(Buffer.from(text), CONTEXT);
        if (result.kind === 'bad') return;
        for (const { pid, startTime, epoch, baseId, adminPort, phase, bootstrapFile } of result.state
          .epochs) {
          for (const number of [pid, startTime, epoch, baseId, adminPort])
            expect(Number.isSafeInteger(number)).toBe(true);
          expect(pid).toBeGreaterThan(1);
          expect(['initializing', 'serving', 'draining']).toContain(phase);
          expect(bootstrapFile).toMatch(/^\/etc\/istio\/proxy\/envoy-rev[^/]*$/);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

function asMember([key, value]: readonly unknown[]): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value) ?? 'null'}`;
}

describe('the state file', () => {
  async function saved() {
    const configPath = await privateFolder();
    const epoch = { ...EPOCH, bootstrapFile: join(configPath, 'envoy-rev3.json') };
    saveState(configPath, { agent: STATE.agent, binary: STATE.binary, epochs: [epoch] });
    return { configPath, epoch };
  }

  it('comes back as it was saved, with the boot and the container that it is of', async () => {
    const { configPath, epoch } = await saved();
    expect(loadState(configPath, uid)).toEqual({
      kind: 'good',
      state: { ...STATE, bootId: bootId(), pidNamespace: pidNamespace(), epochs: [epoch] },
    });
  });

  it('is for its user only, and alone: nothing half-written stays beside it', async () => {
    const { configPath, epoch } = await saved();
    saveState(configPath, {
      agent: STATE.agent,
      binary: STATE.binary,
      epochs: [epoch, { ...DRAINING, pid: 97 }],
    });
    expect(readdirSync(configPath)).toEqual(['pilot-agent-state.json']);
    expect(statSync(stateFile(configPath)).mode & 0o777).toBe(0o600);
  });

  it('is the same by whatever name the folder goes', async () => {
    const { configPath } = await saved();
    const link = join(await privateFolder(), 'proxy');
    await symlink(configPath, link);
    expect(loadState(link, uid).kind).toBe('good');
  });

  it('is none where there is none, and after it was removed', async () => {
    const { configPath } = await saved();
    removeState(configPath);
    removeState(configPath);
    expect(loadState(configPath, uid)).toEqual({ kind: 'none' });
    expect(loadState(join(configPath, 'absent'), uid)).toEqual({ kind: 'none' });
  });

  it('that cannot be written is an error with the path and the remedy', async () => {
    const absent = join(await privateFolder(), 'absent');
    const save = () => saveState(absent, { agent: STATE.agent, binary: STATE.binary, epochs: [] });
    expect(save).toThrow(EnvironmentError);
    expect(save).toThrow(/absent\/pilot-agent-state\.json.*--configPath/);
  });

  it.each<[string, (path: string) => void | Promise<void>, string]>([
    ['is half-written', (path) => writeFileSync(path, readFileSync(path).subarray(0, 100)), 'half-written'],
    ['is empty', (path) => writeFileSync(path, ''), 'half-written'],
    ['is huge', (path) => writeFileSync(path, ' '.repeat(100_000)), 'larger than'],
    ['others may write', (path) => chmodSync(path, 0o622), 'other users may write it'],
    [
      'is a fifo',
      async (path) => {
        await rm(path);
        spawnSync('mkfifo', [path]);
      },
      'no file',
    ],
    [
      'is a symbolic link',
      async (path) => {
        await rm(path);
        symlinkSync('/etc/hostname', path);
      },
      'cannot be read',
    ],
    [
      'is of another boot',
      (path) => writeFileSync(path, readFileSync(path, 'utf8').replace(bootId() ?? '', 'x')),
      'another boot',
    ],
  ])('that %s is recognised', async (_what, spoil, reason) => {
    const { configPath } = await saved();
    await spoil(stateFile(configPath));
    expect(loadState(configPath, uid)).toEqual({ kind: 'lying', reason: expect.stringContaining(reason) });
  });

  it.runIf(isRoot)('of another user is recognised', async () => {
    const { configPath } = await saved();
    chownSync(stateFile(configPath), 1337, 1337);
    expect(loadState(configPath, 0)).toEqual({
      kind: 'lying',
      reason: 'it belongs to user 1337, and this agent is user 0',
    });
  });
});
