/** Every shape that the builders can make, before the real Envoy. */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { findEnvoy } from '../../../src/envoy/binary.ts';
import { fileName } from '../../../src/mesh/envoy/names.ts';
import type { ProxySettings } from '../../../src/mesh/envoy/proxy-settings.ts';
import { type Resources, resourcesFor } from '../../../src/mesh/envoy/resources.ts';
import { findWorkload, proxyView } from '../../../src/mesh/view/proxy-view.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { modelOf } from '../load-text.ts';
import { NAMESPACES_ONLY, NO_IPTABLES, PARTIAL_IPTABLES, SERVICES, UNIX_SOCKET } from '../seed.ts';
import { EVERY_EGRESS, EVERY_INGRESS, EVERY_PROTOCOL, EVERY_SERVICE } from './every-shape.ts';
import { proxySettings } from './proxy-settings.ts';

async function resources(texts: readonly string[], settings: ProxySettings): Promise<Resources> {
  const model = await modelOf(SERVICES, ...texts);
  const workload = findWorkload(model, 'productpage-v1.prod-us1');
  if (workload === undefined) throw new Error('the seed has no productpage');
  return resourcesFor(proxyView(model, settings, workload), settings);
}

/** What Envoy has to say of resources: nothing, or its warnings and errors. */
async function complaints({ listeners, clusters, routes, endpoints }: Resources, folder: string) {
  const write = async (path: string, content: unknown) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, JSON.stringify(content));
  };
  for (const each of routes) await write(join(folder, 'rds', fileName(each.name)), { resources: [each] });
  for (const each of endpoints) {
    await write(join(folder, 'eds', fileName(each.cluster_name)), { resources: [each] });
  }
  // As the agent's own bootstrap has it.
  const untyped = ({ '@type': _, ...rest }: { readonly '@type': string }) => rest;
  const bootstrap = {
    node: { id: 'test', cluster: 'test' },
    layered_runtime: {
      layers: [
        {
          name: 'global config',
          static_layer: {
            'envoy.deprecated_features:envoy.config.listener.v3.Listener.hidden_envoy_deprecated_use_original_dst': true,
            'overload.global_downstream_max_connections': 1000,
          },
        },
      ],
    },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    static_resources: { listeners: listeners.map(untyped), clusters: clusters.map(untyped) },
  };
  const file = join(folder, 'bootstrap.json');
  await writeFile(file, JSON.stringify(bootstrap));
  const envoy = await findEnvoy(process.env);
  if (envoy === undefined) throw new Error('these tests need Envoy: run `npm run envoy`');
  const args = ['-c', file, '--mode', 'validate', '-l', 'warning', '--log-format', '%v'];
  try {
    return execFileSync('/bin/sh', ['-c', '"$@" 2>&1', 'sh', envoy, ...args], { encoding: 'utf8' });
  } catch (error) {
    return String(error instanceof Error && 'stdout' in error ? error.stdout : error);
  }
}

const SIDECARS = {
  'no Sidecar': [],
  'three namespaces': [NAMESPACES_ONLY],
  'a Unix socket': [UNIX_SOCKET],
  'no iptables': [NAMESPACES_ONLY, NO_IPTABLES],
  'iptables for a part': [NAMESPACES_ONLY, PARTIAL_IPTABLES],
  'every protocol': [EVERY_PROTOCOL],
  'every kind of service': [EVERY_SERVICE],
  'every egress': [EVERY_PROTOCOL, EVERY_EGRESS],
  'every ingress': [EVERY_PROTOCOL, EVERY_INGRESS],
};
const STDOUT = { kind: 'file', path: '/dev/stdout', encoding: 'TEXT', format: '%PROTOCOL%' } as const;
const CASES = Object.entries(SIDECARS).flatMap(([name, texts]) =>
  (['REDIRECT', 'TPROXY', 'NONE'] as const).map((interception) => ({ name, texts, interception })),
);

it.each(CASES)('$interception, $name: Envoy accepts it without a word', async ({ texts, interception }) => {
  const folder = await tempFolder();
  const made = await resources(
    texts,
    proxySettings({
      interception,
      httpProxyPort: 15_007,
      tracing: { kind: 'zipkin', host: 'zipkin.example.com', port: 9411, sampling: 50 },
      accessLog: { kind: 'file', path: '/dev/null', encoding: 'JSON', format: '' },
      routesIn: join(folder, 'rds'),
      endpointsIn: join(folder, 'eds'),
    }),
  );
  expect(await complaints(made, folder)).toMatch(/^(configuration '.*' OK\n)?$/);
  const whole = await resources(
    texts,
    proxySettings({ interception, outboundTrafficPolicy: 'REGISTRY_ONLY', accessLog: STDOUT }),
  );
  expect(await complaints(whole, folder)).toMatch(/^(configuration '.*' OK\n)?$/);
});
