/** What goes to the process that derives, and what comes back: plain data, for it goes as JSON. */
import type { ProxySettings } from '../envoy/proxy-settings.ts';
import type { MeshTracing } from '../model/settings.ts';

export interface DeriveRequest {
  /** Folder with the YAML of the mesh. */
  readonly meshDir: string;
  /** The mesh config file; it may be missing. */
  readonly meshConfigFile: string;
  /** Folder that the xDS files are written to; it is made when it is not there. */
  readonly xdsDir: string;
  readonly proxy: ProxyFacts;
  /** Undefined: as the mesh config has it. */
  readonly tracing: MeshTracing | undefined;
  /** How many files of routes and endpoints Envoy may watch; undefined: it is found out. */
  readonly maxFiles: number | undefined;
}

/** Who the proxy is that the files are for. */
export interface ProxyFacts {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The address that it was told to have; undefined: what the mesh says, else those of the interfaces. */
  readonly ip: string | undefined;
  readonly interfaceIps: readonly string[];
  /** `cluster.local` */
  readonly domain: string;
  readonly interception: ProxySettings['interception'];
}

export type DeriveReport =
  | {
      readonly kind: 'written';
      /** Files that were written or removed, relative to `xdsDir`; empty when nothing has changed. */
      readonly changed: readonly string[];
      readonly counts: MeshCounts;
      /** The Sidecar in force: `namespace/name (mesh/a.yaml:3)`; empty: the built-in default. */
      readonly sidecar: string;
      readonly warnings: readonly string[];
      readonly maxFiles: number;
    }
  /** Nothing was written: what was there stays in force. */
  | { readonly kind: 'broken'; readonly errors: readonly string[]; readonly warnings: readonly string[] };

export interface MeshCounts {
  readonly services: number;
  readonly endpoints: number;
  readonly listeners: number;
  readonly clusters: number;
  readonly routes: number;
}
