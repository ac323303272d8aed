import { toError } from '../platform/errors.ts';
import type { ReadFile } from './bootstrap-override.ts';
import { isObject, parseJson } from './json.ts';
import { parsePodInfo } from './pod-info.ts';

const VARIABLE = 'ISTIO_METAJSON_ANNOTATIONS';

/**
 * The annotations of the pod: those of the downward API's file over those that 1.5 injects as `ISTIO_METAJSON_ANNOTATIONS`.
 * What cannot be read costs a warning.
 */
export async function readPodAnnotations(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
  readFile: ReadFile,
  warnings: string[],
): Promise<ReadonlyMap<string, string>> {
  const annotations = new Map(Object.entries(injected(env[VARIABLE])));
  try {
    const text = await readFile(path);
    const { values, warnings: bad } = parsePodInfo(text ?? '');
    warnings.push(...bad.map((warning) => `${path}: ${warning}`));
    for (const [name, value] of values) annotations.set(name, value);
  } catch (error) {
    warnings.push(`${path}: cannot be read, no annotations: ${toError(error).message}`);
  }
  return annotations;
}

/** The bootstrap reads this variable too, and warns when it makes no sense. */
function injected(text: string | undefined): Record<string, string> {
  try {
    const value: unknown = parseJson(text || '{}');
    const entries = isObject(value) ? Object.entries(value) : [];
    return Object.fromEntries(
      entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch {
    return {};
  }
}
