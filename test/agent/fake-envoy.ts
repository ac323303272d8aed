import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { FoundEnvoy } from '../../src/agent/found-envoys.ts';
import type { RecordedEpoch } from '../../src/agent/state.ts';
import { startTimeOf } from '../../src/platform/processes.ts';

const PROGRAM = `
if (process.argv.includes('--stubborn')) process.on('SIGTERM', () => {});
setInterval(() => {}, 1e6);
process.stdout.write('up');`;

export interface FakeEnvoyOptions {
  readonly configPath: string;
  readonly epoch: number;
  readonly baseId: number;
  /** The argument after `-c`; `<configPath>/envoy-rev<epoch>.json` unless given. */
  readonly bootstrapFile?: string;
  readonly cwd?: string;
  /** Ignores SIGTERM. */
  readonly stubborn?: boolean;
  /** Put before it: `unshare --net`. */
  readonly wrapper?: readonly string[];
  readonly uid?: number;
}

export interface FakeEnvoy {
  readonly child: ChildProcess;
  readonly found: FoundEnvoy;
  /** What a true state file says of it. */
  readonly recorded: RecordedEpoch;
}

/** A process that looks like an Envoy from outside: by its command line, and its bootstrap is there. */
export async function startFakeEnvoy(options: FakeEnvoyOptions): Promise<FakeEnvoy> {
  const { configPath, epoch, baseId, stubborn = false, wrapper = [], uid, cwd = '/' } = options;
  const bootstrapFile = join(configPath, `envoy-rev${epoch}.json`);
  const program = join(configPath, 'fake-envoy.cjs');
  await writeFile(program, PROGRAM);
  writeFileSync(bootstrapFile, '{}');
  const [command = '', ...args] = [
    ...wrapper,
    process.execPath,
    program,
    ...['-c', options.bootstrapFile ?? bootstrapFile, '--restart-epoch', String(epoch)],
    ...(stubborn ? ['--stubborn'] : []),
    ...['--base-id', String(baseId)],
  ];
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  const startTime = startTimeOf(pid) ?? 0;
  const found = { pid, startTime, starterPid: process.pid, epoch, baseId, bootstrapFile };
  return { child, found, recorded: recordOf(found, 'serving') };
}

export function recordOf(
  { pid, startTime, epoch, baseId, bootstrapFile }: FoundEnvoy,
  phase: RecordedEpoch['phase'],
): RecordedEpoch {
  return { pid, startTime, epoch, baseId, bootstrapFile, phase, adminPort: 15000, config: 'abc' };
}

/** A base id of this test's own. */
export function randomBaseId(): number {
  return 1 + Math.floor(Math.random() * 2 ** 24);
}
