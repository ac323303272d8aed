import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClientSecret, RootSecret } from '../../src/bootstrap/control-plane.ts';
import { followSecretFiles, writeSecretFiles } from '../../src/bootstrap/secret-files.ts';
import { millis } from '../../src/platform/duration.ts';
import { until } from '../support/until.ts';

let folder: string;
let root: RootSecret;
let client: ClientSecret;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secrets-'));
  const at = (name: string) => join(folder, name);
  root = {
    kind: 'root',
    name: 'ROOTCA',
    path: at('proxy/xds-root.json'),
    certificates: [at('certs/root.pem'), at('certs/other.pem')],
  };
  client = {
    kind: 'client',
    name: 'default',
    path: at('proxy/xds-client.json'),
    certificateChain: at('certs/chain.pem'),
    privateKey: at('certs/key.pem'),
  };
});
afterEach(() => rm(folder, { recursive: true }));

const resources = async (path: string) => JSON.parse(await readFile(path, 'utf8')).resources;
async function put(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'PEM');
}

describe('secrets for Envoy', () => {
  it('are empty while their certificates are missing, which are named', async () => {
    expect(await writeSecretFiles([root, client])).toEqual([
      root.certificates[0],
      client.certificateChain,
      client.privateKey,
    ]);
    expect(await resources(root.path)).toEqual([]);
    expect(await resources(client.path)).toEqual([]);
  });
  it('name the first root that there is', async () => {
    await put(root.certificates[1] ?? '');
    expect(await writeSecretFiles([root])).toEqual([]);
    expect(await resources(root.path)).toMatchObject([
      { name: 'ROOTCA', validation_context: { trusted_ca: { filename: root.certificates[1] } } },
    ]);
  });
  it('of a client need both halves', async () => {
    await put(client.certificateChain);
    expect(await writeSecretFiles([client])).toEqual([client.privateKey]);
    await put(client.privateKey);
    expect(await writeSecretFiles([client])).toEqual([]);
    expect(await resources(client.path)).toMatchObject([
      {
        name: 'default',
        tls_certificate: {
          certificate_chain: { filename: client.certificateChain },
          private_key: { filename: client.privateKey },
        },
      },
    ]);
  });
  it('come when their certificates come, one after the other', async () => {
    await writeSecretFiles([root, client]);
    const changes: (readonly string[])[] = [];
    const errors: Error[] = [];
    const follower = followSecretFiles({
      secrets: [root, client],
      onChange: (missing) => changes.push(missing),
      onError: (error) => errors.push(error),
      interval: millis(10),
    });
    try {
      await put(root.certificates[0] ?? '');
      await until('the root has come', () => changes.length === 1);
      expect(changes[0]).toEqual([client.certificateChain, client.privateKey]);
      expect(await resources(client.path)).toEqual([]);
      await put(client.privateKey);
      await put(client.certificateChain);
      await until('the client has come', () => changes.length === 2);
      expect(changes[1]).toEqual([]);
      expect(await resources(client.path)).toHaveLength(1);
      expect(errors).toEqual([]);
    } finally {
      await follower.close();
    }
  });
});
