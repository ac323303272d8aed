import type { AgentConfig } from '../config/agent-config.ts';
import { millis } from '../platform/duration.ts';
import type { Rules } from './epochs/state.ts';

const TERM_GRACE = millis(3_000);
const STEADY_AFTER = millis(60_000);
const FIRST_BACKOFF = millis(200);
/** The child counts from when it takes over, which is a moment before it is seen to be LIVE; the timer of either may be late. */
const TOLD_MARGIN_MS = 1_000;
const REAP_MARGIN_MS = 5_000;

/** The limits that the supervisor keeps. */
export function rulesOf(config: AgentConfig): Rules {
  return {
    maxRestarts: config.maxRestarts,
    hotRestartTimeout: config.hotRestartTimeout,
    toldAfter: millis(Math.max(0, config.parentShutdownDuration - TOLD_MARGIN_MS)),
    reapAfter: millis(config.parentShutdownDuration + REAP_MARGIN_MS),
    termGrace: TERM_GRACE,
    steadyAfter: STEADY_AFTER,
    firstBackoff: FIRST_BACKOFF,
  };
}
