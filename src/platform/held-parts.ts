import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toError } from './errors.ts';
import { compile, type Require } from './load-program.ts';

/**
 * The parts of a program that are seldom needed are bundles of their own, `pilot-agent.<name>.cjs`, read when they are required as
 * `pilot-agent:<name>`. They are opened here and now: by then the process may no longer be root, and the file another build's.
 * A part that cannot be opened is an error only for who requires it.
 * @param folder where the bundles are
 */
export function holdParts(folder: string, names: readonly string[], require: Require): Require {
  const parts = new Map<string, () => unknown>();
  for (const name of names) {
    parts.set(`pilot-agent:${name}`, once(openPart(join(folder, `pilot-agent.${name}.cjs`), require)));
  }
  return (name) => (parts.get(name) ?? (() => require(name)))();
}

function openPart(file: string, require: Require): () => unknown {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (thrown) {
    const error = toError(thrown);
    return () => {
      throw error;
    };
  }
  return () => {
    const source = readFileSync(descriptor, 'latin1');
    closeSync(descriptor);
    return compile(file, source, undefined, require).run();
  };
}

function once(load: () => unknown): () => unknown {
  let loaded: { readonly module: unknown } | undefined;
  return () => {
    loaded ??= { module: load() };
    return loaded.module;
  };
}
