import { chmod } from 'node:fs/promises';
import { onTestFinished } from 'vitest';
import { makeFolder } from './folder.ts';

/** A folder that every user may enter and write, gone when the test is over. */
export function tempFolder(): Promise<string> {
  return makeFolder(onTestFinished);
}

/** A folder that only its owner may enter, gone when the test is over. */
export async function privateFolder(): Promise<string> {
  const folder = await tempFolder();
  await chmod(folder, 0o700);
  return folder;
}
