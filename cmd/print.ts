import { writeSync } from 'node:fs';

/**
 * Writes to standard output (1) or error (2). By descriptor, not `process.stdout`: touching that makes the pipe that Envoy
 * inherits non-blocking, and its lines get lost.
 * @returns whether it could be written; false when nobody reads any more
 */
export function print(descriptor: 1 | 2, text: string): boolean {
  const bytes = Buffer.from(text);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
    return true;
  } catch {
    return false;
  }
}
