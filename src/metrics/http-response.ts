/**
 * One HTTP/1.1 answer, taken out of the bytes of its connection in place. Node's own parser gives each piece of a body in new
 * memory, which for a body of 80 MB is 80 MB more to collect; this one moves the body together where it was read.
 * RFC 9112 §4 to §7.
 */

export interface ResponseHead {
  readonly status: number;
  /** Names in lower case; what came several times is joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface ResponseParser {
  /**
   * Takes what was read. Writes into it.
   * @returns the part of the body that is in it, which lies in the same memory
   * @throws Error when it is no HTTP/1.x
   */
  push(bytes: Buffer): Buffer;
  /** Undefined until it has come. */
  head(): ResponseHead | undefined;
  /** The end of the connection. @throws Error when the answer is not whole */
  end(): void;
  isComplete(): boolean;
}

type State = 'head' | 'fixed' | 'until-close' | 'size' | 'data' | 'after-data' | 'trailers' | 'complete';

const MAX_HEAD_BYTES = 64 * 1024;
/** Of the line before a chunk, with extensions, and of a trailer. */
const MAX_LINE_BYTES = 4 * 1024;
const NEWLINE = 10;
const NOTHING = Buffer.alloc(0);

export function createResponseParser(): ResponseParser {
  let state: State = 'head';
  let head: ResponseHead | undefined;
  /** Of a head or a line: what came before in other reads. */
  let text = '';
  /** Of the body, or of the chunk. */
  let left = 0;

  /** Reads on to the end of a line, over several reads if need be. Undefined: there is more to come. */
  function line(bytes: Buffer, at: number, limit: number): { text: string; end: number } | undefined {
    const newline = bytes.indexOf(NEWLINE, at);
    const end = newline === -1 ? bytes.length : newline + 1;
    text += bytes.toString('latin1', at, end);
    if (text.length > limit) throw new Error('the answer has a line that is too long');
    if (newline === -1) return undefined;
    const whole = text.replace(/\r?\n$/, '');
    text = '';
    return { text: whole, end };
  }

  /** @returns where the head ends in these bytes, or -1 */
  function readHead(bytes: Buffer, from: number): number {
    const before = text.length;
    text += bytes.toString('latin1', from, from + MAX_HEAD_BYTES);
    const end = /\r?\n\r?\n/.exec(text);
    if (end === null) {
      if (text.length >= MAX_HEAD_BYTES) throw new Error('the head of the answer is too long');
      if (!'HTTP/1.'.startsWith(text.slice(0, 7))) throw new Error('the answer is no HTTP/1.1');
      return -1;
    }
    const found = parseHead(text.slice(0, end.index));
    text = '';
    // 100 and 103 come before the answer; 101 is another protocol.
    if (found.status === 101) throw new Error('the answer is another protocol');
    if (found.status >= 200) {
      head = found;
      begin(found);
    }
    return from + end.index + end[0].length - before;
  }

  function begin({ status, headers }: ResponseHead): void {
    const coding = headers.get('transfer-encoding')?.trim().toLowerCase();
    const length = headers.get('content-length');
    if (status === 204 || status === 304) state = 'complete';
    else if (coding !== undefined) {
      if (coding !== 'chunked') throw new Error(`the answer has the transfer encoding ${coding}`);
      state = 'size';
    } else if (length !== undefined) {
      left = Number(length.split(',', 1)[0]);
      if (!/^\d+(\s*,\s*\d+)*$/.test(length) || !Number.isSafeInteger(left)) {
        throw new Error(`the answer has the length ${length}`);
      }
      state = left === 0 ? 'complete' : 'fixed';
    } else state = 'until-close';
  }

  function push(bytes: Buffer): Buffer {
    let at = 0;
    while (state === 'head') {
      at = readHead(bytes, at);
      if (at === -1) return NOTHING;
    }
    const from = at;
    let to = at;
    while (at < bytes.length && state !== 'complete') {
      if (state === 'size' || state === 'after-data' || state === 'trailers') {
        const read = line(bytes, at, MAX_LINE_BYTES);
        if (read === undefined) break;
        at = read.end;
        afterLine(read.text);
        continue;
      }
      const end = state === 'until-close' ? bytes.length : Math.min(bytes.length, at + left);
      if (to !== at) bytes.copyWithin(to, at, end);
      to += end - at;
      left -= end - at;
      at = end;
      if (left === 0 && state === 'fixed') state = 'complete';
      if (left === 0 && state === 'data') state = 'after-data';
    }
    return bytes.subarray(from, to);
  }

  function afterLine(read: string): void {
    if (state === 'size') {
      const size = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(read)?.[1];
      if (size === undefined) throw new Error('the answer is not in chunks, although it says so');
      left = Number.parseInt(size, 16);
      state = left === 0 ? 'trailers' : 'data';
    } else if (state === 'after-data') {
      if (read !== '') throw new Error('the answer has a chunk that is longer than it says');
      state = 'size';
    } else if (read === '') state = 'complete';
  }

  return {
    push,
    head: () => head,
    end: () => {
      if (state === 'until-close') state = 'complete';
      if (state !== 'complete') throw new Error('the connection ended before the answer');
    },
    isComplete: () => state === 'complete',
  };
}

function parseHead(text: string): ResponseHead {
  const [first = '', ...lines] = text.split(/\r?\n/);
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw new Error('the answer is no HTTP/1.1');
  const headers = new Map<string, string>();
  for (const each of lines) {
    const colon = each.indexOf(':');
    if (colon <= 0) throw new Error('the answer has a header without a name');
    const name = each.slice(0, colon).toLowerCase();
    const value = each.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { status: Number(status), headers };
}
