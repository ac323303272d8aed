import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeBootstrap, writeBootstrap, writeLightstepToken } from '../../src/bootstrap/write.ts';
import { EnvironmentError } from '../../src/platform/errors.ts';
import { buildSample } from './build-sample.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'write-'));
});
afterEach(() => rm(folder, { recursive: true }));

const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe('the file of an epoch', () => {
  it('is strict JSON, readable by all, in a folder that is made', async () => {
    const configPath = join(folder, 'etc/istio/proxy');
    const bootstrap = buildSample();
    const path = await writeBootstrap({ configPath, epoch: 3, bootstrap });
    expect(path).toBe(join(configPath, 'envoy-rev3.json'));
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(bootstrap);
    expect([await mode(path), await mode(configPath)]).toEqual(['644', '755']);
    expect(await readdir(configPath)).toEqual(['envoy-rev3.json']);
  });
  it('is gone when its epoch ends, also if somebody was quicker', async () => {
    const path = await writeBootstrap({ configPath: folder, epoch: 0, bootstrap: buildSample() });
    await removeBootstrap(path);
    await removeBootstrap(path);
    expect(await readdir(folder)).toEqual([]);
  });
  it('that cannot be written is named, with a remedy', async () => {
    await writeFile(join(folder, 'file'), '');
    const failed = writeBootstrap({ configPath: join(folder, 'file'), epoch: 0, bootstrap: buildSample() });
    await expect(failed).rejects.toThrow(EnvironmentError);
    await expect(failed).rejects.toThrow(
      /file\/envoy-rev0\.json: a file is where a folder should be; .*--configPath/,
    );
  });
});

it('the token of Lightstep is for its user only', async () => {
  const path = await writeLightstepToken(folder, 'token');
  expect(path).toBe(join(folder, 'lightstep_access_token.txt'));
  expect([await readFile(path, 'utf8'), await mode(path)]).toEqual(['token', '600']);
});
