import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIndexSink } from '../../src/metrics/blocks.ts';
import { createBodyReader } from '../../src/metrics/body-reader.ts';
import { ENVOY_DEFECTS, LONG_FAMILY } from './envoy-defects.ts';
import { envoy, merged, OPENMETRICS, serve, TEXT } from './support.ts';

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

function read(text: string | Buffer, cuts: readonly number[], trusted: boolean) {
  const { index, sink } = createIndexSink(1);
  const reader = createBodyReader('text', 'text', sink, trusted);
  const bytes = Buffer.isBuffer(text) ? text : Buffer.from(text);
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

describe('in the middle of a trusted piece', () => {
  const around = (line: string | Buffer) =>
    Buffer.concat([
      Buffer.from('# TYPE a gauge\na{n="1"} 1\na{n="2"} 2\n'),
      Buffer.from(line),
      Buffer.from('\na{n="3"} 3\n# TYPE b counter\nb 1\n'),
    ]);

  it.each([
    ['a blank line', ''],
    ['a line of spaces', '  '],
    ['a line with CRLF', 'a{n="x"} 1\r'],
    ['a line without a value', 'a{n="x"}'],
    ['a comment', '#'],
    ['a page', '<p>'],
    ['a value that is no number', 'a NaN'],
    ['a value that is infinite', 'a +Inf'],
    ['bytes that are no UTF-8', Buffer.from('a{n="\xff"} 1', 'latin1')],
    ['half a character', Buffer.from('a{n="\xc3"} 1', 'latin1')],
    ['a zero byte', 'a{n="\0"} 1'],
  ])('%s is met as in a body of which every line is looked at', (_what, line) => {
    const body = around(line);
    expect(read(body, [], true)).toEqual(read(body, [], false));
  });

  it('the line of another name stays where it is, as nothing of it can harm', () => {
    expect(read(around('other 1'), [], true).report).toMatchObject({ samples: 5, left: { invalid_line: 0 } });
  });
});

describe('what Envoy is known to do', () => {
  it.each(['text', 'openmetrics'] as const)('leaves a valid answer as %s', async (format) => {
    const sources = ENVOY_DEFECTS.map(({ body }) => body);
    for (const body of [...sources, ...sources.map((each) => `${each}${LONG_FAMILY}`)]) {
      const merge = await merged([envoy(await serve(body))]);
      const answer = await merge.others({ accept: format === 'text' ? TEXT : OPENMETRICS });
      // One declaration for each family, no blank line, nothing that is no sample.
      const declared = [...answer.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
      expect(new Set(declared).size).toBe(declared.length);
      for (const line of answer.trimEnd().split('\n'))
        expect(line).toMatch(/^(# TYPE \w+ \w+|# EOF|\w+(\{[^\n]*\})? [-+\d.eE]+)$/);
    }
  });
});
