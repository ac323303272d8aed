import type { StatusReport } from '../../status-report.ts';
import { type Lane, type Segment, timelineOf } from '../../view/timeline.ts';
import { byId, element, keepList, setData, setText } from './dom.ts';

/** Draws a lane per process on one time axis. */
export function drawTimeline(report: StatusReport): void {
  const { from, to, ticks, lanes } = timelineOf(report);
  const percent = (at: number) => `${(((at - from) / (to - from)) * 100).toFixed(3)}%`;

  keepList(
    byId('ticks'),
    ticks.map((tick) => ({ key: tick.label, ...tick })),
    () => element('div', 'tick', element('span', '')),
    (node, { at, label }) => {
      node.style.left = percent(at);
      if (node.firstElementChild !== null) setText(node.firstElementChild, label);
    },
  );
  keepList(
    byId('lanes'),
    lanes.map((lane) => ({ key: String(lane.epoch.key), lane })),
    makeLane,
    (node, { lane }) => fillLane(node, lane, percent),
  );
  byId('timeline').hidden = lanes.length === 0;
  byId('no-epochs').hidden = lanes.length > 0;
}

function makeLane(): HTMLElement {
  const label = element('div', 'label', element('strong', ''), element('span', 'pid'));
  const track = element('div', 'track');
  track.setAttribute('aria-hidden', 'true');
  return element('li', 'lane', label, track, element('p', 'unseen'));
}

function fillLane(
  node: HTMLElement,
  { epoch, segments, summary }: Lane,
  percent: (at: number) => string,
): void {
  setData(node, 'phase', epoch.phase);
  const [name, pid] = node.querySelectorAll('.label > *');
  const [track, unseen] = node.querySelectorAll('.track, .unseen');
  if (name === undefined || pid === undefined || track === undefined || unseen === undefined) return;
  setText(name, `Epoch ${epoch.epoch}`);
  setText(pid, epoch.pid === undefined ? '' : `pid ${epoch.pid}`);
  setText(unseen, summary);
  keepList(
    track,
    segments.map((segment) => ({ key: segment.phase, ...segment })),
    () => element('div', 'bar', element('span', 'name')),
    (bar, segment) => fillBar(bar, segment, percent, segment.phase === 'gone' ? (epoch.exit ?? '') : ''),
  );
}

function fillBar(
  bar: HTMLElement,
  { phase, from, to, cut }: Segment,
  percent: (at: number) => string,
  exit: string,
): void {
  setData(bar, 'phase', phase);
  setData(bar, 'cut', String(cut));
  bar.style.left = percent(from);
  bar.style.right = `calc(100% - ${percent(to)})`;
  bar.title = exit === '' ? phase : `${phase}: ${exit}`;
  if (bar.firstElementChild !== null) setText(bar.firstElementChild, exit === '' ? phase : exit);
}
