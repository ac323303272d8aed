/** The page at `/`: asks `/status` each second for as long as somebody can see it. */
import type { StatusReport } from '../../status-report.ts';
import { nameRoles } from './dom.ts';
import { endSilence, fillHead, showSilence } from './head.ts';
import { fillTables } from './tables.ts';
import { drawTimeline } from './timeline.ts';

const PERIOD_MS = 1_000;
const DEADLINE_MS = 3_000;

let last: { readonly at: number; readonly version: string } | undefined;
let timer: number | undefined;
let asking = false;

nameRoles();
document.addEventListener('visibilitychange', wake);
wake();

function wake(): void {
  window.clearTimeout(timer);
  if (!document.hidden && !asking) void poll();
}

async function poll(): Promise<void> {
  asking = true;
  const began = performance.now();
  try {
    show(await ask());
  } catch (thrown) {
    showSilence(describe(thrown), last);
  } finally {
    asking = false;
  }
  if (!document.hidden) timer = window.setTimeout(wake, Math.max(0, PERIOD_MS - (performance.now() - began)));
}

async function ask(): Promise<StatusReport> {
  const answer = await fetch('/status', { cache: 'no-store', signal: AbortSignal.timeout(DEADLINE_MS) });
  if (!answer.ok) throw new Error(`it answers with status ${answer.status}`);
  return answer.json();
}

function show(report: StatusReport): void {
  // Another version has taken over: its page knows what its reports mean.
  if (last !== undefined && last.version !== report.version) return window.location.reload();
  last = { at: Date.now(), version: report.version };
  fillHead(report);
  drawTimeline(report);
  fillTables(report);
  endSilence();
}

function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if (thrown.name === 'TimeoutError') return `no answer within ${DEADLINE_MS / 1_000} s`;
  return thrown instanceof TypeError ? 'its port cannot be reached' : thrown.message;
}
