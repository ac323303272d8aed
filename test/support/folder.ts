import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OnClose } from './on-close.ts';

/** A temporary folder that every user may enter and write. */
export async function makeFolder(onClose: OnClose): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pilot-agent-test-'));
  await chmod(folder, 0o777);
  onClose(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
