/** The one small file that outlives the agent, so that the next one can take over from it (design.md, decision 10). */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { EnvironmentError, errorCode, toError } from '../platform/errors.ts';
import { bootId, pidNamespace } from '../platform/processes.ts';
import { type AgentState, parseState, STATE_VERSION } from './state.ts';

const NAME = 'pilot-agent-state.json';
const MODE = 0o600;
const WRITABLE_BY_OTHERS = 0o022;
const MAX_BYTES = 64 * 1024;

export type LoadedState =
  | { readonly kind: 'none' }
  /** It is there and cannot be what the agent before this one wrote, or no longer holds: another boot, another user. */
  | { readonly kind: 'lying'; readonly reason: string }
  | { readonly kind: 'good'; readonly state: AgentState };

export function stateFile(configPath: string): string {
  return join(resolve(configPath), NAME);
}

/**
 * Writes the state, by rename. Synchronous, and to be called at once after each start and end of an Envoy and each change of
 * phase: what is not in the file is not known after `kill -9`. No fsync, since no Envoy survives a power cut either.
 * @throws EnvironmentError naming the path and the remedy; the old file then stays
 */
export function saveState(
  configPath: string,
  state: Omit<AgentState, 'version' | 'bootId' | 'pidNamespace'>,
): void {
  const path = stateFile(configPath);
  const whole: AgentState = {
    version: STATE_VERSION,
    bootId: bootId() ?? '',
    pidNamespace: pidNamespace() ?? '',
    ...state,
    epochs: state.epochs.map((epoch) => ({ ...epoch, bootstrapFile: canonicalFile(epoch.bootstrapFile) })),
  };
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = openSync(temporary, 'wx', MODE);
    try {
      fchmodSync(file, MODE);
      const data = Buffer.from(`${JSON.stringify(whole, null, 2)}\n`);
      if (writeSync(file, data) !== data.length) throw new Error('the disk is full');
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (thrown) {
    rmSync(temporary, { force: true });
    throw new EnvironmentError(
      `cannot write ${path}: ${toError(thrown).message}; if the agent dies now, the next one cannot take over from it: ` +
        `make ${resolve(configPath)} a folder that this user may write, or name another with --configPath`,
      { cause: thrown },
    );
  }
}

/** When no Envoy is left. Synchronous, for the way out; that it is gone already is fine. */
export function removeState(configPath: string): void {
  rmSync(stateFile(configPath), { force: true });
}

/**
 * Reads what the agent before this one wrote into `configPath`. Never throws. That it is `good` says that it is whole and of
 * this boot, user and folder; whether its processes are still those, `findAdoptable` finds out.
 */
export function loadState(configPath: string, uid: number): LoadedState {
  const path = stateFile(configPath);
  const lying = (reason: string): LoadedState => ({ kind: 'lying', reason });
  try {
    const text = readOwnFile(path, uid);
    if (text.kind === 'refused') return lying(text.reason);
    const parsed = parseState(text.data, {
      configPath: canonicalFolder(configPath),
      bootId: bootId() ?? '',
      pidNamespace: pidNamespace() ?? '',
    });
    return parsed.kind === 'good' ? parsed : lying(parsed.reason);
  } catch (thrown) {
    if (errorCode(thrown) === 'ENOENT') return { kind: 'none' };
    return lying(`it cannot be read: ${toError(thrown).message}`);
  }
}

/** The one name of a folder that may be called relatively, or by way of symbolic links. */
export function canonicalFolder(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** The same for a file, which need not be there. */
export function canonicalFile(path: string): string {
  return join(canonicalFolder(dirname(path)), basename(path));
}

type OwnFile =
  | { readonly kind: 'read'; readonly data: Buffer }
  | { readonly kind: 'refused'; readonly reason: string };

/** Only a plain file that nobody but this user can have written; a fifo in its place must not hang the agent. */
function readOwnFile(path: string, uid: number): OwnFile {
  const refused = (reason: string): OwnFile => ({ kind: 'refused', reason });
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const info = fstatSync(file);
    if (!info.isFile()) return refused('it is no file');
    if (info.uid !== uid) return refused(`it belongs to user ${info.uid}, and this agent is user ${uid}`);
    if ((info.mode & WRITABLE_BY_OTHERS) !== 0) return refused('other users may write it');
    if (info.size > MAX_BYTES) return refused(`it is larger than ${MAX_BYTES} bytes`);
    const data = Buffer.alloc(MAX_BYTES + 1);
    const length = readSync(file, data, 0, data.length, 0);
    return { kind: 'read', data: data.subarray(0, length) };
  } finally {
    closeSync(file);
  }
}
