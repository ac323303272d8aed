import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipMember {
  readonly name: string;
  readonly data: Buffer;
  readonly stored?: boolean;
  /** Extra field of the local header only, as some tools write. */
  readonly localExtra?: number;
}

/** Makes a zip archive in memory, by the letter of APPNOTE.TXT. */
export function zip(members: readonly ZipMember[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, stored = false, localExtra = 0 } of members) {
    const packed = stored ? data : deflateRawSync(data);
    const path = Buffer.from(name);
    const shared = Buffer.alloc(22);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(stored ? 0 : 8, 4);
    shared.writeUInt32LE(crc32(data), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(data.length, 18);
    const local = Buffer.concat([
      Buffer.from('PK\x03\x04', 'latin1'),
      shared,
      uint16(path.length, localExtra),
      path,
      Buffer.alloc(localExtra),
      packed,
    ]);
    const place = Buffer.alloc(4);
    place.writeUInt32LE(offset);
    directory.push(
      Buffer.from('PK\x01\x02\x14\x00', 'latin1'),
      shared,
      uint16(path.length, 0, 0, 0, 0, 0, 0),
      place,
      path,
    );
    parts.push(local);
    offset += local.length;
  }
  const index = Buffer.concat(directory);
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32LE(index.length, 0);
  sizes.writeUInt32LE(offset, 4);
  const end = [Buffer.from('PK\x05\x06', 'latin1'), uint16(0, 0, members.length, members.length), sizes];
  return Buffer.concat([...parts, index, ...end, uint16(comment.length), Buffer.from(comment)]);
}

function uint16(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) buffer.writeUInt16LE(value, index * 2);
  return buffer;
}
