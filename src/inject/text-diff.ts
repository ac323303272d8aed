/** The difference of two texts for a person: lines with what is around them, as `diff -u` writes it. */

type Edit = { readonly kind: ' ' | '-' | '+'; readonly text: string };

const CONTEXT = 3;

/** @returns the empty text when there is no difference */
export function unifiedDiff(before: string, after: string, title: string): string {
  const edits = compareLines(linesOf(before), linesOf(after));
  const changed = edits.flatMap(({ kind }, index) => (kind === ' ' ? [] : [index]));
  if (changed.length === 0) return '';
  const hunks: [number, number][] = [];
  for (const index of changed) {
    const last = hunks.at(-1);
    if (last !== undefined && index - CONTEXT <= last[1]) last[1] = index + CONTEXT + 1;
    else hunks.push([Math.max(0, index - CONTEXT), index + CONTEXT + 1]);
  }
  const count = (list: readonly Edit[], kind: '-' | '+') =>
    list.filter((edit) => edit.kind === ' ' || edit.kind === kind).length;
  const parts = hunks.map(([from, to]) => {
    const hunk = edits.slice(from, to);
    const head = edits.slice(0, from);
    const place = (kind: '-' | '+') => {
      const lines = count(hunk, kind);
      return `${kind}${count(head, kind) + (lines === 0 ? 0 : 1)},${lines}`;
    };
    return [`@@ ${place('-')} ${place('+')} @@`, ...hunk.map(({ kind, text }) => `${kind}${text}`)];
  });
  return `${[`--- ${title}`, `+++ ${title} (injected)`, ...parts.flat()].join('\n')}\n`;
}

function linesOf(text: string): readonly string[] {
  const lines = text.split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

/** The shortest way from one list of lines to another (Myers, 1986). */
function compareLines(before: readonly string[], after: readonly string[]): readonly Edit[] {
  const [rows, columns] = [before.length, after.length];
  const trace: Map<number, number>[] = [];
  const furthest = new Map<number, number>([[1, 0]]);
  const at = (from: ReadonlyMap<number, number>, diagonal: number) => from.get(diagonal) ?? -1;
  const down = (from: ReadonlyMap<number, number>, diagonal: number, steps: number) =>
    diagonal === -steps || (diagonal !== steps && at(from, diagonal - 1) < at(from, diagonal + 1));
  search: for (let steps = 0; steps <= rows + columns; steps += 1) {
    trace.push(new Map(furthest));
    for (let diagonal = -steps; diagonal <= steps; diagonal += 2) {
      let x = down(furthest, diagonal, steps) ? at(furthest, diagonal + 1) : at(furthest, diagonal - 1) + 1;
      while (x < rows && x - diagonal < columns && before[x] === after[x - diagonal]) x += 1;
      furthest.set(diagonal, x);
      if (x >= rows && x - diagonal >= columns) break search;
    }
  }
  const edits: Edit[] = [];
  let [x, y] = [rows, columns];
  for (let steps = trace.length - 1; steps >= 0; steps -= 1) {
    const from = trace[steps] ?? new Map<number, number>();
    const diagonal = x - y;
    const previous = down(from, diagonal, steps) ? diagonal + 1 : diagonal - 1;
    const [startX, startY] = [at(from, previous), at(from, previous) - previous];
    while (x > startX && y > startY && x > 0 && y > 0) {
      x -= 1;
      y -= 1;
      edits.push({ kind: ' ', text: before[x] ?? '' });
    }
    if (steps === 0) break;
    if (x === startX) {
      y -= 1;
      edits.push({ kind: '+', text: after[y] ?? '' });
    } else {
      x -= 1;
      edits.push({ kind: '-', text: before[x] ?? '' });
    }
  }
  return edits.reverse();
}
