/** The files of a mesh folder. */
import { readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, toError } from '../../platform/errors.ts';
import type { Finding } from '../model/finding.ts';
import { compareText } from '../model/origin.ts';
import { takeBreaths } from './breath.ts';

export interface MeshFile {
  readonly path: string;
  readonly text: string;
}

export interface MeshFiles {
  /** Sorted by path. */
  readonly files: readonly MeshFile[];
  /** Files that could not be read. */
  readonly findings: readonly Finding[];
}

const EXTENSION = /\.(?:ya?ml|json)$/i;
/** A text of this length takes seconds; no manifest has it. */
const MAX_BYTES = 64 * 2 ** 20;
const MAX_DEPTH = 16;

/**
 * Reads the YAML and JSON files of a folder and of those in it. Names that begin with a dot are left out: editors and
 * mounted ConfigMaps keep their own there.
 * @throws Error when the folder itself cannot be read
 */
export async function readFolder(folder: string): Promise<MeshFiles> {
  const paths: string[] = [];
  await collect(folder, 0, paths);
  return readFiles(paths);
}

/** Reads files; what cannot be read becomes a finding. */
export async function readFiles(paths: readonly string[]): Promise<MeshFiles> {
  const files: MeshFile[] = [];
  const findings: Finding[] = [];
  const breath = takeBreaths();
  for (const path of [...new Set(paths)].sort(compareText)) {
    await breath();
    const read = readOne(path);
    if ('text' in read) files.push(read);
    else findings.push(read);
  }
  return { files, findings };
}

async function collect(folder: string, depth: number, paths: string[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const folders: string[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) folders.push(path);
    else if (EXTENSION.test(entry.name)) paths.push(path);
  }
  if (depth < MAX_DEPTH) for (const each of folders) await collect(each, depth + 1, paths);
}

/** Synchronously: thousands of small files take a tenth of the time. */
function readOne(path: string): MeshFile | Finding {
  try {
    const info = statSync(path);
    if (!info.isFile()) return unreadable(path, 'is not a file');
    if (info.size > MAX_BYTES) return unreadable(path, `has more than ${MAX_BYTES / 2 ** 20} MiB`);
    return { path, text: readFileSync(path, 'utf8') };
  } catch (thrown) {
    // A dangling link says ENOENT too: somebody meant a file to be there.
    return unreadable(path, `cannot be read: ${errorCode(thrown) ?? toError(thrown).message}`);
  }
}

function unreadable(file: string, message: string): Finding {
  return { severity: 'error', origin: { file, document: 1, line: 1 }, resource: '', field: '', message };
}
