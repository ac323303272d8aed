import { once } from 'node:events';
import { mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MAX_BODY_BYTES } from '../../../src/inject/webhook/body.ts';
import { testCertificates } from '../../bootstrap/test-certificates.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import { HOST, httpsClient } from './https-client.ts';
import { reviewOf, startWebhook } from './start.ts';

const pod = { metadata: { name: 'cart' }, spec: { containers: [{ name: 'cart' }] } };
const allowed = expect.stringContaining('"allowed":true');

describe('the webhook over TLS', () => {
  it('injects a pod, counts it, and says so', async () => {
    const { client, log } = await startWebhook();
    const { status, text } = await client.post('/inject', reviewOf(pod));
    expect(status).toBe(200);
    expect(JSON.parse(text).response).toMatchObject({ uid: 'u-1', allowed: true, patchType: 'JSONPatch' });
    await client.post('/inject', reviewOf({ ...pod, spec: { ...pod.spec, hostNetwork: true } }));
    await client.post('/inject', 'nonsense');
    const metrics = await client.get('/metrics');
    expect(metrics.text).toContain('sidecar_injection_requests_total 3');
    expect(metrics.text).toContain('sidecar_injection_success_total 1');
    expect(metrics.text).toContain('sidecar_injection_failure_total 1');
    expect(metrics.text).toContain('sidecar_injection_skip_total{reason="host-network"} 1');
    expect(metrics.text).toContain('sidecar_injection_time_seconds_count 3');
    expect(log.lines).toContainEqual(expect.stringContaining('Injected shop/cart'));
    expect(log.lines).toContainEqual(expect.stringContaining('host networking'));
  });

  it('is healthy, on its own port and by HTTP on the other', async () => {
    const { client, injector } = await startWebhook();
    expect(await client.get('/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
    const answer = await fetch(`http://127.0.0.1:${injector.monitoringPort}/healthz`);
    expect(answer.status).toBe(200);
    expect((await client.get('/nothing')).status).toBe(404);
  });
});

describe('what is no request of the API server', () => {
  it.each([
    ['without a body', '', {}, 400, 'no body found'],
    ['of another type', 'x', { 'content-type': 'text/plain' }, 415, 'invalid Content-Type'],
    ['of no type', 'x', {}, 415, 'invalid Content-Type'],
    [
      'of 6 MiB and a byte',
      Buffer.alloc(MAX_BODY_BYTES + 1, ' '),
      { 'content-type': 'application/json' },
      413,
      'larger',
    ],
    ['not JSON', 'x', { 'content-type': 'application/json' }, 200, '"allowed":false'],
  ])('%s is answered with its status', async (_, body, headers, status, text) => {
    const { client } = await startWebhook();
    const answer = await client.post('/inject', body, headers);
    expect(answer).toMatchObject({ status, text: expect.stringContaining(text) });
    expect(await client.post('/inject', reviewOf(pod))).toMatchObject({ status: 200, text: allowed });
  });

  it('may be as large as 6 MiB', async () => {
    const { client } = await startWebhook();
    const filler = (bytes: number) => reviewOf({ ...pod, filler: 'x'.repeat(bytes) });
    const body = filler(MAX_BODY_BYTES - filler(0).length);
    expect(body.length).toBe(MAX_BODY_BYTES);
    expect(await client.post('/inject', body)).toMatchObject({ status: 200, text: allowed });
  });

  it('may end in the middle, or never, and others are served', async () => {
    const { client, certificates, injector, log } = await startWebhook();
    const open = async () => {
      const ca = await readFile(certificates.ca);
      const socket = connectTls({ host: '127.0.0.1', port: injector.port, servername: HOST, ca });
      onTestFinished(() => void socket.destroy());
      await once(socket, 'secureConnect');
      return socket;
    };
    const [cut, slow] = [await open(), await open()];
    const head =
      'POST /inject HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{';
    cut.write(head, () => cut.destroy());
    slow.write(head);
    const plain = connect(injector.port, '127.0.0.1');
    onTestFinished(() => void plain.destroy());
    plain.on('error', () => {});
    plain.write('GET / HTTP/1.1\r\n\r\n');
    expect(await client.post('/inject', reviewOf(pod))).toMatchObject({ status: 200, text: allowed });
    expect(log.lines.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('may come over 500 connections at once', async () => {
    const { certificates, injector } = await startWebhook();
    const client = await httpsClient(injector.port, certificates.ca, 500);
    onTestFinished(() => client.agent.destroy());
    const answers = await Promise.all(
      Array.from({ length: 500 }, () => client.post('/inject', reviewOf(pod))),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  }, 60_000);
});

describe('certificates', () => {
  it('are taken up when their folder is replaced as Kubernetes does it, and no connection is lost', async () => {
    const folder = await tempFolder();
    const versions = ['..1', '..2'] as const;
    for (const each of versions) await mkdir(join(folder, each));
    const first = await testCertificates(join(folder, '..1'), HOST);
    await symlink('..1', join(folder, '..data'));
    for (const name of ['cert.pem', 'key.pem']) await symlink(`..data/${name}`, join(folder, name));
    const linked = { ca: first.ca, cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const { client, injector } = await startWebhook(undefined, { folder, certificates: linked });
    const before = await client.post('/inject', reviewOf(pod));
    const kept = Object.values(client.agent.freeSockets)[0]?.[0] as TLSSocket;

    const second = await testCertificates(join(folder, '..2'), HOST);
    await symlink('..2', join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    const fresh = await httpsClient(injector.port, second.ca);
    onTestFinished(() => fresh.agent.destroy());
    const after = await until('the new certificate is served', () =>
      fresh.get('/healthz').catch(() => undefined),
    );
    expect(after.serial).not.toBe(before.serial);
    expect(await client.post('/inject', reviewOf(pod))).toMatchObject({ status: 200 });
    expect(Object.values(client.agent.freeSockets)[0]?.[0]).toBe(kept);
  });

  it('that cannot be used leave the old in force', async () => {
    const { client, certificates, log, injector } = await startWebhook();
    await writeFile(certificates.cert, 'nonsense');
    await until('the log says so', () => log.lines.some((line) => line.includes('reload cert error')));
    const fresh = await httpsClient(injector.port, certificates.ca);
    onTestFinished(() => fresh.agent.destroy());
    expect((await fresh.get('/healthz')).status).toBe(200);
    expect((await client.get('/metrics')).text).toContain(
      'sidecar_injector_reloads_total{what="certificate",result="failed"} 1',
    );
  });
});

describe('configuration', () => {
  const hubOf = (text: string) => {
    const { patch } = JSON.parse(text).response;
    return /"image":"([^"]+)\/proxyv2/.exec(Buffer.from(patch, 'base64').toString('utf8'))?.[1];
  };

  it('is in force as soon as its file is written, and the last good one when that is wrong', async () => {
    const folder = await tempFolder();
    const values = join(folder, 'values');
    await writeFile(values, 'global: { hub: one }');
    const certificates = await testCertificates(folder, HOST);
    const { client, log } = await startWebhook(() => ['--injectValues', values], { folder, certificates });
    const hub = async () => hubOf((await client.post('/inject', reviewOf(pod))).text);
    expect(await hub()).toBe('one');
    await writeFile(values, 'global: { hub: two }');
    await until('the new values are in force', async () => (await hub()) === 'two');
    await writeFile(values, 'global: { hub: [] }');
    await until('the log says so', () =>
      log.lines.some((line) => line.includes('update error') && line.includes('global.hub')),
    );
    expect(await hub()).toBe('two');
    await writeFile(values, 'global: { hub: three }');
    await until('it can be put right', async () => (await hub()) === 'three');
  });
});

describe('a start that cannot be', () => {
  it('names the flags of all files that are missing', async () => {
    const folder = await tempFolder();
    const certificates = { ca: '', cert: join(folder, 'none.pem'), key: join(folder, 'no-key.pem') };
    await expect(startWebhook(undefined, { folder, certificates })).rejects.toThrow(
      /--tlsCertFile: cannot be read.*--tlsKeyFile/s,
    );
  });

  it('says of a certificate and a key that they do not belong together', async () => {
    const [one, other] = [await tempFolder(), await tempFolder()];
    const certificates = {
      ...(await testCertificates(one, HOST)),
      key: (await testCertificates(other, HOST)).key,
    };
    await expect(startWebhook(undefined, { folder: one, certificates })).rejects.toThrow(
      '--tlsCertFile, --tlsKeyFile: these are no certificate and its key',
    );
  });

  it('names the port that somebody has', async () => {
    const { injector } = await startWebhook();
    await expect(startWebhook(() => ['--port', String(injector.port)])).rejects.toThrow(/--port/);
  });
});
