// Trigger to LIVE, and death to serving again, against Envoy doing the same by hand. Arguments: [rounds]
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder } from '../test/support/folder.ts';
import { openApplication } from '../test/support/http-application.ts';
import { launchAgent, type RunningAgent } from '../test/support/launch.ts';
import { type OnClose, withCleanup } from '../test/support/on-close.ts';
import { freePort } from '../test/support/ports.ts';
import { envoysOf } from '../test/support/processes.ts';
import { writeLocalConfig } from '../test/support/xds-files.ts';
import { type ByHand, envoyByHand, untilServed } from './by-hand.ts';
import { type Comparison, compare, machine, say } from './harness.ts';

const ROUNDS = 15;
const DRAIN = ['--drainDuration', '1s', '--parentShutdownDuration', '2s'];

/** @param root of the checkout */
export async function bench(root: string, [rounds = String(ROUNDS)]: readonly string[]): Promise<void> {
  const executable = join(root, 'dist/pilot-agent.cjs');
  say(`${machine()}\n`);
  const tables = await withCleanup(async (onClose) => {
    const sidecar = await startSidecar(onClose, executable);
    const byHand = await envoyByHand(onClose, sidecar);
    const comparisons = [...hotRestarts(sidecar, byHand), death(executable, byHand)];
    const done: string[] = [];
    for (const comparison of comparisons) {
      await byHand.kill();
      done.push(await compare({ ...comparison, rounds: Number(rounds) }));
    }
    return done;
  });
  say(`\n${tables.join('\n\n')}\n`);
}

interface Sidecar {
  readonly agent: RunningAgent;
  readonly inbound: number;
  readonly xds: string;
  override(content: unknown): Promise<void>;
}

async function startSidecar(onClose: OnClose, executable: string): Promise<Sidecar> {
  const { port } = await openApplication(onClose);
  const inbound = await freePort();
  const folder = await makeFolder(onClose);
  const { folder: xds } = await writeLocalConfig(folder, inbound, port);
  const file = join(folder, 'override.json');
  const override = async (content: unknown) => {
    await writeFile(`${file}.new`, JSON.stringify(content));
    await rename(`${file}.new`, file);
  };
  await override({});
  const env = { ISTIO_BOOTSTRAP_OVERRIDE: file };
  const agent = await launchAgent(onClose, { executable, env, args: ['--localConfig', xds, ...DRAIN] });
  await agent.ready();
  return { agent, inbound, xds, override };
}

function hotRestarts(sidecar: Sidecar, byHand: ByHand): Omit<Comparison, 'rounds'>[] {
  const { agent } = sidecar;
  let changes = 0;
  const restart = (prepare: () => Promise<void>) => async () => {
    await prepare();
    const time = await timed(async () => {
      const { status, body } = await agent.post(agent.ports.status, '/restart', 60_000);
      if (status !== 200) throw new Error(`POST /restart answered ${status}: ${body}`);
    });
    while (envoysOf(agent.pid).length > 1) await delay(10);
    return time;
  };
  const baseline = {
    name: 'Envoy by hand: start of the next epoch to LIVE',
    run: async () => {
      const time = await timed(() => byHand.startEpoch());
      await byHand.untilAlone();
      return time;
    },
  };
  return [
    {
      title: 'Hot restart, configuration unchanged',
      baseline,
      subject: { name: 'agent: `POST /restart` to its answer, LIVE', run: restart(async () => {}) },
    },
    {
      title: 'Hot restart, configuration changed',
      baseline,
      subject: {
        name: 'agent: `POST /restart` to its answer, checked and LIVE',
        run: restart(() => {
          changes += 1;
          return sidecar.override({ node: { metadata: { changes } } });
        }),
      },
    },
  ];
}

function death(executable: string, byHand: ByHand): Omit<Comparison, 'rounds'> {
  return {
    title: 'Death to serving again',
    baseline: {
      name: 'Envoy by hand: start to the first answer 200',
      run: async () => {
        const time = await timed(() => {
          byHand.start();
          return untilServed(byHand.inbound);
        });
        await byHand.kill();
        return time;
      },
    },
    subject: {
      name: 'agent: `kill -9` of Envoy to the next answer 200',
      // A new agent each time: one whose Envoy dies again and again waits longer and longer.
      run: () =>
        withCleanup(async (onClose) => {
          const { agent, inbound } = await startSidecar(onClose, executable);
          await untilServed(inbound);
          const [envoy] = envoysOf(agent.pid);
          return timed(() => {
            if (envoy !== undefined) process.kill(envoy.pid, 'SIGKILL');
            return untilServed(inbound);
          });
        }),
    },
  };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
