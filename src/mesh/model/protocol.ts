/** Protocols of ports (injection-iptables-sidecar.md D.5). `auto`: none was named, Envoy looks at the first bytes. */

export type Protocol =
  | 'TCP'
  | 'UDP'
  | 'HTTP'
  | 'HTTP_PROXY'
  | 'HTTP2'
  | 'GRPC'
  | 'GRPC-Web'
  | 'HTTPS'
  | 'TLS'
  | 'Mongo'
  | 'Redis'
  | 'MySQL'
  | 'auto';

/** How a listener treats a port. `udp` ports get none. */
export type ProtocolClass = 'http' | 'tcp' | 'auto' | 'udp';

/** By the spelling in lower case. */
const NAMED = new Map<string, Protocol>(
  (
    [
      'TCP',
      'UDP',
      'HTTP',
      'HTTP_PROXY',
      'HTTP2',
      'GRPC',
      'GRPC-Web',
      'HTTPS',
      'TLS',
      'Mongo',
      'Redis',
      'MySQL',
    ] as const
  ).map((name) => [name.toLowerCase(), name]),
);

/** Values of `appProtocol` that are not names of protocols themselves. */
const APP_PROTOCOLS = new Map<string, Protocol>([
  ['kubernetes.io/h2c', 'HTTP2'],
  ['kubernetes.io/ws', 'HTTP'],
  ['kubernetes.io/wss', 'HTTPS'],
]);

/** Ports on which the server speaks first: waiting for bytes of the client would only cost time. */
const SERVER_FIRST = new Set([25, 53, 3306, 27017]);

/** The spellings that `parseProtocol` knows, for messages. */
export const PROTOCOL_NAMES: readonly Protocol[] = [...NAMED.values()];

/** A protocol by its name, in whatever case; `auto` for no name, undefined for one that is unknown. */
export function parseProtocol(text: string): Protocol | undefined {
  return text === '' ? 'auto' : NAMED.get(text.toLowerCase());
}

/** What the port of a Kubernetes Service declares. */
export interface DeclaredPort {
  readonly number: number;
  /** Empty when it has none. */
  readonly name: string;
  /** TCP, UDP or SCTP. */
  readonly transport: string;
  readonly appProtocol: string | undefined;
}

/**
 * The protocol of a port of a Kubernetes Service: UDP by its transport, else `appProtocol`, else what the name says before
 * its first dash, else by the number. A word in `appProtocol` that is none of ours leaves the name to decide.
 */
export function kubernetesProtocol({ number, name, transport, appProtocol = '' }: DeclaredPort): Protocol {
  if (transport === 'UDP') return 'UDP';
  const declared = APP_PROTOCOLS.get(appProtocol.toLowerCase()) ?? NAMED.get(appProtocol.toLowerCase());
  if (declared !== undefined) return declared;
  const lower = name.toLowerCase();
  if (lower.startsWith('grpc-web')) return 'GRPC-Web';
  const named = NAMED.get(lower.split('-', 1)[0] ?? '');
  return named ?? (SERVER_FIRST.has(number) ? 'TCP' : 'auto');
}

export function protocolClass(protocol: Protocol): ProtocolClass {
  switch (protocol) {
    case 'HTTP':
    case 'HTTP2':
    case 'GRPC':
    case 'GRPC-Web':
    case 'HTTP_PROXY':
      return 'http';
    case 'auto':
      return 'auto';
    case 'UDP':
      return 'udp';
    default:
      return 'tcp';
  }
}

/** Whether the endpoint is to be spoken to in HTTP/2. */
export function isHttp2(protocol: Protocol): boolean {
  return protocol === 'HTTP2' || protocol === 'GRPC' || protocol === 'GRPC-Web';
}

/** Whether connections begin with a TLS hello that names the server. */
export function isTls(protocol: Protocol): boolean {
  return protocol === 'HTTPS' || protocol === 'TLS';
}
