import { InputError } from '../platform/errors.ts';
import { injectPod } from './inject.ts';
import { isObject } from './json.ts';
import { type Owner, type Pod, podName } from './kubernetes.ts';
import { ownWord } from './policy.ts';
import type { InjectionSettings } from './settings.ts';
import { findWorkload, listItems, type Workload } from './workloads.ts';
import { parseYaml, splitStream, type YamlPiece } from './yaml-documents.ts';

/** A document of the input, and what became of it. */
export interface InjectedDocument {
  readonly before: string;
  /** The same text when nothing was injected. */
  readonly after: string;
}

export interface InjectedStream {
  readonly documents: readonly InjectedDocument[];
  /** For standard error. */
  readonly messages: readonly string[];
}

/** Kinds that have a Pod in them are few, and most documents are of other kinds: those need not be parsed. */
const MAY_HAVE_POD =
  /\b(Pod|ReplicationController|List|Deployment|DaemonSet|ReplicaSet|StatefulSet|Job|CronJob|DeploymentConfig)\b/;

/**
 * Injects every Pod of a YAML or JSON stream. Documents without one are passed on byte for byte, whatever they are.
 * @throws InputError with every problem of every document
 */
export function injectStream(stream: string, settings: InjectionSettings): InjectedStream {
  const messages: string[] = [];
  const problems: string[] = [];
  const documents = splitStream(stream).map((piece): InjectedDocument => {
    const same = { before: piece.text, after: piece.text };
    try {
      return MAY_HAVE_POD.test(piece.text) ? injectPiece(piece, settings, messages) : same;
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      problems.push(...thrown.problems);
      return same;
    }
  });
  if (problems.length > 0) throw new InputError(problems);
  return { documents, messages };
}

function injectPiece(piece: YamlPiece, settings: InjectionSettings, messages: string[]): InjectedDocument {
  const document = parseYaml(piece);
  const after = injectObject(document.value, settings, messages);
  return { before: piece.text, after: after === document.value ? piece.text : document.print(after) };
}

/** The object with injected Pods; itself when there are none. */
function injectObject(object: unknown, settings: InjectionSettings, messages: string[]): unknown {
  const items = listItems(object);
  if (items !== undefined && isObject(object)) {
    const problems: string[] = [];
    const injected = items.map((item) => {
      try {
        return injectObject(item, settings, messages);
      } catch (thrown) {
        if (!(thrown instanceof InputError)) throw thrown;
        problems.push(...thrown.problems);
        return item;
      }
    });
    if (problems.length > 0) throw new InputError(problems);
    return injected.every((item, index) => item === items[index]) ? object : { ...object, items: injected };
  }
  const workload = findWorkload(object, settings.compat);
  return workload === undefined ? object : injectWorkload(object, workload, settings, messages);
}

function injectWorkload(
  object: unknown,
  { pod, owner, title, with: replaced }: Workload,
  settings: InjectionSettings,
  messages: string[],
): unknown {
  const skipped = (why: string) => {
    messages.push(skipMessage(pod, owner, why, settings));
    return object;
  };
  // By hand somebody has asked for it: 1.5 injects whatever the pod's annotation says, 1.30 does not.
  if (settings.compat === '1.30' && pod.spec.hostNetwork !== true) {
    const warnings: string[] = [];
    const { inject } = ownWord(pod.metadata, settings.compat, warnings);
    messages.push(...warnings.map((warning) => `${title}: ${warning}`));
    if (inject === false) return skipped('has sidecar injection disabled');
  }
  try {
    const result = injectPod({ pod, owner, settings, via: 'file' });
    messages.push(...result.warnings.map((warning) => `${title}: ${warning}`));
    return result.kind === 'injected' ? replaced(result.pod) : skipped(result.why.replace(/^it has/, 'has'));
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown;
    throw new InputError(thrown.problems.map((problem) => `${title}: ${problem}`));
  }
}

/** The words of the original, which scripts look for. */
function skipMessage({ metadata }: Pod, owner: Owner, why: string, { compat }: InjectionSettings): string {
  return compat === '1.5'
    ? `Skipping injection because "${podName(metadata, owner)}" ${why}`
    : `===> Skipping injection because ${owner.kind} "${owner.namespace}/${owner.name}" ${why}`;
}
