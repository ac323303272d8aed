import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { errorCode, toError } from './errors.ts';

export type Fingerprint =
  | {
      readonly kind: 'known';
      /** Equal for equal files. A missing file has a value too, and so has what is no file. */
      readonly value: string;
      /** What `stat` said; undefined when the content must be read again even if it says the same. */
      readonly stat: string | undefined;
    }
  | { readonly kind: 'unreadable'; readonly error: Error };

const MISSING = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);
/** Time stamps are that coarse at worst: an edit this soon after the last may leave no trace in them. */
const SETTLED_MS = 2_000;

/** @param last the fingerprint from before, which spares reading a file that nobody has touched */
export async function fingerprint(path: string, last: Fingerprint | undefined): Promise<Fingerprint> {
  try {
    const info = await stat(path, { bigint: true });
    if (!info.isFile()) return { kind: 'known', value: 'no file', stat: undefined };
    const which = `${info.dev}:${info.ino}:${info.size}:${info.mtimeNs}:${info.ctimeNs}`;
    if (last?.kind === 'known' && last.stat === which) return last;
    const settled = Date.now() - Number(info.ctimeMs) > SETTLED_MS;
    return { kind: 'known', value: await digest(path), stat: settled ? which : undefined };
  } catch (thrown) {
    if (MISSING.has(errorCode(thrown) ?? '')) return { kind: 'known', value: 'missing', stat: undefined };
    return { kind: 'unreadable', error: toError(thrown) };
  }
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
