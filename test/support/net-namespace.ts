import { execa } from 'execa';
import { isRoot } from './tools.ts';

/** A network of its own, where the ports that a README names are free whatever else runs on the machine. */
export interface NetNamespace {
  /** The command line that runs `command` in it. */
  enter(...command: string[]): [string, ...string[]];
  /** Pids of what runs in it. */
  pids(): Promise<number[]>;
  remove(): Promise<void>;
}

/** Makes a network namespace with only loopback in it. Without root it is the machine's own network. */
export async function netNamespace(name: string): Promise<NetNamespace> {
  if (!isRoot) {
    return { enter: (file, ...args) => [file ?? '', ...args], pids: async () => [], remove: async () => {} };
  }
  const unique = `${name}-${process.pid}`;
  await execa('ip', ['netns', 'add', unique]);
  await execa('ip', ['-n', unique, 'link', 'set', 'lo', 'up']);
  return {
    enter: (...command) => ['ip', 'netns', 'exec', unique, ...command],
    pids: async () => {
      const { stdout } = await execa('ip', ['netns', 'pids', unique]);
      return stdout.split('\n').filter(Boolean).map(Number);
    },
    remove: async () => {
      await execa('ip', ['netns', 'del', unique]);
    },
  };
}
