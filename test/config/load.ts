import { type LoadedConfig, loadConfig } from '../../src/config/load-config.ts';
import { InputError } from '../../src/platform/errors.ts';

export interface Given {
  readonly argv?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Path -> content. */
  readonly files?: Readonly<Record<string, string>> | undefined;
}

export function load({ argv = [], env = {}, files = {} }: Given): Promise<LoadedConfig> {
  return loadConfig({ argv, env, readFile: (path) => Promise.resolve(files[path]) });
}

/** The problems of an input that must be refused. */
export async function problemsOf(given: Given): Promise<readonly string[]> {
  try {
    await load(given);
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  throw new Error('the input was accepted');
}

/** An annotations file as the downward API writes it. */
export function annotationsFile(
  annotations: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const lines = Object.entries(annotations).map(([name, value]) => `${name}=${JSON.stringify(value)}\n`);
  return { './etc/istio/pod/annotations': lines.join('') };
}
