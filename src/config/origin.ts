/** Where a value came from. */
export type Origin =
  | { readonly kind: 'default' }
  /** Computed from another setting. */
  | { readonly kind: 'derived'; readonly from: string }
  | { readonly kind: 'variable'; readonly name: string }
  /** An entry of proxyMetadata, which counts as an environment variable. */
  | { readonly kind: 'proxy-metadata'; readonly name: string }
  | { readonly kind: 'mesh-config'; readonly path: string }
  | { readonly kind: 'proxy-config' }
  | { readonly kind: 'annotation'; readonly name: string }
  | { readonly kind: 'flag'; readonly flag: string }
  | { readonly kind: 'argument' }
  | { readonly kind: 'merged'; readonly of: readonly Origin[] };

export const DEFAULT: Origin = { kind: 'default' };

/** The words that `--print-config` and the messages use. */
export function describeOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default';
    case 'derived':
      return `from ${origin.from}`;
    case 'variable':
      return `env ${origin.name}`;
    case 'proxy-metadata':
      return `proxyMetadata ${origin.name}`;
    case 'mesh-config':
      return `mesh config ${origin.path}`;
    case 'proxy-config':
      return 'PROXY_CONFIG';
    case 'annotation':
      return `annotation ${origin.name}`;
    case 'flag':
      return `flag ${origin.flag}`;
    case 'argument':
      return 'command line';
    case 'merged':
      return origin.of.map(describeOrigin).join(', ');
  }
}

/** The origin of a value with several parts: the distinct ones that are not defaults. */
export function mergeOrigins(origins: readonly Origin[]): Origin {
  const distinct = new Map(origins.map((origin) => [describeOrigin(origin), origin]));
  distinct.delete('default');
  const [first = DEFAULT, ...more] = distinct.values();
  return more.length === 0 ? first : { kind: 'merged', of: [first, ...more] };
}
