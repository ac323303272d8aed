import { fstatSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { derive } from '../src/mesh/derive/derive.ts';
import type { DeriveRequest } from '../src/mesh/derive/request.ts';
import { print } from './print.ts';

/**
 * What `proxy --meshDir` runs for each change, in a process that ends: a request as JSON on standard input, the report on standard
 * output. Not for people, and in no help text.
 */
export async function meshDerive(): Promise<number> {
  const request = JSON.parse(await text(process.stdin)) as DeriveRequest;
  print(1, JSON.stringify(await derive(request, buildOf(PROGRAM))));
  return 0;
}

/** `openChildProgram` gives the bundle as this descriptor. */
const PROGRAM = 3;

/** Another one for every other bundle; undefined when it was not started that way. */
function buildOf(descriptor: number): string | undefined {
  try {
    const { dev, ino, size, mtimeMs } = fstatSync(descriptor);
    return `${dev}:${ino}:${size}:${mtimeMs}`;
  } catch {
    return undefined;
  }
}
