import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, chown, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { canReach, currentUser, type User } from '../../src/platform/users.ts';
import { checkoutOf, privateCheckout } from '../support/checkout.ts';
import { type NetNamespace, netNamespace } from '../support/net-namespace.ts';
import { isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

const nobody: User = { uid: 65534, gid: 65534 };
const nodeForAll = await canReach(process.execPath, nobody, constants.X_OK);
const READY_MS = 60_000;

let network: NetNamespace;
beforeAll(async () => {
  network = await netNamespace('start');
});
afterAll(() => network.remove());

const everybody = [
  { name: 'as root, from a checkout that only root can read', runs: isRoot, user: currentUser() },
  { name: 'as an ordinary user', runs: !isRoot || nodeForAll, user: isRoot ? nobody : currentUser() },
];

describe.each(everybody.filter(({ runs }) => runs))('npm start $name', ({ user }) => {
  let top: string;
  let checkout: string;
  let temporary: string;
  let bin: string;

  beforeAll(async () => {
    top = await mkdtemp(join(tmpdir(), 'start-'));
    await chmod(top, 0o755);
    [checkout, bin] = [join(top, 'checkout'), join(top, 'bin')];
    for (const folder of [checkout, bin]) await mkdir(folder);
    if (user.uid === currentUser().uid) await privateCheckout(checkout);
    else await checkoutOf(user.uid, user.gid, checkout);
    const envoy = await findEnvoy(process.env);
    if (envoy === undefined) throw new Error('no Envoy: run "npm run envoy"');
    // Root's is where nobody else can read it, as `npm run envoy` leaves it.
    await copyFile(envoy, join(bin, 'envoy'), constants.COPYFILE_FICLONE);
    await chmod(bin, user.uid === 0 ? 0o700 : 0o755);
    if (user.uid !== 0) await chown(bin, user.uid, user.gid);
  }, 120_000);
  afterAll(() => rm(top, { recursive: true, force: true }));

  let child: ChildProcess;
  let output = '';
  let hasEnded = true;
  let exited: Promise<number>;
  beforeEach(async () => {
    temporary = await mkdtemp(join(top, 'tmp-'));
    await chmod(temporary, 0o1777);
  });
  afterEach(async () => {
    for (const pid of await network.pids()) process.kill(pid, 'SIGKILL');
    if (!hasEnded) child.kill('SIGKILL');
    await exited;
  });

  function npmStart(...args: string[]): void {
    const identity = ['--reuid', `${user.uid}`, '--regid', `${user.gid}`, '--clear-groups'];
    const become = user.uid === currentUser().uid ? [] : ['setpriv', ...identity];
    const [file, ...rest] = network.enter(
      ...become,
      'npm',
      'start',
      ...(args.length > 0 ? ['--', ...args] : []),
    );
    const path = `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`;
    // npm keeps a compile cache in TMPDIR where its Node can; what is looked for there is what we leave behind.
    const npm = { npm_config_update_notifier: 'false', NODE_DISABLE_COMPILE_CACHE: '1' };
    const env = { PATH: path, HOME: top, TMPDIR: temporary, ...npm };
    output = '';
    const started = spawn(file, rest, {
      cwd: checkout,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [started.stdout, started.stderr]) stream.on('data', (data) => (output += data));
    child = started;
    hasEnded = false;
    exited = new Promise((resolve) => {
      started.on('close', (code) => {
        hasEnded = true;
        resolve(code ?? -1);
      });
    });
  }

  /** What a terminal does on Ctrl-C: the signal goes to everything in the foreground. */
  function ctrlC(): boolean {
    try {
      return process.kill(-(child.pid ?? 0), 'SIGINT');
    } catch {
      return false; // It has just ended.
    }
  }

  const ready = () =>
    until(
      'npm start says that it is ready',
      () => {
        if (hasEnded) throw new Error(`it ended:\n${output}`);
        return output.includes('The sidecar is ready.');
      },
      READY_MS,
    );
  const type = async (line: string) => {
    const [file, ...args] = network.enter('sh', '-c', line);
    return (await execa(file, args)).stdout;
  };
  /** Runs a script in the network until `end`; comes back when it has printed something. */
  async function inNetwork(script: string): Promise<{ end: () => Promise<void> }> {
    const [file, ...args] = network.enter(process.execPath, '-e', script);
    const running = execa(file, args, { reject: false });
    const end = async () => {
      running.kill();
      await running;
    };
    onTestFinished(end);
    await new Promise((resolve) => running.stdout.once('data', resolve));
    return { end };
  }
  const typed = () => [...output.matchAll(/^ {2}(curl .*)$/gm)].map((match) => match[1] ?? '');
  async function nothingIsLeft(): Promise<void> {
    expect(await network.pids()).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  }

  it('prints lines that work, takes up an edit, and leaves nothing after Ctrl-C', async () => {
    npmStart();
    await ready();
    const [page = '', probe = '', metrics = ''] = typed();
    expect(JSON.parse(await type(page))).toMatchObject({
      reviews: { version: 'v1' },
      details: { year: 1595 },
    });
    expect(await type(probe)).toMatch(/^HTTP\/1\.1 200 /);
    const merged = await type(metrics);
    expect(merged).toMatch(/^productpage_requests_total\{code="200"\} 1$/m);
    expect(merged).toMatch(/^istio_agent_/m);

    // In place, as many editors write: the file keeps its inode.
    const file = join(checkout, 'examples/productpage/lds.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(
      file,
      text.replace(/(\|v1\|.*weight:) \d+/, '$1 0').replace(/(\|v2\|.*weight:) \d+/, '$1 100'),
    );
    await until('reviews v2 answers', async () => JSON.parse(await type(page)).reviews.version === 'v2');
    await writeFile(file, text);

    ctrlC();
    expect(await exited).toBe(0);
    expect(output.match(/Draining; Ctrl-C again ends at once\./g)).toHaveLength(1);
    await nothingIsLeft();
  }, 120_000);

  it('leaves nothing after SIGTERM to npm alone', async () => {
    npmStart();
    await ready();
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
    await nothingIsLeft();
  }, 90_000);

  it('ends at once on a second Ctrl-C, though a connection is still open', async () => {
    npmStart();
    await ready();
    const holder = await inNetwork(
      "require('node:net').connect(15006, '127.0.0.1', () => console.log('open'))",
    );
    ctrlC();
    await until('it drains', () => output.includes('Agent draining Proxy'));
    const from = Date.now();
    // Both signals of one press, from the terminal and from npm, count once: so press until it ends.
    await until('it has ended', () => hasEnded || (ctrlC() && false));
    expect(Date.now() - from).toBeLessThan(3_000);
    await exited;
    await holder.end();
    await nothingIsLeft();
  }, 90_000);

  it('leaves nothing after Ctrl-C before it is ready', async () => {
    npmStart();
    await until('the agent is starting Envoy', () => output.includes('Epoch 0 starting'), READY_MS);
    ctrlC();
    await exited;
    await nothingIsLeft();
  }, 90_000);

  it('hands on the message and the exit code of the agent', async () => {
    npmStart('--concurrency', 'many');
    expect(await exited).toBe(255);
    expect(output).toContain('--concurrency');
    await nothingIsLeft();
  }, 90_000);

  it.each([
    { port: 15006, says: /the inbound listener cannot have 127\.0\.0\.1:15006: it is already in use/ },
    { port: 9080, says: /productpage cannot listen on 127\.0\.0\.1:9080: it is already in use/ },
    { port: 15020, says: /15020 .*already in use/ },
  ])(
    'says who wanted port $port when it is taken',
    async ({ port, says }) => {
      const script = `createServer().listen(${port}, '127.0.0.1', () => console.log('listening'))`;
      const squatter = await inNetwork(`require('node:net').${script}`);
      npmStart();
      const code = await exited;
      await squatter.end();
      expect(output).toMatch(says);
      expect(code).toBeGreaterThan(0);
      await nothingIsLeft();
    },
    90_000,
  );
});
