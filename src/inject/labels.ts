import type { Owner, StringMap } from './kubernetes.ts';

const TLS_MODE = 'security.istio.io/tlsMode';
const NAME = 'service.istio.io/canonical-name';
const REVISION = 'service.istio.io/canonical-revision';
const NETWORK = 'topology.istio.io/network';
/** As long as the value of a label may be. */
const MAX_LABEL = 63;

/** What telemetry and mTLS know the pod by. A label that has a value keeps it. */
export function injectedLabels(
  labels: StringMap,
  owner: Owner,
  canonical: boolean,
  network: string,
): StringMap {
  const first = (...values: readonly (string | undefined)[]) => values.find((value) => value) ?? '';
  const added: Record<string, string> = { [TLS_MODE]: 'istio' };
  if (canonical) {
    added[NAME] = labelOf(first(labels['app.kubernetes.io/name'], labels['app'], owner.name));
    added[REVISION] = first(labels['app.kubernetes.io/version'], labels['version'], 'latest');
  }
  if (network !== '') added[NETWORK] = network;
  const result: Record<string, string> = { ...labels };
  for (const [name, value] of Object.entries(added)) if (!result[name]) result[name] = value;
  return result;
}

/** The start of a text that is too long for a label; it must end with a letter or a digit. */
function labelOf(value: string): string {
  return value.slice(0, MAX_LABEL).replace(/[^A-Za-z0-9]+$/, '');
}
