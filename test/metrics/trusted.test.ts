import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createIndexSink } from '../../src/metrics/blocks.ts';
import { createBodyReader } from '../../src/metrics/body-reader.ts';

/** Families as Envoy writes them: each declared, values that may hold a `#`. */
const body = fc
  .uniqueArray(fc.constantFrom('envoy_a', 'envoy_b', 'envoy_ab', 'envoy_c_total'), { minLength: 1 })
  .chain((names) =>
    fc.tuple(
      ...names.map((name) =>
        fc.tuple(fc.constant(name), fc.array(fc.constantFrom('', '#1', 'é', '\\n', '# TYPE'))),
      ),
    ),
  )
  .map((families) =>
    families
      .map(([name, values]) => {
        const lines = values.map((value, i) => `${name}{n="${i}",v="${value}"} ${i}\n`);
        return `# TYPE ${name} gauge\n${lines.join('')}`;
      })
      .join(''),
  );

function read(text: string, cuts: readonly number[], trusted: boolean) {
  const { index, sink } = createIndexSink(1);
  const reader = createBodyReader('text', 'text', sink, trusted);
  const bytes = Buffer.from(text);
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (at < bytes.length) reader.push(bytes.subarray(at, at + cut));
    at += cut;
  }
  const report = reader.finish(true);
  const families = [...index].map(([key, { family, slices }]) => ({
    key,
    type: family.type,
    text: slices.map(({ buffer, from, to }) => buffer.toString('utf8', from, to)).join(''),
  }));
  return { report, families };
}

it('a body that is trusted reads as one of which every line is looked at', () => {
  fc.assert(
    fc.property(body, fc.array(fc.integer({ min: 1, max: 90 })), (text, cuts) => {
      expect(read(text, cuts, true)).toEqual(read(text, [], false));
    }),
  );
});

it('a trusted body is looked at line by line where its first or last sample is odd', () => {
  const odd = '# TYPE a gauge\na{x=1} 1\na 2\n# TYPE b gauge\nb 1\nb{ 2\n# TYPE c gauge\nc 1\nother 2\n';
  expect(read(odd, [], true)).toEqual(read(odd, [], false));
});
