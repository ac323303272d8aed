/** The timeline of epochs in the cells of a terminal. */
import { type Line, lengthOf, type Piece, piece, type Style } from './lines.ts';
import { type Lane, PHASES, type Phase, type Timeline } from './timeline.ts';

export const PHASE_STYLES: Readonly<Record<Phase, Style>> = {
  initializing: 'yellow',
  serving: 'green',
  draining: 'blue',
  drained: 'blue',
  leaving: 'red',
  gone: 'quiet',
};
/** Told apart without colours too. */
const GLYPHS: Readonly<Record<Phase, { readonly block: string; readonly ascii: string }>> = {
  initializing: { block: '░', ascii: '+' },
  serving: { block: '█', ascii: '#' },
  draining: { block: '▒', ascii: '~' },
  drained: { block: '─', ascii: '-' },
  leaving: { block: '▚', ascii: '!' },
  gone: { block: '·', ascii: '.' },
};
const LEAST_CELLS = 20;

/** A lane per process, the axis, and the legend. */
export function timelineLines(
  timeline: Timeline,
  { width, unicode }: { readonly width: number; readonly unicode: boolean },
): readonly Line[] {
  if (timeline.lanes.length === 0) return [];
  const labels = timeline.lanes.map(({ epoch }) => `epoch ${epoch.epoch}`);
  const indent = Math.max(...labels.map(lengthOf)) + 2;
  const cells = Math.max(LEAST_CELLS, width - indent);
  const glyph = (phase: Phase) => GLYPHS[phase][unicode ? 'block' : 'ascii'];
  return [
    ...timeline.lanes.map((lane, i): Line => {
      const label = (labels[i] ?? '').padEnd(indent);
      return [
        piece(label, lane.epoch.phase === 'gone' ? 'quiet' : 'plain'),
        ...bar(lane, timeline, cells, glyph),
      ];
    }),
    [piece(' '.repeat(indent)), piece(axis(timeline, cells), 'quiet')],
    [
      piece(' '.repeat(indent)),
      ...PHASES.flatMap((phase) => [piece(glyph(phase), PHASE_STYLES[phase]), piece(` ${phase}  `, 'quiet')]),
    ],
  ];
}

/** The lane in cells. Every phase has one at least, however short it was: the shortest are painted last. */
function bar(
  { epoch, segments }: Lane,
  { from, to }: Timeline,
  cells: number,
  glyph: (phase: Phase) => string,
): readonly Piece[] {
  const row: (Phase | undefined)[] = Array(cells).fill(undefined);
  const cellOf = (at: number) => Math.round(((at - from) / (to - from)) * cells);
  const longestFirst = [...segments].sort((a, b) => b.to - b.from - (a.to - a.from));
  for (const segment of longestFirst) {
    const begin = Math.min(cells - 1, cellOf(segment.from));
    row.fill(segment.phase, begin, Math.max(begin + 1, cellOf(segment.to)));
  }
  const pieces = runs(row).map(({ phase, length }) =>
    phase === undefined ? piece(' '.repeat(length)) : piece(glyph(phase).repeat(length), PHASE_STYLES[phase]),
  );
  const last = pieces.at(-1);
  const exit = epoch.exit === undefined ? '' : ` ${epoch.exit} `;
  // How it ended is written over the dots, where there is room.
  if (last === undefined || epoch.phase !== 'gone' || exit === '' || lengthOf(last.text) < lengthOf(exit) + 2)
    return pieces;
  const dots = last.text.slice(1 + lengthOf(exit));
  return [
    ...pieces.slice(0, -1),
    { ...last, text: last.text.slice(0, 1) },
    piece(exit),
    { ...last, text: dots },
  ];
}

function runs(
  row: readonly (Phase | undefined)[],
): { readonly phase: Phase | undefined; readonly length: number }[] {
  const found: { phase: Phase | undefined; length: number }[] = [];
  for (const phase of row) {
    const last = found.at(-1);
    if (last !== undefined && last.phase === phase) last.length += 1;
    else found.push({ phase, length: 1 });
  }
  return found;
}

/** Labels under the moments that they name, as many as there is room for, from the right. */
function axis({ from, to, ticks }: Timeline, cells: number): string {
  let text = '';
  for (const { at, label } of [...ticks].reverse()) {
    const end = Math.round(((at - from) / (to - from)) * cells);
    const begin = at === to ? cells - label.length : at === from ? 0 : end - Math.floor(label.length / 2);
    const room = cells - text.length - begin - label.length;
    if (text !== '' && room < 1) continue;
    text = label + ' '.repeat(Math.max(0, room)) + text;
  }
  return text.padStart(cells);
}
