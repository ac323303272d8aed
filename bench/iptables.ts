// Putting the rules of istio-iptables, beside one process of iptables per rule. Arguments: [rounds]. Needs root.
import { join } from 'node:path';
import { execa } from 'execa';
import { changeRules } from '../src/iptables/apply.ts';
import { createRun } from '../src/iptables/command.ts';
import { parseOptions } from '../src/iptables/parse-options.ts';
import { creation } from '../src/iptables/restore.ts';
import { rulesFor } from '../src/iptables/rules.ts';
import { withCleanup } from '../test/support/on-close.ts';
import { compare, machine, say } from './harness.ts';

const ROUNDS = 10;
const DEADLINE_MS = 60_000;
const SEED = ['-u', '1337', '-i', '*', '-b', '*', '-d', '15090,15020'];
const MANY = Array.from({ length: 100 }, (_, at) => 10_000 + at).join();

const CASES = [
  { name: 'the command line of the seed', argv: SEED },
  { name: 'the same, and 100 ports that are left alone', argv: [...SEED, '-o', MANY] },
];

/** @param root of the checkout */
export async function bench(root: string, [rounds = String(ROUNDS)]: readonly string[]): Promise<void> {
  say(`${machine()}\n`);
  await withCleanup(async (onClose) => {
    const namespace = `bench-iptables-${process.pid}`;
    await execa('ip', ['netns', 'add', namespace]);
    onClose(async () => void (await execa('ip', ['netns', 'del', namespace])));
    await execa('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
    await execa('ip', ['-n', namespace, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1']);
    for (const link of ['eth0', 'eth1']) await execa('ip', ['-n', namespace, 'link', 'set', link, 'up']);
    await execa('ip', ['-n', namespace, 'addr', 'add', '10.77.3.1/24', 'dev', 'eth0']);
    const run = createRun(DEADLINE_MS);
    const inside = (file: string, args: readonly string[], input?: string) =>
      run('ip', ['netns', 'exec', namespace, file, ...args], input);

    for (const { name, argv } of CASES) {
      const options = parseOptions(argv, { env: {}, addresses: ['10.77.3.1'], file: () => '' });
      if (options.kind === 'help') return;
      const lines = rulesFor(options.interception).ipv4.flatMap((rules) =>
        creation(rules).lines.map((line) => `iptables -t ${rules.table} ${line}`),
      );
      const script = lines.join('\n');
      const clean = { ...options, task: { ...options.task, kind: 'clean-up' } } as const;
      const timed = async (action: () => Promise<unknown>) => {
        const begun = performance.now();
        await action();
        const time = performance.now() - begun;
        await changeRules(clean, true, inside);
        return time;
      };
      const command = [process.execPath, join(root, 'dist/pilot-agent.cjs'), 'istio-iptables', ...argv];
      const baseline = {
        name: `${lines.length} processes of iptables`,
        run: () => timed(() => inside('sh', ['-e', '-c', script])),
      };
      const ways = [
        {
          name: 'the same by istio-iptables, from exec to exit',
          run: () => timed(() => execa('ip', ['netns', 'exec', namespace, ...command])),
        },
        {
          name: 'the same without the start of Node',
          run: () => timed(() => changeRules(options, true, inside)),
        },
      ];
      for (const subject of ways) {
        say(`\n${await compare({ title: name, baseline, subject, rounds: Number(rounds) })}\n`);
      }
    }
  });
}
