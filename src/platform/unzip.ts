import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';

// Layout of the records: PKWARE's APPNOTE.TXT, 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end).
const END = { signature: 0x06054b50, bytes: 22, maxComment: 0xffff };
const CENTRAL = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { bytes: 30 };
const STORED = 0;
const DEFLATED = 8;

/**
 * Unpacks one member of a zip archive into a new file, streaming. For archives whose checksum was verified before: sizes
 * and CRC are not checked again. No zip64, no encryption.
 * @throws when it is not such an archive or has no such member; a file begun then stays, for the caller to remove
 */
export async function unzipMember(
  archive: string,
  member: string,
  destination: string,
  signal?: AbortSignal,
): Promise<void> {
  const entry = await findMember(archive, member);
  const { offset, packedBytes, method } = entry;
  const packed =
    packedBytes === 0
      ? Readable.from([])
      : createReadStream(archive, { start: offset, end: offset + packedBytes - 1, highWaterMark: 1 << 20 });
  await pipeline(
    packed,
    method === DEFLATED ? createInflateRaw() : new PassThrough(),
    createWriteStream(destination, { flags: 'wx' }),
    ...(signal === undefined ? [] : [{ signal }]),
  );
}

async function findMember(archive: string, member: string): Promise<Entry> {
  const file = await open(archive);
  try {
    const entry = (await readDirectory(file)).find(({ name }) => name === member);
    if (entry === undefined) throw new Error(`${archive} has no ${member} in it`);
    // The local header has a name and an extra field of its own length; the packed bytes follow it.
    const local = await readAt(file, entry.offset, LOCAL.bytes);
    const header = LOCAL.bytes + local.readUInt16LE(26) + local.readUInt16LE(28);
    return { ...entry, offset: entry.offset + header };
  } finally {
    await file.close();
  }
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packedBytes: number;
  readonly offset: number;
}

async function readDirectory(file: FileHandle): Promise<Entry[]> {
  const { size } = await file.stat();
  const tailStart = Math.max(0, size - END.bytes - END.maxComment);
  const tail = await readAt(file, tailStart, size - tailStart);
  let end = tail.length - END.bytes;
  while (end >= 0 && tail.readUInt32LE(end) !== END.signature) end -= 1;
  if (end < 0) throw new Error('it is not a zip archive');

  const directory = await readAt(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const entries: Entry[] = [];
  for (let at = 0; at + CENTRAL.bytes <= directory.length; ) {
    if (directory.readUInt32LE(at) !== CENTRAL.signature) throw new Error('its directory is damaged');
    const nameEnd = at + CENTRAL.bytes + directory.readUInt16LE(at + 28);
    const method = directory.readUInt16LE(at + 10);
    const name = directory.toString('utf8', at + CENTRAL.bytes, nameEnd);
    if (method !== STORED && method !== DEFLATED) throw new Error(`${name} is packed by method ${method}`);
    entries.push({
      name,
      method,
      packedBytes: directory.readUInt32LE(at + 20),
      offset: directory.readUInt32LE(at + 42),
    });
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead !== length) throw new Error('it is cut off');
  return buffer;
}
