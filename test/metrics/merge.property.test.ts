import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIndexSink } from '../../src/metrics/blocks.ts';
import { createBodyReader } from '../../src/metrics/body-reader.ts';
import type { Format } from '../../src/metrics/format.ts';
import { createMerge } from '../../src/metrics/merge.ts';
import type { Output } from '../../src/metrics/output.ts';
import { readExposition } from './exposition.ts';

/** The merge without the servers: bodies in pieces, the one at `long` streamed past the others. */
async function merge(bodies: readonly string[], format: Format, long: number, cuts: readonly number[]) {
  const written: Buffer[] = [];
  const output: Output = {
    bytes: (buffer, from, to) => written.push(Buffer.from(buffer.subarray(from, to))),
    text: (text) => written.push(Buffer.from(text)),
    isFull: () => false,
    ready: async () => {},
    end: () => {},
  };
  const discarded: string[] = [];
  const onDiscard = (rank: number, reason: string, count: number) =>
    discarded.push(`${rank} ${reason} ${count}`);
  const merging = createMerge({ format, output, onDiscard, isReserved: () => false });
  let invalid = 0;
  const feed = (body: string, sink: Parameters<typeof createBodyReader>[2]) => {
    const reader = createBodyReader('text', format, sink);
    const bytes = Buffer.from(body);
    let at = 0;
    for (const cut of cuts) {
      reader.push(bytes.subarray(at, at + cut));
      at = Math.min(at + cut, bytes.length);
    }
    reader.push(bytes.subarray(at));
    invalid += reader.finish(true).left.invalid_line;
  };
  for (const [rank, body] of bodies.entries()) {
    if (rank === long) continue;
    const { index, sink } = createIndexSink(rank);
    feed(body, sink);
    merging.add(index);
  }
  const streamed = bodies[long];
  if (streamed !== undefined) {
    const sink = merging.stream(long);
    feed(streamed, sink);
    sink.end();
  }
  await merging.writeBlocks('all');
  if (format === 'openmetrics') output.text('# EOF\n');
  return { body: Buffer.concat(written).toString(), discarded, invalid };
}

/** A family of a body: its samples differ from each other. The type follows from the name, so that none clash. */
const family = fc.record({
  name: fc.constantFrom('a', 'b_total', 'c', 'd_total', 'h', 's', 'u'),
  declared: fc.boolean(),
  help: fc.option(fc.constantFrom('Help.', 'a "quoted" \\\\ one')),
  labels: fc.uniqueArray(fc.constantFrom('', 'x="1"', 'x="2"', 'x="1",y="2"', 'x="é\\n"', 'z="\\""'), {
    minLength: 1,
  }),
  value: fc.constantFrom('1', '0.5', 'NaN', '+Inf', '1e-07', '-3'),
  time: fc.constantFrom('', ' 1700000000000'),
});
type Arbitrary<T> = T extends fc.Arbitrary<infer U> ? U : never;

const TYPES: Readonly<Record<string, string>> = {
  a: 'gauge',
  b_total: 'counter',
  c: 'counter',
  d_total: 'counter',
  h: 'histogram',
  s: 'summary',
  u: 'untyped',
};

function render({ name, declared, help, labels, value, time }: Arbitrary<typeof family>): string {
  const join = (...parts: string[]) => {
    const inside = parts.filter((part) => part !== '').join(',');
    return inside === '' ? '' : `{${inside}}`;
  };
  const samples = labels.map((label) => {
    if (name === 'h')
      return (
        ['0.1', '+Inf'].map((le) => `h_bucket${join(label, `le="${le}"`)} ${value}${time}\n`).join('') +
        `h_sum${join(label)} ${value}${time}\n`
      );
    if (name === 's')
      return `s${join(label, 'quantile="0.5"')} ${value}${time}\ns_count${join(label)} ${value}${time}\n`;
    return `${name}${join(label)} ${value}${time}\n`;
  });
  // Without its declaration a histogram's samples would be three families in each other's way.
  const head =
    declared || 'hs'.includes(name)
      ? `${help === null ? '' : `# HELP ${name} ${help}\n`}# TYPE ${name} ${TYPES[name]}\n`
      : '';
  return head + samples.join('');
}

const body = fc
  .uniqueArray(family, { selector: ({ name }) => name, maxLength: 6 })
  .map((families) => families.map(render).join(''));
const bodies = fc.array(body, { minLength: 1, maxLength: 4 });

describe('whatever the bodies are', () => {
  const samplesOf = (text: string) =>
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => readExposition(`${line}\n`, 'text').samples[0] ?? '');
  const seriesOf = (sample: string) => sample.replace(/ \S+ @/, ' @');

  it.each(['text', 'openmetrics'] as const)(
    'the %s answer has the union of their samples, each series once',
    async (format) => {
      await fc.assert(
        fc.asyncProperty(bodies, fc.nat(4), fc.array(fc.nat(40)), async (sources, long, cuts) => {
          const { body: answer, discarded, invalid } = await merge(sources, format, long, cuts);
          expect(invalid).toBe(0);
          const union = new Map<string, string>();
          for (const sample of sources.flatMap(samplesOf)) {
            if (!union.has(seriesOf(sample))) union.set(seriesOf(sample), sample);
          }
          expect(readExposition(answer, format).samples).toEqual([...union.values()].sort());
          const all = sources.flatMap(samplesOf).length;
          expect(discarded).toHaveLength(all - union.size);
        }),
        { numRuns: 400 },
      );
    },
  );

  it('garbage between the lines changes nothing', async () => {
    const garbage = fc.constantFrom(
      '?',
      '<p>',
      '{"a":1}',
      '# HELP',
      '# TYPE a',
      'a{ 1',
      '\u0000',
      '#',
      '',
      '  ',
      'a 1 2 3 4',
    );
    await fc.assert(
      fc.asyncProperty(bodies, fc.infiniteStream(garbage), fc.nat(4), async (sources, noise, long) => {
        const noisy = sources.map((text) => text.replace(/\n/g, () => `\n${noise.next().value}\n`));
        expect((await merge(noisy, 'text', long, [])).body).toBe(
          (await merge(sources, 'text', long, [])).body,
        );
      }),
      { numRuns: 100 },
    );
  });
});
