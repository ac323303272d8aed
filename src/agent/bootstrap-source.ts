import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { type BootstrapInput, buildBootstrap } from '../bootstrap/bootstrap.ts';
import type { Bootstrap } from '../bootstrap/envoy-api.ts';
import { mergeBootstrap } from '../bootstrap/override.ts';
import { EnvironmentError, toError } from '../platform/errors.ts';

/** A bootstrap as it will stand in the file of an epoch. */
export interface BootstrapText {
  readonly text: string;
  /** With dot; Envoy tells the notation by it. */
  readonly extension: string;
}

/** The bootstrap that the agent makes. */
export function generatedBootstrap(input: BootstrapInput): BootstrapText {
  return inJson(buildBootstrap(input));
}

/**
 * `customConfigFile`: what it says, as it stands; with `ISTIO_BOOTSTRAP_OVERRIDE` merged in, as JSON. It is read once for each
 * epoch, so that Envoy never reads a file that somebody is writing.
 * @throws EnvironmentError naming the file when it cannot be read or makes no sense
 */
export async function customBootstrap(
  path: string,
  override: Readonly<Record<string, unknown>> | undefined,
): Promise<BootstrapText> {
  try {
    const text = await readFile(path, 'utf8');
    if (override === undefined) return { text, extension: extname(path) || '.json' };
    const { parse } = await import('yaml');
    return inJson(mergeBootstrap(parse(text) as Bootstrap, override));
  } catch (thrown) {
    throw new EnvironmentError(
      `cannot use ${path} (--customConfigFile) as Envoy's bootstrap: ${toError(thrown).message}; name a file that user ` +
        `${process.getuid?.()} can read`,
      { cause: thrown },
    );
  }
}

function inJson(bootstrap: Bootstrap): BootstrapText {
  return { text: `${JSON.stringify(bootstrap, null, 2)}\n`, extension: '.json' };
}
