import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

/** A fresh private folder per call, removed after the test. Call it once, at the top of a test file. */
export function temporaryFolders(): () => Promise<string> {
  const made: string[] = [];
  afterEach(async () => {
    for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
  });
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'test-'));
    made.push(folder);
    return folder;
  };
}

/** Changing users needs root; those tests describe nothing when the suite runs as somebody else. */
export const isRoot = process.getuid?.() === 0;
