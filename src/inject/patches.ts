import { InputError } from '../platform/errors.ts';
import { itemsOf } from './checks.ts';
import type { Metadata, Pod, PodSpec } from './kubernetes.ts';
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
    spec = mergePatch(spec, patch['spec'] ?? {}) as PodSpec;
  }
  return { ...pod, metadata, spec };
}
