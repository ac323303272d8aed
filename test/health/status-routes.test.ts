import { createHash } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { request as undici } from 'undici';
import { describe, expect, it } from 'vitest';
import { isLocalReader } from '../../src/health/locality.ts';
import type { StatusReport } from '../../src/health/status-report.ts';
import { busySidecar } from '../support/status-report.ts';
import { serveReport } from '../support/status-server.ts';
import { recordingLogger } from './recording-logger.ts';

const given = busySidecar(Date.now());

async function start(report: () => StatusReport | Promise<StatusReport> = () => given) {
  const log = recordingLogger();
  const { port } = await serveReport(report, log);
  const ask = async (
    path: string,
    init: { method?: string; headers?: Record<string, string>; host?: string } = {},
  ) => {
    const url = `http://${init.host ?? '127.0.0.1'}:${port}${path}`;
    const answer = await undici(url, { method: 'GET', ...init, reset: true } as Parameters<typeof undici>[1]);
    return { status: answer.statusCode, headers: answer.headers, body: await answer.body.text() };
  };
  return { ask, log, port };
}

describe('GET /status', () => {
  it('is the report as JSON, in lines', async () => {
    const { ask } = await start();
    const answer = await ask('/status');
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    });
    expect(JSON.parse(answer.body)).toEqual(given);
    expect(answer.body.split('\n').length).toBeGreaterThan(50);
  });

  it('is 500 with the reason when the report fails', async () => {
    const { ask, log } = await start(() => Promise.reject(new Error('out of paper')));
    const text = 'the status cannot be told: out of paper';
    expect(await ask('/status')).toMatchObject({ status: 500, body: `${text}\n` });
    expect(log.lines).toEqual([`error ${text}`]);
  });
});

describe('GET /', () => {
  it('is a page that may run its own script, have its own style, and ask this server', async () => {
    const { ask } = await start();
    const { status, headers, body } = await ask('/');
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    const hashOf = (tag: string) => {
      const [, text = ''] = new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(body) ?? [];
      expect(text.length).toBeGreaterThan(1_000);
      return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    };
    expect(String(headers['content-security-policy']).split('; ')).toEqual([
      "default-src 'none'",
      `style-src ${hashOf('style')}`,
      `script-src ${hashOf('script')}`,
      "connect-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
  });

  it('needs nothing from anywhere, and is small', async () => {
    const { ask } = await start();
    const { body } = await ask('/');
    expect(body.match(/(?:src|href)="(?!data:|\/status")[^"]*"|@import|url\(/g)).toBeNull();
    expect(body.length).toBeLessThan(30_000);
  });
});

describe.each(['/', '/status'])('%s', (path) => {
  const ownAddresses = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);

  it('answers this machine, in IPv4 and IPv6, its browsers included', async () => {
    const { ask, port } = await start();
    for (const host of ['127.0.0.1', '127.9.9.9', '[::1]']) {
      expect(await ask(path, { host })).toMatchObject({ status: 200 });
    }
    for (const headers of [
      { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' },
      { 'sec-fetch-site': 'same-origin' },
      { host: `localhost:${port}`, origin: `http://localhost:${port}` },
    ]) {
      expect(await ask(path, { headers })).toMatchObject({ status: 200 });
    }
    expect(await ask(path, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s', async (method) => {
    const { ask } = await start();
    expect(await ask(path, { method })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  it.each([
    ['another page', { origin: 'http://localhost:3000' }],
    ['an Origin of null', { origin: 'null' }],
    ['a script or a link of another site', { 'sec-fetch-site': 'cross-site' }],
    ['a page of another port', { 'sec-fetch-site': 'same-site' }],
    ['a Host that was rebound', { host: 'evil.example:15020' }],
    ['a Host that was rebound, with its Origin', { host: 'evil.example', origin: 'http://evil.example' }],
  ])('refuses %s', async (_, headers) => {
    const { ask } = await start();
    for (const method of ['GET', 'POST'])
      expect(await ask(path, { method, headers })).toMatchObject({ status: 403 });
  });

  it('refuses a peer that is not loopback, though it be this machine', async () => {
    const { ask } = await start();
    for (const host of ownAddresses) {
      expect(await ask(path, { host, headers: { host: 'localhost' } })).toMatchObject({ status: 403 });
    }
    expect(isLocalReader({ peer: '10.0.0.1', headers: { host: 'localhost' } })).toBe(false);
  });
});
