/** V8's compiled form of one program, with what it was made for: V8 itself compares little more than the length of the source. */

export interface CodeCacheFor {
  /** Fingerprint of the source. */
  readonly build: string;
  /** `process.version`. */
  readonly node: string;
  /** `process.arch`. */
  readonly arch: string;
}

const LINE_END = 10;
const LONGEST_HEADER = 256;

/** The bytes of a cache file. */
export function packCodeCache(made: CodeCacheFor, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from(header(made, data.length)), data]);
}

/** What to hand to V8; undefined when it is for something else, or is not whole. */
export function openCodeCache(file: Buffer, wanted: CodeCacheFor): Buffer | undefined {
  const end = file.subarray(0, LONGEST_HEADER).indexOf(LINE_END);
  if (end < 0) return undefined;
  const data = file.subarray(end + 1);
  return file.toString('latin1', 0, end + 1) === header(wanted, data.length) ? data : undefined;
}

const header = ({ build, node, arch }: CodeCacheFor, length: number) =>
  `pilot-agent code ${build} ${node} ${arch} ${length}\n`;
