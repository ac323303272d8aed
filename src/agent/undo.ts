import type { EnvoyAdmin } from '../envoy/admin.ts';
import { freeHotRestartFlag } from '../envoy/hot-restart-flag.ts';
import { millis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { AdminState } from './epochs/state.ts';

const ADMIN_DEADLINE = millis(1_000);

/** What a child that failed has left behind, after it was undone. */
export interface Aftermath {
  /** Whether the next hot restart of the family can work. */
  readonly freed: boolean;
  /** Of the parent; the child may have had it closed (trap 2). */
  readonly admin: AdminState;
}

/** Undoes what a child that ended before it was LIVE leaves behind (envoy-hot-restart.md, traps 1 and 2). Must run after its end. */
export async function undoFailedChild(baseId: number, admin: EnvoyAdmin, log: Logger): Promise<Aftermath> {
  const result = freeHotRestartFlag(baseId);
  switch (result.kind) {
    case 'freed':
      log.info(`The failed child left the hot restart of base id ${baseId} blocked: freed`);
      break;
    case 'impossible':
      log.warn(
        `The failed child left the hot restart of base id ${baseId} blocked, and it cannot be freed (${result.why}): ` +
          'the next hot restart goes to a new base id',
      );
      break;
    case 'was-free':
  }
  return { freed: result.kind !== 'impossible', admin: await lookAt(admin) };
}

async function lookAt(admin: EnvoyAdmin): Promise<AdminState> {
  try {
    await admin.get('/server_info', ADMIN_DEADLINE);
    return 'open';
  } catch (thrown) {
    return toError(thrown).name === 'TimeoutError' ? 'hangs' : 'closed';
  }
}
