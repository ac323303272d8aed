import { parseArgs } from 'node:util';
import { type HostPort, splitHostPort } from '../../platform/addresses.ts';
import { InputError, toError } from '../../platform/errors.ts';
import type { InterceptionMode } from '../envoy/proxy-settings.ts';

export interface ShowOptions {
  readonly meshDir: string;
  /** `name.namespace` */
  readonly workload: string;
  readonly meshConfigFile: string;
  readonly domain: string;
  readonly interception: InterceptionMode;
  readonly output: 'table' | 'json';
  readonly explain: Call | undefined;
}

/** A call of the workload to somebody, or of somebody to a port of the workload. */
export type Call =
  | ({ readonly direction: 'outbound' } & HostPort)
  | { readonly direction: 'inbound'; readonly port: number };

export const showHelp = `Print what a sidecar gets of a mesh, without running one.

Usage:
  pilot-agent mesh --meshDir <folder> --for <pod>.<namespace> [flags]

Flags:
      --meshDir <folder>           the YAML of the mesh, as for "proxy"
      --for <pod>.<namespace>      whose sidecar: a Pod or a WorkloadEntry of the mesh
      --explain <host>:<port>      which way one call takes, and which line of which file is the reason
      --explain :<port>            the same for a call to that port of the workload
      --interceptionMode <mode>    REDIRECT (default), TPROXY or NONE
      --meshConfig <file>          settings of the whole mesh
      --domain <domain>            suffix of the names of Services; default: cluster.local
  -o, --output <form>              "table" (default), or "json": Envoy's resources, or the steps of --explain
  -h, --help                       print this

Examples:
  pilot-agent mesh --meshDir mesh --for productpage-v1.default
  pilot-agent mesh --meshDir mesh --for productpage-v1.default --explain reviews:9080
  pilot-agent mesh --meshDir mesh --for productpage-v1.default --explain :9080
`;

const MODES = ['REDIRECT', 'TPROXY', 'NONE'] as const;

/** @throws InputError with every problem */
export function parseShowArgs(
  argv: readonly string[],
): { readonly kind: 'help' } | { readonly kind: 'show'; readonly options: ShowOptions } {
  const values = parse(argv);
  if (values.help) return { kind: 'help' };
  const problems: string[] = [];
  const { meshDir = '', for: workload = '', output, explain } = values;
  if (meshDir === '') problems.push('--meshDir: a folder with the YAML of the mesh is required');
  if (!/^[^.]+\..+$/.test(workload)) {
    problems.push(
      `--for "${workload}": write the name of a Pod or WorkloadEntry and its namespace, <pod>.<namespace>`,
    );
  }
  if (output !== 'json' && output !== 'table')
    problems.push(`--output "${output}": expected "table" or "json"`);
  const interception = MODES.find((mode) => mode === values.interceptionMode.toUpperCase());
  if (interception === undefined) {
    problems.push(`--interceptionMode "${values.interceptionMode}": expected one of ${MODES.join(', ')}`);
  }
  const target = explain === undefined ? undefined : callOf(explain);
  if (explain !== undefined && target === undefined) {
    problems.push(
      `--explain "${explain}": write a host and a port, <host>:<port>, or :<port> for what arrives`,
    );
  }
  if (problems.length > 0) throw new InputError(problems);
  return {
    kind: 'show',
    options: {
      meshDir,
      workload,
      meshConfigFile: values.meshConfig,
      domain: values.domain,
      interception: interception ?? 'REDIRECT',
      output: output === 'json' ? 'json' : 'table',
      explain: target,
    },
  };
}

function callOf(text: string): Call | undefined {
  if (!text.startsWith(':')) {
    const target = splitHostPort(text);
    return target && { direction: 'outbound', ...target };
  }
  const own = splitHostPort(`localhost${text}`);
  return own && { direction: 'inbound', port: own.port };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        meshDir: { type: 'string' },
        for: { type: 'string' },
        explain: { type: 'string' },
        interceptionMode: { type: 'string', default: 'REDIRECT' },
        meshConfig: { type: 'string', default: '' },
        domain: { type: 'string', default: 'cluster.local' },
        output: { type: 'string', short: 'o', default: 'table' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (thrown) {
    throw new InputError([toError(thrown).message]);
  }
}
