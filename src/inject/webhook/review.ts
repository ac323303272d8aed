/** AdmissionReview -> AdmissionReview. Pure; whatever comes in, there is an answer (injection-iptables-sidecar.md B.9). */
import { InputError, toError } from '../../platform/errors.ts';
import { injectPod } from '../inject.ts';
import { type Fields, isObject, show } from '../json.ts';
import { type Pod, podName, type StringMap } from '../kubernetes.ts';
import { diff } from '../patch.ts';
import { decide, type SkipReason } from '../policy.ts';
import { readPod } from '../read-pod.ts';
import type { InjectionSettings } from '../settings.ts';
import { ownerOf } from './owner.ts';

export type Outcome =
  | { readonly kind: 'injected'; readonly operations: number }
  | { readonly kind: 'skipped'; readonly reason: SkipReason; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string };

export interface Reviewed {
  /** What the API server gets, with status 200. */
  readonly reply: Fields;
  readonly outcome: Outcome;
  /** `namespace/name` of the pod, so far as it is known. */
  readonly pod: string;
  readonly warnings: readonly string[];
}

const GROUP = 'admission.k8s.io';
const VERSIONS: readonly unknown[] = [`${GROUP}/v1`, `${GROUP}/v1beta1`];
/** How 1.30 answers what it cannot read. */
const FALLBACK = `${GROUP}/v1beta1`;

/** @param text the body of the request */
export function review(text: string, settings: InjectionSettings, proxyEnv: StringMap): Reviewed {
  let tree: unknown;
  try {
    tree = JSON.parse(text);
  } catch (thrown) {
    return failed({}, '', new InputError([`the body is not JSON: ${toError(thrown).message}`]));
  }
  const body = isObject(tree) ? tree : {};
  const request = isObject(body['request']) ? body['request'] : {};
  const where = { namespace: textOf(request['namespace']), name: textOf(request['name']) };
  try {
    checkReview(tree);
    const object = request['object'];
    if (!isObject(object)) throw new InputError([`request.object: expected a Pod, got ${show(object)}`]);
    if (object['kind'] !== undefined && object['kind'] !== 'Pod') {
      throw new InputError([`request.object: expected a Pod, got the kind ${show(object['kind'])}`]);
    }
    const pod = readPod({ metadata: object['metadata'], spec: object['spec'] });
    return inject(body, object, pod, where.namespace || pod.metadata.namespace || '', settings, proxyEnv);
  } catch (thrown) {
    return failed(body, nameOf(where.namespace, where.name), toError(thrown));
  }
}

function checkReview(tree: unknown): void {
  if (!isObject(tree)) throw new InputError([`expected an AdmissionReview, got ${show(tree)}`]);
  const { apiVersion, kind, request } = tree;
  const problems: string[] = [];
  if (!VERSIONS.includes(apiVersion)) {
    problems.push(`apiVersion: expected ${VERSIONS.join(' or ')}, got ${show(apiVersion)}`);
  }
  if (kind !== 'AdmissionReview') problems.push(`kind: expected AdmissionReview, got ${show(kind)}`);
  if (!isObject(request)) problems.push(`request: expected an object, got ${show(request)}`);
  if (problems.length > 0) throw new InputError(problems);
}

function inject(
  body: Fields,
  object: Fields,
  pod: Pod,
  namespace: string,
  settings: InjectionSettings,
  proxyEnv: StringMap,
): Reviewed {
  const owner = ownerOf(pod.metadata, namespace);
  const name = nameOf(namespace, podName(pod.metadata, owner));
  const decision = decide(pod, namespace, settings.policy, settings.compat);
  const allow = (more: Fields) => answer(body, { allowed: true, ...more });
  const skip = (reason: SkipReason, why: string, warnings: readonly string[]): Reviewed => ({
    reply: allow({}),
    outcome: { kind: 'skipped', reason, why },
    pod: name,
    warnings,
  });
  if (!decision.inject) return skip(decision.reason, decision.why, decision.warnings);
  const result = injectPod({ pod, owner, settings, via: 'webhook', proxyEnv });
  const warnings = [...decision.warnings, ...result.warnings];
  if (result.kind === 'skipped') return skip(result.reason, result.why, warnings);
  const { metadata, spec } = result.pod;
  const operations = diff(object, { ...object, metadata, spec });
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  return {
    reply: allow({ patchType: 'JSONPatch', patch }),
    outcome: { kind: 'injected', operations: operations.length },
    pod: name,
    warnings,
  };
}

function failed(body: Fields, pod: string, error: Error): Reviewed {
  return {
    reply: answer(body, { allowed: false, status: { message: error.message } }),
    outcome: { kind: 'failed', why: error.message },
    pod,
    warnings: [],
  };
}

function answer({ apiVersion, request }: Fields, response: Fields): Fields {
  return {
    apiVersion: VERSIONS.includes(apiVersion) ? apiVersion : FALLBACK,
    kind: 'AdmissionReview',
    response: { uid: isObject(request) ? textOf(request['uid']) : '', ...response },
  };
}

function nameOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
