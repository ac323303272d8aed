/** What is to be intercepted, as plain data: the input of the rules. */
import type { Millis } from '../platform/duration.ts';

/** Whose rules: those of Istio 1.5, or those of 1.30. */
export type Generation = '1.5' | '1.30';
export type Family = 'ipv4' | 'ipv6';
export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

/** `*`, or a list, which may be empty. */
export type AllOr<T> = '*' | readonly T[];

/** An address and its prefix, host bits cleared, in the kernel's spelling: `10.0.0.0/8`, `2001:db8::/32`. */
export interface Cidr {
  readonly family: Family;
  readonly text: string;
}

export interface Interception {
  readonly generation: Generation;
  readonly families: readonly Family[];
  /** Envoy's ports. */
  readonly outboundPort: number;
  readonly inboundPort: number;
  readonly tunnelPort: number;
  /** Whose traffic is Envoy's own. */
  readonly uids: readonly string[];
  readonly gids: readonly string[];
  readonly mode: 'REDIRECT' | 'TPROXY';
  readonly mark: number;
  readonly routeTable: number;
  readonly inboundPorts: AllOr<number>;
  readonly inboundExcludedPorts: readonly number[];
  readonly excludedInterfaces: readonly string[];
  readonly kubeVirtInterfaces: readonly string[];
  readonly outboundCidrs: AllOr<Cidr>;
  readonly outboundExcludedCidrs: readonly Cidr[];
  readonly outboundPorts: readonly number[];
  readonly outboundExcludedPorts: readonly number[];
  readonly ownerGroups: AllOr<string>;
  readonly ownerGroupsExcluded: readonly string[];
  /** Servers whose DNS goes to the agent; undefined: none is taken. */
  readonly dns: AllOr<Cidr> | undefined;
  readonly dropInvalid: boolean;
  /** What counts as loopback of IPv4. */
  readonly loopback: Cidr;
}

export type Backend = 'nft' | 'legacy';

/** What to do with the rules, and how. */
export interface Task {
  readonly kind: 'apply' | 'clean-up' | 'leave';
  readonly dryRun: boolean;
  readonly explain: boolean;
  readonly output: 'text' | 'json';
  /** Put them anew even where they are there. */
  readonly force: boolean;
  readonly backend: Backend | undefined;
  readonly networkNamespace: string | undefined;
  readonly lockWait: Millis;
  readonly validation: { readonly probePort: number; readonly timeout: Millis } | undefined;
}

export interface Options {
  readonly interception: Interception;
  readonly task: Task;
  /** What was given and has no effect, or another than one may think. */
  readonly warnings: readonly string[];
}
