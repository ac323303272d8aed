import type { StringMap } from '../kubernetes.ts';

const NAMES: Readonly<Record<string, string>> = {
  cluster: 'ISTIO_META_CLUSTER_ID',
  net: 'ISTIO_META_NETWORK',
};

/**
 * Environment of the proxy that the webhook's URL asks for: `/inject/cluster/east/net/n1`, or `/inject/:ENV:cluster=east:ENV:net=n1`.
 * @param path the path of the URL, still encoded
 * @returns undefined when this is no path of the webhook
 */
export function proxyEnvOf(path: string): StringMap | undefined {
  const [, rest] = /^\/inject(?:\/(.*))?$/s.exec(path) ?? [];
  if (path !== '/inject' && rest === undefined) return undefined;
  const decoded = decode(rest ?? '');
  if (decoded === undefined) return undefined;
  const pairs = decoded.startsWith(':ENV:')
    ? decoded
        .split(':ENV:')
        .filter((pair) => pair !== '')
        .map((pair) => [pair.split('=', 1)[0] ?? '', pair.slice(pair.indexOf('=') + 1)] as const)
    : pairsOf(decoded.split('/').filter((part) => part !== ''));
  return Object.fromEntries(
    pairs.map(([key, value]) => [NAMES[key] ?? key.toUpperCase(), value.replaceAll('--slash--', '/')]),
  );
}

function pairsOf(parts: readonly string[]): readonly (readonly [string, string])[] {
  return parts.flatMap((key, index) => (index % 2 === 0 ? [[key, parts[index + 1] ?? ''] as const] : []));
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
