import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { request } from 'undici';
import { sharedMemoryFile } from '../../src/envoy/base-id.ts';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { makeFolder } from './folder.ts';
import type { OnClose } from './on-close.ts';
import { freePorts } from './ports.ts';
import { childrenOf, killGroup, programsOf } from './processes.ts';
import { until } from './until.ts';

export interface LaunchOptions {
  /** Arguments after `proxy`; the ports, folders and base id of the test are put before them, so that these win. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly node?: string;
  /** `pilot-agent.cjs`. */
  readonly executable: string;
  readonly binary?: string;
  readonly cwd?: string;
  /** A command line that runs the agent's in its own place: `setpriv --reuid 65534`. */
  readonly through?: readonly string[];
}

export interface RunningAgent {
  readonly pid: number;
  readonly ports: {
    readonly admin: number;
    readonly status: number;
    readonly envoyStatus: number;
    readonly metrics: number;
  };
  readonly configPath: string;
  /** Where it puts temporary files. */
  readonly temporary: string;
  /** What agent and Envoy have printed so far. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
  /** Exit code, or 128 + signal number; waits for it. */
  readonly exited: Promise<number>;
  /** Pids of the Envoys that this agent runs now. */
  envoys(): number[];
  get(port: number, path: string): Promise<{ readonly status: number; readonly body: string }>;
  post(
    port: number,
    path: string,
    deadlineMs?: number,
  ): Promise<{ readonly status: number; readonly body: string }>;
  /** Whether the shared memory of its Envoys is still there. */
  sharedMemoryLeft(): boolean;
  /** Waits until the agent has printed a text. */
  says(text: string, deadlineMs?: number): Promise<void>;
  /** Waits until `/healthz/ready` answers 200. */
  ready(): Promise<void>;
}

/** Starts `pilot-agent proxy` on free ports in a folder of its own; `onClose` ends it, and every Envoy of it. */
export async function launchAgent(
  onClose: OnClose,
  { args = [], env = {}, node = process.execPath, executable, binary, cwd, through = [] }: LaunchOptions,
): Promise<RunningAgent> {
  const [admin = 0, status = 0, envoyStatus = 0, metrics = 0] = await freePorts(4);
  const configPath = `${await makeFolder(onClose)}/proxy`;
  const temporary = await makeFolder(onClose);
  const envoy = binary ?? (await findEnvoy(process.env));
  if (envoy === undefined) throw new Error('no Envoy: run "npm run envoy"');
  const baseId = 1 + Math.floor(Math.random() * 100_000_000);
  const [file = node, ...command] = [...through, node];
  const child = spawn(
    file,
    [
      ...[...command, executable],
      'proxy',
      'sidecar',
      ...['--configPath', configPath, '--binaryPath', envoy],
      ...[
        '--proxyAdminPort',
        String(admin),
        '--statusPort',
        String(status),
        '--prometheusPort',
        String(metrics),
      ],
      ...['--base-id', String(baseId), '--concurrency', '2'],
      ...args,
    ],
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '',
        ENVOY_STATUS_PORT: String(envoyStatus),
        TMPDIR: temporary, // an agent that is killed leaves its files there
        ...env,
      },
      ...(cwd === undefined ? {} : { cwd }),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const exited = exitOf(child);
  const pid = child.pid ?? 0;
  const envoys = () => programsOf(pid);
  const sharedMemory = () => baseIdsIn(output).concat(baseId).map(sharedMemoryFile);
  onClose(async () => {
    child.kill('SIGSTOP'); // so that it starts no Envoy after they were counted
    const left = [...childrenOf(pid), ...envoys()];
    child.kill('SIGKILL');
    for (const envoyPid of left) killGroup(envoyPid);
    await exited;
    // What an agent that was killed like this cannot do itself.
    for (const file of sharedMemory()) rmSync(file, { force: true });
  });
  const call = async (method: string, port: number, path: string, deadlineMs = 10_000) => {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}${path}`, {
      method,
      reset: true,
      signal: AbortSignal.timeout(deadlineMs),
    });
    return { status: statusCode, body: await body.text() };
  };
  const get = (port: number, path: string) => call('GET', port, path);
  return {
    pid,
    ports: { admin, status, envoyStatus, metrics },
    configPath,
    temporary,
    output: () => output,
    signal: (signal) => void child.kill(signal),
    exited,
    envoys,
    get,
    post: (port, path, deadlineMs) => call('POST', port, path, deadlineMs),
    sharedMemoryLeft: () => sharedMemory().some((file) => existsSync(file)),
    says: async (text, deadlineMs = 30_000) => {
      await until(`the agent says "${text}"`, () => output.includes(text), deadlineMs).catch(
        (error: unknown) => {
          throw new Error(`the agent does not say "${text}" but:\n${output.slice(-8_000)}`, { cause: error });
        },
      );
    },
    ready: async () => {
      await until(`the agent is ready; it said:\n${output}`, async () => {
        if (child.exitCode !== null) throw new Error(`the agent left with ${child.exitCode}:\n${output}`);
        return (await get(status, '/healthz/ready')).status === 200;
      }).catch((error: unknown) => {
        throw new Error(`not ready; the agent said:\n${output}`, { cause: error });
      });
    },
  };
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
}

/** Base ids of all Envoys that the agent has said that it started. */
function baseIdsIn(output: string): number[] {
  return [...output.matchAll(/"--base-id","(\d+)"/g)].map(([, id]) => Number(id));
}
