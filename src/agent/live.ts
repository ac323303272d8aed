import { setTimeout as delay } from 'node:timers/promises';
import type { EnvoyAdmin } from '../envoy/admin.ts';
import { millis } from '../platform/duration.ts';

/** Which Envoy is meant: during a hot restart parent and child answer on the same admin port, one after the other. */
export interface EnvoyIdentity {
  readonly epoch: number;
  readonly baseId: number;
}

const CALL_DEADLINE = millis(1_000);
/** A question costs Envoy a millisecond. */
const FIRST_PAUSE_MS = 10;
/** For the first second or so the pause stays that short. */
const OFTEN = 100;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Asks Envoy's admin until this epoch says that it is LIVE: often at first, for Envoy takes a fifth of a second, then less and
 * less, for without a control plane it may take for ever. From `/server_info`, for the statistic `server.state` lags behind.
 * @throws only when `signal` aborts
 */
export async function untilLive(admin: EnvoyAdmin, which: EnvoyIdentity, signal: AbortSignal): Promise<void> {
  let pause = FIRST_PAUSE_MS;
  for (let asked = 0; ; asked += 1) {
    const answer = await admin.get('/server_info', CALL_DEADLINE, signal).catch(() => undefined);
    if (answer?.status === 200 && isLive(answer.body, which)) return;
    if (asked > OFTEN) pause = Math.min(pause * 1.1, LONGEST_PAUSE_MS);
    await delay(pause, undefined, { signal });
  }
}

/**
 * Whether it is this epoch that answers there: one whose admin was closed has lost its port to another.
 * @throws when nobody answers in time
 */
export async function isThere(
  admin: EnvoyAdmin,
  { epoch, baseId }: EnvoyIdentity,
  signal?: AbortSignal,
): Promise<boolean> {
  const info = readServerInfo((await admin.get('/server_info', CALL_DEADLINE, signal)).body);
  return info?.epoch === epoch && info.baseId === baseId;
}

/** Whether an answer of `/server_info` comes from this epoch, and says that it serves. */
export function isLive(serverInfo: string, { epoch, baseId }: EnvoyIdentity): boolean {
  const info = readServerInfo(serverInfo);
  return info?.state === 'LIVE' && info.epoch === epoch && info.baseId === baseId;
}

function readServerInfo(text: string): (EnvoyIdentity & { readonly state: unknown }) | undefined {
  try {
    const { state, command_line_options: options } = JSON.parse(text) as {
      readonly state?: unknown;
      readonly command_line_options?: { readonly restart_epoch?: unknown; readonly base_id?: unknown };
    };
    return { state, epoch: Number(options?.restart_epoch), baseId: Number(options?.base_id) };
  } catch {
    return undefined;
  }
}
