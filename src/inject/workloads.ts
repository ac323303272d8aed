/** Which objects have a Pod in them, and where (injection-iptables-sidecar.md B.1). */
import { InputError } from '../platform/errors.ts';
import { type Fields, isObject, show } from './json.ts';
import type { Owner, Pod } from './kubernetes.ts';
import { readPod } from './read-pod.ts';
import type { Compat } from './values.ts';

type Path = readonly string[];

/** Where metadata and spec of a Pod are. */
interface Place {
  readonly metadata: Path;
  readonly spec: Path;
}

const POD: Place = { metadata: ['metadata'], spec: ['spec'] };
const TEMPLATE: Place = { metadata: ['spec', 'template', 'metadata'], spec: ['spec', 'template', 'spec'] };
const JOB_TEMPLATE = ['spec', 'jobTemplate'];
const CRON_JOB: Place = {
  metadata: [...JOB_TEMPLATE, 'spec', 'template', 'metadata'],
  spec: [...JOB_TEMPLATE, 'spec', 'template', 'spec'],
};
/** The original of 1.5 labels the job, not its pods. */
const CRON_JOB_15: Place = { ...CRON_JOB, metadata: [...JOB_TEMPLATE, 'metadata'] };

const PLACES: Readonly<Record<string, Place>> = {
  'v1/Pod': POD,
  'v1/ReplicationController': TEMPLATE,
  'apps/v1/Deployment': TEMPLATE,
  'apps/v1/DaemonSet': TEMPLATE,
  'apps/v1/ReplicaSet': TEMPLATE,
  'apps/v1/StatefulSet': TEMPLATE,
  'batch/v1/Job': TEMPLATE,
  'batch/v1/CronJob': CRON_JOB,
  'batch/v1beta1/CronJob': CRON_JOB,
  'batch/v2alpha1/CronJob': CRON_JOB,
  'apps.openshift.io/v1/DeploymentConfig': TEMPLATE,
};

export interface Workload {
  readonly pod: Pod;
  readonly owner: Owner;
  /** `Deployment "shop/cart"`, for messages. */
  readonly title: string;
  /** The whole object with another Pod in it. */
  with(pod: Pod): Fields;
}

/** Whether an object is a List, whose items may be workloads. */
export function listItems(object: unknown): readonly unknown[] | undefined {
  if (!isObject(object) || object['apiVersion'] !== 'v1' || object['kind'] !== 'List') return undefined;
  return Array.isArray(object['items']) ? object['items'] : [];
}

/**
 * Finds the Pod in an object.
 * @returns undefined for objects without one, and for kinds that injection does not know
 * @throws InputError with everything that is no part of a Pod
 */
export function findWorkload(object: unknown, compat: Compat): Workload | undefined {
  if (!isObject(object)) return undefined;
  const { apiVersion, kind } = object;
  const known = PLACES[`${String(apiVersion)}/${String(kind)}`];
  if (known === undefined || typeof apiVersion !== 'string' || typeof kind !== 'string') return undefined;
  const place = known === CRON_JOB && compat === '1.5' ? CRON_JOB_15 : known;
  const outer = isObject(object['metadata']) ? object['metadata'] : {};
  const [name, namespace] = [textOf(outer['name']), textOf(outer['namespace'])];
  const title = `${kind} "${namespace === '' ? '' : `${namespace}/`}${name || textOf(outer['generateName'])}"`;
  const named = (problems: readonly string[]) => new InputError(problems.map((each) => `${title}: ${each}`));
  if (!isObject(at(object, place.spec))) {
    const path = place.spec.join('.');
    throw named([`${path}: expected the spec of a Pod, got ${show(at(object, place.spec))}`]);
  }
  try {
    const pod = readPod({ metadata: at(object, place.metadata), spec: at(object, place.spec) });
    return {
      pod,
      owner: { apiVersion, kind, name, namespace },
      title,
      with: (changed) => set(set(object, place.metadata, changed.metadata), place.spec, changed.spec),
    };
  } catch (thrown) {
    throw thrown instanceof InputError ? named(thrown.problems) : thrown;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function at(object: unknown, path: Path): unknown {
  return path.reduce((value: unknown, name) => (isObject(value) ? value[name] : undefined), object);
}

function set(object: Fields, [name = '', ...rest]: Path, value: unknown): Fields {
  if (rest.length === 0) return { ...object, [name]: value };
  const inner = object[name];
  return { ...object, [name]: set(isObject(inner) ? inner : {}, rest, value) };
}
