import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePodInfo, unquoteGo } from '../../src/config/pod-info.ts';

describe('parsePodInfo', () => {
  it('reads what the downward API writes', () => {
    const { values, warnings } = parsePodInfo('app="productpage"\npod-template-hash="7d9"\nempty=""\n');
    expect(Object.fromEntries(values)).toEqual({
      app: 'productpage',
      'pod-template-hash': '7d9',
      empty: '',
    });
    expect(warnings).toEqual([]);
  });

  it('unescapes values, which may hold several lines and equals signs', () => {
    const { values } = parsePodInfo(
      String.raw`proxy.istio.io/config="concurrency: 2\nproxyMetadata:\n  A: \"x=y\"\n"`,
    );
    expect(values.get('proxy.istio.io/config')).toBe('concurrency: 2\nproxyMetadata:\n  A: "x=y"\n');
  });

  it('gives up a bad line only, and says which', () => {
    const { values, warnings } = parsePodInfo('a="1"\nb=\nc="unterminated\nno equals\n="x"\nd="4"');
    expect([...values.keys()]).toEqual(['a', 'd']);
    expect(warnings).toHaveLength(4);
    expect(warnings[0]).toBe('line 2 is not key="value", ignored: b=');
  });

  it('does not trip over names of the language', () => {
    expect(parsePodInfo('__proto__="x"\nconstructor="y"').values.get('__proto__')).toBe('x');
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parsePodInfo(text)));
  });
});

describe('unquoteGo', () => {
  it.each([
    [String.raw`"\a\b\f\n\r\t\v\\\""`, '\x07\b\f\n\r\t\v\\"'],
    [String.raw`"\x41\101é\U0001F600"`, 'AAé😀'],
    [String.raw`"\xc3\xa9"`, 'é'],
    ['"häuser"', 'häuser'],
  ])('%s', (literal, value) => expect(unquoteGo(literal)).toBe(value));

  it.each([
    ['no quotes', 'x'],
    ['one quote', '"'],
    ['a quote inside', '"a"b"'],
    ['an unknown escape', String.raw`"\q"`],
    ['an escape cut short', String.raw`"\x4"`],
    ['an escaped last quote', String.raw`"abc\"`],
    ['half a surrogate pair', String.raw`"\ud800"`],
    ['a byte over 255', String.raw`"\777"`],
  ])('refuses %s', (_what, literal) => expect(unquoteGo(literal)).toBeUndefined());

  it('is the inverse of quoting', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => unquoteGo(quote(text)) === text));
  });
});

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
