import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { EnvironmentError, errorCode, toError } from '../platform/errors.ts';
import type { Bootstrap } from './envoy-api.ts';
import { lightstepTokenPath } from './tracing.ts';

/** It holds nothing secret (`withoutText`), and people and tools look into it. */
const BOOTSTRAP_MODE = 0o644;
const FOLDER_MODE = 0o755;
const TOKEN_MODE = 0o600;

export interface WriteBootstrapInput {
  readonly configPath: string;
  readonly epoch: number;
  readonly bootstrap: Bootstrap;
}

/**
 * Writes `<configPath>/envoy-rev<epoch>.json`, making the folder where it is missing, and returns the path.
 * @throws EnvironmentError naming the path and the remedy
 */
export async function writeBootstrap(input: WriteBootstrapInput): Promise<string> {
  const path = join(input.configPath, `envoy-rev${input.epoch}.json`);
  await writeConfigFile(
    path,
    input.configPath,
    `${JSON.stringify(input.bootstrap, null, 2)}\n`,
    BOOTSTRAP_MODE,
  );
  return path;
}

/** Removes what `writeBootstrap` wrote; that it is gone already is fine. */
export async function removeBootstrap(path: string): Promise<void> {
  await rm(path, { force: true });
}

/**
 * Writes the token where Envoy reads it, without newline, for its user only.
 * @throws EnvironmentError naming the path and the remedy
 */
export async function writeLightstepToken(configPath: string, token: string): Promise<string> {
  const path = lightstepTokenPath(configPath);
  await writeConfigFile(path, configPath, token, TOKEN_MODE);
  return path;
}

/** @throws EnvironmentError naming the path and the remedy */
export async function writeConfigFile(
  path: string,
  configPath: string,
  data: string,
  mode: number,
): Promise<void> {
  try {
    await mkdir(configPath, { recursive: true, mode: FOLDER_MODE });
    await writeFileAtomic(path, data, mode);
  } catch (error) {
    throw new EnvironmentError(
      `cannot write ${path}: ${reason(error)}; make ${configPath} a folder that this user may write, or name another with --configPath`,
      { cause: error },
    );
  }
}

function reason(error: unknown): string {
  switch (errorCode(error)) {
    case 'EACCES':
    case 'EPERM':
      return `user ${process.getuid?.() ?? '?'} has no permission`;
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOSPC':
      return 'the disk is full';
    case 'EEXIST':
    case 'ENOTDIR':
      return 'a file is where a folder should be';
    default:
      return toError(error).message;
  }
}
