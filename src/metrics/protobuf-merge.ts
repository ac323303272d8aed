/**
 * The merge towards a client that asks for protobuf. Envoy's messages go through as they are: no more is read of them than
 * name and type, unless another source has the family as well. Text is encoded family by family.
 */
import { type BlockIndex, eachLine } from './blocks.ts';
import type { BodySink } from './body-reader.ts';
import { compatible, type Family } from './family.ts';
import type { MetricType } from './format.ts';
import type { Merge, MergeOptions } from './merge.ts';
import { type EncodedFamily, encodeFamily, encodeHead } from './protobuf-family.ts';
import { readFamilyHead, readSeries } from './protobuf-reader.ts';
import { varint } from './protobuf-writer.ts';
import { parseSample, type Sample } from './sample.ts';

export interface ProtobufMerge extends Merge {
  /** Takes the messages of a source. */
  frames(rank: number): (frame: Buffer) => void;
}

type Known = { readonly type: MetricType; readonly rank: number };
type Part = EncodedFamily & { readonly rank: number; readonly help: string | undefined };

const MAX_FAMILIES_KNOWN = 50_000;
/** A family of a long body that is longer goes out in several messages, which Prometheus takes for one family. */
const PIECE_BYTES = 16 * 1024;
/** A histogram or a summary is better whole, as each of its series is several lines, but not at any price. */
const LONGEST_BYTES = 4 * 1024 * 1024;
const isComposed = (type: MetricType | undefined) => type === 'histogram' || type === 'summary';

export function createProtobufMerge({
  output,
  onDiscard,
  isReserved,
}: Omit<MergeOptions, 'format'>): ProtobufMerge {
  const indexes: BlockIndex[] = [];
  const written = new Map<string, Known>();

  function writeMessage(parts: readonly Buffer[]): void {
    const length = varint(parts.reduce((sum, { length }) => sum + length, 0));
    for (const part of [length, ...parts]) output.bytes(part, 0, part.length);
  }

  /** Takes what is held of a family, whole, and encodes it. */
  function take(key: string): Part[] {
    const parts: Part[] = [];
    for (const index of indexes) {
      const block = index.get(key);
      if (block === undefined) continue;
      index.delete(key);
      const samples = block.slices.flatMap((slice) => samplesOf(slice.buffer, slice.from, slice.to));
      for (const family of encodeFamily(block.family, samples)) {
        parts.push({ ...family, rank: block.rank, help: block.family.help });
      }
    }
    return parts.sort((a, b) => a.rank - b.rank);
  }

  function knows(name: string, type: MetricType, rank: number): boolean {
    const before = written.get(name);
    if (before === undefined) {
      if (written.size < MAX_FAMILIES_KNOWN) written.set(name, { type, rank });
      return true;
    }
    const fits = before.rank === rank || compatible(before.type, type);
    if (!fits) onDiscard(rank, 'type_clash', 1);
    return fits;
  }

  /**
   * Writes parts of one name, without the metrics of series that were given before. Every metric of a message has the type
   * of the message, so what nobody declared follows in a message of its own.
   * @param start a message that they are added to
   */
  function write(
    parts: readonly Part[],
    given: Set<string>,
    start?: { frame: Buffer; type: MetricType },
  ): void {
    const type = start?.type ?? parts[0]?.type;
    if (type === undefined) return;
    const metrics: Buffer[] = [];
    const isAlone = parts.length === 1 && given.size === 0;
    for (const part of parts.filter((each) => each.type === type)) {
      const own: string[] = [];
      for (const { series: name, bytes } of part.metrics) {
        // Names are made only where two may be the same.
        if (isAlone) {
          metrics.push(bytes);
          continue;
        }
        const series = name();
        if (given.has(series)) onDiscard(part.rank, 'duplicate_series', 1);
        else {
          own.push(series);
          metrics.push(bytes);
        }
      }
      for (const series of own) given.add(series);
    }
    const help = parts.find((part) => part.help)?.help;
    const head = start?.frame ?? encodeHead(parts[0]?.name ?? '', type, help);
    if (start !== undefined || metrics.length > 0) writeMessage([head, ...metrics]);
    write(
      parts.filter((each) => each.type !== type),
      given,
    );
  }

  function writeBlocks(key: string): void {
    for (const parts of byName(take(key))) {
      const kept = parts.filter(({ name, type, rank }) => knows(name, type, rank));
      write(kept, new Set());
    }
  }

  return {
    add: (index) => indexes.push(index),
    frames: (rank) => (frame) => {
      const { name, type } = readFamilyHead(frame);
      const shared = take(name);
      const before = shared.filter((part) => part.rank < rank);
      if (before.length > 0 || isReserved(name)) {
        // Only the agent comes before Envoy, and it has its names to itself.
        return onDiscard(rank, 'reserved_name', 1);
      }
      if (!knows(name, type, rank)) return undefined;
      const kept = shared.filter((part) => part.name === name && knows(name, part.type, part.rank));
      const others = shared.filter((part) => part.name !== name);
      if (kept.length === 0) writeMessage([frame]);
      else write(kept, readSeries(frame), { frame, type });
      for (const parts of byName(others)) write(parts, new Set());
      return undefined;
    },
    stream(rank) {
      let family: Family | undefined;
      let samples: Sample[] = [];
      let bytes = 0;
      const end = () => {
        if (family === undefined) return;
        const shared = take(family.key);
        const own = encodeFamily(family, samples).map((part) => ({ ...part, rank, help: family?.help }));
        for (const parts of byName([...shared, ...own].sort((a, b) => a.rank - b.rank))) {
          const kept = parts.filter(({ name, type, rank: by }) => knows(name, type, by));
          write(kept, new Set());
        }
        samples = [];
        bytes = 0;
      };
      const sink: BodySink = {
        family(next) {
          end();
          family = next;
        },
        samples(buffer, from, to) {
          samples.push(...samplesOf(buffer, from, to));
          bytes += to - from;
          if (bytes > (isComposed(family?.type) ? LONGEST_BYTES : PIECE_BYTES)) end();
        },
      };
      return { ...sink, end };
    },
    async writeBlocks(which) {
      for (const index of indexes) {
        for (const key of [...index.keys()]) {
          if (which === 'unreserved' && isReserved(key)) continue;
          writeBlocks(key);
          if (output.isFull()) await output.ready();
        }
      }
    },
  };
}

function samplesOf(buffer: Buffer, from: number, to: number): Sample[] {
  const samples: Sample[] = [];
  eachLine({ buffer, from, to }, (bytes, start, end) => {
    const sample = parseSample(bytes.subarray(start, end - 1), 'text');
    if (sample !== undefined) samples.push(sample);
  });
  return samples;
}

function byName(parts: readonly Part[]): Part[][] {
  const found = new Map<string, Part[]>();
  for (const part of parts) found.set(part.name, [...(found.get(part.name) ?? []), part]);
  return [...found.values()];
}
