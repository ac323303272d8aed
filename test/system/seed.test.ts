import { copyFile, readdir, readFile, stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { PILOT_AGENT } from '../support/agent.ts';
import { startChild } from '../support/child.ts';
import { startPod } from '../support/pod.ts';
import { argumentsOf, credentialsOf, programsOf } from '../support/processes.ts';
import { isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

/** The arguments of the container that Istio 1.5.1 injects beside productpage of Bookinfo, as they stand in its pod. */
const INJECTED = [
  'proxy',
  'sidecar',
  '--domain',
  '$(POD_NAMESPACE).svc.cluster.local',
  '--configPath',
  '/etc/istio/proxy',
  '--binaryPath',
  '/usr/local/bin/envoy',
  '--serviceCluster',
  'productpage.$(POD_NAMESPACE)',
  '--drainDuration',
  '45s',
  '--parentShutdownDuration',
  '1m0s',
  '--discoveryAddress',
  'istiod.istio-system.svc:15012',
  '--zipkinAddress',
  'zipkin.istio-system:9411',
  '--proxyLogLevel=warning',
  '--proxyComponentLogLevel=misc:error',
  '--connectTimeout',
  '10s',
  '--proxyAdminPort',
  '15000',
  '--concurrency',
  '2',
  '--controlPlaneAuthPolicy',
  'NONE',
  '--dnsRefreshRate',
  '300s',
  '--statusPort',
  '15020',
  '--trust-domain=cluster.local',
  '--controlPlaneBootstrap=false',
] as const;
const ENVIRONMENT = {
  JWT_POLICY: 'third-party-jwt',
  PILOT_CERT_PROVIDER: 'istiod',
  CA_ADDR: 'istiod.istio-system.svc:15012',
  POD_NAME: 'productpage-v1-7f44c4d57c-ksf9b',
  POD_NAMESPACE: 'bookinfo',
  INSTANCE_IP: '10.11.0.5',
  SERVICE_ACCOUNT: 'bookinfo-productpage',
  HOST_IP: '10.11.0.1',
  ISTIO_META_POD_PORTS: '[{"containerPort":9080,"protocol":"TCP"}]',
  ISTIO_META_CLUSTER_ID: 'Kubernetes',
  ISTIO_META_CONFIG_NAMESPACE: 'bookinfo',
  ISTIO_META_INTERCEPTION_MODE: 'REDIRECT',
  ISTIO_META_WORKLOAD_NAME: 'productpage-v1',
  ISTIO_METAJSON_LABELS: '{"app":"productpage","version":"v1"}',
};

describe.runIf(isRoot)('the command line that Istio 1.5 injects', () => {
  it('runs Envoy as user 1337, says why it is not ready, and leaves nothing', async () => {
    const pod = await startPod('seed', ['10.11.0.5/24']);
    const envoy = await findEnvoy(process.env);
    if (envoy === undefined) throw new Error('no Envoy: run "npm run envoy"');
    await copyFile(envoy, pod.path('/usr/local/bin/envoy'));
    const agent = startChild(pod.enter(process.execPath, PILOT_AGENT, ...INJECTED), {
      env: { PATH: process.env['PATH'] ?? '', ...ENVIRONMENT },
    });
    const [pid = 0] = await until('Envoy runs', () => {
      const children = programsOf(agent.pid);
      return children.length === 1 && argumentsOf(children[0] ?? 0)[0] === '-c' && children;
    });
    expect(argumentsOf(pid)).toEqual([
      ...['-c', '/etc/istio/proxy/envoy-rev0.json'],
      ...['--restart-epoch', '0', '--drain-time-s', '45', '--parent-shutdown-time-s', '60'],
      ...['--service-cluster', 'productpage.bookinfo'],
      '--service-node',
      'sidecar~10.11.0.5~productpage-v1-7f44c4d57c-ksf9b.bookinfo~bookinfo.svc.cluster.local',
      ...['--local-address-ip-version', 'v4'],
      ...['--log-format', '%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t'],
      ...['-l', 'warning', '--component-log-level', 'misc:error', '--concurrency', '2'],
      ...['--drain-strategy', 'immediate', '--file-flush-interval-msec', '1000', '--skip-deprecated-logs'],
    ]);
    for (const process of [agent.pid, pid]) {
      expect(credentialsOf(process)).toMatchObject({ users: [1337], groups: [1337] });
    }

    const file = pod.path('/etc/istio/proxy/envoy-rev0.json');
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    const bootstrap = JSON.parse(await readFile(file, 'utf8'));
    expect(bootstrap.node).toMatchObject({
      id: 'sidecar~10.11.0.5~productpage-v1-7f44c4d57c-ksf9b.bookinfo~bookinfo.svc.cluster.local',
      cluster: 'productpage.bookinfo',
      metadata: {
        NAMESPACE: 'bookinfo',
        LABELS: { app: 'productpage' },
        SERVICE_ACCOUNT: 'bookinfo-productpage',
      },
    });

    const answer = await until('readiness says what Envoy waits for', async () => {
      const { status, body } = await pod.get('http://10.11.0.5:15020/healthz/ready');
      return body.includes('config not received') && { status, body };
    });
    expect(answer.status).toBe(503);
    expect(answer.body).toMatch(
      /^config not received from XDS server .*istiod\.istio-system\.svc:15012.*\n$/,
    );
    expect(answer.body).toContain('certificates are missing: ./var/run/secrets/istio/root-cert.pem');
    expect((await pod.get('http://10.11.0.5:15020/healthz/live')).status).toBe(200);
    expect((await pod.get('http://127.0.0.1:15000/server_info')).body).toContain(
      '"state": "PRE_INITIALIZING"',
    );
    expect((await pod.get('http://10.11.0.5:15090/stats/prometheus')).body).toContain('istio_agent_ready 0');

    agent.signal('SIGTERM');
    expect(await agent.exited).toBe(0);
    expect(await pod.pids()).toEqual([]);
    expect(await readdir(pod.path('/etc/istio/proxy'))).toEqual([]);
    expect(await readdir(pod.path('/dev/shm'))).toEqual([]);
  });
});
