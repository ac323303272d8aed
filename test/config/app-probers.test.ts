import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAppProbers } from '../../src/config/app-probers.ts';

const PATH = '/app-health/hello/livez';

function parse(document: unknown) {
  const problems: string[] = [];
  const probers = parseAppProbers(
    typeof document === 'string' ? document : JSON.stringify(document),
    problems,
  );
  return { probers: Object.fromEntries(probers), problems };
}

describe('parseAppProbers', () => {
  it.each([
    [
      'HTTP',
      { httpGet: { path: '/hello?x=1', port: 80 }, timeoutSeconds: 3, initialDelaySeconds: 9 },
      { kind: 'http', scheme: 'http', port: 80, path: '/hello?x=1', hostHeader: undefined, timeout: 3000 },
    ],
    [
      'HTTPS with a host and a path without slash',
      {
        httpGet: {
          path: 'h',
          port: 443,
          scheme: 'HTTPS',
          httpHeaders: [
            { name: 'X', value: '1' },
            { name: 'Host', value: 'h.io' },
          ],
        },
      },
      { kind: 'http', scheme: 'https', port: 443, path: '/h', hostHeader: 'h.io', timeout: 1000 },
    ],
    ['TCP', { tcpSocket: { port: 6379 }, timeoutSeconds: 0 }, { kind: 'tcp', port: 6379, timeout: 1000 }],
    [
      'gRPC, without case',
      { gRPC: { Port: 9000, service: null }, httpGet: null },
      { kind: 'grpc', port: 9000, service: '', timeout: 1000 },
    ],
  ])('reads %s', (_what, probe, prober) => {
    expect(parse({ [PATH]: probe })).toEqual({ probers: { [PATH]: prober }, problems: [] });
  });

  it('gives a lifecycle hook more time than a probe, but not for ever', () => {
    const path = '/app-lifecycle/hello/prestopz';
    expect(parse({ [path]: { httpGet: { port: 80 } } }).probers[path]?.timeout).toBe(600_000);
  });

  it.each(['', '{}', ' '])('takes %j for none', (text) => {
    expect(parse(text)).toEqual({ probers: {}, problems: [] });
  });

  it.each([
    ['{', /^ISTIO_KUBE_APP_PROBERS: not JSON: /],
    ['[]', /expected an object, from path to probe$/],
    [{ '/livez': {} }, /"\/livez": expected \/app-health\//],
    [{ '/app-health/hello/healthz': {} }, /expected \/app-health\//],
    [{ [PATH]: null }, /the probe is null, expected an object$/],
    [{ [PATH]: {} }, /expected exactly one of httpGet, tcpSocket, grpc, got none$/],
    [{ [PATH]: { httpGet: { port: 1 }, grpc: { port: 2 } } }, /got httpGet and grpc$/],
    [
      { [PATH]: { httpGet: { port: '8888' } } },
      /httpGet\.port is "8888", expected a number, 1\.\.65535; names of ports/,
    ],
    [{ [PATH]: { httpGet: {} } }, /httpGet\.port is missing, expected a number/],
    [{ [PATH]: { tcpSocket: { port: 70000 } } }, /tcpSocket\.port is 70000/],
    [{ [PATH]: { tcpSocket: { port: 1 }, timeoutSeconds: -1 } }, /timeoutSeconds is -1/],
    [{ [PATH]: { httpGet: { port: 1, scheme: 'FTP' } } }, /scheme is "FTP", expected HTTP or HTTPS$/],
    [{ [PATH]: { httpGet: { port: 1, httpHeaders: [null] } } }, /httpHeaders is null, expected an object$/],
  ])('refuses %j', (document, message) => {
    const { problems } = parse(document);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
  });

  it('reports every bad probe and keeps the good', () => {
    const { probers, problems } = parse({
      [PATH]: { tcpSocket: { port: 1 } },
      '/a': {},
      '/app-health/b/readyz': null,
    });
    expect(Object.keys(probers)).toEqual([PATH]);
    expect(problems).toHaveLength(2);
  });

  it('never throws', () => {
    const field = fc.constantFrom('httpGet', 'tcpSocket', 'grpc', 'port', 'timeoutSeconds', 'httpHeaders');
    const probe = fc.dictionary(field, fc.oneof(fc.jsonValue(), fc.dictionary(field, fc.jsonValue())));
    fc.assert(fc.property(probe, (value) => void parse({ [PATH]: value })));
  });
});
