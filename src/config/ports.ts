import type { Key, Values } from './schema.ts';

const SERVED = ['statusPort', 'envoyStatusPort', 'prometheusPort', 'proxyAdminPort'] as const satisfies Key[];

/** The ports that the agent and Envoy serve themselves -> what sets them. */
export function ownPorts(values: Values, name: (key: Key) => string): ReadonlyMap<number, string> {
  return new Map(SERVED.filter((key) => values[key] !== 0).map((key) => [values[key], name(key)]));
}

/** A problem for each port that two of our own listeners want. */
export function portClashes(values: Values, name: (key: Key) => string): readonly string[] {
  const taken = new Map<number, string>();
  return SERVED.flatMap((key) => {
    const port = values[key];
    const other = taken.get(port);
    if (port === 0) return [];
    taken.set(port, name(key));
    return other === undefined
      ? []
      : [`${name(key)} "${port}": already taken by ${other}; give each a port of its own`];
  });
}
