import { ANNOTATION } from './annotations.ts';
import { parseTruth } from './checks.ts';
import { listOf } from './json.ts';
import { type Container, type EnvVar, type Pod, PROXY, type StringMap } from './kubernetes.ts';
import { PROBERS, rewriteProbes } from './probes.ts';
import { mergeScrape, SCRAPE_ENV } from './prometheus.ts';
import { hasStatusPort, statusPortOf, type TemplateInput } from './template/input.ts';

/** What depends on the whole pod: Prometheus, probes, the environment that the webhook's URL asks for. */
export function finish(
  pod: Pod,
  input: TemplateInput,
  proxyEnv: StringMap,
  formerPorts: readonly string[],
  warnings: string[],
): Pod {
  const { values, mesh, compat } = input;
  const statusPort = hasStatusPort(input) ? Number(statusPortOf(input)) : 0;
  const annotations = { ...pod.metadata.annotations, ...values.webhook.injectedAnnotations };
  const scrape = mergeScrape(annotations, mesh.enablePrometheusMerge, statusPort, formerPorts);
  const asked = input.pod.metadata.annotations?.[ANNOTATION.rewriteProbes];
  const rewrite =
    statusPort > 0 &&
    ((asked === undefined ? undefined : parseTruth(asked)) ?? values.webhook.rewriteAppHTTPProbe);
  const inits = listOf(pod.spec.initContainers);
  const probes = rewrite ? rewriteProbes(listOf(pod.spec.containers), inits, statusPort, compat) : undefined;
  warnings.push(...(probes?.warnings ?? []));
  const added: EnvVar[] = [
    ...(scrape?.env === undefined ? [] : [{ name: SCRAPE_ENV, value: scrape.env }]),
    ...(probes !== undefined && (compat === '1.5' || Object.keys(probes.probers).length > 0)
      ? [{ name: PROBERS, value: JSON.stringify(probes.probers) }]
      : []),
  ];
  const finished = (container: Container): Container =>
    container.name === PROXY
      ? { ...container, env: [...override(listOf(container.env), proxyEnv), ...added] }
      : container;
  const network = proxyEnv['ISTIO_META_NETWORK'];
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: scrape?.annotations ?? annotations,
      ...(network === undefined || compat === '1.5'
        ? {}
        : { labels: { ...pod.metadata.labels, 'topology.istio.io/network': network } }),
    },
    spec: {
      ...pod.spec,
      ...(pod.spec.initContainers ? { initContainers: (probes?.initContainers ?? inits).map(finished) } : {}),
      containers: (probes?.containers ?? listOf(pod.spec.containers)).map(finished),
    },
  };
}

/** An environment with some variables replaced in their places, and others after it. */
function override(env: readonly EnvVar[], wanted: StringMap): readonly EnvVar[] {
  const names = Object.keys(wanted);
  if (names.length === 0) return env;
  const value = (name: string) => ({ name, value: wanted[name] ?? '' });
  const had = env.map(({ name }) => name);
  return [
    ...env.map((variable) => (names.includes(variable.name) ? value(variable.name) : variable)),
    ...names.filter((name) => !had.includes(name)).map(value),
  ];
}
