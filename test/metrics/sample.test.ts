import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Format } from '../../src/metrics/format.ts';
import { parseSample, renderSample, seriesKey } from '../../src/metrics/sample.ts';
import { createSampleScanner } from '../../src/metrics/sample-scanner.ts';

const rewrite = (line: string | Buffer, input: Format, output: Format = input) => {
  const sample = parseSample(Buffer.from(line), input);
  return sample === undefined ? undefined : renderSample(sample, output).trimEnd();
};
const scanned = (line: string) => createSampleScanner().scan(Buffer.from(`${line}\nrest`), 0);

describe('a line that any reader takes', () => {
  it.each([
    'a 1',
    'a{} 1',
    'a:b_c9{} 0.5',
    'a{b="c"} -1.5e-7',
    'a{b="",c="d"} +2',
    'a{b="\\\\ \\" \\n",c="}# ,="} 4.0493827160493829353526962222531',
    'a{b="größe"} 12',
    'a .5',
    'a 5.',
  ])('%s is passed on as it is', (line) => {
    expect(scanned(line)).toBe(Buffer.byteLength(line));
    expect(rewrite(line, 'text')).toBeDefined();
  });
});

describe('a line that needs help', () => {
  it.each([
    ['a Nan', 'a NaN'],
    ['a inf', 'a +Inf'],
    ['a -INF', 'a -Inf'],
    ['  a\t{ b = "c" , } \t 1 ', 'a{b="c"} 1'],
    ['a{b="c",} 1', 'a{b="c"} 1'],
    ['a{b="\\d"} 1', 'a{b="\\\\d"} 1'],
    ['a{b="c"}1', 'a{b="c"} 1'],
    ['a 1 1395066363000', 'a 1 1395066363000'],
    ['a 1E100', 'a 1E100'],
  ])('%s becomes %s', (line, written) => {
    expect(scanned(line)).toBe(-1);
    expect(rewrite(line, 'text')).toBe(written);
  });

  it('has its timestamp in the unit of the format', () => {
    expect(rewrite('a 1 1395066363123', 'text', 'openmetrics')).toBe('a 1 1395066363.123');
    expect(rewrite('a 1 1395066363.123', 'openmetrics', 'text')).toBe('a 1 1395066363123');
    expect(rewrite('a 1 1395066363.123', 'openmetrics')).toBe('a 1 1395066363.123');
  });

  it('keeps an exemplar in OpenMetrics and loses it in text', () => {
    const line = 'a_total 3 # {trace_id="x"} 0.67 1520879607.789';
    expect(rewrite(line, 'openmetrics')).toBe(line);
    expect(rewrite(line, 'openmetrics', 'text')).toBe('a_total 3');
  });
});

describe('a line that Prometheus would refuse, and the whole scrape with it', () => {
  it.each([
    '',
    'a',
    'a b',
    '1a 1',
    'a-b 1',
    'a{b="c} 1',
    'a{b="c"',
    'a{b=c} 1',
    'a{b="c" d="e"} 1',
    'a{b:c="d"} 1',
    'a{b="1",b="2"} 1',
    'a{__name__="b"} 1',
    'a 1e999',
    'a 0x10',
    'a 1_000',
    'a 1 2.5',
    'a 1 2 3',
    'a 1 # {x="y"} 1',
    '<html> 1',
    '{"a": 1}',
  ])('%s', (line) => {
    expect(scanned(line)).toBe(-1);
    expect(rewrite(line, 'text')).toBeUndefined();
  });

  it('bytes that are not UTF-8', () => {
    const line = Buffer.concat([Buffer.from('a{b="'), Buffer.from([0xff]), Buffer.from('"} 1')]);
    expect(createSampleScanner().scan(Buffer.concat([line, Buffer.from('\n')]), 0)).toBe(-1);
    expect(rewrite(line, 'text')).toBeUndefined();
  });
});

describe('the scanner', () => {
  const piece = fc.constantFrom(
    'a',
    '_',
    ':',
    '9',
    '{',
    '}',
    'b="c"',
    ',',
    '=',
    '"',
    '\\',
    ' ',
    '1',
    '.',
    'e',
    '+',
    '-',
    '#',
    'é',
    '\t',
  );

  it('accepts only what the careful reader accepts, and what that would write the same way', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const line = pieces.join('');
        if (scanned(line) === -1) return;
        expect(scanned(line)).toBe(Buffer.byteLength(line));
        expect(rewrite(line, 'text')).toBe(line.replace('{}', ''));
        expect(rewrite(line, 'openmetrics')).toBe(line.replace('{}', ''));
      }),
      { numRuns: 20_000 },
    );
  });

  it('knows where the name ends', () => {
    const scanner = createSampleScanner();
    scanner.scan(Buffer.from('abc{d="e"} 1\n'), 0);
    expect(scanner.nameEnd).toBe(3);
  });
});

describe('the identity of a series', () => {
  const key = (line: string) => {
    const sample = parseSample(Buffer.from(line), 'text');
    return sample && seriesKey(sample);
  };
  it('does not depend on the order of labels or the value', () => {
    expect(key('a{b="1",c="2"} 1')).toBe(key('a{c="2",b="1"} 2'));
    expect(key('a{} 1')).toBe(key('a 1'));
  });
  it('depends on name, labels and timestamp', () => {
    const keys = ['a 1', 'b 1', 'a{b="1"} 1', 'a{b="2"} 1', 'a 1 5'].map(key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
