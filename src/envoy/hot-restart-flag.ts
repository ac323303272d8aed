import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { toError } from '../platform/errors.ts';
import { sharedMemoryFile } from './base-id.ts';

/** Shared memory of hot restart version 11.104: size, version, two locks, flags (read on Envoy 1.40.0, envoy-hot-restart.md). */
const SIZE = 104n;
const VERSION = 11n;
const VERSION_OFFSET = 8;
const FLAGS_OFFSET = 96;
const INITIALIZING = 1n;

export type FreeResult =
  | { readonly kind: 'freed' }
  /** Nothing to do: the flag is not set. */
  | { readonly kind: 'was-free' }
  | { readonly kind: 'impossible'; readonly why: string };

/**
 * Clears the flag "initializing" that a child which failed leaves set, and which makes every later hot restart of the family
 * fail (trap 1). Only in shared memory of the size and version that are known; anything else is left alone.
 * Must not be called while a child initializes.
 */
export function freeHotRestartFlag(baseId: number): FreeResult {
  const path = sharedMemoryFile(baseId);
  let file: number | undefined;
  try {
    file = openSync(path, 'r+');
    const words = Buffer.alloc(Number(SIZE) + 1);
    const length = readSync(file, words, 0, words.length, 0);
    if (
      length !== Number(SIZE) ||
      words.readBigUInt64LE(0) !== SIZE ||
      words.readBigUInt64LE(VERSION_OFFSET) !== VERSION
    ) {
      return { kind: 'impossible', why: `${path} is not the shared memory of a version that is known` };
    }
    const flags = words.readBigUInt64LE(FLAGS_OFFSET);
    if ((flags & INITIALIZING) === 0n) return { kind: 'was-free' };
    const cleared = Buffer.alloc(8);
    cleared.writeBigUInt64LE(flags & ~INITIALIZING);
    writeSync(file, cleared, 0, cleared.length, FLAGS_OFFSET);
    return { kind: 'freed' };
  } catch (thrown) {
    return { kind: 'impossible', why: toError(thrown).message };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
