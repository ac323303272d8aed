import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { InputError, toError } from '../platform/errors.ts';
import { type Fields, isObject } from './json.ts';
import { type Mesh, readMesh } from './mesh.ts';
import type { Policy } from './policy.ts';
import { type Compat, readValues, type Values } from './values.ts';

/** Everything that one injection depends on, apart from the pod. */
export interface InjectionSettings {
  readonly compat: Compat;
  readonly values: Values;
  readonly mesh: Mesh;
  readonly policy: Policy;
  /** Whether the proxy is an init container that goes on running, unless a pod says otherwise. */
  readonly nativeSidecars: boolean;
  /** Names what goes into every pod: the same text for the same settings. */
  readonly version: string;
}

/** The texts of the files; undefined where there is none. */
export interface SettingsTexts {
  readonly mesh?: string | undefined;
  readonly values?: string | undefined;
  readonly inject?: string | undefined;
}

/**
 * Makes the settings from the contents of the mesh config, the values and the injection config.
 * @param nativeSidecars undefined: as the values say, or else as `compat` has it
 * @throws InputError with everything that is wrong in all of the files
 */
export function readSettings(
  texts: SettingsTexts,
  compat: Compat,
  nativeSidecars: boolean | undefined,
): InjectionSettings {
  const problems: string[] = [];
  function collect<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      problems.push(...thrown.problems);
      return undefined;
    }
  }
  const inject = collect(() => readInjectConfig(texts.inject));
  const valuesTree = collect(() => withPatches(parseFile(texts.values, 'values'), inject?.templates ?? {}));
  const values = collect(() => readValues(valuesTree, compat));
  const mesh = collect(() =>
    readMesh(texts.mesh === undefined ? undefined : parseFile(texts.mesh, 'mesh config'), compat),
  );
  if (problems.length > 0 || values === undefined || mesh === undefined || inject === undefined) {
    throw new InputError(problems);
  }
  const native = nativeSidecars ?? values.nativeSidecars ?? compat === '1.30';
  const { webhook } = values;
  const complete: Values = {
    ...values,
    webhook: {
      ...webhook,
      injectedAnnotations: { ...webhook.injectedAnnotations, ...inject.injectedAnnotations },
      defaultTemplates:
        inject.defaultTemplates.length > 0 ? inject.defaultTemplates : webhook.defaultTemplates,
    },
  };
  const { policy, neverInjectSelector, alwaysInjectSelector, ...content } = complete.webhook;
  const hash = createHash('sha256');
  hash.update(JSON.stringify({ compat, values: { ...complete, webhook: content }, mesh, native }));
  return {
    compat,
    values: complete,
    mesh,
    policy: {
      policy: inject.policy ?? policy,
      neverInjectSelector: [...neverInjectSelector, ...inject.neverInjectSelector],
      alwaysInjectSelector: [...alwaysInjectSelector, ...inject.alwaysInjectSelector],
    },
    nativeSidecars: native,
    version: hash.digest('hex'),
  };
}

interface InjectConfig {
  readonly policy: string | undefined;
  readonly neverInjectSelector: readonly Fields[];
  readonly alwaysInjectSelector: readonly Fields[];
  readonly injectedAnnotations: Readonly<Record<string, string>>;
  readonly defaultTemplates: readonly string[];
  readonly templates: Fields;
}

/** The injection config: policy, selectors, annotations, and patches instead of the original's Go templates. */
function readInjectConfig(text: string | undefined): InjectConfig {
  const tree = parseFile(text, 'inject config') ?? {};
  if (!isObject(tree)) throw new InputError(['inject config: expected an object with "policy"']);
  const problems: string[] = [];
  if (typeof tree['template'] === 'string' && tree['template'].trim() !== '') {
    problems.push(
      'inject config: template: Go templates are not supported; leave it out, and write what is different as a patch in "templates"',
    );
  }
  const objects = (name: string): readonly Fields[] => {
    const list = tree[name] ?? [];
    if (Array.isArray(list) && list.every(isObject)) return list;
    problems.push(`inject config: ${name}: expected a list of label selectors`);
    return [];
  };
  const annotations = tree['injectedAnnotations'] ?? {};
  if (!isObject(annotations) || Object.values(annotations).some((value) => typeof value !== 'string')) {
    problems.push('inject config: injectedAnnotations: expected names and texts');
  }
  const policy = tree['policy'];
  if (policy !== undefined && policy !== null && typeof policy !== 'string') {
    problems.push('inject config: policy: expected "enabled" or "disabled"');
  }
  const defaults = tree['defaultTemplates'] ?? [];
  const defaultTemplates = Array.isArray(defaults) ? defaults.filter((name) => typeof name === 'string') : [];
  const config: InjectConfig = {
    policy: typeof policy === 'string' ? policy : undefined,
    neverInjectSelector: objects('neverInjectSelector'),
    alwaysInjectSelector: objects('alwaysInjectSelector'),
    injectedAnnotations: annotations as InjectConfig['injectedAnnotations'],
    defaultTemplates,
    templates: isObject(tree['templates']) ? tree['templates'] : {},
  };
  if (problems.length > 0) throw new InputError(problems);
  return config;
}

/** The values with their patches parsed, where they are texts, and with those of the injection config. */
function withPatches(tree: unknown, more: Fields): unknown {
  if (tree !== undefined && tree !== null && !isObject(tree)) return tree;
  const values = tree ?? {};
  const webhook = isObject(values['sidecarInjectorWebhook']) ? values['sidecarInjectorWebhook'] : {};
  const own = isObject(webhook['templates']) ? webhook['templates'] : {};
  const templates = Object.fromEntries(
    Object.entries({ ...own, ...more }).map(([name, patch]) => [name, parsePatch(name, patch)]),
  );
  return { ...values, sidecarInjectorWebhook: { ...webhook, templates } };
}

function parsePatch(name: string, patch: unknown): unknown {
  if (typeof patch !== 'string') return patch;
  if (patch.includes('{{')) {
    throw new InputError([
      `template "${name}": Go templates are not supported; write a patch, that is a part of a Pod in YAML`,
    ]);
  }
  return parseFile(patch, `template "${name}"`) ?? {};
}

/** @throws InputError that says what the text is */
export function parseFile(text: string | undefined, name: string): unknown {
  if (text === undefined) return undefined;
  try {
    return parse(text, { schema: 'core', merge: true });
  } catch (thrown) {
    throw new InputError([`${name}: not YAML: ${toError(thrown).message.split('\n')[0]}`]);
  }
}
