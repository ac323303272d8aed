/** What an answer is packed with. The fastest levels: series pack to a tenth with any. */
import type { ServerResponse } from 'node:http';
import type { Transform, Writable } from 'node:stream';

export type Packing = 'gzip' | 'zstd';

/** What this Node can pack with, the better one first. Node has zstd since 22.15 (and 23.8). */
export const PACKINGS: readonly Packing[] =
  process.versions['zstd'] === undefined ? ['gzip'] : ['zstd', 'gzip'];

/** The part of node:zlib that the types of Node 20 do not know. */
interface Zstd {
  createZstdCompress(options: { readonly params: Readonly<Record<number, number>> }): Transform;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

/** Puts a packer between the merge and the client. */
export async function packInto(response: ServerResponse, packing: Packing): Promise<Writable> {
  const [zlib, { pipeline }] = await Promise.all([import('node:zlib'), import('node:stream')]);
  const packer = packing === 'zstd' ? zstd(zlib as unknown as Zstd) : zlib.createGzip({ level: 1 });
  pipeline(packer, response, () => {});
  return packer;
}

const zstd = ({ createZstdCompress, constants }: Zstd): Transform =>
  createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } });
