import type { RestartReport, StatusReport } from './status-report.ts';
import { formatAge, formatBytes, formatDuration, formatTime, known } from './view/format.ts';
import { type Column, type Line, piece, print, type Style, tableLines, widthOf, wrap } from './view/lines.ts';
import { timelineOf } from './view/timeline.ts';
import { PHASE_STYLES, timelineLines } from './view/timeline-lines.ts';
import { agesOf, attemptLine, headline, livingEpochs } from './view/words.ts';

export interface TableOptions {
  /** Columns of the terminal. */
  readonly width: number;
  readonly unicode: boolean;
  readonly colour: boolean;
}

const OUTCOMES: Readonly<Record<RestartReport['outcome'], Style>> = {
  live: 'green',
  unchanged: 'quiet',
  rejected: 'red',
  failed: 'red',
  refused: 'yellow',
};
const LEAST_TEXT = 24;
/** More than a screen of them is the log's job. */
const MOST_RESTARTS = 10;
const MOST_ERRORS = 10;

/** A status report as text for a terminal, or for a file. Ends with a newline. */
export function renderStatus(report: StatusReport, options: TableOptions): string {
  const parts = [
    headLines(report, options),
    epochLines(report),
    meshLines(report, options),
    timelineLines(timelineOf(report), options),
    restartLines(report, options),
  ];
  const blank: Line = [];
  const text = parts
    .filter((lines) => lines.length > 0)
    .flatMap((lines, i) => (i === 0 ? lines : [blank, ...lines]))
    .map((line) => `${print(line, options.width, options.colour)}\n`)
    .join('');
  return options.unicode ? text : text.replaceAll('–', '-');
}

function headLines(report: StatusReport, { width, unicode }: TableOptions): readonly Line[] {
  const { version, pid, nodeId, now, startedAt, attempt, readiness } = report;
  const { title, detail } = headline(report);
  const mark = !unicode ? '' : readiness.ready ? '✓ ' : '✕ ';
  const [first = '', ...rest] = wrap(`${mark}${title}${detail === '' ? '' : `: ${detail}`}`, width);
  const cut = mark.length + title.length;
  return [
    [piece(first.slice(0, cut), readiness.ready ? 'green' : 'red'), piece(first.slice(cut))],
    ...rest.map((text) => [piece(text)]),
    ...wrap(`pilot-agent ${version}, pid ${pid}, up ${formatAge(now - startedAt)}, ${nodeId}`, width).map(
      quiet,
    ),
    ...(attempt === undefined
      ? []
      : wrap(attemptLine(attempt, now), width).map((text) => [piece(text, 'yellow')])),
  ];
}

function epochLines(report: StatusReport): readonly Line[] {
  const { now } = report;
  const rows = livingEpochs(report).map((epoch): Line => {
    const ages = agesOf(epoch, now);
    return [
      piece(String(epoch.epoch)),
      piece(epoch.phase, PHASE_STYLES[epoch.phase]),
      piece(formatAge(ages.inPhase)),
      piece(known(epoch.pid)),
      piece(formatAge(ages.process)),
      piece(epoch.config),
      piece(known(epoch.connections)),
      piece(known(epoch.residentBytes, formatBytes)),
    ];
  });
  return rows.length === 0 ? [[piece('No Envoy runs.')]] : tableLines(EPOCH_COLUMNS, rows);
}

function meshLines({ mesh, now }: StatusReport, { width }: TableOptions): readonly Line[] {
  if (mesh === undefined) return [];
  const { state, folder, since, sidecar, counts, errors } = mesh;
  const what =
    counts === undefined
      ? ''
      : `: ${counts.services} services, ${counts.listeners} listeners, ${counts.clusters} clusters`;
  const chosen = sidecar === '' ? '' : `, Sidecar ${sidecar}`;
  const inForce = wrap(`Mesh ${folder}${what}${chosen}, for ${formatAge(now - since)}`, width);
  if (state === 'in force') return inForce.map((text) => [piece(text)]);
  return [
    ...inForce.map((text): Line => [piece(text)]),
    [piece('Its files are broken now, and have no effect:', 'red')],
    ...errors.slice(0, MOST_ERRORS).flatMap((error) => wrap(error, width).map((text) => [piece(text)])),
    ...(errors.length > MOST_ERRORS ? [quiet(`and ${errors.length - MOST_ERRORS} more`)] : []),
  ];
}

const left = (title: string): Column => ({ title, align: 'left' });
const right = (title: string): Column => ({ title, align: 'right' });
const EPOCH_COLUMNS = [
  right('EPOCH'),
  left('STATE'),
  right('FOR'),
  right('PID'),
  right('AGE'),
  left('CONFIG'),
  right('CONNECTIONS'),
  right('MEMORY'),
];
const RESTART_COLUMNS = [left('WHEN'), left('OUTCOME'), right('EPOCH'), right('DURATION')];

function restartLines({ restarts, now }: StatusReport, { width }: TableOptions): readonly Line[] {
  if (restarts.length === 0) return [quiet('No restarts so far.')];
  const shown = restarts.slice(0, MOST_RESTARTS);
  const rows = shown.map(
    ({ at, outcome, epoch, durationMs }): Line => [
      piece(formatTime(at, now)),
      piece(outcome, OUTCOMES[outcome]),
      piece(known(epoch)),
      piece(formatDuration(durationMs)),
    ],
  );
  const [titles = [], ...lines] = tableLines(RESTART_COLUMNS, rows);
  // On a narrow terminal what is long goes under its row.
  const beside = widthOf(titles) + 2;
  const indent = width - beside < LEAST_TEXT ? 2 : beside;
  const under = (text: string, style: Style): Line => [piece(' '.repeat(indent)), piece(text, style)];
  return [
    indent === beside ? [...titles, piece('  TRIGGER', 'quiet')] : titles,
    ...shown.flatMap(({ triggers, reason }, i) => {
      const line = lines[i] ?? [];
      const asked = wrap(triggers.join(', '), width - indent);
      const [first = '', ...more] = indent === beside ? asked : ['', ...asked];
      return [
        [...line, piece(`  ${first}`)],
        ...more.map((text) => under(text, 'plain')),
        ...wrap(reason, width - indent).map((text) => under(text, 'quiet')),
      ];
    }),
    ...(restarts.length > shown.length ? [quiet(`and ${restarts.length - shown.length} before`)] : []),
  ];
}

const quiet = (text: string): Line => [piece(text, 'quiet')];
