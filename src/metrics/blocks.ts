/** A body that was read ahead, taken apart into its families. */
import type { BodySink } from './body-reader.ts';
import { compatible, type Family, joinFamilies } from './family.ts';

/** The samples of one family in one source: slices of what was read, not copies. */
export interface Block {
  readonly rank: number;
  family: Family;
  readonly slices: Slice[];
}

export interface Slice {
  readonly buffer: Buffer;
  readonly from: number;
  readonly to: number;
}

/** Family key -> block, in the order of the body. */
export type BlockIndex = Map<string, Block>;

/** A sink that gathers the families of a body, those that the body itself has in pieces included. */
export function createIndexSink(rank: number): { readonly index: BlockIndex; readonly sink: BodySink } {
  const index: BlockIndex = new Map();
  let current: Block | undefined;
  return {
    index,
    sink: {
      family(family) {
        current = blockFor(index, rank, family);
      },
      samples(buffer, from, to) {
        current?.slices.push({ buffer, from, to });
      },
    },
  };
}

/** The block of a family, made or completed: what a later piece declares counts where the earlier said nothing. */
export function blockFor(index: BlockIndex, rank: number, family: Family): Block {
  const known = index.get(family.key);
  if (known === undefined) {
    const block: Block = { rank, family, slices: [] };
    index.set(family.key, block);
    return block;
  }
  if (compatible(known.family.type, family.type)) known.family = joinFamilies([known.family, family]);
  return known;
}

/** Calls back with each line, newline included. */
export function eachLine(slice: Slice, onLine: (buffer: Buffer, from: number, to: number) => void): void {
  for (let at = slice.from; at < slice.to; ) {
    const next = slice.buffer.indexOf(10, at) + 1;
    onLine(slice.buffer, at, next);
    at = next;
  }
}
