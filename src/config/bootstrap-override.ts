import { toError } from '../platform/errors.ts';
import { expandHostIp, HOST_IP } from './expand.ts';
import type { Findings } from './findings.ts';
import { isObject, parseObject } from './json.ts';

/** Reads a file; undefined when it is not there. */
export type ReadFile = (path: string) => Promise<string | undefined>;

/**
 * Reads the file of `ISTIO_BOOTSTRAP_OVERRIDE`, JSON or YAML, with `$(HOST_IP)` replaced. As in the original, a file that
 * cannot be read costs a warning; one that can be read and makes no sense is an error.
 */
export async function readBootstrapOverride(
  path: string | undefined,
  hostIp: string | undefined,
  readFile: ReadFile,
  { problems, warnings }: Findings,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (path === undefined) return undefined;
  let text: string | undefined;
  let why = 'there is no such file';
  try {
    text = await readFile(path);
  } catch (error) {
    why = toError(error).message;
  }
  if (text === undefined) {
    warnings.push(`ISTIO_BOOTSTRAP_OVERRIDE "${path}": ${why}; the bootstrap is not changed`);
    return undefined;
  }
  try {
    return expandAll(await parseObject(text), hostIp) as Readonly<Record<string, unknown>>;
  } catch (error) {
    problems.push(`ISTIO_BOOTSTRAP_OVERRIDE "${path}": neither JSON nor YAML: ${toError(error).message}`);
    return undefined;
  }
}

/** Expands every text. One that is nothing but the address stays without brackets, as a socket address of Envoy wants it. */
function expandAll(value: unknown, hostIp: string | undefined): unknown {
  if (value === HOST_IP) return hostIp ?? value;
  if (typeof value === 'string') return expandHostIp(value, hostIp);
  if (Array.isArray(value)) return value.map((entry) => expandAll(entry, hostIp));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, expandAll(entry, hostIp)]));
}
