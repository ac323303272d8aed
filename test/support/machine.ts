import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';

/** Something like a machine of its own: a network with loopback only, and no named network namespace. Needs root. */
export interface Machine {
  /** The command line that runs `command` on it. */
  enter(...command: readonly [string, ...string[]]): [string, ...string[]];
  /** What a command prints there. */
  run(...command: readonly [string, ...string[]]): Promise<string>;
  get(url: string): Promise<{ readonly status: number; readonly body: string }>;
}

/** Nothing of it is left when the test is over, whatever was made on it. */
export async function startMachine(): Promise<Machine> {
  const script = [
    'set -e',
    'mkdir -p /run/netns',
    'mount -t tmpfs tmpfs /run/netns',
    'ip link set lo up',
    'echo made',
    'exec cat', // ends with this process, whatever becomes of it
  ].join('\n');
  const holder = spawn('unshare', ['--net', '--mount', 'sh', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'exit');
  const enter: Machine['enter'] = (...command) => [
    'nsenter',
    `--target=${holder.pid}`,
    '--net',
    '--mount',
    ...command,
  ];
  const run: Machine['run'] = async (...command) => {
    const [file, ...args] = enter(...command);
    return (await execa(file, args)).stdout;
  };
  onTestFinished(async () => {
    // What still runs in its networks, after a test that failed.
    const names = (await run('ip', 'netns', 'list').catch(() => '')).split('\n').filter(Boolean);
    for (const name of names.map((line) => line.split(' ')[0] ?? '')) {
      const pids = (await run('ip', 'netns', 'pids', name)).split('\n').filter(Boolean);
      for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
    }
    holder.kill('SIGKILL');
    await ended;
  });
  await Promise.race([
    once(holder.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('the machine could not be made'))),
  ]);
  return {
    enter,
    run,
    get: async (url) => {
      const script = `
        fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(10_000) }).then(
          async (answer) => console.log(JSON.stringify({ status: answer.status, body: await answer.text() })),
          (error) => { console.error(String(error.cause ?? error)); process.exitCode = 1; },
        )`;
      return JSON.parse(await run(process.execPath, '-e', script));
    },
  };
}
