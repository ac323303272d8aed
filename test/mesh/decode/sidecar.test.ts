import { describe, expect, it } from 'vitest';
import { loadText } from '../load-text.ts';

/** The spec of a Sidecar as YAML, and what is said of it: severity, field, and a part of the message. */
type Row = readonly [name: string, spec: string, ...findings: readonly string[]];

const HEAD =
  'apiVersion: networking.istio.io/v1alpha3\nkind: Sidecar\nmetadata: {name: s, namespace: n}\nspec: ';
const EGRESS = 'egress: [{hosts: ["./*"]}]';

async function findingsOf(spec: string): Promise<readonly string[]> {
  const { findings } = await loadText({ 'a.yaml': HEAD + spec });
  return findings.map(({ severity, field, message }) => `${severity} ${field}: ${message}`);
}

function table(rows: readonly Row[]): void {
  it.each(rows.map(([name, spec, ...findings]) => ({ name, spec, findings })))(
    '$name',
    async ({ spec, findings }) => {
      const found = await findingsOf(spec);
      expect(found).toHaveLength(findings.length);
      for (const [i, part] of findings.entries()) expect(found[i]).toContain(part);
    },
  );
}

describe('as a whole', () => {
  table([
    ['egress alone', `{${EGRESS}}`],
    ['a policy alone', '{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}'],
    ['nothing at all', '', 'error spec: is empty'],
    ['an empty spec', '{}', 'error spec: is empty'],
    ['a spec that is text', 'all', 'error spec: expected an object with fields, got "all"'],
    [
      'a field that Istio has and we have not',
      `{${EGRESS}, inboundConnectionPool: {}}`,
      'warning spec.inboundConnectionPool: is not supported, ignored',
    ],
    [
      'a slip of the pen',
      `{${EGRESS}, outboundTraficPolicy: {}}`,
      'warning spec.outboundTraficPolicy: is not supported',
    ],
  ]);
});

describe('workloadSelector', () => {
  const selector = (text: string) => `{workloadSelector: ${text}, ${EGRESS}}`;
  table([
    ['labels', selector('{labels: {app: a}}')],
    ['no labels', selector('{}'), 'warning spec.workloadSelector: without labels'],
    ['empty labels', selector('{labels: {}}'), 'warning spec.workloadSelector: without labels'],
    [
      'a number as a label',
      selector('{labels: {version: 1}}'),
      'error spec.workloadSelector.labels.version: expected text, got "1"; put it in quotes',
    ],
    [
      'a star in a label',
      selector('{labels: {app: "a*"}}'),
      'error spec.workloadSelector.labels.app: "app: a*"',
    ],
  ]);
});

describe('ingress', () => {
  const ingress = (...listeners: readonly string[]) => `{ingress: [${listeners.join(', ')}], ${EGRESS}}`;
  const port = 'port: {number: 80, protocol: HTTP, name: a}';
  const to = (endpoint: string) => ingress(`{${port}, defaultEndpoint: "${endpoint}"}`);
  const endpoint = 'spec.ingress[0].defaultEndpoint';
  table([
    ['a listener', to('127.0.0.1:8080')],
    ['without an endpoint', ingress(`{${port}}`)],
    [
      'without a port',
      ingress('{defaultEndpoint: "127.0.0.1:1"}'),
      'error spec.ingress[0].port: is required',
    ],
    ['an empty one', ingress('null'), 'error spec.ingress[0]: is empty'],
    [
      'port 0',
      ingress('{port: {number: 0}}'),
      'error spec.ingress[0].port.number: expected a port from 1 to 65535, got "0"',
    ],
    [
      'a port that is too high',
      ingress('{port: {number: 65536}}'),
      'error spec.ingress[0].port.number: expected a port from 1 to 65535',
    ],
    ['a port in quotes, as protobuf allows', ingress('{port: {number: "80"}}')],
    [
      'a port that is none',
      ingress('{port: {number: http}}'),
      'error spec.ingress[0].port.number: expected a whole number, got "http"',
    ],
    [
      'the same port on two addresses',
      ingress(`{${port}, bind: 10.0.0.1}`, `{${port}, bind: 10.0.0.2}`),
      'error spec.ingress[1].port.number: "80": another listener has this port',
    ],
    [
      'a Unix socket to bind',
      ingress(`{${port}, bind: "unix:///a"}`),
      'error spec.ingress[0].bind: "unix:///a": expected an IP address; a Unix socket goes with port 0',
    ],
    [
      'a name to bind',
      ingress(`{${port}, bind: localhost}`),
      'error spec.ingress[0].bind: "localhost": expected an IP address',
    ],
    [
      'a name that is no label',
      ingress('{port: {number: 1, name: a_b}}'),
      'error spec.ingress[0].port.name: "a_b"',
    ],
    [
      'an unknown protocol',
      ingress('{port: {number: 1, protocol: SMTP}}'),
      'error spec.ingress[0].port.protocol: "SMTP": expected one of TCP, UDP',
    ],
    ['a protocol in small letters', ingress('{port: {number: 1, protocol: grpc-web}}')],
    ['UDP', ingress('{port: {number: 1, protocol: UDP}}'), 'warning spec.ingress[0].port.protocol: "UDP"'],
    [
      'a target port',
      ingress('{port: {number: 1, targetPort: 2}}'),
      'error spec.ingress[0].port.targetPort: has no meaning',
    ],
    [
      'an unknown capture mode',
      ingress(`{${port}, captureMode: TPROXY}`),
      'error spec.ingress[0].captureMode: expected one of DEFAULT, IPTABLES, NONE, got "TPROXY"',
    ],
    ['a capture mode by its number', ingress(`{${port}, captureMode: 2}`)],
    [
      'TLS',
      ingress(`{${port}, tls: {mode: SIMPLE}}`),
      'warning spec.ingress[0].tls: is not supported, ignored',
    ],
    ['no host in the endpoint', to(':8080')],
    ['IPv6 loopback', to('[::1]:8080')],
    ["the workload's own address", to('0.0.0.0:8080')],
    ["the workload's own IPv6 address", to('[::]:8080')],
    ['a Unix socket', to('unix:///var/run/a.sock')],
    ['an abstract Unix socket', to('unix://@a')],
    ['a foreign host', to('10.0.0.1:8080'), `error ${endpoint}: "10.0.0.1:8080": write 127.0.0.1:PORT`],
    ['localhost by name', to('localhost:8080'), `error ${endpoint}`],
    ['an address alone', to('127.0.0.1'), `error ${endpoint}: "127.0.0.1": write 127.0.0.1:PORT`],
    [
      'no number',
      to('127.0.0.1:http'),
      `error ${endpoint}: "127.0.0.1:http": the port "http" is not a number`,
    ],
    [
      'port 0 in the endpoint',
      to('127.0.0.1:0'),
      `error ${endpoint}: "127.0.0.1:0": the port is not from 1 to 65535`,
    ],
    [
      'a socket without a path',
      to('unix://'),
      `error ${endpoint}: "unix://": the path of the socket is missing`,
    ],
    ['a relative socket', to('unix://a/b'), `error ${endpoint}: "unix://a/b": expected the absolute path`],
    ['a folder', to('unix:///var/run/'), `error ${endpoint}`],
  ]);
});

describe('egress', () => {
  const egress = (...listeners: readonly string[]) => `{egress: [${listeners.join(', ')}]}`;
  const hosts = 'hosts: ["./*"]';
  const socket = (path: string, more = '') =>
    `{port: {number: 0, protocol: HTTP}, bind: "${path}"${more}, ${hosts}}`;
  table([
    ['a catch-all', egress(`{${hosts}}`)],
    ['a port, then a catch-all', egress(`{port: {number: 1}, ${hosts}}`, `{${hosts}}`)],
    ['an empty one', egress('null', `{${hosts}}`), 'error spec.egress[0]: is empty'],
    ['no hosts', egress('{port: {number: 1}}'), 'error spec.egress[0].hosts: at least one host is required'],
    [
      'an empty list of hosts',
      egress('{hosts: []}'),
      'error spec.egress[0].hosts: at least one host is required',
    ],
    [
      'hosts that are no list',
      egress('{hosts: "./*"}'),
      'error spec.egress[0].hosts: at least one',
      'error spec.egress[0].hosts: expected a list',
    ],
    [
      'a catch-all before a port',
      egress(`{${hosts}}`, `{port: {number: 1}, ${hosts}}`),
      'error spec.egress[0]: has no port',
    ],
    [
      'two catch-alls',
      egress(`{${hosts}}`, `{${hosts}}`),
      'error spec.egress[0]: has no port',
      'error spec.egress[1]: another listener has no port already',
    ],
    [
      'a port twice',
      egress(`{port: {number: 1}, ${hosts}}`, `{port: {number: 1}, bind: 127.0.0.1, ${hosts}}`),
      'error spec.egress[1].port.number: "1": another listener',
    ],
    ['a Unix socket', egress(socket('unix:///a'))],
    ['an abstract Unix socket', egress(socket('unix://@a'))],
    [
      'port 0 without a socket',
      egress(socket('127.0.0.1')),
      'error spec.egress[0].bind: "127.0.0.1": port 0 is a Unix socket',
    ],
    [
      'port 0 without bind',
      egress(`{port: {protocol: HTTP}, ${hosts}}`),
      'error spec.egress[0].bind: "": port 0 is a Unix socket',
    ],
    [
      'a socket that is captured',
      egress(socket('unix:///a', ', captureMode: IPTABLES')),
      'error spec.egress[0].captureMode: "IPTABLES"',
    ],
    [
      'a socket twice',
      egress(socket('unix:///a'), socket('unix:///a')),
      'error spec.egress[1].bind: "unix:///a": another listener has this socket',
    ],
    [
      'a socket for a port',
      egress(`{port: {number: 1}, bind: "unix:///a", ${hosts}}`),
      'error spec.egress[0].bind: "unix:///a": expected an IP address',
    ],
    ['a catch-all with an address', egress(`{bind: 127.0.0.1, ${hosts}}`)],
  ]);
});

describe('hosts', () => {
  const host = (...patterns: readonly string[]) => `{egress: [{hosts: ${JSON.stringify(patterns)}}]}`;
  const at = 'error spec.egress[0].hosts[0]: ';
  const label = 'a'.repeat(64);
  table([
    ...['./*', '*/*', '~/*', 'ns/*', '*/a.b', 'ns/*.b', 'ns/*a.b', 'ns/*-a.b', 'ns/a.b.', 'NS/A.b'].map(
      (pattern): Row => [pattern, host(pattern)],
    ),
    ['no slash', host('a.b'), `${at}"a.b": write namespace/dnsName`],
    ['no namespace', host('/a.b'), `${at}"/a.b": neither side`],
    ['no name', host('ns/'), `${at}"ns/": neither side`],
    ['a namespace that is no label', host('n_s/a.b'), `${at}"n_s/a.b": "n_s" is not a namespace`],
    ['a short name', host('ns/reviews'), `${at}"ns/reviews": "reviews" is a short name: write it in full`],
    ['two slashes', host('ns/a.b/c'), `${at}"ns/a.b/c"`],
    ['a star inside', host('ns/a.*.b'), `${at}"ns/a.*.b"`],
    ['two stars', host('ns/**.b'), `${at}"ns/**.b"`],
    ['a star that ends a part', host('ns/a*.b'), `${at}"ns/a*.b"`],
    ['an IP address', host('ns/10.0.0.1'), `${at}"ns/10.0.0.1": the last part of a name cannot be a number`],
    ['a long part', host(`ns/${label}.b`), `${at}"ns/${label}.b"`],
    ['a long name', host(`ns/${'a.'.repeat(128)}b`), 'a name has at most 255 characters'],
    ['twice', host('./*', './*'), 'warning spec.egress[0].hosts[1]: "./*": is listed twice'],
    ['all and one', host('a/*', '*/*'), 'warning spec.egress[0].hosts[1]: "*/*": selects every host'],
    ['a number', '{egress: [{hosts: [1]}]}', `${at}expected text, got "1"`],
  ]);
});

describe('outboundTrafficPolicy', () => {
  const policy = (text: string) => `{outboundTrafficPolicy: ${text}}`;
  const proxy = (text: string, mode = 'ALLOW_ANY') => policy(`{mode: ${mode}, egressProxy: ${text}}`);
  table([
    ['empty, which is strict', policy('{}')],
    [
      'an unknown mode',
      policy('{mode: ALLOW}'),
      'error spec.outboundTrafficPolicy.mode: expected one of REGISTRY_ONLY, ALLOW_ANY, got "ALLOW"',
    ],
    ['a proxy', proxy('{host: a.b, port: {number: 80}}')],
    [
      'a proxy that nothing goes to',
      proxy('{host: a.b, port: {number: 80}}', 'REGISTRY_ONLY'),
      'error spec.outboundTrafficPolicy.egressProxy: has a meaning with mode ALLOW_ANY only',
    ],
    [
      'a proxy without host and port',
      proxy('{}'),
      'error spec.outboundTrafficPolicy.egressProxy.host: a host is required',
      'error spec.outboundTrafficPolicy.egressProxy.port.number: a port is required',
    ],
  ]);
});

it('says everything at once, with lines', async () => {
  const text = `${HEAD}
  ingress:
  - port: {number: 99999}
    bind: here
  egress:
  - hosts:
    - reviews
    - ns/ok.example.com
    - "x y/*"
`;
  const { findings, broken, model } = await loadText({ 'mesh/a.yaml': text });
  expect(broken).toBe(true);
  expect(model.sidecars).toEqual([]);
  expect(findings.map(({ origin, resource, field }) => [origin.line, resource, field])).toEqual([
    [6, 'Sidecar n/s', 'spec.ingress[0].port.number'],
    [7, 'Sidecar n/s', 'spec.ingress[0].bind'],
    [10, 'Sidecar n/s', 'spec.egress[0].hosts[0]'],
    [12, 'Sidecar n/s', 'spec.egress[0].hosts[2]'],
  ]);
});

it('fills in what is not said', async () => {
  const { model } = await loadText({ 'a.yaml': `${HEAD}{ingress: [{port: {number: 80}}]}` });
  expect(model.sidecars).toMatchObject([
    {
      selector: undefined,
      ingress: [
        {
          bind: undefined,
          captureMode: 'DEFAULT',
          port: { name: '', protocol: 'auto' },
          defaultEndpoint: { kind: 'same-port' },
        },
      ],
      egress: [{ kind: 'catch-all', captureMode: 'DEFAULT', hosts: [{ text: '*/*', origin: undefined }] }],
      outboundTrafficPolicy: undefined,
    },
  ]);
});
