import type { StatusReport } from '../../status-report.ts';
import { formatAge, formatTime } from '../../view/format.ts';
import { attemptLine, headline } from '../../view/words.ts';
import { byId, setData, setText } from './dom.ts';

/** Who this is, whether it serves, and what it is doing. */
export function fillHead(report: StatusReport): void {
  const { title, detail } = headline(report);
  const { version, pid, nodeId, now, startedAt, attempt, readiness } = report;
  setText(byId('node'), nodeId);
  setText(byId('agent'), `version ${version}, pid ${pid}, up ${formatAge(now - startedAt)}`);
  setData(byId('readiness'), 'ready', String(readiness.ready));
  setText(byId('ready'), title);
  setText(byId('why'), detail);
  setText(byId('attempt'), attempt === undefined ? '' : attemptLine(attempt, now));
  document.title = `${readiness.ready ? '✓' : '✕'} ${title} – pilot-agent`;
}

/** Says that the agent does not answer, for how long, and that what is shown is old. */
export function showSilence(why: string, last: { readonly at: number } | undefined): void {
  const now = Date.now();
  const since =
    last === undefined
      ? `The agent does not answer: ${why}.`
      : `The agent has not answered since ${formatTime(last.at, now)}: ${why}. What is shown is what it said then.`;
  setText(byId('silence'), since);
  byId('silence').hidden = false;
  setData(document.body, 'stale', 'true');
  document.title = '? No answer – pilot-agent';
}

export function endSilence(): void {
  byId('silence').hidden = true;
  setData(document.body, 'stale', 'false');
}
