/** The few parts of the protobuf wire format that metrics need (protobuf.dev/programming-guides/encoding). */

export interface ProtobufWriter {
  text(field: number, value: string): void;
  double(field: number, value: number): void;
  /** A whole number: of 64 bits when negative. */
  integer(field: number, value: number): void;
  bytes(field: number, value: Buffer): void;
  finish(): Buffer;
}

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH = 2;

export function protobufWriter(): ProtobufWriter {
  const parts: Buffer[] = [];
  const tag = (field: number, wire: number) => parts.push(varint((field << 3) | wire));
  const bytes = (field: number, value: Buffer) => {
    tag(field, LENGTH);
    parts.push(varint(value.length), value);
  };
  return {
    bytes,
    text: (field, value) => bytes(field, Buffer.from(value)),
    double(field, value) {
      const fixed = Buffer.allocUnsafe(8);
      fixed.writeDoubleLE(value);
      tag(field, FIXED_64);
      parts.push(fixed);
    },
    integer(field, value) {
      tag(field, VARINT);
      parts.push(varint(value));
    },
    finish: () => Buffer.concat(parts),
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
