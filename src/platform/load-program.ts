import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { constants, Script } from 'node:vm';
import { openCodeCache } from './code-cache.ts';

/** What a bundle is made into: a function of what Node gives to every CommonJS module. */
type Program = (require: Require, module: object, filename: string, dirname: string) => void;

/** What a bundle loads other modules with. */
export type Require = (name: string) => unknown;

export interface LoadedProgram {
  readonly script: Script;
  /** Fingerprint of the source. */
  readonly build: string;
  /** @returns what the bundle exports */
  run(): unknown;
}

/** The first line of a bundle names its build (scripts/build.mjs). */
const BUILD = /^\/\*([0-9a-f]+)\*\//;
const LONGEST_BUILD = 80;

/**
 * Compiles a bundle, from V8's code cache where there is one that fits. Everything is read here and now: the agent gives up
 * root later. A cache that is missing, damaged or for another Node costs time and nothing else.
 * @throws Error when the bundle cannot be read
 */
export function loadProgram(
  filename: string,
  cacheFile: string | undefined,
  require: Require,
): LoadedProgram {
  // The bundle is ASCII: as latin1 it stays one byte a character and need not be decoded.
  return compile(filename, readFileSync(filename, 'latin1'), cacheFile, require);
}

/** The same with a source that has been read. */
export function compile(
  filename: string,
  source: string,
  cacheFile: string | undefined,
  require: Require,
): LoadedProgram {
  const build = BUILD.exec(source.slice(0, LONGEST_BUILD))?.[1] ?? '';
  const cachedData = cacheFile === undefined ? undefined : readCache(cacheFile, build);
  const script = new Script(source, {
    filename,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const program = script.runInThisContext() as Program;
  const module = { exports: {} };
  return {
    script,
    build,
    run: () => {
      program(require, module, filename, dirname(filename));
      return module.exports;
    },
  };
}

function readCache(file: string, build: string): Buffer | undefined {
  try {
    const { version: node, arch } = process;
    return openCodeCache(readFileSync(file), { build, node, arch });
  } catch {
    return undefined;
  }
}
