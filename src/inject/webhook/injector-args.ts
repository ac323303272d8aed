import { InputError } from '../../platform/errors.ts';
import { type FlagSpec, readFlags } from '../flags.ts';
import { COMPATS, type Compat } from '../values.ts';
import type { SettingsFiles, SourceFile } from './sources.ts';

export interface InjectorOptions {
  readonly files: SettingsFiles;
  readonly tls: { readonly cert: SourceFile; readonly key: SourceFile };
  readonly caCertFile: string;
  readonly port: number;
  /** Undefined: no second port. */
  readonly monitoringPort: number | undefined;
  readonly compat: Compat;
  readonly nativeSidecars: boolean | undefined;
  readonly webhookConfigName: string;
  readonly webhookName: string;
  readonly reconcileWebhookConfig: boolean;
  readonly kubeconfig: string | undefined;
  readonly logAsJson: boolean;
  readonly printManifests: boolean;
  readonly namespace: string;
  readonly image: string;
}

const DEFAULTS: Readonly<Record<string, string>> = {
  meshConfig: '/etc/istio/config/mesh',
  injectConfig: '/etc/istio/inject/config',
  injectValues: '/etc/istio/inject/values',
  tlsCertFile: '/etc/istio/certs/cert-chain.pem',
  tlsKeyFile: '/etc/istio/certs/key.pem',
  caCertFile: '/etc/istio/certs/root-cert.pem',
  port: '9443',
  monitoringPort: '15014',
  compat: '1.5',
  webhookConfigName: 'istio-sidecar-injector',
  webhookName: 'sidecar-injector.istio.io',
  namespace: 'istio-system',
  image: 'pilot-agent:latest',
};

export const injectorHelp = `Runs the mutating webhook that adds the sidecar to Pods as Kubernetes creates them.

Usage:
  pilot-agent injector [flags]

Flags:
      --port <n>               HTTPS port of /inject, /healthz and /metrics (default ${DEFAULTS['port']})
      --monitoringPort <n>     the same /healthz and /metrics by HTTP; -1: none (default ${DEFAULTS['monitoringPort']})
      --tlsCertFile <file>     certificate chain (default ${DEFAULTS['tlsCertFile']})
      --tlsKeyFile <file>      its key (default ${DEFAULTS['tlsKeyFile']})
      --meshConfig <file>      mesh configuration (default ${DEFAULTS['meshConfig']}, if there)
      --injectConfig <file>    policy, selectors, templates (default ${DEFAULTS['injectConfig']}, if there)
      --injectValues <file>    values of Istio's charts (default ${DEFAULTS['injectValues']}, if there)
      --compat 1.5|1.30        the Istio whose sidecar it is to be (default ${DEFAULTS['compat']})
      --nativeSidecars[=false] the proxy as an init container that goes on running (default: with --compat 1.30)
      --caCertFile <file>      root certificate for the webhook configuration (default ${DEFAULTS['caCertFile']})
      --webhookConfigName <n>  the MutatingWebhookConfiguration (default ${DEFAULTS['webhookConfigName']})
      --webhookName <name>     its entry, or the end of its name (default ${DEFAULTS['webhookName']})
      --reconcileWebhookConfig[=false]  keep the root certificate there up to date (default: in a cluster)
      --kubeconfig <file>      how to reach the cluster (default: the service account of the pod)
      --log_as_json            the log as JSON
      --print-manifests        write what kubectl apply needs to install this webhook, and end
      --namespace <name>       of the manifests (default ${DEFAULTS['namespace']})
      --image <name>           of the manifests (default ${DEFAULTS['image']})
  -h, --help                   this text

Files are read again when they change, certificates without a connection lost; what cannot be used leaves the old in force.

Examples:
  pilot-agent injector --tlsCertFile cert.pem --tlsKeyFile key.pem --port 9443
  pilot-agent injector --print-manifests --namespace mesh --compat 1.30 | kubectl apply -f -
`;

const SWITCHES = ['nativeSidecars', 'reconcileWebhookConfig', 'print-manifests', 'log_as_json'];
const FLAGS: Readonly<Record<string, FlagSpec>> = {
  ...Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, {}])),
  ...Object.fromEntries(SWITCHES.map((name) => [name, { switch: true } as const])),
  kubeconfig: {},
};
const REFUSED: Readonly<Record<string, string>> = {
  healthCheckFile: 'there is no such file; ask /healthz',
  healthCheckInterval: 'there is no such file; ask /healthz',
};

/**
 * Reads the arguments after `injector`.
 * @throws InputError with every problem
 */
export function parseInjectorArgs(
  argv: readonly string[],
): { readonly kind: 'help' } | { readonly kind: 'injector'; readonly options: InjectorOptions } {
  const { help, values, problems: found } = readFlags('injector', argv, FLAGS, REFUSED);
  if (help) return { kind: 'help' };
  const problems = [...found];
  const text = (name: string) => values.get(name) || (DEFAULTS[name] ?? '');
  const on = (name: string) => values.get(name) === 'true';
  const port = (name: string, lowest: number) => {
    const value = Number(text(name));
    if (Number.isInteger(value) && value >= lowest && value <= 65535) return value;
    problems.push(`--${name}: expected a port, got "${text(name)}"`);
    return 0;
  };
  const file = (flag: string): SourceFile => ({
    flag: `--${flag}`,
    path: text(flag),
    required: values.has(flag),
  });
  const compat = text('compat');
  if (!COMPATS.includes(compat)) {
    problems.push(`--compat: expected one of ${COMPATS.join(', ')}, got "${compat}"`);
  }
  const monitoringPort = port('monitoringPort', -1);
  const native = values.get('nativeSidecars');
  const options: InjectorOptions = {
    files: { mesh: file('meshConfig'), inject: file('injectConfig'), values: file('injectValues') },
    tls: { cert: file('tlsCertFile'), key: file('tlsKeyFile') },
    caCertFile: text('caCertFile'),
    port: port('port', 0),
    monitoringPort: monitoringPort < 0 ? undefined : monitoringPort,
    compat: compat as Compat,
    nativeSidecars: native === undefined ? undefined : native === 'true',
    webhookConfigName: text('webhookConfigName'),
    webhookName: text('webhookName'),
    reconcileWebhookConfig: values.get('reconcileWebhookConfig') !== 'false',
    kubeconfig: values.get('kubeconfig') || undefined,
    logAsJson: on('log_as_json'),
    printManifests: on('print-manifests'),
    namespace: text('namespace'),
    image: text('image'),
  };
  if (problems.length > 0) throw new InputError(problems);
  return { kind: 'injector', options };
}
