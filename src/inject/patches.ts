import { InputError } from '../platform/errors.ts';
import { itemsOf } from './checks.ts';
import { isObject } from './json.ts';
import { type Metadata, type Pod, type PodSpec, PROXY } from './kubernetes.ts';
import { mergePatch } from './merge.ts';
import { type TemplateInput, written } from './template/input.ts';

/** The patches of the templates that the pod or the administrator names, one after the other. */
export function applyPatches(pod: Pod, input: TemplateInput, warnings: string[]): Pod {
  const { templates, defaultTemplates } = input.values.webhook;
  const asked = written(input, 'templates');
  const names =
    asked !== undefined ? itemsOf(asked) : defaultTemplates.length > 0 ? defaultTemplates : ['sidecar'];
  const unknown = names.filter((name) => name !== 'sidecar' && templates[name] === undefined);
  if (unknown.length > 0) {
    const known = [...new Set(['sidecar', ...Object.keys(templates)])].sort().join(', ');
    throw new InputError(unknown.map((name) => `requested template "${name}" not found; have ${known}`));
  }
  if (!names.includes('sidecar'))
    warnings.push('the template "sidecar" is not asked for, and injected nevertheless');
  let { metadata, spec } = pod;
  for (const name of names) {
    const patch = templates[name] ?? {};
    metadata = mergePatch(metadata, patch['metadata'] ?? {}) as Metadata;
    spec = mergePatch(spec, placed(patch['spec'], input.native)) as PodSpec;
  }
  return { ...pod, metadata, spec };
}

/** A patch says `containers` for the proxy, wherever that is: as a native sidecar it is an init container. */
function placed(spec: unknown, native: boolean): unknown {
  if (!isObject(spec)) return {};
  const [here, there] = native ? ['initContainers', 'containers'] : ['containers', 'initContainers'];
  const isProxy = (item: unknown) => isObject(item) && item['name'] === PROXY;
  const from = spec[there];
  if (!Array.isArray(from) || !from.some(isProxy)) return spec;
  const to = spec[here];
  return {
    ...spec,
    [here]: [...(Array.isArray(to) ? to : []), ...from.filter(isProxy)],
    [there]: from.filter((item) => !isProxy(item)),
  };
}
