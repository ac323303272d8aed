/** What a webhook gets that the API server would never send. Always the built one, and the same one for everything. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES } from '../../src/inject/webhook/body.ts';
import { type TestCertificates, testCertificates } from '../bootstrap/test-certificates.ts';
import { type Client, HOST, httpsClient } from '../inject/webhook/https-client.ts';
import { reviewOf } from '../inject/webhook/start.ts';
import { PILOT_AGENT } from '../support/agent.ts';
import { makeFolder } from '../support/folder.ts';
import { serve } from '../support/intercepted-pod.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';

const POD = { metadata: { name: 'cart' }, spec: { containers: [{ name: 'cart' }] } };
const JSON_TYPE = { 'content-type': 'application/json' };
const NULLS = {
  metadata: { name: null, annotations: null, labels: null },
  spec: { containers: null, initContainers: null, volumes: null, imagePullSecrets: null },
};
/** Valid JSON, deeper than a program that calls itself can follow. */
const DEEP = reviewOf({ ...POD, spec: { ...POD.spec, affinity: '@' } }).replace(
  '"@"',
  `${'['.repeat(500_000)}${']'.repeat(500_000)}`,
);

let certificates: TestCertificates;
let port: number;
let pid: number;
let client: Client;
const open: (() => void | Promise<void>)[] = [];
const onClose = (close: () => void | Promise<void>) => void open.unshift(close);

beforeAll(async () => {
  certificates = await testCertificates(await makeFolder(onClose), HOST);
  port = await freePort();
  const { cert, key, ca } = certificates;
  const flags = ['--port', `${port}`, '--monitoringPort', '-1', '--tlsCertFile', cert, '--tlsKeyFile', key];
  const child = await serve(onClose, [process.execPath, PILOT_AGENT, 'injector', ...flags]);
  child.stdout?.resume();
  pid = child.pid ?? 0;
  client = await httpsClient(port, ca, 500);
  onClose(() => client.agent.destroy());
  await until('it answers', () => client.get('/healthz'));
});
afterAll(async () => {
  for (const close of open) await close();
});

const injects = async () =>
  expect(JSON.parse((await client.post('/inject', reviewOf(POD))).text).response).toMatchObject({
    allowed: true,
    patchType: 'JSONPatch',
  });
const memoryMb = (name: 'VmRSS' | 'VmHWM') =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) /
  1024;

describe('the webhook is sent', () => {
  it.each([
    ['nothing', '', JSON_TYPE, 400, 'no body found'],
    ['another type', '{}', { 'content-type': 'text/yaml' }, 415, 'invalid Content-Type'],
    ['6 MiB and a byte', Buffer.alloc(MAX_BODY_BYTES + 1, ' '), JSON_TYPE, 413, 'larger than 6291456'],
    ['what is no JSON', 'pod: cart', JSON_TYPE, 200, 'the body is not JSON'],
    ['a part of a review', reviewOf(POD).slice(0, -30), JSON_TYPE, 200, 'the body is not JSON'],
    ['an unknown version', reviewOf(POD).replace('/v1"', '/v3"'), JSON_TYPE, 200, 'apiVersion: expected'],
    ['a nest without an end', DEEP, JSON_TYPE, 200, '"allowed":'],
    ['null for every list', reviewOf(NULLS), JSON_TYPE, 200, '"allowed":true'],
  ])('%s, says so, and goes on', async (_, body, headers, status, text) => {
    const answer = await client.post('/inject', body, headers);
    expect({ status: answer.status, text: answer.text.slice(0, 500) }).toEqual({
      status,
      text: expect.stringContaining(text),
    });
    await injects();
  });

  it('6 MiB and a byte, without saying how much is to come', async () => {
    const { agent } = client;
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path: '/inject',
      method: 'POST',
      agent,
      headers: JSON_TYPE,
    });
    outgoing.on('error', () => {}); // it may be closed before everything is sent
    const answered = once(outgoing, 'response');
    for (let sent = 0; sent <= MAX_BODY_BYTES; sent += 65_536) outgoing.write(Buffer.alloc(65_536, ' '));
    outgoing.end();
    const [response] = await answered;
    expect(response.statusCode).toBe(413);
    response.resume();
    await injects();
  });

  it('parts of requests by clients that then say nothing more: they are cut off, others are not', async () => {
    const closed: Promise<unknown>[] = [];
    const keep = (socket: Socket) => {
      onClose(() => void socket.destroy());
      socket.on('error', () => {}).resume();
      closed.push(once(socket, 'close'));
    };
    const ca = await readFile(certificates.ca);
    const head = 'POST /inject HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    for (let each = 0; each < 30; each += 1) {
      keep(connect(port, '127.0.0.1'));
      for (const text of [head, `${head}Content-Length: 100\r\n\r\n{`]) {
        const socket = connectTls({ host: '127.0.0.1', port, servername: HOST, ca }, () =>
          socket.write(text),
        );
        keep(socket);
      }
    }
    for (let each = 0; each < 20; each += 1) await injects();
    await Promise.all(closed);
    await injects();
  });

  it('500 large requests at the same time: each is done or put off, and memory stays in bounds', async () => {
    const body = reviewOf({ ...POD, spec: { ...POD.spec, filler: 'x'.repeat(1024 * 1024) } });
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.all(Array.from({ length: 500 }, () => client.post('/inject', body)));
      const statuses = new Set(answers.map(({ status }) => status));
      expect([...statuses].every((status) => status === 200 || status === 503)).toBe(true);
      expect(statuses).toContain(200);
      // The connections are kept; what came over them is not. (500 MB and more, otherwise.)
      expect(memoryMb('VmRSS')).toBeLessThan(400);
    }
    expect(memoryMb('VmHWM')).toBeLessThan(500);
    await injects();
  }, 120_000);
});
