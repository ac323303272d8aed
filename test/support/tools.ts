import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Whether a program is on PATH, for `describe.runIf`: suites that need a tool of a Debian package describe nothing where it is
 * missing. `npm test` says which those are, and CI does not accept it (scripts/test.mjs).
 */
export function hasTool(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Changing users and making namespaces needs root; those suites describe nothing for anybody else. */
export const isRoot = process.getuid?.() === 0;
