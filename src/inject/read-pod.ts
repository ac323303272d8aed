import { InputError } from '../platform/errors.ts';
import { type Fields, isObject, show } from './json.ts';
import type { Pod } from './kubernetes.ts';

/** Where a value is, and what is wrong with it. */
type Report = (path: string, expected: string, value: unknown) => void;
type Check = (value: unknown, path: string, report: Report) => void;

const text: Check = (value, path, report) => {
  if (typeof value === 'string') return;
  const scalar = typeof value === 'number' || typeof value === 'boolean';
  report(path, scalar ? 'a text; put it in quotes' : 'a text', value);
};
const wholeNumber: Check = (value, path, report) => {
  if (!Number.isInteger(value)) report(path, 'a whole number', value);
};
const truth: Check = (value, path, report) => {
  if (typeof value !== 'boolean') report(path, 'true or false', value);
};
const port: Check = (value, path, report) => {
  if (!Number.isInteger(value) && typeof value !== 'string') report(path, 'a port or the name of one', value);
};
const anObject: Check = (value, path, report) => {
  if (!isObject(value)) report(path, 'an object', value);
};

/** Missing or null, or what `check` wants. */
const maybe =
  (check: Check): Check =>
  (value, path, report) => {
    if (value !== undefined && value !== null) check(value, path, report);
  };

const listOf =
  (check: Check): Check =>
  (value, path, report) => {
    if (!Array.isArray(value)) report(path, 'a list', value);
    else for (const [index, item] of value.entries()) check(item, `${path}[${index}]`, report);
  };

const mapOf =
  (check: Check): Check =>
  (value, path, report) => {
    if (!isObject(value)) report(path, 'an object', value);
    else for (const [key, item] of Object.entries(value)) check(item, `${path}["${key}"]`, report);
  };

const shape =
  (members: Readonly<Record<string, Check>>): Check =>
  (value, path, report) => {
    if (!isObject(value)) {
      report(path, 'an object', value);
      return;
    }
    for (const name in members) members[name]?.(value[name], path === '' ? name : `${path}.${name}`, report);
  };

const action = {
  httpGet: maybe(
    shape({
      path: maybe(text),
      port,
      host: maybe(text),
      scheme: maybe(text),
      httpHeaders: maybe(listOf(shape({ name: text, value: text }))),
    }),
  ),
  tcpSocket: maybe(shape({ port, host: maybe(text) })),
  grpc: maybe(shape({ port, service: maybe(text) })),
};
const probe = maybe(shape({ ...action, timeoutSeconds: maybe(wholeNumber) }));
const quantities = maybe(
  mapOf((value, path, report) => {
    if (typeof value !== 'string' && typeof value !== 'number') report(path, 'a quantity', value);
  }),
);

const container = shape({
  name: text,
  image: maybe(text),
  command: maybe(listOf(text)),
  args: maybe(listOf(text)),
  env: maybe(listOf(shape({ name: text, value: maybe(text), valueFrom: maybe(anObject) }))),
  ports: maybe(listOf(shape({ name: maybe(text), containerPort: wholeNumber, protocol: maybe(text) }))),
  resources: maybe(shape({ limits: quantities, requests: quantities })),
  volumeMounts: maybe(listOf(shape({ name: text, mountPath: text }))),
  securityContext: maybe(anObject),
  readinessProbe: probe,
  livenessProbe: probe,
  startupProbe: probe,
  lifecycle: maybe(shape({ postStart: maybe(shape(action)), preStop: maybe(shape(action)) })),
});

const metadata = shape({
  name: maybe(text),
  generateName: maybe(text),
  namespace: maybe(text),
  labels: maybe(mapOf(text)),
  annotations: maybe(mapOf(text)),
  ownerReferences: maybe(
    listOf(
      shape({ apiVersion: maybe(text), kind: maybe(text), name: maybe(text), controller: maybe(truth) }),
    ),
  ),
});

const spec = shape({
  hostNetwork: maybe(truth),
  serviceAccountName: maybe(text),
  dnsPolicy: maybe(text),
  initContainers: maybe(listOf(container)),
  containers: maybe(listOf(container)),
  volumes: maybe(listOf(shape({ name: text }))),
  imagePullSecrets: maybe(listOf(shape({ name: maybe(text) }))),
  dnsConfig: maybe(shape({ searches: maybe(listOf(text)) })),
  securityContext: maybe(anObject),
});

/**
 * Takes metadata and spec for a Pod after a look at everything that injection reads. A missing or null metadata is an empty one.
 * @param rest other members of the object, passed on as they are
 * @throws InputError that names every member that is not what Kubernetes wants there
 */
export function readPod(
  parts: { readonly metadata: unknown; readonly spec: unknown },
  rest: Fields = {},
): Pod {
  const problems: string[] = [];
  const report: Report = (path, expected, value) =>
    problems.push(`${path}: expected ${expected}, got ${show(value)}`);
  maybe(metadata)(parts.metadata, 'metadata', report);
  spec(parts.spec, 'spec', report);
  if (problems.length > 0) throw new InputError(problems);
  return { ...rest, metadata: parts.metadata ?? {}, spec: parts.spec } as Pod;
}
