/**
 * The parts of Envoy's v3 API that a sidecar's resources are made of, in the spelling of its JSON. Where nobody reads a message
 * again it is a `TypedConfig`: an `@type` and plain data.
 */
import { isIP } from 'node:net';
import type { Millis } from '../../platform/duration.ts';
import { formatProtoDuration } from '../../platform/duration.ts';

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
/** A member that is undefined is not there: JSON leaves it out. */
export type JsonObject = { readonly [member: string]: Json | undefined };
export type TypedConfig = JsonObject & { readonly '@type': string };
export type Extension = { readonly name: string; readonly typed_config: TypedConfig };

export type Address = {
  readonly socket_address?: { readonly address: string; readonly port_value: number };
  readonly pipe?: { readonly path: string };
};

export type ConfigSource = {
  readonly resource_api_version: 'V3';
  readonly path_config_source: { readonly path: string };
};

export type FilterChainMatch = {
  readonly destination_port?: number;
  readonly prefix_ranges?: readonly { readonly address_prefix: string; readonly prefix_len: number }[];
  readonly server_names?: readonly string[];
  readonly transport_protocol?: 'raw_buffer';
  readonly application_protocols?: readonly string[];
};

export type FilterChain = {
  readonly name: string;
  readonly filter_chain_match?: FilterChainMatch | undefined;
  readonly filters: readonly Extension[];
};

export type ListenerFilter = Extension & { readonly filter_disabled?: JsonObject | undefined };

export type Listener = {
  readonly '@type': string;
  readonly name: string;
  readonly address: Address;
  readonly additional_addresses?: readonly { readonly address: Address }[] | undefined;
  readonly traffic_direction: 'INBOUND' | 'OUTBOUND';
  readonly filter_chains?: readonly FilterChain[] | undefined;
  readonly default_filter_chain?: FilterChain | undefined;
  readonly listener_filters?: readonly ListenerFilter[] | undefined;
  readonly listener_filters_timeout?: string | undefined;
  readonly continue_on_listener_filters_timeout?: boolean | undefined;
  readonly bind_to_port?: boolean | undefined;
  readonly use_original_dst?: boolean | undefined;
  readonly transparent?: boolean | undefined;
};

export type Cluster = {
  readonly '@type': string;
  readonly name: string;
  readonly alt_stat_name: string;
  readonly type?: 'EDS' | 'STATIC' | 'ORIGINAL_DST' | undefined;
  /** Instead of `type`: Envoy's DNS cluster (the fields that STRICT_DNS used are deprecated). */
  readonly cluster_type?: Extension | undefined;
  readonly connect_timeout: string;
  readonly lb_policy: 'LEAST_REQUEST' | 'ROUND_ROBIN' | 'CLUSTER_PROVIDED';
  readonly eds_cluster_config?: { readonly service_name: string; readonly eds_config: ConfigSource };
  readonly load_assignment?: LoadAssignment | undefined;
  readonly circuit_breakers?: JsonObject | undefined;
  readonly upstream_bind_config?: JsonObject | undefined;
  readonly wait_for_warm_on_init?: boolean | undefined;
  readonly typed_extension_protocol_options?: { readonly [name: string]: TypedConfig } | undefined;
};

export type LoadAssignment = {
  readonly cluster_name: string;
  readonly endpoints: readonly LocalityEndpoints[];
};

export type LocalityEndpoints = {
  readonly locality?: JsonObject | undefined;
  readonly load_balancing_weight?: number | undefined;
  readonly lb_endpoints: readonly {
    readonly endpoint: { readonly address: Address };
    readonly load_balancing_weight?: number | undefined;
  }[];
};

/** What one EDS file holds. */
export type Endpoints = LoadAssignment & { readonly '@type': string };

export type VirtualHost = {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly JsonObject[];
  readonly retry_policy?: JsonObject | undefined;
};

export type RouteConfiguration = {
  readonly name: string;
  readonly virtual_hosts: readonly VirtualHost[];
  readonly ignore_port_in_host_matching?: boolean | undefined;
  readonly validate_clusters: boolean;
};

/** `envoy.config.core.v3.Address` -> its full type URL. */
export const typeUrl = (message: string): string => `type.googleapis.com/${message}`;

export const LISTENER = typeUrl('envoy.config.listener.v3.Listener');
export const CLUSTER = typeUrl('envoy.config.cluster.v3.Cluster');
export const ROUTES = typeUrl('envoy.config.route.v3.RouteConfiguration');
export const ENDPOINTS = typeUrl('envoy.config.endpoint.v3.ClusterLoadAssignment');

export const socketAddress = (address: string, port: number): Address => ({
  socket_address: { address, port_value: port },
});

/** @param path `@` and a name is a socket in Linux's abstract namespace, as in Envoy */
export const pipe = (path: string): Address => ({ pipe: { path } });

export const duration = (value: Millis): string => formatProtoDuration(value);

/** An address or a range, as a match of destinations. */
export function prefixRange(addressOrRange: string): { address_prefix: string; prefix_len: number } {
  const [address = '', length] = addressOrRange.split('/');
  return { address_prefix: address, prefix_len: length === undefined ? bits(address) : Number(length) };
}

function bits(address: string): number {
  return isIP(address) === 6 ? 128 : 32;
}
