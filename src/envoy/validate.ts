import { type Millis, millis } from '../platform/duration.ts';

export type Validation =
  | { readonly kind: 'valid' }
  /** With Envoy's own words. */
  | { readonly kind: 'rejected'; readonly reason: string };

const DEADLINE: Millis = millis(10_000);
const MAX_OUTPUT = 64 * 1024;

/**
 * Has Envoy check a bootstrap without running it (about 80 ms). It does not bind: a port that is taken shows only when Envoy
 * starts. Never throws: an Envoy that cannot be asked has not accepted the bootstrap.
 */
export async function validateBootstrap(
  binary: string,
  file: string,
  env: NodeJS.ProcessEnv,
  deadline: Millis = DEADLINE,
): Promise<Validation> {
  const { execa } = await import('execa');
  const args = [
    '--mode',
    'validate',
    '-c',
    file,
    '-l',
    'error',
    '--log-format',
    '%v',
    '--skip-deprecated-logs',
  ];
  const { exitCode, all, timedOut, shortMessage } = await execa(binary, args, {
    env,
    extendEnv: false,
    all: true,
    reject: false,
    stdin: 'ignore',
    timeout: deadline,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_OUTPUT,
    stripFinalNewline: true,
  });
  if (exitCode === 0) return { kind: 'valid' };
  if (timedOut) return { kind: 'rejected', reason: `Envoy did not check ${file} within ${deadline} ms` };
  const said = all?.trim() ?? '';
  return { kind: 'rejected', reason: said === '' ? (shortMessage ?? 'Envoy does not say why') : said };
}
