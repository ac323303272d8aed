/** Starts Bookinfo as plan.ts has it, waits until it is asked to end, and takes everything away again. */
import { constants as modes } from 'node:fs';
import { chown, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolderFor } from '../../src/platform/folders.ts';
import { mirrorFolder } from '../../src/platform/mirror.ts';
import { freePortOf, requireFreePort } from '../../src/platform/ports.ts';
import { canReach, currentUser } from '../../src/platform/users.ts';
import { hasTool } from '../../test/support/tools.ts';
import { banner } from './banner.ts';
import { type File, readDocuments } from './documents.ts';
import { missingOn } from './machine.ts';
import { existing, makeNetwork, pidsIn, removeNetwork, routes, run } from './namespaces.ts';
import type { Options } from './options.ts';
import { hostsPath, type Mode, type Plan, planBookinfo } from './plan.ts';
import { launch, type Running } from './processes.ts';

export interface Runner {
  /** Of the checkout. */
  readonly root: string;
  readonly options: Options;
  /** Undefined without sidecars. */
  readonly envoy: string | undefined;
  readonly say: (line: string) => void;
  /** Asks for the end; the second one for an end at once. */
  readonly end: AbortSignal;
  readonly hurry: AbortSignal;
}

const NAME = 'bookinfo';
const PROXY_USER = { uid: 1337, gid: 1337 };
const READY_MS = 60_000;
const ASK_MS = 2_000;
const REDIRECT_MS = 30_000;
/** A sidecar drains for five seconds. */
const AGENT_GRACE_MS = 15_000;
const APPLICATION_GRACE_MS = 5_000;
const PROMETHEUS_PORT = 9090;
const FOLDERS = { redirect: 'mesh', none: 'loopback' } as const;

/** What has been opened, from last to first: what closes it. */
type Open = (() => Promise<void>)[];

/** @throws Error when it cannot start; nothing is left then */
export async function runBookinfo(runner: Runner): Promise<void> {
  const { options, say, end } = runner;
  const open: Open = [];
  try {
    const folder = await makeFolder(open);
    const planFor = async (mode: Mode) =>
      planBookinfo(await documents(runner.root, mode), {
        mode,
        sidecars: options.sidecars,
        name: NAME,
        isRoot: currentUser().uid === 0,
        paths: {
          node: process.execPath,
          agent: join(runner.root, 'dist/pilot-agent.cjs'),
          envoy: await reachable(runner.envoy ?? '', folder),
          services: join(runner.root, 'examples/bookinfo/services/main.mjs'),
          mesh: join(folder, 'mesh'),
          folder,
        },
      });
    const plan =
      options.mode === 'none'
        ? await planFor('none')
        : await redirected(runner, await planFor('redirect'), open, planFor);
    await start(runner, plan, folder, open);
    await aborted(end);
  } finally {
    if (open.length > 1 && !runner.hurry.aborted) say('Ending; Ctrl-C again ends at once.');
    for (const close of open) await close();
  }
}

/** Takes away what a run that was killed has left. @returns what that was */
export async function removeBookinfo(root: string): Promise<readonly string[]> {
  const paths = { node: '', agent: '', envoy: '', services: '', mesh: '', folder: '' };
  const wanted = { mode: 'redirect', sidecars: true, name: NAME, isRoot: true, paths } as const;
  const { network } = planBookinfo(await documents(root, 'redirect'), wanted);
  if (network === undefined) return [];
  const left = await existing(network);
  await removeNetwork(network);
  return left;
}

/**
 * Makes the network of a plan. Where that cannot be, it says why, and the plan is one without a network, unless redirection was asked for.
 */
async function redirected(
  { options, say, end }: Runner,
  plan: Plan,
  open: Open,
  planFor: (mode: Mode) => Promise<Plan>,
): Promise<Plan> {
  const { network } = plan;
  if (network === undefined) return plan;
  const isRoot = currentUser().uid === 0;
  const canLook = isRoot && hasTool('ip');
  if (canLook) await clearAway(network, say);
  const machine = { isRoot, hasTool, routes: canLook ? await routes() : [] };
  let missing = missingOn(machine, network.subnet.cidr, options.sidecars);
  if (missing.length === 0) {
    say(`Making ${plan.members.length} network namespaces, ${network.subnet.cidr}`);
    try {
      await makeNetwork(network, end);
      open.unshift(() => removeNetwork(network));
      return plan;
    } catch (thrown) {
      if (end.aborted) throw thrown;
      missing = [`this machine cannot have the network: ${(thrown as Error).message}`];
    }
  }
  const reasons = missing.map((each) => `\n  ${each}`).join('');
  if (options.mode === 'redirect') throw new Error(`nothing can be redirected here:${reasons}`);
  say(`Nothing can be redirected here, so all services share this machine's loopback:${reasons}`);
  return planFor('none');
}

/** @throws Error when another run has it */
async function clearAway(network: NonNullable<Plan['network']>, say: (line: string) => void): Promise<void> {
  const left = await existing(network);
  if (left.length === 0) return;
  const pids = await pidsIn(network);
  if (pids.length > 0) {
    throw new Error(
      `Bookinfo runs already (processes ${pids.join(', ')}): end it, or, if its runner was killed, ` +
        'remove it: npm run bookinfo -- --remove',
    );
  }
  say(`Removing what a run before this one has left: ${left.join(', ')}`);
  await removeNetwork(network);
}

async function start(runner: Runner, plan: Plan, folder: string, open: Open): Promise<void> {
  const { say, end, hurry, root } = runner;
  await writeFile(hostsPath(folder), plan.hosts);
  const mesh = FOLDERS[plan.network === undefined ? 'none' : 'redirect'];
  const mirror = await mirrorFolder(join(root, 'examples/bookinfo', mesh), join(folder, 'mesh'), (error) =>
    say(`examples/bookinfo/${mesh}: ${error.message}`),
  );
  open.unshift(() => mirror.close());
  const logs = join(folder, 'log');
  await mkdir(logs);

  const redirects = plan.members.flatMap(({ redirect }) => redirect ?? []);
  if (redirects.length > 0) say(`Redirecting the traffic of ${redirects.length} namespaces`);
  for (const { argv, env } of redirects) {
    end.throwIfAborted();
    await run(argv, env, REDIRECT_MS);
  }

  const running: Running[] = [];
  const begin = (kind: 'application' | 'agent', graceMs: number) => {
    const begun = plan.members.flatMap((member) => {
      const program = member[kind];
      const name = kind === 'agent' ? `sidecar of ${member.name}` : member.name;
      return program === undefined
        ? []
        : launch(name, program, folder, join(logs, `${member.name}-${kind}.log`));
    });
    running.push(...begun);
    open.unshift(async () => void (await Promise.all(begun.map((each) => each.stop(graceMs, hurry)))));
    return begun.length;
  };
  say(`Starting ${begin('application', APPLICATION_GRACE_MS)} services`);
  const agents = begin('agent', AGENT_GRACE_MS);
  if (agents > 0) say(`Starting ${agents} sidecars`);
  await ready(plan, running, end);
  const prometheus = await startPrometheus(plan, folder, open, hurry);
  say(banner(plan, logs, prometheus));
  for (const each of running) {
    void each.exited.then(() => {
      if (!end.aborted) say(`${each.name} has ended (${each.ended()}):\n${each.tail()}`);
    });
  }
}

/** @throws Error that says who is not ready and why; with the log of whoever has ended */
async function ready(plan: Plan, running: readonly Running[], end: AbortSignal): Promise<void> {
  const urls = [
    ...plan.members.map(({ name, ready: url }) => ({ name, url })),
    { name: 'the page', url: plan.page },
  ];
  const deadline = Date.now() + READY_MS;
  let waiting = urls.map((each) => ({ ...each, why: '' }));
  while (waiting.length > 0) {
    end.throwIfAborted();
    for (const each of running) {
      const how = each.ended();
      if (how !== undefined) throw new Error(`${each.name} has ended (${how}):\n${each.tail()}`);
    }
    if (Date.now() > deadline) {
      const whys = waiting.map(({ name, url, why }) => `\n  ${name}: ${url}: ${why}`);
      throw new Error(`not ready after ${READY_MS / 1_000} s:${whys.join('')}`);
    }
    const answers = await Promise.all(
      waiting.map(async (each) => ({ ...each, why: await ask(each.url, end) })),
    );
    waiting = answers.filter(({ why }) => why !== '');
    if (waiting.length > 0) await delay(200, undefined, { signal: end }).catch(() => {});
  }
}

/** Empty when the answer is 200. */
async function ask(url: string, end: AbortSignal): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([end, AbortSignal.timeout(ASK_MS)]) });
    const body = await answer.text();
    return answer.status === 200 ? '' : `${answer.status} ${body.trim().slice(0, 300)}`;
  } catch (thrown) {
    const { message, cause } = thrown as Error;
    return cause instanceof Error ? cause.message : message;
  }
}

/** @returns its address, undefined where it is not installed */
async function startPrometheus(
  plan: Plan,
  folder: string,
  open: Open,
  hurry: AbortSignal,
): Promise<string | undefined> {
  if (!hasTool('prometheus')) return undefined;
  const host = plan.network?.subnet.bridge ?? '127.0.0.1';
  const wanted = { host, port: PROMETHEUS_PORT, setting: 'Prometheus' };
  const port =
    plan.network === undefined
      ? await requireFreePort(wanted).catch(() => freePortOf(host))
      : PROMETHEUS_PORT;
  const data = join(folder, 'prometheus');
  await mkdir(data);
  const isRoot = currentUser().uid === 0;
  if (isRoot) await chown(data, PROXY_USER.uid, PROXY_USER.gid);
  const configuration = join(data, 'prometheus.yml');
  await writeFile(configuration, JSON.stringify(plan.prometheus));
  const flags = [
    `--config.file=${configuration}`,
    `--storage.tsdb.path=${join(data, 'data')}`,
    `--web.listen-address=${host}:${port}`,
  ];
  const place = plan.network === undefined ? [] : ['ip', 'netns', 'exec', plan.network.name];
  const user = isRoot
    ? ['setpriv', `--reuid=${PROXY_USER.uid}`, `--regid=${PROXY_USER.gid}`, '--clear-groups']
    : [];
  const [file = 'prometheus', ...args] = [...place, ...user, 'prometheus', ...flags];
  const log = join(folder, 'log', 'prometheus.log');
  const prometheus = launch('Prometheus', { argv: [file, ...args], env: {} }, data, log);
  open.unshift(() => prometheus.stop(APPLICATION_GRACE_MS, hurry));
  return `http://${host}:${port}`;
}

async function makeFolder(open: Open): Promise<string> {
  const me = currentUser();
  const folder = await makeFolderFor(me.uid === 0 ? PROXY_USER : me);
  open.unshift(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Envoy, where its user can run it: in root's cache it cannot, and a copy for all of them is better than one for each. */
async function reachable(envoy: string, folder: string): Promise<string> {
  if (envoy === '' || currentUser().uid !== 0) return envoy;
  if (await canReach(envoy, PROXY_USER, modes.X_OK)) return envoy;
  const copy = join(folder, 'envoy');
  await copyFile(envoy, copy);
  return copy;
}

async function documents(root: string, mode: Mode) {
  const example = join(root, 'examples/bookinfo');
  return readDocuments(
    await readFolder(join(example, 'kubernetes')),
    await readFolder(join(example, FOLDERS[mode])),
  );
}

async function readFolder(folder: string): Promise<readonly File[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  return Promise.all(
    names.map(async (name) => ({
      path: join(folder, name),
      text: await readFile(join(folder, name), 'utf8'),
    })),
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
