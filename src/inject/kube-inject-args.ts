import { InputError } from '../platform/errors.ts';
import { type FlagSpec, readFlags } from './flags.ts';
import { COMPATS, type Compat } from './values.ts';

export interface KubeInjectOptions {
  /** `-`: standard input. */
  readonly filename: string;
  /** Undefined: standard output. */
  readonly output: string | undefined;
  readonly files: {
    readonly mesh: string | undefined;
    readonly inject: string | undefined;
    readonly values: string | undefined;
  };
  readonly compat: Compat;
  readonly nativeSidecars: boolean | undefined;
  readonly diff: boolean;
}

export const kubeInjectHelp = `Adds the sidecar and its init container to every Pod of a YAML or JSON file: of Deployments, StatefulSets, DaemonSets,
ReplicaSets, ReplicationControllers, Jobs, CronJobs, DeploymentConfigs, Lists and Pods themselves. Everything else is passed on as
it is. No cluster is asked.

Usage:
  pilot-agent kube-inject -f <file> [flags]

Flags:
  -f, --filename <file>      what to inject; - is standard input
  -o, --output <file>        where to write the result (default: standard output)
      --diff                 write what injection changes, instead of the result
      --meshConfigFile <f>   the mesh configuration (key "mesh" of the ConfigMap "istio"); default: as Istio's chart installs it
      --valuesFile <f>       values, by the names of Istio's charts: global.hub, global.tag, global.proxy.resources ...
      --injectConfigFile <f> injected annotations and templates, which are patches here
      --compat 1.5|1.30      the Istio whose sidecar it is to be (default 1.5)
      --nativeSidecars[=false]  the proxy as an init container that goes on running (default: with --compat 1.30)
  -h, --help                 this text

Examples:
  pilot-agent kube-inject -f deployment.yaml | kubectl apply -f -
  pilot-agent kube-inject -f deployment.yaml --valuesFile values.yaml --diff
  kubectl get deployment cart -o yaml | pilot-agent kube-inject -f - --compat 1.30
`;

const FLAGS: Readonly<Record<string, FlagSpec>> = {
  filename: { short: 'f' },
  output: { short: 'o' },
  diff: { switch: true },
  meshConfigFile: {},
  injectConfigFile: {},
  valuesFile: {},
  compat: {},
  nativeSidecars: { switch: true },
};

const NO_CLUSTER = 'kube-inject asks no cluster';
const REFUSED: Readonly<Record<string, string>> = {
  meshConfigMapName: `${NO_CLUSTER}; write the ConfigMap to a file and give it by --meshConfigFile`,
  injectConfigMapName: `${NO_CLUSTER}; write the ConfigMap to a file and give it by --injectConfigFile`,
  kubeconfig: `${NO_CLUSTER}; leave it out`,
  context: `${NO_CLUSTER}; leave it out`,
  webhookConfig: `${NO_CLUSTER}; leave it out`,
  istioNamespace: `${NO_CLUSTER}; set global.istioNamespace in --valuesFile`,
  revision: `${NO_CLUSTER}; set revision in --valuesFile`,
};

/**
 * Reads the arguments after `kube-inject`.
 * @throws InputError with every problem
 */
export function parseKubeInjectArgs(
  argv: readonly string[],
): { readonly kind: 'help' } | { readonly kind: 'inject'; readonly options: KubeInjectOptions } {
  const { help, values, problems: found } = readFlags('kube-inject', argv, FLAGS, REFUSED);
  if (help) return { kind: 'help' };
  const problems = [...found];
  const filename = values.get('filename') ?? '';
  if (filename === '') problems.push('filename not specified (see --filename or -f)');
  const compat = values.get('compat') ?? '1.5';
  if (!COMPATS.includes(compat)) {
    problems.push(`--compat: expected one of ${COMPATS.join(', ')}, got "${compat}"`);
  }
  if (problems.length > 0) throw new InputError(problems);
  return {
    kind: 'inject',
    options: {
      filename,
      output: values.get('output') || undefined,
      files: {
        mesh: values.get('meshConfigFile'),
        inject: values.get('injectConfigFile'),
        values: values.get('valuesFile'),
      },
      compat: compat as Compat,
      nativeSidecars: switchOf(values.get('nativeSidecars')),
      diff: values.get('diff') === 'true',
    },
  };
}

export function switchOf(value: string | undefined): boolean | undefined {
  return value === undefined ? undefined : value === 'true';
}
