import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createResponseParser } from '../../src/metrics/http-response.ts';

/** Reads an answer in pieces of these lengths, then ends the connection. */
function parse(text: string, lengths: readonly number[] = []) {
  const parser = createResponseParser();
  const bytes = Buffer.from(text, 'latin1');
  const body: string[] = [];
  let at = 0;
  for (const length of [...lengths, bytes.length]) {
    if (at < bytes.length)
      body.push(parser.push(Buffer.from(bytes.subarray(at, at + length))).toString('latin1'));
    at += length;
  }
  parser.end();
  return { status: parser.head()?.status, body: body.join('') };
}

const OK = 'HTTP/1.1 200 OK\r\n';

describe('an answer', () => {
  it.each([
    ['of a length', `${OK}Content-Length: 3\r\n\r\nabc`, 200, 'abc'],
    ['of the same length twice', `${OK}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, 200, 'abc'],
    ['of nothing', `${OK}Content-Length: 0\r\n\r\n`, 200, ''],
    ['until the end of the connection', `${OK}\r\nabc`, 200, 'abc'],
    [
      'in chunks',
      `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x="y"\r\n0123456789\r\n0\r\n\r\n`,
      200,
      'abc0123456789',
    ],
    ['with trailers', `${OK}Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n`, 200, 'a'],
    ['with lines that end as in Unix', 'HTTP/1.0 200 OK\nContent-Length: 1\n\na', 200, 'a'],
    ['behind hints', `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}Content-Length: 1\r\n\r\na`, 200, 'a'],
    ['that has no body', 'HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
    ['without a reason', 'HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n', 500, ''],
    ['with something behind it', `${OK}Content-Length: 1\r\n\r\nabc`, 200, 'a'],
  ])('%s is read the same however it is cut', (_what, text, status, body) => {
    expect(parse(text)).toEqual({ status, body });
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 })), (lengths) => {
        expect(parse(text, lengths)).toEqual({ status, body });
      }),
    );
  });

  it.each([
    ['SSH-2.0-x\r\n', /no HTTP/],
    ['HTTP/2 200\r\n\r\n', /no HTTP/],
    ['HTTP/1.1 20\r\n\r\n', /no HTTP/],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n', /another protocol/],
    [`${OK}no name\r\n\r\n`, /header without a name/],
    [`${OK}Content-Length: x\r\n\r\n`, /length x/],
    [`${OK}Content-Length: -1\r\n\r\n`, /length -1/],
    [`${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`, /transfer encoding gzip, chunked/],
    [`${OK}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, /not in chunks/],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n`, /longer than it says/],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n${'0'.repeat(5_000)}`, /too long/],
    [`${OK}${'X: y\r\n'.repeat(20_000)}\r\n`, /head of the answer is too long/],
    [`${OK}Content-Length: 3\r\n\r\nab`, /ended before/],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`, /ended before/],
    ['', /ended before/],
  ])('%j is none', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});
