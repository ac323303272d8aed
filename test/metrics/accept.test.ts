import { describe, expect, it } from 'vitest';
import { negotiateFormat, negotiatePacking } from '../../src/metrics/accept.ts';

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const OM1 = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const OM0 = 'application/openmetrics-text; version=0.0.1; charset=utf-8';

const PROTOBUF =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

describe('the format of the answer', () => {
  it.each([
    [undefined, TEXT],
    ['', TEXT],
    ['*/*', TEXT],
    ['*', TEXT],
    ['text/*', TEXT],
    ['garbage;;;=,,', TEXT],
    ['image/png', TEXT],
    ['text/plain', TEXT],
    ['text/plain;version=0.0.4', TEXT],
    ['application/openmetrics-text', OM1],
    ['application/openmetrics-text;version=1.0.0', OM1],
    ['application/openmetrics-text; version="1.0.0"', OM1],
    ['application/openmetrics-text;version=0.0.1', OM0],
    ['application/openmetrics-text;version=2.0.0', TEXT],
    ['application/*', OM1],
    ['text/plain;q=0.3,application/openmetrics-text;q=0.4', OM1],
    ['text/plain;q=0.5,application/openmetrics-text;q=0.4', TEXT],
    ['text/plain;q=0,*/*;q=0.1', OM1],
    ['application/openmetrics-text;q=0,*/*', TEXT],
    ['APPLICATION/OpenMetrics-Text;Version=1.0.0', OM1],
  ])('Accept: %s -> %s', (accept, contentType) => {
    expect(negotiateFormat(accept).contentType).toBe(contentType);
  });

  it('is OpenMetrics 1.0 for Prometheus 2 and 3 as they ask by default, and protobuf where that comes first', () => {
    const prometheus2 =
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
    const prometheus3 =
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
    const protobufFirst = `application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,${prometheus3}`;
    for (const accept of [prometheus2, prometheus3]) {
      expect(negotiateFormat(accept)).toEqual({ format: 'openmetrics', contentType: OM1 });
    }
    expect(negotiateFormat(protobufFirst)).toEqual({ format: 'protobuf', contentType: PROTOBUF });
  });

  it.each([
    ['application/vnd.google.protobuf;encoding=delimited', TEXT],
    [PROTOBUF.replace('delimited', 'text'), TEXT],
    [PROTOBUF.replace('MetricFamily', 'Metric'), TEXT],
    [`${PROTOBUF};q=0.4,text/plain;q=0.5`, TEXT],
    [`${PROTOBUF};q=0,*/*;q=0.1`, TEXT],
    ['application/*', OM1],
    [`text/plain;q=0.5,${PROTOBUF.toUpperCase()};q=0.6`, PROTOBUF],
  ])('is protobuf only of the one kind, and only when it is asked for: %s', (accept, contentType) => {
    expect(negotiateFormat(accept).contentType).toBe(contentType);
  });
});

describe('the packing', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['deflate, gzip;q=0.5, br', 'gzip'],
    ['gzip;q=0', undefined],
    ['*', 'zstd'],
    ['*;q=0', undefined],
    ['gzip;q=0,*', 'zstd'],
    ['identity, gzip;q=0.5', undefined],
    ['identity;q=0.5, gzip', 'gzip'],
    ['gzip, zstd', 'zstd'],
    ['gzip, zstd;q=0.9', 'gzip'],
    ['zstd;q=0, gzip;q=0.1', 'gzip'],
    ['zstd;q=0.3, identity;q=0.4', undefined],
    ['zstd;q=2', undefined],
  ])('Accept-Encoding: %s -> %s', (accept, expected) => {
    expect(negotiatePacking(accept, ['zstd', 'gzip'])).toBe(expected);
  });

  it('is gzip where there is no zstd', () => {
    expect(negotiatePacking('zstd, gzip;q=0.1', ['gzip'])).toBe('gzip');
    expect(negotiatePacking('zstd', ['gzip'])).toBeUndefined();
  });
});
