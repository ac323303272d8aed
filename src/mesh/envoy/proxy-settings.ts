import type { MeshSettings } from '../model/settings.ts';

/**
 * How traffic gets into Envoy. `REDIRECT`: iptables rewrite the destination. `TPROXY`: they keep it, and Envoy keeps the address
 * of the client. `NONE`: nothing is captured, applications call the listeners on loopback.
 */
export type InterceptionMode = 'REDIRECT' | 'TPROXY' | 'NONE';

/** Beside what the mesh says: how this one proxy is run. */
export interface ProxySettings extends MeshSettings {
  readonly interception: InterceptionMode;
  /** Envoy's user may listen on ports from here on only (`net.ipv4.ip_unprivileged_port_start`). */
  readonly lowestPort: number;
  /** Folder of the files that routes and endpoints are to be in; undefined: they are written into listeners and clusters. */
  readonly routesIn: string | undefined;
  readonly endpointsIn: string | undefined;
  /** The clusters whose endpoints are to be in files, by name; undefined: all that may. */
  readonly endpointFiles?: ReadonlySet<string> | undefined;
}
