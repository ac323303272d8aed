import type {
  CaptureMode,
  DefaultEndpoint,
  EgressAddress,
  EgressListener,
  IngressListener,
  ListenerPort,
} from '../model/sidecar.ts';
import { MAX_PORT, readProtocol } from './common.ts';
import {
  child,
  error,
  type Field,
  isGiven,
  isObject,
  items,
  oneOf,
  originOf,
  text,
  warning,
  warnOfOthers,
  wholeNumber,
} from './field.ts';
import { readHosts } from './host-pattern.ts';
import { asIp, isLabel, UNIX, unixPathProblem } from './names.ts';

const KNOWN_OF_INGRESS = new Set(['port', 'bind', 'captureMode', 'defaultEndpoint']);
const KNOWN_OF_EGRESS = new Set(['port', 'bind', 'captureMode', 'hosts']);
const KNOWN_OF_PORT = new Set(['number', 'protocol', 'name', 'targetPort']);
const CAPTURE_MODES = ['DEFAULT', 'IPTABLES', 'NONE'] as const;

export function readIngress(field: Field): readonly IngressListener[] {
  const numbers = new Set<number>();
  return items(field).flatMap((each) => {
    if (!isListener(each)) return [];
    warnOfOthers(each, KNOWN_OF_INGRESS);
    const port = isGiven(child(each, 'port')) ? readListenerPort(child(each, 'port'), 1) : undefined;
    if (!isGiven(child(each, 'port'))) error(child(each, 'port'), 'is required: {number, protocol, name}');
    const bind = readBind(child(each, 'bind'));
    const captureMode = readCaptureMode(each);
    const defaultEndpoint = readDefaultEndpoint(child(each, 'defaultEndpoint'));
    if (port === undefined) return [];
    checkUnique(child(each, 'port'), port.number, numbers);
    if (defaultEndpoint === undefined) return [];
    return { port, bind, captureMode, defaultEndpoint, origin: originOf(each) };
  });
}

export function readEgress(field: Field): readonly EgressListener[] {
  const list = items(field);
  const numbers = new Set<number>();
  const sockets = new Set<string>();
  const catchAll = list.find((each) => each.value !== null && !isGiven(child(each, 'port')));
  return list.flatMap((each) => {
    if (!isListener(each)) return [];
    warnOfOthers(each, KNOWN_OF_EGRESS);
    if (!isGiven(child(each, 'port'))) {
      if (each !== catchAll) error(each, 'another listener has no port already: join their hosts');
      else if (each !== list.at(-1))
        error(each, 'has no port: it takes what the others leave, and must be the last one');
    }
    const captureMode = readCaptureMode(each);
    const address = readEgressAddress(each, captureMode, numbers, sockets);
    const hosts = readHosts(child(each, 'hosts'));
    return address === undefined ? [] : { ...address, captureMode, hosts, origin: originOf(each) };
  });
}

function isListener(field: Field): boolean {
  if (!isGiven(field)) error(field, 'is empty: remove it, or write a listener');
  return isObject(field);
}

function readEgressAddress(
  listener: Field,
  captureMode: CaptureMode,
  numbers: Set<number>,
  sockets: Set<string>,
): EgressAddress | undefined {
  const field = child(listener, 'port');
  const bindField = child(listener, 'bind');
  if (!isGiven(field)) return { kind: 'catch-all', bind: readBind(bindField) };
  const port = readListenerPort(field, 0);
  if (port === undefined) return undefined;
  if (port.number > 0) {
    checkUnique(field, port.number, numbers);
    return { kind: 'port', port, bind: readBind(bindField) };
  }
  const bind = text(bindField) ?? '';
  if (!bind.startsWith(UNIX)) {
    error(
      bindField,
      `"${bind}": port 0 is a Unix socket: write bind: unix:///path/to/socket, or a port above 0`,
    );
    return undefined;
  }
  const path = bind.slice(UNIX.length);
  const problem = unixPathProblem(path);
  if (problem !== undefined) error(bindField, `"${bind}": ${problem}`);
  if (captureMode === 'IPTABLES') {
    error(
      child(listener, 'captureMode'),
      '"IPTABLES": a Unix socket cannot be captured: write DEFAULT or NONE',
    );
  }
  if (sockets.has(path)) error(bindField, `"${bind}": another listener has this socket`);
  sockets.add(path);
  return { kind: 'socket', port, path };
}

function readListenerPort(field: Field, least: 0 | 1): ListenerPort | undefined {
  if (!isObject(field)) return undefined;
  warnOfOthers(field, KNOWN_OF_PORT);
  const numberField = child(field, 'number');
  // protobuf: what is not there is 0.
  const number = isGiven(numberField) ? wholeNumber(numberField, true) : 0;
  const name = text(child(field, 'name')) ?? '';
  const protocol = readProtocol(child(field, 'protocol'));
  if (name !== '' && !isLabel(name)) {
    error(child(field, 'name'), `"${name}": write 1 to 63 letters, digits and inner dashes`);
  }
  if (isGiven(child(field, 'targetPort')) && child(field, 'targetPort').value !== 0) {
    error(
      child(field, 'targetPort'),
      'has no meaning in a Sidecar: remove it; defaultEndpoint says where the application is',
    );
  }
  if (protocol === 'UDP')
    warning(child(field, 'protocol'), '"UDP": Envoy does not carry it here, there will be no listener');
  if (number === undefined) return undefined;
  if (number < least || number > MAX_PORT) {
    error(numberField, `expected a port from ${least} to ${MAX_PORT}, got "${number}"`);
    return undefined;
  }
  return { number, name, protocol };
}

function checkUnique(portField: Field, number: number, numbers: Set<number>): void {
  if (numbers.has(number)) {
    error(
      child(portField, 'number'),
      `"${number}": another listener has this port; a port has one, whatever its bind`,
    );
  }
  numbers.add(number);
}

function readBind(field: Field): string | undefined {
  const written = text(field) ?? '';
  if (written === '') return undefined;
  const ip = asIp(written);
  if (ip === undefined) {
    const hint = written.startsWith(UNIX) ? '; a Unix socket goes with port 0, and with egress only' : '';
    error(field, `"${written}": expected an IP address${hint}`);
  }
  return ip;
}

function readCaptureMode(listener: Field): CaptureMode {
  return oneOf(child(listener, 'captureMode'), CAPTURE_MODES) ?? 'DEFAULT';
}

const HOSTS = new Map<string, (port: number) => DefaultEndpoint>([
  ['', (port) => ({ kind: 'loopback', address: '127.0.0.1', port })],
  ['127.0.0.1', (port) => ({ kind: 'loopback', address: '127.0.0.1', port })],
  ['[::1]', (port) => ({ kind: 'loopback', address: '::1', port })],
  ['0.0.0.0', (port) => ({ kind: 'instance', family: 4, port })],
  ['[::]', (port) => ({ kind: 'instance', family: 6, port })],
]);

function readDefaultEndpoint(field: Field): DefaultEndpoint | undefined {
  const written = text(field) ?? '';
  if (written === '')
    return typeof field.value === 'string' || !isGiven(field) ? { kind: 'same-port' } : undefined;
  const refuse = (reason: string): undefined => {
    error(field, `"${written}": ${reason}`);
  };
  if (written.startsWith(UNIX)) {
    const path = written.slice(UNIX.length);
    const problem = unixPathProblem(path);
    return problem === undefined ? { kind: 'unix', path } : refuse(problem);
  }
  const colon = written.lastIndexOf(':');
  const make = HOSTS.get(written.slice(0, colon));
  if (colon < 0 || make === undefined) {
    return refuse('write 127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT or unix:///path/to/socket');
  }
  const digits = written.slice(colon + 1);
  const port = Number(digits);
  if (!/^\d+$/.test(digits)) return refuse(`the port "${digits}" is not a number`);
  if (port < 1 || port > MAX_PORT) return refuse(`the port is not from 1 to ${MAX_PORT}`);
  return make(port);
}
