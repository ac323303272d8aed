/**
 * The parts of Envoy's v3 API that the bootstrap is made of, in the spelling of its JSON. Messages that a part builds once
 * and nobody reads again are `TypedConfig`: an `@type` and plain data.
 */

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
/** A member that is undefined is not there: `strictJson` leaves it out. */
export type JsonObject = { readonly [member: string]: Json | undefined };

export type TypedConfig = JsonObject & { readonly '@type': string };
export type Extension = { readonly name: string; readonly typed_config: TypedConfig };

/** `envoy.config.core.v3.Address` -> its full type URL. */
export const typeUrl = (message: string): string => `type.googleapis.com/${message}`;

export type SocketAddress = {
  readonly socket_address: {
    readonly protocol?: 'TCP' | 'UDP';
    readonly address: string;
    readonly port_value: number;
  };
};

export type ConfigSource = {
  readonly resource_api_version: 'V3';
  readonly initial_fetch_timeout?: string;
  readonly ads?: JsonObject;
  readonly path_config_source?: {
    readonly path: string;
    readonly watched_directory?: { readonly path: string };
  };
};

export type Node = {
  readonly id: string;
  readonly cluster: string;
  readonly locality?: Locality | undefined;
  readonly metadata: JsonObject;
};
export type Locality = {
  readonly region?: string;
  readonly zone?: string;
  readonly sub_zone?: string;
};

export type Cluster = {
  readonly name: string;
  readonly alt_stat_name: string;
  readonly type?: 'STATIC';
  /** Instead of `type`: Envoy's DNS cluster (the fields that STRICT_DNS used are deprecated). */
  readonly cluster_type?: Extension;
  readonly wait_for_warm_on_init?: false;
  readonly connect_timeout: string;
  readonly lb_policy: 'ROUND_ROBIN';
  readonly load_assignment: JsonObject;
  readonly transport_socket?: Extension | undefined;
  readonly circuit_breakers?: JsonObject;
  readonly upstream_connection_options?: JsonObject | undefined;
  readonly typed_extension_protocol_options?: { readonly [name: string]: TypedConfig };
};

export type Listener = JsonObject & { readonly name: string; readonly address: SocketAddress };

export type StringMatcher =
  | { readonly prefix: string }
  | { readonly suffix: string }
  | { readonly safe_regex: { readonly regex: string } };

export type StatsConfig = {
  readonly use_all_default_tags: boolean;
  readonly stats_tags: readonly { readonly tag_name: string; readonly regex: string }[];
  readonly stats_matcher: {
    readonly inclusion_list: { readonly patterns: readonly StringMatcher[] };
  };
  readonly histogram_bucket_settings?: readonly JsonObject[] | undefined;
};

/** `envoy.config.bootstrap.v3.Bootstrap`, as far as the agent writes it. */
export type Bootstrap = {
  readonly node: Node;
  readonly layered_runtime: JsonObject;
  readonly bootstrap_extensions: readonly Extension[];
  readonly stats_flush_interval?: string | undefined;
  readonly stats_eviction_interval?: string | undefined;
  readonly stats_config: StatsConfig;
  readonly stats_sinks?: readonly Extension[] | undefined;
  readonly admin: JsonObject & { readonly address: SocketAddress };
  readonly dynamic_resources: {
    readonly lds_config: ConfigSource;
    readonly cds_config: ConfigSource;
    readonly ads_config?: JsonObject;
  };
  readonly static_resources: {
    readonly clusters: readonly Cluster[];
    readonly listeners: readonly Listener[];
    readonly secrets?: readonly JsonObject[] | undefined;
  };
  readonly overload_manager: JsonObject;
  readonly tracing?: { readonly http: Extension } | undefined;
  readonly cluster_manager?: JsonObject | undefined;
  readonly deferred_stat_options: JsonObject;
};
