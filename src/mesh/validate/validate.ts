import { stat } from 'node:fs/promises';
import { errorCode, InputError, toError } from '../../platform/errors.ts';
import { type MeshFile, type MeshFiles, readFiles, readFolder } from '../load/files.ts';
import { createMeshLoader } from '../load/load.ts';
import { DEFAULT_SETTINGS } from '../model/defaults.ts';
import type { Finding } from '../model/finding.ts';
import { renderJson, renderTable } from './report.ts';
import type { ValidateOptions } from './validate-args.ts';

export interface ValidateInput {
  readonly write: (text: string) => void;
  /** Standard input as a whole; asked for when a path is `-`. */
  readonly readInput: () => Promise<string>;
}

/** Something is wrong with a file. */
const INVALID = 1;

/**
 * Checks files and folders, all together, and prints what was found.
 * @returns the exit code: 0 when nothing is wrong, 1 when something is
 * @throws InputError for paths that are not there, all of them
 */
export async function runValidate(
  { paths, output }: ValidateOptions,
  { write, readInput }: ValidateInput,
): Promise<number> {
  const { files, findings } = await gather(paths, readInput);
  const loaded = await createMeshLoader().load({ files, findings }, DEFAULT_SETTINGS);
  const report = { files: files.length, resources: loaded.resources, findings: loaded.findings };
  write(output === 'json' ? renderJson(report) : renderTable(report));
  return loaded.broken ? INVALID : 0;
}

async function gather(paths: readonly string[], readInput: () => Promise<string>): Promise<MeshFiles> {
  const problems: string[] = [];
  const files = new Map<string, MeshFile>();
  const findings: Finding[] = [];
  for (const path of paths) {
    try {
      const read =
        path === '-' ? { files: [{ path, text: await readInput() }], findings: [] } : await readPath(path);
      for (const file of read.files) files.set(file.path, file);
      findings.push(...read.findings);
      if (read.files.length + read.findings.length === 0) {
        problems.push(`-f ${path}: the folder has no .yaml, .yml or .json file`);
      }
    } catch (thrown) {
      const code = errorCode(thrown);
      problems.push(
        `-f ${path}: ${code === 'ENOENT' ? 'there is no such file or folder' : `cannot be read: ${code ?? toError(thrown).message}`}`,
      );
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return { files: [...files.values()], findings };
}

async function readPath(path: string): Promise<MeshFiles> {
  return (await stat(path)).isDirectory() ? readFolder(path) : readFiles([path]);
}
