/** What a machine must have for namespaces and redirection, and what to do where it has not. */
import { conflictingRoute } from './network.ts';

export interface Machine {
  readonly isRoot: boolean;
  readonly hasTool: (name: string) => boolean;
  /** Destinations of its routes. */
  readonly routes: readonly string[];
}

/** Program -> the Debian package it comes from. */
const TOOLS = { ip: 'iproute2', mount: 'mount' };
const TOOLS_OF_SIDECARS = { 'iptables-restore': 'iptables' };

/** One sentence for each thing that is missing. */
export function missingOn(machine: Machine, cidr: string, sidecars: boolean): readonly string[] {
  const tools = Object.entries(sidecars ? { ...TOOLS, ...TOOLS_OF_SIDECARS } : TOOLS);
  const conflict = conflictingRoute(cidr, machine.routes);
  return [
    ...(machine.isRoot ? [] : ['root makes network namespaces and iptables rules: sudo npm run bookinfo']),
    ...tools
      .filter(([tool]) => !machine.hasTool(tool))
      .map(([tool, from]) => `${tool} is not on PATH: apt-get install ${from}`),
    ...(conflict === undefined
      ? []
      : [
          `${cidr} is taken on this machine, by the route ${conflict}: choose other addresses in examples/bookinfo/mesh/pods.yaml`,
        ]),
  ];
}
