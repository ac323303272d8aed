import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { type BootstrapInput, buildBootstrap } from '../bootstrap/bootstrap.ts';
import { certificateFiles } from '../bootstrap/certificates.ts';
import type { Bootstrap } from '../bootstrap/envoy-api.ts';
import { setsLogFormat } from '../bootstrap/log-format.ts';
import { mergeBootstrap } from '../bootstrap/override.ts';
import { EnvironmentError, toError } from '../platform/errors.ts';

/** A bootstrap as it will stand in the file of an epoch. */
export interface BootstrapText {
  readonly text: string;
  /** With dot; Envoy tells the notation by it. */
  readonly extension: string;
  /** Certificates and keys that it names. Envoy reads those once: when one changes, it takes a hot restart. */
  readonly certificates: readonly string[];
  /** It gives the form of Envoy's log itself, and with `--log-format` as well Envoy does not start. */
  readonly setsLogFormat: boolean;
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
    const bootstrap = await parseBootstrap(text);
    if (override !== undefined) return inJson(mergeBootstrap(bootstrap, override));
    return { text, extension: extname(path) || '.json', ...traits(bootstrap) };
  } catch (thrown) {
    throw new EnvironmentError(
      `cannot use ${path} (--customConfigFile) as Envoy's bootstrap: ${toError(thrown).message}; name a file of JSON or ` +
        `YAML that user ${process.getuid?.()} can read`,
      { cause: thrown },
    );
  }
}

/** The same bootstrap with Envoy's admin on another port. */
export async function withAdminPort(bootstrap: BootstrapText, port: number): Promise<BootstrapText> {
  const admin = { address: { socket_address: { port_value: port } } };
  return inJson(mergeBootstrap(await parseBootstrap(bootstrap.text), { admin }));
}

async function parseBootstrap(text: string): Promise<Bootstrap> {
  const { parse } = await import('yaml');
  const value: unknown = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('it holds no object');
  return value as Bootstrap;
}

function inJson(bootstrap: Bootstrap): BootstrapText {
  return { text: `${JSON.stringify(bootstrap, null, 2)}\n`, extension: '.json', ...traits(bootstrap) };
}

function traits(bootstrap: Bootstrap): Pick<BootstrapText, 'certificates' | 'setsLogFormat'> {
  return { certificates: certificateFiles(bootstrap), setsLogFormat: setsLogFormat(bootstrap) };
}
