/** From a parsed document to resources: which kinds there are, and what is said of the others. */
import type { Finding } from '../model/finding.ts';
import type { Document } from '../read/document.ts';
import { type Metadata, readMetadata } from './common.ts';
import { decodeEndpointSlice, decodeEndpoints } from './endpoints.ts';
import { child, error, type Field, isGiven, items, type Scope, show, topField, warning } from './field.ts';
import { decodePod } from './pod.ts';
import type { Resource } from './records.ts';
import { decodeService } from './service.ts';
import { decodeServiceEntry } from './service-entry.ts';
import { decodeSidecar } from './sidecar.ts';
import { decodeWorkloadEntry } from './workload-entry.ts';

export interface Decoded {
  readonly resources: readonly Resource[];
  readonly findings: readonly Finding[];
}

type Kind = Resource['kind'];

/** Under which `apiVersion` a kind is read. */
const VERSIONS: Readonly<Record<Kind, RegExp>> = {
  Service: /^v1$/,
  Endpoints: /^v1$/,
  Pod: /^v1$/,
  EndpointSlice: /^discovery\.k8s\.io\/v1(?:beta1)?$/,
  ServiceEntry: /^networking\.istio\.io\/v1(?:alpha3|beta1)?$/,
  WorkloadEntry: /^networking\.istio\.io\/v1(?:alpha3|beta1)?$/,
  Sidecar: /^networking\.istio\.io\/v1(?:alpha3|beta1)?$/,
};

/** Kinds that make Pods, which a cluster does and we do not. */
const MAKERS_OF_PODS = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob'];

/** Reads the resources of a document, those of a `List` one by one. Never throws for what is in it. */
export function decodeDocument(file: string, document: Document): Decoded {
  const resources: Resource[] = [];
  const findings: Finding[] = [];
  if (document.value !== null && document.value !== undefined) {
    decodeItem(topField({ file, document, resource: '', findings }, document.value), resources, undefined);
  }
  return { resources, findings };
}

/** @param defaults of the typed list (`ServiceList`) that the item is in: its items need not say what they are */
function decodeItem(item: Field, resources: Resource[], defaults: Field | undefined): void {
  const { value, scope } = item;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    error(item, `expected a resource with apiVersion, kind and metadata, got ${show(value)}`);
    return;
  }
  const apiVersion = written(child(item, 'apiVersion')) || written(defaults && child(defaults, 'apiVersion'));
  const listed = written(defaults && child(defaults, 'kind')).replace(/List$/, '');
  const kind = written(child(item, 'kind')) || listed;
  if (kind === '' || apiVersion === '') {
    const missing = kind === '' ? 'kind' : 'apiVersion';
    error(child(item, missing), 'is required');
    return;
  }
  if (kind.endsWith('List') && isGiven(child(item, 'items'))) {
    const list = kind === 'List' ? undefined : item;
    for (const each of items(child(item, 'items'))) {
      decodeItem(topField(scope, each.value, each), resources, list);
    }
    return;
  }
  const metadata = child(item, 'metadata');
  const namespace = written(child(metadata, 'namespace')) || 'default';
  const resource = `${kind} ${namespace}/${written(child(metadata, 'name')) || '(no name)'}`;
  const named: Scope = { ...scope, resource };
  const top: Field = { ...item, scope: named };
  if (!isKind(kind) || !VERSIONS[kind].test(apiVersion)) {
    const hint = MAKERS_OF_PODS.includes(kind)
      ? ': endpoints come from Pod, Endpoints, EndpointSlice and WorkloadEntry'
      : '';
    warning(child(top, 'kind'), `${kind} (${apiVersion}) is not supported, ignored${hint}`);
    return;
  }
  const before = named.findings.length;
  const decoded = decode(kind, top, readMetadata(top));
  const failed = named.findings.slice(before).some(({ severity }) => severity === 'error');
  if (decoded !== undefined && !failed) resources.push(decoded);
}

function isKind(kind: string): kind is Kind {
  return Object.hasOwn(VERSIONS, kind);
}

function decode(kind: Kind, top: Field, metadata: Metadata): Resource | undefined {
  switch (kind) {
    case 'Service': {
      const service = decodeService(top, metadata);
      return service && { kind, service };
    }
    case 'Endpoints':
      return { kind, endpoints: decodeEndpoints(top, metadata) };
    case 'EndpointSlice': {
      const endpoints = decodeEndpointSlice(top, metadata);
      return endpoints && { kind, endpoints };
    }
    case 'Pod':
      return { kind, workload: decodePod(top, metadata) };
    case 'WorkloadEntry': {
      const workload = decodeWorkloadEntry(top, metadata);
      return workload && { kind, workload };
    }
    case 'ServiceEntry': {
      const entry = decodeServiceEntry(top, metadata);
      return entry && { kind, entry };
    }
    case 'Sidecar': {
      const sidecar = decodeSidecar(top, metadata);
      return sidecar && { kind, sidecar };
    }
  }
}

function written(field: Field | undefined): string {
  return typeof field?.value === 'string' ? field.value : '';
}
