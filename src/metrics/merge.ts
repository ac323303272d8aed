/**
 * Families of several sources become one answer. The text format and OpenMetrics want a family in one piece, under one
 * declaration, and nothing of unbounded size may be held. So bodies that were read ahead whole are held as blocks, and
 * a longer one streams past them: when a family begins in the stream, the blocks of the same family are put beside it.
 * What cannot be put beside its family any more, because that was written long ago (a stream that has a family in pieces,
 * or two bodies that are both long), follows without a second declaration, which Prometheus and its tools take.
 */
import { type Block, type BlockIndex, blockFor, eachLine, type Slice } from './blocks.ts';
import type { BodySink } from './body-reader.ts';
import { compatible, type Family, joinFamilies, openMetricsHead, textHead } from './family.ts';
import type { Format, MetricType } from './format.ts';
import type { Output } from './output.ts';
import { parseSample, seriesKey } from './sample.ts';

export type DiscardReason = 'type_clash' | 'duplicate_series' | 'reserved_name';

export interface MergeOptions {
  readonly format: Format;
  readonly output: Output;
  /** Called when something of a source is left out: families that clash, series that were there already. */
  readonly onDiscard: (rank: number, reason: DiscardReason, count: number) => void;
  /** Families that are written last; a stream's share of them waits until then. */
  readonly isReserved: (key: string) => boolean;
}

export interface Merge {
  /** Adds a body that was read whole. Its families are written beside those of a stream, or by `writeBlocks`. */
  add(index: BlockIndex): void;
  /** A sink for a body that streams past, and what ends it. */
  stream(rank: number): BodySink & { end(): void };
  /** Writes what is held, but the reserved families only when asked for. Waits for the client between two families. */
  writeBlocks(which: 'unreserved' | 'all'): Promise<void>;
}

/** A family that was written: by whom and as what. Past this many, repetitions are no longer recognised. */
const MAX_FAMILIES_KNOWN = 50_000;
/** What a stream may leave waiting in reserved families, which nothing but another agent has. */
const MAX_RESERVED_BYTES = 1024 * 1024;

export function createMerge({ format, output, onDiscard, isReserved }: MergeOptions): Merge {
  const indexes: BlockIndex[] = [];
  const written = new Map<string, { readonly type: MetricType | undefined; readonly rank: number }>();
  /** OpenMetrics names that differ from the key of their family: `x` of the counter `x_total`. */
  const shortNames = new Set<string>();

  const keyOf = (buffer: Buffer, from: number, to: number): string => {
    const sample = parseSample(buffer.subarray(from, to - 1), format);
    return sample === undefined ? '' : seriesKey(sample);
  };
  const write = ({ buffer, from, to }: Slice) => output.bytes(buffer, from, to);

  /** Takes the blocks of a family out of what is held, in the order of the sources. */
  function take(key: string): Block[] {
    const blocks: Block[] = [];
    for (const index of indexes) {
      const block = index.get(key);
      if (block === undefined) continue;
      index.delete(key);
      blocks.push(block);
    }
    return blocks.length > 1 ? blocks.sort((a, b) => a.rank - b.rank) : blocks;
  }

  /**
   * Writes the declaration, unless it was written before.
   * @returns the members that may follow: all but those of another type than the first
   */
  function declare<T extends { readonly rank: number; readonly family: Family }>(members: readonly T[]): T[] {
    const key = members[0]?.family.key ?? '';
    const before = written.get(key);
    const [only] = members;
    if (before === undefined && only !== undefined && members.length === 1) {
      writeHead(only.family);
      note(only.family, only.rank);
      return [only];
    }
    let type = before?.type;
    const kept = members.filter((member) => {
      const fits = before?.rank === member.rank || compatible(type, member.family.type);
      if (fits && (type === undefined || type === 'unknown')) type = member.family.type ?? type;
      if (!fits) onDiscard(member.rank, 'type_clash', 1);
      return fits;
    });
    const [first] = kept;
    if (before !== undefined || first === undefined) return kept;
    writeHead(joinFamilies(kept.map(({ family }) => family)));
    note({ key, type }, first.rank);
    return kept;
  }

  function note({ key, type }: Pick<Family, 'key' | 'type'>, rank: number): void {
    if (written.size < MAX_FAMILIES_KNOWN) written.set(key, { type, rank });
  }

  function writeHead(family: Family): void {
    if (format === 'text') {
      output.text(textHead(family));
      return;
    }
    const { name, lines } = openMetricsHead(family, (taken) => written.has(taken) || shortNames.has(taken));
    if (name !== family.key && shortNames.size < MAX_FAMILIES_KNOWN) shortNames.add(name);
    output.text(lines);
  }

  /** Writes blocks of one family, leaving out the series that an earlier source gave. `given` grows by what is written. */
  function writeDistinct(blocks: readonly Block[], given: Set<string>): void {
    for (const block of blocks) {
      const own: string[] = [];
      for (const slice of block.slices) {
        eachLine(slice, (buffer, from, to) => {
          const key = keyOf(buffer, from, to);
          if (given.has(key)) return onDiscard(block.rank, 'duplicate_series', 1);
          own.push(key);
          output.bytes(buffer, from, to);
        });
      }
      for (const key of own) given.add(key);
    }
  }

  function writeFamily(blocks: readonly Block[]): void {
    const kept = declare(blocks);
    if (kept.length > 1) writeDistinct(kept, new Set());
    else for (const slice of kept[0]?.slices ?? []) write(slice);
  }

  function stream(rank: number): BodySink & { end(): void } {
    const held: BlockIndex = new Map();
    let heldBytes = 0;
    let onSamples: BodySink['samples'] = () => {};
    let onEnd = () => {};
    const pass: BodySink['samples'] = (buffer, from, to) => output.bytes(buffer, from, to);

    function hold(family: Family): void {
      const block = blockFor(held, rank, family);
      onSamples = (buffer, from, to, count) => {
        heldBytes += to - from;
        if (heldBytes > MAX_RESERVED_BYTES) onDiscard(rank, 'reserved_name', count);
        else block.slices.push({ buffer: Buffer.from(buffer.subarray(from, to)), from: 0, to: to - from });
      };
    }

    /** Blocks of other sources stand beside the stream: the set of their series is small, the stream's would not be. */
    function passBeside(blocks: readonly Block[]): void {
      const given = new Set<string>();
      writeDistinct(
        blocks.filter((block) => block.rank < rank),
        given,
      );
      const later = blocks.filter((block) => block.rank > rank);
      const awaited = new Set<string>();
      for (const slice of later.flatMap(({ slices }) => slices)) {
        eachLine(slice, (buffer, from, to) => awaited.add(keyOf(buffer, from, to)));
      }
      const met = new Set<string>();
      onSamples = (slab, start, end) => {
        eachLine({ buffer: slab, from: start, to: end }, (buffer, from, to) => {
          const key = keyOf(buffer, from, to);
          if (given.has(key)) return onDiscard(rank, 'duplicate_series', 1);
          if (awaited.has(key)) met.add(key);
          output.bytes(buffer, from, to);
        });
      };
      onEnd = () => {
        for (const key of met) given.add(key);
        writeDistinct(later, given);
      };
    }

    function end(): void {
      onEnd();
      onEnd = () => {};
      onSamples = () => {};
    }

    indexes.push(held);
    return {
      family(family) {
        end();
        if (isReserved(family.key)) return hold(family);
        const self = { rank, family };
        const blocks = take(family.key);
        const kept = declare([...blocks, self].sort((a, b) => a.rank - b.rank));
        const beside = blocks.filter((block) => kept.includes(block));
        if (!kept.includes(self)) writeDistinct(beside, new Set());
        else if (beside.length > 0) passBeside(beside);
        else onSamples = pass;
      },
      samples: (buffer, from, to, count) => onSamples(buffer, from, to, count),
      end,
    };
  }

  return {
    add: (index) => indexes.push(index),
    stream,
    async writeBlocks(which) {
      for (const index of indexes) {
        for (const key of [...index.keys()]) {
          if (which === 'unreserved' && isReserved(key)) continue;
          const blocks = take(key);
          if (blocks.length > 0) writeFamily(blocks);
          if (output.isFull()) await output.ready();
        }
      }
    },
  };
}
