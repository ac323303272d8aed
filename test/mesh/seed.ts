/** The mesh of injection-iptables-sidecar.md D.10, and the Sidecars of seed 002. */

const service = (name: string, namespace: string, address: string, ports: string) => `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  clusterIP: ${address}
  ports:
${ports}`;

export const SERVICES = [
  service('productpage', 'prod-us1', '10.96.0.1', '  - {name: http, port: 9080}'),
  `apiVersion: v1
kind: Endpoints
metadata: {name: productpage, namespace: prod-us1}
subsets:
- addresses: [{ip: 172.16.1.32, targetRef: {kind: Pod, name: productpage-v1}}]
  ports: [{name: http, port: 9080}]`,
  service(
    'reviews',
    'prod-us1',
    '10.96.0.2',
    `  - {name: http, port: 9080}
  - {name: tcp, port: 7000}
  - {name: https, port: 7443}
  - {name: other, port: 7001}`,
  ),
  service('ratings', 'prod-apis', '10.96.0.3', '  - {name: http, port: 9080}'),
  service(
    'tele',
    'istio-system',
    '10.96.0.4',
    '  - {name: http, port: 9080}\n  - {name: http-stats, port: 8888}',
  ),
  `apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata:
  name: external-svc-mysql
  namespace: ns1
spec:
  hosts:
  - mysql.foo.com
  ports:
  - number: 3306
    name: mysql
    protocol: MYSQL
  location: MESH_EXTERNAL
  resolution: DNS`,
  `apiVersion: v1
kind: Pod
metadata:
  name: productpage-v1
  namespace: prod-us1
  labels: {app: productpage}
spec:
  serviceAccountName: bookinfo-productpage
  containers:
  - name: productpage
    image: productpage
    ports: [{containerPort: 9080}]
status:
  podIP: 172.16.1.32`,
].join('\n---\n');

const sidecar = (name: string, spec: string) => `apiVersion: networking.istio.io/v1alpha3
kind: Sidecar
metadata:
  name: ${name}
  namespace: prod-us1
spec:
${spec}`;

export const NAMESPACES_ONLY = sidecar(
  'default',
  `  egress:
  - hosts:
    - "prod-us1/*"
    - "prod-apis/*"
    - "istio-system/*"`,
);

export const UNIX_SOCKET = sidecar(
  'default',
  `  ingress:
  - port:
      number: 9080
      protocol: HTTP
      name: somename
    defaultEndpoint: unix:///var/run/someuds.sock
  egress:
  - port:
      number: 9080
      protocol: HTTP
      name: egresshttp
    hosts:
    - "prod-us1/*"
  - hosts:
    - "istio-system/*"`,
);

export const NO_IPTABLES = sidecar(
  'no-ip-tables',
  `  workloadSelector:
    labels:
      app: productpage
  ingress:
  - port:
      number: 9080 # binds to 0.0.0.0:9080
      protocol: HTTP
      name: somename
    defaultEndpoint: 127.0.0.1:8080
    captureMode: NONE # not needed if metadata is set for entire proxy
  egress:
  - port:
      number: 3306
      protocol: MYSQL
      name: egressmysql
    captureMode: NONE # not needed if metadata is set for entire proxy
    bind: 127.0.0.1
    hosts:
    - "*/mysql.foo.com"`,
);

export const PARTIAL_IPTABLES = sidecar(
  'partial-ip-tables',
  `  workloadSelector:
    labels:
      app: productpage
  ingress:
  - bind: 172.16.1.32
    port:
      number: 80 # binds to 172.16.1.32:80
      protocol: HTTP
      name: somename
    defaultEndpoint: 127.0.0.1:8080
    captureMode: NONE
  egress:
    # use the system detected defaults
    # sets up configuration to handle outbound traffic to services
    # in 192.168.0.0/16 subnet, based on information provided by the
    # service registry
  - captureMode: IPTABLES
    hosts:
    - "*/*"`,
);
