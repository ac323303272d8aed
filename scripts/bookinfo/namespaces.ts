/** Makes and removes the network that network.ts plans. */
import { execa } from 'execa';
import type { Argv, Network, Step } from './network.ts';

const STEP_MS = 10_000;

/** @throws Error with the command that failed and what it said; nothing of the network is left then */
export async function makeNetwork({ steps }: Network, signal: AbortSignal): Promise<void> {
  const done: Step[] = [];
  try {
    for (const step of steps) {
      signal.throwIfAborted();
      await run(step.make);
      done.push(step);
    }
  } catch (thrown) {
    await undo(done);
    throw thrown;
  }
}

/** Ends what still runs in the network, and removes what there is of it. */
export async function removeNetwork(network: Network): Promise<void> {
  for (const pid of await pidsIn(network)) kill(pid);
  await undo(network.steps);
}

/** Names of its namespaces that exist now. */
export async function existing(network: Network): Promise<readonly string[]> {
  const { stdout } = await execa('ip', ['netns', 'list'], { timeout: STEP_MS });
  const all = new Set(stdout.split('\n').map((line) => line.split(' ')[0] ?? ''));
  return namespaces(network).filter((name) => all.has(name));
}

export async function pidsIn(network: Network): Promise<readonly number[]> {
  const lists = await Promise.all(
    (await existing(network)).map((name) => execa('ip', ['netns', 'pids', name], { timeout: STEP_MS })),
  );
  return lists.flatMap(({ stdout }) => stdout.split('\n').filter(Boolean).map(Number));
}

/** Destinations of the machine's routes; none where they cannot be read. */
export async function routes(): Promise<readonly string[]> {
  const { stdout, failed } = await execa('ip', ['-j', '-4', 'route'], { reject: false, timeout: STEP_MS });
  return failed || stdout === '' ? [] : (JSON.parse(stdout) as { dst: string }[]).map(({ dst }) => dst);
}

/** @throws Error with the command and what it said */
export async function run(
  [file, ...args]: Argv,
  env: Readonly<Record<string, string>> = {},
  timeout = STEP_MS,
): Promise<void> {
  const { failed, all, shortMessage } = await execa(file, args, { env, reject: false, all: true, timeout });
  if (failed) throw new Error(`${shortMessage}\n${all}`.trim());
}

async function undo(steps: readonly Step[]): Promise<void> {
  for (const { undo: argv } of [...steps].reverse()) {
    if (argv !== undefined) await run(argv).catch(() => {}); // it was not there
  }
}

const namespaces = ({ steps }: Network) =>
  steps.flatMap(({ make: [, group, action, name = ''] }) =>
    group === 'netns' && action === 'add' ? name : [],
  );

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}
