import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { changeRules } from '../../src/iptables/apply.ts';
import type { Run } from '../../src/iptables/command.ts';
import { commandLine } from '../iptables/arbitrary.ts';
import { parse } from '../iptables/parse.ts';
import { PILOT_AGENT } from '../support/agent.ts';
import { networkState, putForeignRules } from '../support/intercepted-pod.ts';
import { as, type Place, type PodNetwork, podNetwork } from '../support/pod-network.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { hasTool, isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

const able = isRoot && ['ip', 'iptables-nft', 'iptables-legacy', 'setpriv', 'flock'].every(hasTool);
const SEED = [
  '-p',
  '15001',
  '-z',
  '15006',
  '-u',
  '1337',
  '-m',
  'REDIRECT',
  '-i',
  '*',
  '-x',
  '',
  '-b',
  '*',
  '-d',
  '15090,15020',
];
const MODERN = [...SEED, '-m', 'TPROXY', '--dual-stack', '--redirect-dns', '--capture-all-dns'];
const KINDS = ['nft', 'legacy'] as const;

interface Ended {
  readonly exitCode?: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Call {
  readonly env?: Readonly<Record<string, string>>;
  /** `istio-clean-iptables`, as the name of the executable. */
  readonly executable?: string;
  readonly through?: readonly string[];
}

async function run(
  place: Place,
  argv: readonly string[],
  { env = {}, executable, through = [] }: Call = {},
): Promise<Ended> {
  const command = executable === undefined ? [PILOT_AGENT, 'istio-iptables'] : [executable];
  const [file, ...args] = place.enter(...through, process.execPath, ...command, ...argv);
  return execa(file, args, { env, reject: false, timeout: 30_000 });
}

/** A pod with rules of somebody else. */
async function pod(kind: (typeof KINDS)[number]): Promise<PodNetwork> {
  const network = await podNetwork(onTestFinished);
  await putForeignRules(network.pod, kind);
  return network;
}

describe.runIf(able).each(KINDS)('in tables of %s', (kind) => {
  it('the seed gets its chains, and the executables have its names', async () => {
    const { pod: place } = await pod(kind);
    const before = await networkState(place);
    const folder = await tempFolder();
    const link = async (name: string) => {
      await symlink(PILOT_AGENT, join(folder, name));
      return join(folder, name);
    };
    expect(await run(place, SEED, { executable: await link('istio-iptables') })).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    const listed = await place.run(`iptables-${kind}`, '-t', 'nat', '-S');
    expect(listed.split('\n').filter((line) => line.includes('ISTIO'))).toEqual([
      '-N ISTIO_INBOUND',
      '-N ISTIO_IN_REDIRECT',
      '-N ISTIO_OUTPUT',
      '-N ISTIO_REDIRECT',
      '-A PREROUTING -p tcp -j ISTIO_INBOUND',
      '-A OUTPUT -p tcp -j ISTIO_OUTPUT',
      '-A ISTIO_INBOUND -p tcp -m tcp --dport 22 -j RETURN',
      '-A ISTIO_INBOUND -p tcp -m tcp --dport 15090 -j RETURN',
      '-A ISTIO_INBOUND -p tcp -m tcp --dport 15020 -j RETURN',
      '-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT',
      '-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006',
      '-A ISTIO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN',
      '-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT',
      '-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN',
      '-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN',
      '-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT',
      '-A ISTIO_OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN',
      '-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN',
      '-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN',
      '-A ISTIO_OUTPUT -j ISTIO_REDIRECT',
      '-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001',
    ]);
    const clean = await link('istio-clean-iptables');
    expect((await run(place, ['-n'], { executable: clean })).stdout).toContain('-X ISTIO_INBOUND');
    expect(await networkState(place)).not.toBe(before);
    expect(await run(place, [], { executable: clean })).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await networkState(place)).toBe(before);
    expect((await run(place, [], { executable: clean })).stdout).toBe('There is nothing to take away.');
  });

  it('whatever the options, rules are put, recognised, and taken away without a trace', async () => {
    const { pod: place } = await pod(kind);
    const before = await networkState(place);
    const inPlace: Run = async (file, args, input = '') => {
      const [ip, ...words] = place.enter(file, ...args);
      const { exitCode, stdout, stderr } = await execa(ip, words, { input, reject: false, timeout: 30_000 });
      return { exitCode: exitCode ?? 1, stdout, stderr };
    };
    const act = async (argv: readonly string[]) => (await changeRules(parse(argv), true, inPlace)).outcome;
    await fc.assert(
      fc.asyncProperty(commandLine, commandLine, async (first, second) => {
        const empty = (await act(first)) === 'unchanged';
        expect(await act(first)).toBe('unchanged');
        await act(second);
        expect(await act(second)).toBe('unchanged');
        expect(await act(['--cleanup-only'])).toBe('cleaned');
        expect(await networkState(place)).toBe(before);
        expect(empty).toBe(false);
      }),
      { numRuns: 12 },
    );
  }, 180_000);

  it('no connection slips past while rules are replaced, in or out', async () => {
    const { pod: place, client } = await pod(kind);
    await listen(client, 7777);
    await listen(place, 9080);
    await run(place, SEED);
    const out = await knock(place, client.ipv4, 7777);
    const inward = await knock(client, place.ipv4, 9080);
    for (let round = 0; round < 3; round += 1) {
      const [before, outside] = [out.count(), inward.count()];
      for (const argv of [MODERN, [...SEED, '-o', '1'], SEED]) {
        expect(await run(place, argv)).toMatchObject({ exitCode: 0 });
      }
      await until(
        'somebody has knocked meanwhile',
        () => out.count() > before + 20 && inward.count() > outside + 20,
      );
    }
    expect([out.through(), inward.through()]).toEqual([0, 0]);
    await run(place, ['--cleanup-only']);
    await until('it does without rules', () => out.through() > 0 && inward.through() > 0);
  });
});

describe.runIf(able)('when something is wrong', () => {
  it('bad input changes nothing, and is told all at once', async () => {
    const { pod: place } = await pod('nft');
    const before = await networkState(place);
    const { exitCode, stderr } = await run(place, [
      '-p',
      '0',
      '-z',
      '70000',
      '-b',
      '80,,x',
      '-x',
      '*',
      '-m',
      'x',
      '-i',
      'y',
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Error: 6 errors occurred:\n/);
    expect(await networkState(place)).toBe(before);
  });

  it('without NET_ADMIN it says so', async () => {
    const { pod: place } = await pod('nft');
    const before = await networkState(place);
    const through = ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'];
    const { exitCode, stderr } = await run(place, SEED, { through });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('The capability NET_ADMIN is needed');
    expect(await networkState(place)).toBe(before);
  });

  it('a kernel without a module leaves what was there, and the module is named', async () => {
    const { pod: place } = await pod('nft');
    await run(place, [...SEED, '--dual-stack', '--compat', '1.5']);
    const before = await networkState(place);
    const said =
      'Warning: Extension TPROXY revision 0 not supported, missing kernel module?\nip6tables-restore: line 5: RULE_APPEND failed';
    const PATH = await pathWith(
      'ip6tables-nft-restore',
      `cat >/dev/null; printf '%s\\n' "${said.replace('\n', '" "')}" >&2; exit 4`,
    );
    const { exitCode, stderr } = await run(place, MODERN, { env: { PATH } });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('The kernel lacks xt_TPROXY');
    expect(stderr).toContain('Nothing is changed: what was there before is there.');
    expect(await networkState(place)).toBe(before);
  });

  it('TPROXY without ip changes nothing', async () => {
    const { pod: place } = await pod('nft');
    const before = await networkState(place);
    const PATH = await pathWith('ip', 'exit 1');
    const { exitCode, stderr } = await run(place, MODERN, { through: ['env', `PATH=${PATH}`] });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('ip -4 route add local default dev lo table 133');
    expect(await networkState(place)).toBe(before);
  });

  it('a lock that somebody holds is waited for as long as --wait says', async () => {
    const { pod: place } = await pod('legacy');
    const before = await networkState(place);
    const lock = join(await tempFolder(), 'lock');
    const holder = spawn('flock', ['--no-fork', lock, 'sh', '-c', 'echo held; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    endLater(holder);
    await once(holder.stdout, 'data');
    const env = { XTABLES_LOCKFILE: lock };
    const { exitCode, stderr } = await run(place, [...SEED, '--wait', '1s'], { env });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /Another iptables has held its lock .* for longer than 1s: end it, or give --wait more/,
    );
    expect(await networkState(place)).toBe(before);
    const later = run(place, SEED, { env });
    holder.kill('SIGKILL');
    expect(await later).toMatchObject({ exitCode: 0 });
  });
});

describe.runIf(able)('--run-validation', () => {
  const VALIDATE = [
    '-u',
    '1337',
    '--dual-stack',
    '--compat',
    '1.5',
    '--run-validation',
    '--probe-timeout',
    '2s',
  ];

  it('passes where the rules are, as root and as Envoy', async () => {
    const { pod: place } = await pod('nft');
    const applied = await run(place, [...SEED, ...VALIDATE]);
    expect(applied).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Validation passed.') });
    const [setpriv, ...ids] = as(1337);
    const asEnvoy = await run(place, [...VALIDATE, '--skip-rule-apply'], { through: [setpriv, ...ids] });
    expect(asEnvoy).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('::6:15002 arrives') });
  });

  it('fails with 126 where they are not, and for somebody whom they do not know', async () => {
    const { pod: place } = await pod('nft');
    const without = await run(place, [...VALIDATE, '--skip-rule-apply']);
    expect(without).toMatchObject({
      exitCode: 126,
      stderr: expect.stringContaining('the rules are not in place'),
    });
    await run(place, SEED);
    const [setpriv, ...ids] = as(1000);
    const stranger = await run(place, [...VALIDATE, '--skip-rule-apply'], { through: [setpriv, ...ids] });
    expect(stranger).toMatchObject({ exitCode: 126, stderr: expect.stringContaining('run it as user 1337') });
  });
});

describe.runIf(able).each(['ipv4', 'ipv6'] as const)('--redirect-dns by %s', (family) => {
  it("sends the application's questions to the agent, and lets the agent's own out", async () => {
    const { pod: place, client } = await pod('nft');
    await run(place, [...SEED, '--redirect-dns', '--capture-all-dns', '--dual-stack']);
    await answer(client, client[family], 53, 'the world');
    await answer(place, family === 'ipv4' ? '127.0.0.1' : '::1', 15053, 'the agent');
    expect(await ask(place, 1000, client[family])).toBe('the agent');
    expect(await ask(place, 1337, client[family])).toBe('the world');
  });
});

/** Answers every packet of UDP with a word. */
async function answer(place: Place, address: string, port: number, word: string): Promise<void> {
  const script = `
    const socket = require('node:dgram').createSocket('${address.includes(':') ? 'udp6' : 'udp4'}');
    socket.on('message', (_, { port, address }) => socket.send('${word}', port, address));
    socket.bind(${port}, '${address}', () => process.stdout.write('ready'));`;
  const [file, ...args] = place.enter(...(port === 53 ? [] : as(1337)), process.execPath, '-e', script);
  const server = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  endLater(server);
  await once(server.stdout, 'data');
}

/** Who answers a question of a user to port 53 of an address. */
function ask(place: Place, uid: number, address: string): Promise<string> {
  const script = `
    const socket = require('node:dgram').createSocket('${address.includes(':') ? 'udp6' : 'udp4'}');
    socket.on('message', (text) => { process.stdout.write(text); socket.close(); });
    socket.connect(53, '${address}', () => socket.send('?'));
    setTimeout(() => process.exit(1), 5000).unref();`;
  return place.run(...as(uid, process.execPath, '-e', script));
}

it.runIf(able)('--network-namespace works in another network', async () => {
  const { pod: place, client } = await pod('nft');
  expect(await run(client, [...SEED, '--network-namespace', `/run/netns/${place.name}`])).toMatchObject({
    exitCode: 0,
  });
  expect(await place.run('iptables-nft', '-t', 'nat', '-S')).toContain('-N ISTIO_INBOUND');
  expect(await client.run('iptables-nft', '-t', 'nat', '-S')).not.toContain('ISTIO');
});

/** A PATH on which a program is a script of ours. */
async function pathWith(name: string, script: string): Promise<string> {
  const folder = await tempFolder();
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, name), 0o755);
  return `${folder}:${process.env['PATH']}`;
}

async function listen(place: Place, port: number): Promise<void> {
  const echo = fileURLToPath(new URL('fixtures/echo-server.mjs', import.meta.url));
  const [file, ...args] = place.enter(process.execPath, echo, `::=${port}`);
  const server = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  endLater(server);
  await once(server.stdout, 'data');
}

/** Connects again and again as an application would, and counts how often that is tried and how often it gets through. */
async function knock(place: Place, host: string, port: number) {
  const script = `
    const { connect } = require('node:net');
    const knock = () => {
      const socket = connect({ host: '${host}', port: ${port}, timeout: 2000 });
      socket.once('timeout', () => socket.destroy());
      socket.once('connect', () => { process.stdout.write('!'); socket.destroy(); });
      socket.once('error', () => {});
      socket.once('close', () => { process.stdout.write('.'); setImmediate(knock); });
    };
    for (let each = 0; each < 4; each += 1) knock();`;
  const [file, ...args] = place.enter(...as(1000, process.execPath, '-e', script));
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  endLater(child);
  let [count, through] = [0, 0];
  child.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 0x21) through += 1;
    count += chunk.length;
  });
  await once(child.stdout, 'data');
  return { count: () => count, through: () => through };
}

function endLater(child: ChildProcess): void {
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
}
