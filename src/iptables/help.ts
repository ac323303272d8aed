import { FLAGS, VARIABLES } from './flags.ts';

const WIDTH = 46;

function flagLine({ short, name, value }: (typeof FLAGS)[number]): string {
  const start = short === undefined ? '     ' : `  -${short},`;
  return `${start} --${name}${value === undefined ? '' : ` ${value}`}`;
}

function column(left: string, text: string): string {
  return left.length >= WIDTH ? `${left}\n${' '.repeat(WIDTH)} ${text}` : `${left.padEnd(WIDTH)} ${text}`;
}

function defaultOf(fallback: string): string {
  return fallback === '' || fallback === 'false' ? '' : ` (default ${fallback})`;
}

export const iptablesHelp = `Sends the traffic of a pod through Envoy, by iptables: what an init container runs. Running it again changes nothing; other
rules of it are replaced. Exit code 1 when nothing was changed because of an error, 126 when --run-validation fails.

Usage:
  pilot-agent istio-iptables [flags]
  istio-iptables [flags]              the same
  istio-clean-iptables [flags]        takes it all away again

Flags:
${FLAGS.map((flag) => column(flagLine(flag), `${flag.text}${defaultOf(flag.fallback)}`)).join('\n')}

Each flag has a variable of its name (ENVOY_PORT for --envoy-port). Only variables:
${VARIABLES.map(({ name, fallback, text }) => column(`  ${name}`, `${text}${defaultOf(fallback)}`)).join('\n')}

Examples:
  istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i '*' -x "" -b '*' -d 15090,15020
  pilot-agent istio-iptables -i '*' -b '*' -d 15090,15021,15020 --compat 1.30 --explain
  istio-clean-iptables
`;
