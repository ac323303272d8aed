import type { TlsSettings } from '../config/agent-config.ts';
import type { ControlPlaneTls, SubjectAltName } from './control-plane.ts';
import { type Extension, type JsonObject, typeUrl } from './envoy-api.ts';

/** TLS as the mesh configuration describes it, for tracers, metrics and access log services (pilot-agent-1.5.md §4.6). */
export function tlsTransport(tls: TlsSettings, clusterName: string): Extension {
  const names = tls.subjectAltNames.map((value) => ({ type: sanType(value), value }));
  const validation = {
    trusted_ca: tls.caCertificates === undefined ? undefined : { filename: tls.caCertificates },
    match_typed_subject_alt_names: matchers(names),
  };
  const sni = tls.sni ?? (tls.mode === 'ISTIO_MUTUAL' ? clusterName : undefined);
  return transportSocket(sni, {
    alpn_protocols: tls.mode === 'ISTIO_MUTUAL' ? ['istio', 'h2'] : ['h2'],
    tls_certificates:
      tls.mode === 'SIMPLE'
        ? undefined
        : [
            {
              certificate_chain: { filename: tls.clientCertificate },
              private_key: { filename: tls.privateKey },
            },
          ],
    // Without a root there is nothing to check names against, and Envoy refuses names alone.
    validation_context: tls.caCertificates === undefined ? undefined : validation,
  });
}

/**
 * TLS to the control plane. Certificates come as secrets from files (`writeSecretFiles`) and not by name in the bootstrap:
 * a certificate file that does not exist would stop Envoy, so Envoy starts, waits, and takes the certificate when it comes.
 */
export function controlPlaneTransport({ sni, subjectAltNames, root, client }: ControlPlaneTls): Extension {
  return transportSocket(sni, {
    alpn_protocols: ['h2'],
    tls_certificate_sds_secret_configs: client === undefined ? undefined : [secretConfig(client)],
    combined_validation_context: {
      default_validation_context: { match_typed_subject_alt_names: matchers(subjectAltNames) },
      validation_context_sds_secret_config: secretConfig(root),
    },
  });
}

function secretConfig({ name, path }: { readonly name: string; readonly path: string }): JsonObject {
  return { name, sds_config: { path_config_source: { path }, resource_api_version: 'V3' } };
}

function transportSocket(sni: string | undefined, common: JsonObject): Extension {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': typeUrl('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'),
      sni,
      common_tls_context: common,
    },
  };
}

function matchers(names: readonly SubjectAltName[]): readonly JsonObject[] | undefined {
  return names.length === 0
    ? undefined
    : names.map(({ type, value }) => ({ san_type: type, matcher: { exact: value } }));
}

function sanType(name: string): SubjectAltName['type'] {
  return name.includes('://') ? 'URI' : 'DNS';
}
