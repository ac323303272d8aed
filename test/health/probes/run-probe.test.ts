import type { IncomingMessage, RequestListener } from 'node:http';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { AppProber } from '../../../src/config/app-probers.ts';
import { checkRequest, servingStatus } from '../../../src/health/probes/grpc.ts';
import { forwardedHeaders, type HeaderList, probeHost } from '../../../src/health/probes/headers.ts';
import { appProbe } from '../../../src/health/probes/run-probe.ts';
import type { ProberOptions } from '../../../src/health/probes/target.ts';
import { millis } from '../../../src/platform/duration.ts';
import { until } from '../../support/until.ts';
import { type App, grpcApp, type HealthReply, httpApp, httpsApp, tcpApp } from '../app-servers.ts';
import { recordingLogger } from '../recording-logger.ts';

const OPTIONS: ProberOptions = {
  instanceIp: '127.0.0.1',
  localhostDestination: false,
  statusPort: 15020,
  http2: true,
  keepAlive: false,
};
const apps: App[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});
async function started(app: Promise<App>): Promise<App> {
  apps.push(await app);
  return app;
}

interface Run {
  readonly options?: Partial<ProberOptions>;
  readonly headers?: HeaderList;
  readonly signal?: AbortSignal;
  readonly log?: ReturnType<typeof recordingLogger>;
}
const run = async (prober: AppProber, { options, headers = [], signal, log }: Run = {}) => {
  const probe = appProbe({ ...OPTIONS, ...options }, log ?? recordingLogger());
  const { status, body } = await probe(prober, headers, signal ?? new AbortController().signal);
  return { status, body: Buffer.from(body as Uint8Array).toString() };
};
const http = (port: number, more: Partial<Extract<AppProber, { kind: 'http' }>> = {}): AppProber => ({
  kind: 'http',
  scheme: 'http',
  port,
  path: '/health',
  hostHeader: undefined,
  timeout: millis(2_000),
  ...more,
});
const tcp = (port: number): AppProber => ({ kind: 'tcp', port, timeout: millis(300) });
const grpc = (port: number, service = ''): AppProber => ({
  kind: 'grpc',
  port,
  service,
  timeout: millis(500),
});

describe('an HTTP probe', () => {
  it('hands on every status, and 200 for 3xx', async () => {
    const app = await started(
      httpApp((request, response) => {
        response.statusCode = Number(request.url?.slice(1));
        response.end();
      }),
    );
    for (let status = 200; status <= 511; status += 1) {
      const expected = status >= 300 && status < 400 ? 200 : status;
      expect((await run(http(app.port, { path: `/${status}` }))).status, String(status)).toBe(expected);
    }
  });

  it('is a GET of the path as written, closed afterwards, from 127.0.0.6', async () => {
    const seen: unknown[] = [];
    const app = await started(
      httpApp((request, response) => {
        seen.push([request.method, request.url, request.headers.connection, request.socket.remoteAddress]);
        response.end('fine');
      }),
    );
    const paths = {
      '/a?b=1&c': '/a?b=1&c',
      'no-slash': '/no-slash',
      '/a/../b': '/a/../b',
      '/ä b#c': '/%c3%a4%20b',
    };
    for (const path of Object.keys(paths)) {
      expect(await run(http(app.port, { path }))).toEqual({ status: 200, body: 'fine' });
    }
    expect(seen).toEqual(Object.values(paths).map((path) => ['GET', path, 'close', '127.0.0.6']));
    await until('nothing is open', () => app.connections().open === 0);
  });

  it('keeps the first 10 KiB of the body', async () => {
    const app = await started(httpApp((_, response) => response.writeHead(503).end('x'.repeat(1_000_000))));
    const { status, body } = await run(http(app.port));
    expect([status, body]).toEqual([503, 'x'.repeat(10 * 1024)]);
  });

  it('leaves out a body that is encoded', async () => {
    const app = await started(
      httpApp((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('\x1f\x8b')),
    );
    expect(await run(http(app.port))).toEqual({ status: 200, body: '' });
  });

  it('reuses its connection with keep-alive, and opens another when that is dead', async () => {
    const requests: IncomingMessage[] = [];
    const app = await started(
      httpApp((request, response) => {
        requests.push(request);
        response.end('fine');
      }),
    );
    const probe = appProbe({ ...OPTIONS, keepAlive: true }, recordingLogger());
    const ask = () => probe(http(app.port), [], new AbortController().signal);
    for (let i = 0; i < 3; i += 1) expect(await ask()).toMatchObject({ status: 200 });
    expect(app.connections().accepted).toBe(1);
    requests[0]?.socket.destroy();
    expect(await ask()).toMatchObject({ status: 200 });
    expect(app.connections().accepted).toBe(2);
  });
});

describe('redirects of an HTTP probe', () => {
  const redirecting = (to: (url: string, port: number) => string | undefined) =>
    started(
      httpApp((request, response) => {
        const location = to(request.url ?? '', request.socket.localPort ?? 0);
        if (location === undefined) response.end(`${request.url} ${request.headers.host}`);
        else response.writeHead(302, location === 'none' ? {} : { location }).end('moved');
      }),
    );

  it('are followed on the same host, with the Host while they are relative', async () => {
    const app = await redirecting((url) => (url === '/health' ? '/there?x' : undefined));
    const answer = await run(http(app.port, { hostHeader: 'app.example' }));
    expect(answer).toEqual({ status: 200, body: '/there?x app.example' });
  });

  it('are followed to another port of the same host, with that as Host', async () => {
    const other = await redirecting(() => undefined);
    const app = await redirecting(() => `http://127.0.0.1:${other.port}/there`);
    const answer = await run(http(app.port, { hostHeader: 'app.example' }));
    expect(answer).toEqual({ status: 200, body: `/there 127.0.0.1:${other.port}` });
  });

  it.each([
    ['another host', () => 'http://example.com/', { status: 200, body: '' }],
    ['nowhere', () => 'none', { status: 200, body: '' }],
    [
      'ten further pages',
      (url: string) => (url === '/10' ? undefined : `/${Number(url.slice(1)) + 1}`),
      { status: 200 },
    ],
    ['itself', () => '/', { status: 500, body: expect.stringContaining('stopped after 10 redirects') }],
    ['garbage', () => 'http://[', { status: 500, body: expect.stringContaining('cannot be read') }],
    [
      'another scheme',
      () => 'ftp://127.0.0.1/',
      { status: 500, body: expect.stringContaining('instead of http') },
    ],
  ])('to %s', async (_, to, expected) => {
    const app = await redirecting(to);
    expect(await run(http(app.port, { path: '/0' }))).toMatchObject(expected);
  });
});

describe('headers of an HTTP probe', () => {
  const seenBy = async (headers: HeaderList, more: Parameters<typeof http>[1] = {}) => {
    let seen: readonly string[] = [];
    const app = await started(
      httpApp((request, response) => {
        seen = request.rawHeaders;
        response.end();
      }),
    );
    await run(http(app.port, more), { headers });
    const pairs = seen.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${seen[i + 1]}`] : []));
    return { pairs, port: app.port };
  };

  it('go on as they came, duplicates too', async () => {
    const headers: HeaderList = [
      ['User-Agent', 'kube-probe/1.33'],
      ['X-Custom', 'a'],
      ['x-custom', 'b'],
      ['Authorization', 'Bearer t'],
    ];
    expect((await seenBy(headers)).pairs).toEqual(
      expect.arrayContaining([
        'User-Agent: kube-probe/1.33',
        'X-Custom: a',
        'x-custom: b',
        'Authorization: Bearer t',
      ]),
    );
  });

  it('stay here when they are for this connection only', () => {
    const kept = forwardedHeaders([
      ['Connection', 'close, X-Mine'],
      ['X-Mine', '1'],
      ['Keep-Alive', 'timeout=5'],
      ['Transfer-Encoding', 'chunked'],
      ['Content-Length', '3'],
      ['TE', 'trailers'],
      ['Accept', '*/*'],
    ]);
    expect(kept).toEqual([['Accept', '*/*']]);
  });

  it.each([
    ['10.0.0.1:15020', undefined, '10.0.0.1:8080'],
    ['[fd00::1]:15020', undefined, '[fd00::1]:8080'],
    ['10.0.0.1:9999', undefined, '10.0.0.1:9999'],
    ['app.example', undefined, 'app.example'],
    ['fd00::15020', undefined, 'fd00::15020'],
    [undefined, undefined, '10.0.0.1:8080'],
    ['10.0.0.1:15020', 'literal.example', 'literal.example'],
  ])("with Host %s and the probe's own %s say %s", (incoming, hostHeader, expected) => {
    const prober = http(8080, { hostHeader });
    if (prober.kind !== 'http') throw new Error('unreachable');
    expect(probeHost(prober, incoming, 15020, '10.0.0.1:8080')).toBe(expected);
  });

  it('never end the agent, whatever they hold', async () => {
    const app = await started(httpApp((_, response) => response.end()));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string(), fc.string({ unit: 'binary' }))),
        fc.string(),
        async (headers, path) => {
          expect([200, 400, 500]).toContain((await run(http(app.port, { path }), { headers })).status);
        },
      ),
      { numRuns: 200 },
    );
    await until('nothing is open', () => app.connections().open === 0);
  });
});

describe('an HTTPS probe', () => {
  const version: RequestListener = (request, response) => {
    response.end(
      `${request.httpVersion} ${request.headers.host ?? (request as { authority?: string }).authority}`,
    );
  };
  it.each([
    ['h2', true, '2.0'],
    ['h2', false, '1.1'],
    ['http/1.1', true, '1.1'],
  ] as const)('of an application with %s, h2 offered: %s, speaks HTTP/%s', async (alpn, http2, expected) => {
    const app = await started(httpsApp(alpn, version));
    const prober = http(app.port, { scheme: 'https', hostHeader: 'app.example' });
    expect(await run(prober, { options: { http2 } })).toEqual({
      status: 200,
      body: `${expected} app.example`,
    });
    await until('nothing is open', () => app.connections().open === 0);
  });

  it('forwards headers and statuses over h2', async () => {
    const app = await started(
      httpsApp('h2', (request, response) => {
        response.statusCode = 418;
        response.end(String(request.headers['x-custom']));
      }),
    );
    const headers: HeaderList = [
      ['X-Custom', 'a'],
      ['x-custom', 'b'],
      ['Connection', 'close'],
      ['__proto__', 'x'],
    ];
    expect(await run(http(app.port, { scheme: 'https' }), { headers })).toEqual({
      status: 418,
      body: 'a, b',
    });
  });

  it('fails on an application that speaks no TLS', async () => {
    const app = await started(httpApp((_, response) => response.end()));
    expect(await run(http(app.port, { scheme: 'https' }))).toMatchObject({ status: 500 });
  });
});

describe('a TCP probe', () => {
  it('is 200 when the port is open, and closes without an error for the application', async () => {
    const errors: Error[] = [];
    const app = await started(tcpApp((socket) => socket.on('error', (error) => errors.push(error))));
    expect(await run(tcp(app.port))).toEqual({ status: 200, body: '' });
    await until('it is closed', () => app.connections().accepted === 1 && app.connections().open === 0);
    expect(errors).toEqual([]);
  });

  it('is 500 with the reason when it is closed', async () => {
    const { status, body } = await run(tcp(1));
    expect(status).toBe(500);
    expect(body).toMatch(/^tcp probe of 127\.0\.0\.1 port 1 failed: connect ECONNREFUSED .*\n$/);
  });
});

describe('a gRPC probe', () => {
  it.each<[string, HealthReply, number, string]>([
    ['SERVING', 1, 200, ''],
    ['NOT_SERVING', 2, 500, 'gRPC probe failed: serving status NOT_SERVING\n'],
    ['an unset status', 0, 500, 'gRPC probe failed: serving status UNKNOWN\n'],
    [
      'an error',
      { code: 5, message: 'no such service' },
      500,
      'gRPC probe failed: gRPC status NOT_FOUND: no such service\n',
    ],
    [
      'no health service',
      'trailers only',
      500,
      'gRPC probe failed: gRPC status UNIMPLEMENTED: unknown method\n',
    ],
    ['nothing', 'silence', 500, expect.stringContaining('no answer within 500 ms')],
  ])('of an application that says %s', async (_, reply, status, body) => {
    const app = await started(grpcApp(() => reply));
    expect(await run(grpc(app.port))).toEqual({ status, body });
    await until('nothing is open', () => app.connections().open === 0);
  });

  it('names the service and the client', async () => {
    const seen: unknown[] = [];
    const app = await started(
      grpcApp((service, headers) => {
        seen.push(service, headers['user-agent'], headers[':path'], headers['te']);
        return 1;
      }),
    );
    const service = 'my.Service'.repeat(20);
    await run(grpc(app.port, service), { headers: [['User-Agent', 'kube-probe/1.33']] });
    expect(seen).toEqual([service, 'kube-probe/1.33', '/grpc.health.v1.Health/Check', 'trailers']);
  });

  it('fails on HTTP/1.1', async () => {
    const app = await started(httpApp((_, response) => response.end()));
    expect(await run(grpc(app.port))).toMatchObject({ status: 500 });
  });

  it('encodes a service of any length as protobuf does', () => {
    expect([...checkRequest('')]).toEqual([]);
    expect([...checkRequest('ab')]).toEqual([0x0a, 2, 0x61, 0x62]);
    expect([...checkRequest('x'.repeat(300)).subarray(0, 3)]).toEqual([0x0a, 0xac, 0x02]);
  });

  it('reads any answer without throwing, and skips fields that it does not know', () => {
    const message = [0x12, 2, 1, 1, 0x08, 1, 0x1d, 0, 0, 0, 0];
    expect(servingStatus(Uint8Array.from([0, 0, 0, 0, message.length, ...message]))).toBe(1);
    fc.assert(
      fc.property(fc.uint8Array(), (body) => {
        servingStatus(body);
        servingStatus(Uint8Array.from([0, 0, 0, 0, body.length, ...body]));
      }),
    );
  });
});

describe('any probe', () => {
  const kinds: [string, (port: number) => AppProber][] = [
    ['http', (port) => http(port, { timeout: millis(150) })],
    ['https', (port) => http(port, { scheme: 'https', timeout: millis(150) })],
    ['grpc', (port) => ({ ...grpc(port), timeout: millis(150) })],
  ];
  it.each(kinds)('(%s) ends at its deadline and leaves nothing open', async (_, prober) => {
    const app = await started(tcpApp((socket) => socket.resume()));
    expect(await run(prober(app.port))).toEqual({
      status: 500,
      body: expect.stringMatching(/probe of 127\.0\.0\.1 port \d+: no answer within 150 ms\n$/),
    });
    await until('nothing is open', () => app.connections().open === 0);
  });

  it.each(kinds)('(%s) ends when its client goes away', async (_, prober) => {
    const app = await started(tcpApp((socket) => socket.resume()));
    const client = new AbortController();
    const probe = run({ ...prober(app.port), timeout: millis(60_000) }, { signal: client.signal });
    await until('it is connected', () => app.connections().open === 1);
    client.abort(new Error('gone'));
    expect(await probe).toMatchObject({ status: 500 });
    await until('nothing is open', () => app.connections().open === 0);
  });

  it.each([
    ['garbage', '\x00\x01garbage\r\n\r\n'],
    ['nothing', ''],
    ['half a header', 'HTTP/1.1 200'],
    ['another protocol', 'HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
  ])('fails on an application that says %s and hangs up', async (_, bytes) => {
    const app = await started(tcpApp((socket) => socket.once('data', () => socket.end(bytes))));
    for (const [, prober] of kinds) {
      expect(await run({ ...prober(app.port), timeout: millis(5_000) })).toMatchObject({ status: 500 });
    }
    await until('nothing is open', () => app.connections().open === 0);
  });
});

describe('the destination', () => {
  const peer: RequestListener = (request, response) => response.end(request.socket.remoteAddress);
  it.each([
    ['localhost without an instance address', { instanceIp: undefined }, '127.0.0.1', '127.0.0.6'],
    ['localhost with an empty one', { instanceIp: '' }, '127.0.0.1', '127.0.0.6'],
    [
      'localhost when asked for',
      { instanceIp: '203.0.113.9', localhostDestination: true },
      '127.0.0.1',
      '127.0.0.6',
    ],
    ['localhost in IPv6 when nobody listens in IPv4', { instanceIp: undefined }, '::1', '::1'],
    ['an IPv6 address', { instanceIp: '::1' }, '::1', '::1'],
  ])('is %s', async (_, options, host, source) => {
    const app = await started(httpApp(peer, host));
    const answer = await run(http(app.port), { options });
    expect(answer.status).toBe(200);
    // ::6 is on the loopback interface of a pod, and need not be on this machine's.
    expect(host === '::1' ? ['::1', '::6'] : [source]).toContain(answer.body);
  });

  it('says once that the source address cannot be bound', async () => {
    const app = await started(httpApp(peer, '::1'));
    const log = recordingLogger();
    const probe = appProbe({ ...OPTIONS, instanceIp: '::1' }, log);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => probe(http(app.port), [], new AbortController().signal)),
    );
    const bound = answers.every(({ body }) => Buffer.from(body as Uint8Array).toString() === '::6');
    expect(log.lines).toHaveLength(bound ? 0 : 1);
  });
});
