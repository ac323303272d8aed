import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder that every user may enter and write, gone when the test is over. */
export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pilot-agent-test-'));
  await chmod(folder, 0o777);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder that only its owner may enter, gone when the test is over. */
export async function privateFolder(): Promise<string> {
  const folder = await tempFolder();
  await chmod(folder, 0o700);
  return folder;
}
