import { isIP } from 'node:net';
import { join } from 'node:path';
import type { AgentConfig } from '../config/agent-config.ts';
import { splitHostPort } from '../platform/addresses.ts';

/** How Envoy reaches the control plane, and what it checks there. */
export interface ControlPlane {
  readonly host: string;
  readonly port: number;
  /** Undefined: plain text. */
  readonly tls: ControlPlaneTls | undefined;
}

export interface ControlPlaneTls {
  /** Undefined when the control plane has an address and no name (RFC 6066 §3). */
  readonly sni: string | undefined;
  /** The certificate of the control plane must hold one of these. */
  readonly subjectAltNames: readonly SubjectAltName[];
  readonly root: RootSecret;
  readonly client: ClientSecret | undefined;
}

export interface SubjectAltName {
  readonly type: 'DNS' | 'URI' | 'IP_ADDRESS';
  readonly value: string;
}

/** A secret of Envoy's by the files it is made of, which may come into being later. */
export interface RootSecret {
  readonly kind: 'root';
  readonly name: 'ROOTCA';
  /** The file with the secret for Envoy. */
  readonly path: string;
  /** The first of these that exists is the root. */
  readonly certificates: readonly string[];
}
export interface ClientSecret {
  readonly kind: 'client';
  readonly name: 'default';
  readonly path: string;
  readonly certificateChain: string;
  readonly privateKey: string;
}
export type FileSecret = RootSecret | ClientSecret;

type Config = Pick<
  AgentConfig,
  | 'configPath'
  | 'controlPlaneAuthPolicy'
  | 'discoveryAddress'
  | 'istioNamespace'
  | 'istiodSan'
  | 'localConfig'
  | 'pilotCertProvider'
  | 'pilotIdentity'
  | 'podNamespace'
  | 'provisionedCertDir'
  | 'serviceRegistry'
  | 'trustDomain'
  | 'xdsRootCa'
>;

const PLAIN_TEXT_PORT = 15_010;
const TLS_PORT = 15_012;
const FILE_CERTIFICATES = '/etc/certs';
/** Where distributions keep the certificates that `XDS_ROOT_CA=SYSTEM` means. */
const SYSTEM_ROOTS = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * Undefined with `--localConfig`: then there is no control plane.
 *
 * Port 15012 is TLS whatever the policy says (the injected command line of 1.5 pairs it with `NONE`); port 15010 is plain text
 * unless the policy asks for TLS; on any other port certificates from `PROV_CERT` ask for it too
 * (reference/pilot-agent-1.5.md §1.7, §4.6; pilot-agent-1.30.md §7.1).
 */
export function controlPlane(config: Config): ControlPlane | undefined {
  if (config.localConfig !== undefined) return undefined;
  const address = splitHostPort(config.discoveryAddress);
  if (address === undefined)
    throw new Error(`discoveryAddress ${JSON.stringify(config.discoveryAddress)} is not host:port`);
  const secure =
    address.port === TLS_PORT ||
    config.controlPlaneAuthPolicy === 'MUTUAL_TLS' ||
    (config.provisionedCertDir !== undefined && address.port !== PLAIN_TEXT_PORT);
  return { ...address, tls: secure ? tls(config, address.host, address.port) : undefined };
}

/** The secrets that must be on disk before Envoy starts: see `writeSecretFiles`. */
export function controlPlaneSecrets(config: Config): readonly FileSecret[] {
  const { root, client } = controlPlane(config)?.tls ?? {};
  return [...(root === undefined ? [] : [root]), ...(client === undefined ? [] : [client])];
}

function tls(config: Config, host: string, port: number): ControlPlaneTls {
  const name = config.istiodSan ?? (host.includes('localhost') ? 'istiod.istio-system.svc' : host);
  const byFiles = config.provisionedCertDir ?? (port === TLS_PORT ? undefined : FILE_CERTIFICATES);
  return {
    sni: isIP(name) === 0 ? name : undefined,
    subjectAltNames: subjectAltNames(config, name, port),
    root: {
      kind: 'root',
      name: 'ROOTCA',
      path: join(config.configPath, 'xds-root.json'),
      certificates: roots(config, byFiles),
    },
    client:
      byFiles === undefined
        ? undefined
        : {
            kind: 'client',
            name: 'default',
            path: join(config.configPath, 'xds-client.json'),
            certificateChain: join(byFiles, 'cert-chain.pem'),
            privateKey: join(byFiles, 'key.pem'),
          },
  };
}

function roots(config: Config, byFiles: string | undefined): readonly string[] {
  if (config.xdsRootCa === 'SYSTEM') return SYSTEM_ROOTS;
  if (config.xdsRootCa !== undefined) return [config.xdsRootCa];
  if (byFiles !== undefined) return [join(byFiles, 'root-cert.pem')];
  switch (config.pilotCertProvider) {
    case 'kubernetes':
      return ['./var/run/secrets/kubernetes.io/serviceaccount/ca.crt'];
    case 'custom':
      return ['./etc/certs/root-cert.pem'];
    default:
      return ['./var/run/secrets/istio/root-cert.pem'];
  }
}

/** By policy the SPIFFE identity of the control plane, on 15012 its host name too; without either, the 1.5 identity. */
function subjectAltNames(config: Config, name: string, port: number): readonly SubjectAltName[] {
  const spiffe: SubjectAltName = { type: 'URI', value: pilotSpiffeId(config) };
  const byName: SubjectAltName = { type: isIP(name) === 0 ? 'DNS' : 'IP_ADDRESS', value: name };
  const named = port === TLS_PORT || config.istiodSan !== undefined;
  if (!named) return [spiffe];
  return config.controlPlaneAuthPolicy === 'MUTUAL_TLS' ? [spiffe, byName] : [byName];
}

/** reference/pilot-agent-1.5.md §1.4, "Pilot/mixer SAN". */
function pilotSpiffeId(config: Config): string {
  const prefix = `spiffe://${config.trustDomain.replaceAll('@', '.')}`;
  if (config.pilotIdentity !== undefined) return `${prefix}/${config.pilotIdentity}`;
  const account = 'sa/istio-pilot-service-account';
  if (config.serviceRegistry !== 'Kubernetes') return `${prefix}/istio-pilot-service-account`;
  if (config.controlPlaneAuthPolicy === 'NONE') return `${prefix}/ns/istio-system/${account}`;
  return `${prefix}/ns/${pilotNamespace(config)}/${account}`;
}

function pilotNamespace(config: Config): string {
  const host = splitHostPort(config.discoveryAddress)?.host ?? '';
  const labels = host.split('.');
  if (isIP(host) === 0 && labels.length === 1) return config.podNamespace ?? 'default';
  return (labels.length === 2 ? labels[1] : config.istioNamespace) ?? 'istio-system';
}
