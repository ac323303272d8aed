import { describe, expect, it } from 'vitest';
import { type LoggerOptions, loggerTo } from '../../src/log/logger.ts';

function lines(options: LoggerOptions) {
  const written: string[] = [];
  const log = loggerTo({ write: (line: string) => void written.push(line) }, options);
  return { log, written };
}

describe("Istio's text form", () => {
  it('is time, level and message, separated by tabs, in UTC with microseconds', () => {
    const { log, written } = lines({ json: false, levels: { default: 'info' } });
    log.info('Envoy proxy is ready');
    expect(written[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\tinfo\tEnvoy proxy is ready\n$/);
  });

  it('names the scope before the message and labels after it', () => {
    const { log, written } = lines({ json: false, levels: { default: 'info' } });
    log.scope('healthcheck').warn('slow', { ms: 12, path: '/x' });
    expect(written[0]?.split('\t').slice(1)).toEqual(['warn', 'healthcheck', 'slow', 'ms=12', 'path=/x\n']);
  });
});

describe('JSON', () => {
  it('has level, time, scope, msg and the labels', () => {
    const { log, written } = lines({ json: true, levels: { default: 'debug' } });
    log.scope('metrics').debug('scraped', { series: 3 });
    expect(JSON.parse(written[0] ?? '')).toEqual({
      level: 'debug',
      time: expect.stringMatching(/Z$/),
      scope: 'metrics',
      msg: 'scraped',
      series: 3,
    });
  });
});

describe('levels', () => {
  it('count for each scope by itself', () => {
    const { log, written } = lines({
      json: false,
      levels: { default: 'warn', metrics: 'debug', grpc: 'none' },
    });
    log.info('no');
    log.scope('other').info('no');
    log.scope('grpc').error('no');
    log.scope('metrics').debug('yes');
    log.error('yes');
    expect(written.map((line) => line.trim().split('\t').at(-1))).toEqual(['yes', 'yes']);
  });
});
