/** Additions to the seed's mesh, so that each shape of a resource is there once. */

const PROTOCOLS = [
  'http',
  'http2',
  'grpc',
  'grpc-web',
  'tcp',
  'tls',
  'https',
  'mongo',
  'redis',
  'mysql',
  'plain',
];

export const EVERY_PROTOCOL = [
  `apiVersion: v1
kind: Service
metadata: {name: all, namespace: prod-us1}
spec:
  clusterIP: 10.96.1.1
  selector: {app: productpage}
  ports:
${PROTOCOLS.map((name, at) => `  - {name: ${name}, port: ${6000 + at}}`).join('\n')}`,
  `apiVersion: v1
kind: Service
metadata: {name: six, namespace: prod-us1}
spec:
  clusterIP: "fd00::6"
  selector: {app: productpage}
  ports: [{name: tcp, port: 6000}, {name: http, port: 6100}, {name: plain, port: 6101}]`,
].join('\n---\n');

const entry = (name: string, spec: string) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: prod-us1}
spec:
${spec}`;

export const EVERY_SERVICE = [
  `apiVersion: v1
kind: Service
metadata: {name: headless, namespace: prod-us1}
spec:
  clusterIP: None
  selector: {app: productpage}
  ports: [{name: tcp, port: 7100}, {name: http, port: 7101}, {name: plain, port: 7102}]`,
  `apiVersion: v1
kind: Service
metadata: {name: outside, namespace: prod-us1}
spec:
  type: ExternalName
  externalName: outside.example.com
  ports: [{name: http, port: 7200}]`,
  entry(
    'wild',
    '  hosts: ["*.wild.example.com"]\n  ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}]\n  resolution: NONE',
  ),
  entry(
    'two',
    '  hosts: [one.example.com, two.example.com]\n  ports: [{number: 443, name: tls, protocol: TLS}]\n  resolution: DNS',
  ),
  entry(
    'range',
    '  hosts: [range.example.com]\n  addresses: [192.0.2.0/24, 198.51.100.7]\n  ports: [{number: 7300, name: tcp, protocol: TCP}, {number: 7301, name: plain}]\n  resolution: STATIC\n  endpoints: [{address: 192.0.2.1, locality: r/z, weight: 3}, {address: 192.0.2.2}]',
  ),
  entry(
    'socket',
    '  hosts: [socket.example.com]\n  ports: [{number: 7400, name: http, protocol: HTTP}]\n  resolution: STATIC\n  endpoints: [{address: "unix:///run/app.sock"}]',
  ),
  entry(
    'alias',
    '  hosts: [reviews.prod-us1]\n  addresses: [10.96.0.2]\n  ports: [{number: 9080, name: http, protocol: HTTP}]\n  resolution: STATIC\n  endpoints: [{address: 192.0.2.3}]',
  ),
  entry(
    'proxy',
    '  hosts: [proxy.example.com]\n  ports: [{number: 3128, name: tcp, protocol: TCP}]\n  resolution: DNS',
  ),
  `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: through-a-proxy, namespace: prod-us1}
spec:
  outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: proxy.example.com, port: {number: 3128}}}
  egress: [{hosts: ["*/*"]}]`,
].join('\n---\n');

const sidecar = (spec: string) => `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: every, namespace: prod-us1}
spec:
${spec}`;

export const EVERY_EGRESS = sidecar(`  egress:
  - {port: {number: 6000, protocol: HTTP, name: http}, hosts: ["./*"]}
  - {port: {number: 6004, protocol: TCP, name: tcp}, hosts: ["./*"]}
  - {port: {number: 6005, protocol: TLS, name: tls}, hosts: ["./*"], bind: 127.0.0.2}
  - {port: {number: 6010, name: plain}, hosts: ["./*"]}
  - {port: {number: 6100, name: bound, protocol: HTTP}, captureMode: NONE, hosts: ["./*"]}
  - {port: {number: 15555, protocol: HTTP_PROXY, name: proxy}, captureMode: NONE, hosts: ["./*"]}
  - {port: {number: 0, protocol: HTTP, name: socket}, bind: "unix:///tmp/egress-http.sock", hosts: ["./*"]}
  - {port: {number: 0, protocol: TCP, name: socket-tcp}, bind: "unix://@egress-tcp", hosts: ["./all.prod-us1.svc.cluster.local"]}
  - {hosts: ["*/*"]}`);

export const EVERY_INGRESS = sidecar(`  ingress:
  - {port: {number: 8001, protocol: HTTP, name: http}, defaultEndpoint: "127.0.0.1:9001"}
  - {port: {number: 8002, protocol: GRPC, name: grpc}, defaultEndpoint: "0.0.0.0:9002"}
  - {port: {number: 8003, protocol: TCP, name: tcp}, defaultEndpoint: "unix://@app"}
  - {port: {number: 8004, name: plain}}
  - {port: {number: 8005, protocol: GRPC-Web, name: grpc-web}, defaultEndpoint: "[::1]:9005"}
  - {port: {number: 8006, protocol: HTTP2, name: bound}, captureMode: NONE, defaultEndpoint: "127.0.0.1:9006"}
  - {port: {number: 8007, name: bound-plain}, bind: 127.0.0.1, captureMode: NONE, defaultEndpoint: "unix:///run/app.sock"}
  - {port: {number: 8008, protocol: MONGO, name: mongo}, bind: 172.16.1.32, defaultEndpoint: "127.0.0.1:9008"}
  egress: [{hosts: ["~/*"]}]`);
