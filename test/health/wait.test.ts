import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { waitUntilReady } from '../../src/health/wait.ts';
import { parseWaitArgs, waitHelp } from '../../src/health/wait-args.ts';
import { millis } from '../../src/platform/duration.ts';
import { type App, httpApp } from './app-servers.ts';
import { recordingLogger } from './recording-logger.ts';

describe('waitUntilReady', () => {
  const apps: App[] = [];
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  async function setUp(listener: RequestListener, timing: { timeout?: number; period?: number } = {}) {
    const app = await httpApp(listener);
    apps.push(app);
    const log = recordingLogger();
    const options = {
      url: `http://localhost:${app.port}/healthz/ready`,
      timeout: millis(timing.timeout ?? 10_000),
      requestTimeout: millis(200),
      period: millis(timing.period ?? 10),
      log,
    };
    return { app, log, options };
  }

  it('asks at once: a ready proxy costs no period', async () => {
    const { options, log } = await setUp((_, response) => response.end(), { period: 60_000 });
    await waitUntilReady(options);
    expect(log.lines).toEqual([
      'info Waiting for Envoy proxy to be ready (timeout: 10 seconds)...',
      'info Envoy is ready!',
    ]);
  });

  it('goes on until the answer is 200, and says why it waits, once per reason', async () => {
    const answers = [503, 503, 404, 204];
    const { options, log } = await setUp((_, response) => {
      const status = answers.shift() ?? 200;
      response.writeHead(status).end(status === 503 ? 'workers have not yet started\n' : '');
    });
    await waitUntilReady(options);
    expect(log.lines.slice(1)).toEqual([
      'info Not ready yet: HTTP status code 503: workers have not yet started',
      'info Not ready yet: HTTP status code 404',
      'info Not ready yet: HTTP status code 204',
      'info Envoy is ready!',
    ]);
  });

  it.each<[string, RequestListener, RegExp]>([
    [
      'the body of a 503',
      (_, response) => response.writeHead(503).end('no config\n'),
      /HTTP status code 503: no config$/,
    ],
    ['a hang', () => {}, /GET http:\/\/localhost:\d+\/healthz\/ready: no answer within \d+ ms$/],
    ['a hang-up', (request) => request.socket.destroy(), /other side closed$/],
  ])('ends with %s as the last error', async (_, listener, reason) => {
    const { options } = await setUp(listener, { timeout: 300 });
    const message = await waitUntilReady(options).then(
      () => 'ready',
      (error: Error) => error.message,
    );
    expect(message).toMatch(/^timeout waiting for Envoy proxy to become ready\. Last error: /);
    expect(message).toMatch(reason);
  });

  it('names what was refused', async () => {
    const { options, app } = await setUp(() => {}, { timeout: 0 });
    await app.close();
    await expect(waitUntilReady(options)).rejects.toThrow(`ECONNREFUSED 127.0.0.1:${app.port}`);
  });

  it('ends when its caller gives up', async () => {
    const { options } = await setUp((_, response) => response.writeHead(503).end(), { period: 60_000 });
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('SIGTERM')), 50);
    await expect(waitUntilReady({ ...options, signal: controller.signal })).rejects.toThrow(
      /SIGTERM|aborted/,
    );
  });
});

describe('parseWaitArgs', () => {
  const defaults = {
    url: 'http://localhost:15021/healthz/ready',
    timeout: 60_000,
    requestTimeout: 500,
    period: 500,
  };
  it.each([
    [[], {}],
    [['--timeoutSeconds', '5', '--periodMillis=10'], { timeout: 5_000, period: 10 }],
    [
      ['--url=http://[::1]:15020/x', '--requestTimeoutMillis', '7'],
      { url: 'http://[::1]:15020/x', requestTimeout: 7 },
    ],
    [
      ['--timeoutSeconds=1', '--timeoutSeconds=2', '--log_output_level', 'debug', '--log_as_json'],
      { timeout: 2_000 },
    ],
  ])('%j', (argv, changed) => {
    expect(parseWaitArgs(argv)).toEqual({ kind: 'wait', options: { ...defaults, ...changed } });
  });

  it.each([[['-h']], [['--help', '--nonsense']]])('%j is help', (argv) => {
    expect(parseWaitArgs(argv)).toEqual({ kind: 'help' });
    expect(waitHelp).toContain('Examples:');
  });

  it('names every problem', () => {
    const argv = [
      '--timeoutSeconds=1.5',
      '--periodMillis',
      '0',
      '--url',
      'localhost',
      '--wait',
      '-x',
      'now',
      '--url',
    ];
    expect(() => parseWaitArgs(argv)).toThrow(
      [
        '7 errors occurred:',
        '\t* unknown flag: --wait (known: --timeoutSeconds, --requestTimeoutMillis, --periodMillis, --url)',
        '\t* unknown flag: -x (known: --timeoutSeconds, --requestTimeoutMillis, --periodMillis, --url)',
        '\t* --url: a value is missing',
        '\t* --timeoutSeconds: expected a whole number of at least 0, got "1.5"',
        '\t* --periodMillis: expected a whole number of at least 1, got "0"',
        '\t* --url: expected a URL such as http://localhost:15021/healthz/ready, got "localhost"',
        '\t* wait takes no argument, got "now"',
      ].join('\n'),
    );
  });
});
