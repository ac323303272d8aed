/** The few parts of the protobuf wire format that metrics need (protobuf.dev/programming-guides/encoding). */

export interface ProtobufWriter {
  text(field: number, value: string): void;
  double(field: number, value: number): void;
  /** A whole number: of 64 bits when negative. */
  integer(field: number, value: number): void;
  bytes(field: number, value: Buffer): void;
  /** What was written; nothing may be written afterwards. */
  finish(): Buffer;
}

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH = 2;

export function protobufWriter(): ProtobufWriter {
  let buffer = Buffer.allocUnsafe(256);
  let used = 0;
  const reserve = (count: number) => {
    if (used + count <= buffer.length) return;
    const larger = Buffer.allocUnsafe(2 * (used + count));
    buffer.copy(larger, 0, 0, used);
    buffer = larger;
  };
  const writeVarint = (value: number) => {
    reserve(10);
    if (value < 0 || value >= 2 ** 31) used += varint(value).copy(buffer, used);
    else {
      let rest = value;
      for (; rest > 127; rest >>>= 7) buffer[used++] = (rest & 127) | 128;
      buffer[used++] = rest;
    }
  };
  const tag = (field: number, wire: number) => writeVarint((field << 3) | wire);
  return {
    bytes(field, value) {
      tag(field, LENGTH);
      writeVarint(value.length);
      reserve(value.length);
      used += value.copy(buffer, used);
    },
    text(field, value) {
      const length = Buffer.byteLength(value);
      tag(field, LENGTH);
      writeVarint(length);
      reserve(length);
      used += buffer.write(value, used);
    },
    double(field, value) {
      tag(field, FIXED_64);
      reserve(8);
      used = buffer.writeDoubleLE(value, used);
    },
    integer(field, value) {
      tag(field, VARINT);
      writeVarint(value);
    },
    finish: () => buffer.subarray(0, used),
  };
}

/** @param value a safe integer */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  if (value >= 0 && value < 128) return Buffer.from([value]);
  if (value >= 0 && value < 2 ** 31) {
    for (let rest = value; ; rest >>>= 7) {
      if (rest < 128) return Buffer.from([...bytes, rest]);
      bytes.push((rest & 127) | 128);
    }
  }
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    const low = Number(rest & 127n);
    if (rest < 128n) return Buffer.from([...bytes, low]);
    bytes.push(low | 128);
  }
}
