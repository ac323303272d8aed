import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cachedEnvoyPath, findEnvoy, resolveEnvoy } from '../../src/envoy/binary.ts';
import { EnvironmentError } from '../../src/platform/errors.ts';
import { privateFolder } from '../support/temp-folder.ts';

async function program(path: string, mode = 0o755): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '#!/bin/sh\n', { mode });
  return path;
}

describe('cachedEnvoyPath', () => {
  it('is below XDG_CACHE_HOME, else below HOME', () => {
    expect(cachedEnvoyPath({ XDG_CACHE_HOME: '/c', HOME: '/h' })).toMatch(
      /^\/c\/pilot-agent\/envoy-1\.40\.0-\w+\/envoy$/,
    );
    expect(cachedEnvoyPath({ HOME: '/h' })).toMatch(/^\/h\/\.cache\/pilot-agent\//);
    expect(cachedEnvoyPath({ XDG_CACHE_HOME: '', HOME: '/h' })).toMatch(/^\/h\/\.cache\/pilot-agent\//);
  });
});

describe('findEnvoy', () => {
  it('takes the first on PATH that is a file and can be run, then the cache', async () => {
    const top = await privateFolder();
    const env = {
      PATH: ['', 'absent', 'folder', 'text', 'good'].map((name) => name && join(top, name)).join(':'),
      HOME: top,
    };
    expect(await findEnvoy(env)).toBeUndefined();
    const cached = await program(cachedEnvoyPath(env));
    expect(await findEnvoy(env)).toBe(cached);
    await mkdir(join(top, 'folder', 'envoy'), { recursive: true });
    await program(join(top, 'text', 'envoy'), 0o644);
    const good = await program(join(top, 'good', 'envoy'));
    expect(await findEnvoy(env)).toBe(good);
  });

  it('makes the path absolute when PATH is not', async () => {
    const good = await program(join(await privateFolder(), 'envoy'));
    expect(await findEnvoy({ PATH: relative(process.cwd(), dirname(good)), HOME: '/absent' })).toBe(good);
  });
});

describe('resolveEnvoy', () => {
  it('takes --binaryPath before anything else, by path or by name on PATH', async () => {
    const top = await privateFolder();
    const [other, named] = [
      await program(join(top, 'other')),
      await program(join(top, 'bin', 'envoy-debug')),
    ];
    const env = { PATH: join(top, 'bin'), HOME: top };
    expect(await resolveEnvoy(other, env)).toBe(other);
    expect(await resolveEnvoy(relative(process.cwd(), other), env)).toBe(other);
    expect(await resolveEnvoy('envoy-debug', env)).toBe(named);
  });

  it('does not fall back when --binaryPath is wrong', async () => {
    const top = await privateFolder();
    const env = { PATH: top, HOME: top };
    await program(join(top, 'envoy'));
    const text = await program(join(top, 'text'), 0o644);
    for (const path of ['/absent/envoy', text, 'nonesuch', '']) {
      const failure = await resolveEnvoy(path, env).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(EnvironmentError);
      expect((failure as Error).message).toContain(`--binaryPath ${path} is no program that can be run`);
    }
  });

  it('says how to get one when there is none', async () => {
    const top = await privateFolder();
    await expect(resolveEnvoy(undefined, { PATH: top, HOME: top })).rejects.toThrow(
      /there is no Envoy: .*npm run envoy.*PATH.*--binaryPath/,
    );
  });
});
