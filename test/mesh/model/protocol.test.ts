import { describe, expect, it } from 'vitest';
import {
  isHttp2,
  isTls,
  kubernetesProtocol,
  PROTOCOL_NAMES,
  parseProtocol,
  protocolClass,
} from '../../../src/mesh/model/protocol.ts';

describe('the port of a Kubernetes Service', () => {
  it.each([
    ['http', 80, 'HTTP'],
    ['http-foo', 80, 'HTTP'],
    ['HTTP-foo', 80, 'HTTP'],
    ['http2', 80, 'HTTP2'],
    ['grpc-reviews', 80, 'GRPC'],
    ['grpc-web', 80, 'GRPC-Web'],
    ['grpc-web-reviews', 80, 'GRPC-Web'],
    ['https', 443, 'HTTPS'],
    ['tls-x', 443, 'TLS'],
    ['mongo', 27017, 'Mongo'],
    ['mysql', 3306, 'MySQL'],
    ['redis-cache', 6379, 'Redis'],
    ['tcp', 80, 'TCP'],
    ['httpfoo', 80, 'auto'],
    ['web', 80, 'auto'],
    ['', 80, 'auto'],
    ['web', 443, 'auto'],
    ['db', 3306, 'TCP'],
    ['', 27017, 'TCP'],
    ['smtp', 25, 'TCP'],
    ['http', 3306, 'HTTP'],
  ])('of name "%s" and number %i: %s', (name, number, expected) => {
    expect(kubernetesProtocol({ name, number, transport: 'TCP', appProtocol: undefined })).toBe(expected);
  });

  it.each([
    ['http2', 'tcp', 'HTTP2'],
    ['kubernetes.io/h2c', '', 'HTTP2'],
    ['kubernetes.io/ws', '', 'HTTP'],
    ['kubernetes.io/wss', '', 'HTTPS'],
    ['GRPC', 'http', 'GRPC'],
    ['example.com/own', 'http', 'HTTP'],
  ])('appProtocol %s goes before the name "%s": %s', (appProtocol, name, expected) => {
    expect(kubernetesProtocol({ name, number: 80, transport: 'TCP', appProtocol })).toBe(expected);
  });

  it('of UDP is UDP, whatever its name', () => {
    expect(kubernetesProtocol({ name: 'http', number: 80, transport: 'UDP', appProtocol: 'http' })).toBe(
      'UDP',
    );
  });
});

it('a protocol may be written in whatever case', () => {
  for (const name of PROTOCOL_NAMES) {
    expect(parseProtocol(name.toUpperCase())).toBe(name);
    expect(parseProtocol(name.toLowerCase())).toBe(name);
  }
  expect(parseProtocol('')).toBe('auto');
  expect(parseProtocol('smtp')).toBeUndefined();
});

it('has one class, and maybe HTTP/2 or TLS', () => {
  const of = (wanted: string) => PROTOCOL_NAMES.filter((name) => protocolClass(name) === wanted);
  expect(of('http')).toEqual(['HTTP', 'HTTP_PROXY', 'HTTP2', 'GRPC', 'GRPC-Web']);
  expect(of('tcp')).toEqual(['TCP', 'HTTPS', 'TLS', 'Mongo', 'Redis', 'MySQL']);
  expect(of('udp')).toEqual(['UDP']);
  expect(protocolClass('auto')).toBe('auto');
  expect(PROTOCOL_NAMES.filter(isHttp2)).toEqual(['HTTP2', 'GRPC', 'GRPC-Web']);
  expect(PROTOCOL_NAMES.filter(isTls)).toEqual(['HTTPS', 'TLS']);
});
