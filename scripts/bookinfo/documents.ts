/** The YAML of examples/bookinfo, as far as starting it on one machine needs it. */
import { parseAllDocuments } from 'yaml';

export interface File {
  readonly path: string;
  readonly text: string;
}

export type Labels = Readonly<Record<string, string>>;

export interface Deployment {
  readonly name: string;
  /** Of its pods. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly args: readonly string[];
  readonly env: Labels;
  readonly port: number;
  readonly serviceAccount: string;
  readonly runAsUser: number | undefined;
}

export interface Pod {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly address: string;
}

export interface Service {
  readonly name: string;
  readonly namespace: string;
  readonly selector: Labels;
  readonly address: string | undefined;
  readonly port: number;
}

export interface Sidecar {
  readonly selector: Labels;
  /** Where the application is, of the first ingress: `127.0.0.1:19011`. */
  readonly defaultEndpoint: string | undefined;
  /** Where the application goes, of the first egress that binds: `127.0.92.11:9080`. */
  readonly outbound: string | undefined;
}

export interface Documents {
  readonly deployments: readonly Deployment[];
  readonly pods: readonly Pod[];
  readonly services: readonly Service[];
  readonly sidecars: readonly Sidecar[];
}

/**
 * @param files of `kubernetes/`, where the Deployments come from
 * @param mesh of the mesh folder, where the rest does
 * @throws Error when one of them is no YAML, with file and line
 */
export function readDocuments(files: readonly File[], mesh: readonly File[]): Documents {
  const inMesh = mesh.flatMap(parse);
  return {
    deployments: ofKind(files.flatMap(parse), 'Deployment').map(readDeployment),
    pods: ofKind(inMesh, 'Pod').map(readPod),
    services: ofKind(inMesh, 'Service').map(readService),
    sidecars: ofKind(inMesh, 'Sidecar').map(readSidecar),
  };
}

/** Whether all of the selector's labels are among these. */
export function selects(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

function parse({ path, text }: File): readonly unknown[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${path}: ${error.message}`);
    return document.toJS() as unknown;
  });
}

const ofKind = (documents: readonly unknown[], kind: string) =>
  documents.filter((each) => at(each, 'kind') === kind);

function readDeployment(source: unknown): Deployment {
  const template = at(source, 'spec', 'template');
  const container = at(template, 'spec', 'containers', '0');
  const user = at(container, 'securityContext', 'runAsUser');
  return {
    name: text(source, 'metadata', 'name'),
    labels: texts(template, 'metadata', 'labels'),
    annotations: texts(template, 'metadata', 'annotations'),
    args: list(at(container, 'args')).map(String),
    env: Object.fromEntries(
      list(at(container, 'env')).map((each) => [text(each, 'name'), text(each, 'value')]),
    ),
    port: number(container, 'ports', '0', 'containerPort'),
    serviceAccount: text(template, 'spec', 'serviceAccountName') || 'default',
    runAsUser: typeof user === 'number' ? user : undefined,
  };
}

function readPod(source: unknown): Pod {
  return {
    name: text(source, 'metadata', 'name'),
    namespace: text(source, 'metadata', 'namespace') || 'default',
    labels: texts(source, 'metadata', 'labels'),
    address: text(source, 'status', 'podIP'),
  };
}

function readService(source: unknown): Service {
  return {
    name: text(source, 'metadata', 'name'),
    namespace: text(source, 'metadata', 'namespace') || 'default',
    selector: texts(source, 'spec', 'selector'),
    address: text(source, 'spec', 'clusterIP') || undefined,
    port: number(source, 'spec', 'ports', '0', 'port'),
  };
}

function readSidecar(source: unknown): Sidecar {
  const bound = list(at(source, 'spec', 'egress')).find((each) => text(each, 'bind') !== '');
  return {
    selector: texts(source, 'spec', 'workloadSelector', 'labels'),
    defaultEndpoint: text(source, 'spec', 'ingress', '0', 'defaultEndpoint') || undefined,
    outbound: bound === undefined ? undefined : `${text(bound, 'bind')}:${number(bound, 'port', 'number')}`,
  };
}

/** What is at the end of a path, undefined where the path ends before. */
function at(source: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined,
    source,
  );
}

function text(source: unknown, ...path: readonly string[]): string {
  const value = at(source, ...path);
  return value === undefined || value === null ? '' : String(value);
}

function number(source: unknown, ...path: readonly string[]): number {
  const value = at(source, ...path);
  return typeof value === 'number' ? value : 0;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function texts(source: unknown, ...path: readonly string[]): Labels {
  return Object.fromEntries(
    Object.entries(at(source, ...path) ?? {}).map(([name, value]) => [name, String(value)]),
  );
}
