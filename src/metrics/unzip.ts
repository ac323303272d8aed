import { createGunzip } from 'node:zlib';
import type { ReadBody } from './http-get.ts';

/** A body that came as gzip, unpacked. Errors of either end reach the reader of the body. */
export function unzipped(read: ReadBody): ReadBody {
  return (onChunk) =>
    new Promise((resolve, reject) => {
      const gunzip = createGunzip();
      const fail = (error: unknown) => {
        reject(error);
        gunzip.destroy();
      };
      const room = () =>
        new Promise<void>((onRoom, onGone) => {
          if (gunzip.destroyed) onGone(new Error('nobody unpacks it any more'));
          gunzip.once('drain', onRoom).once('close', onGone);
        });
      gunzip.on('data', (chunk: Buffer) => {
        try {
          const taking = onChunk(chunk);
          if (taking === undefined) return;
          gunzip.pause();
          taking.then(() => gunzip.resume(), fail);
        } catch (error) {
          fail(error);
        }
      });
      gunzip.on('end', resolve);
      gunzip.on('error', fail);
      // It packs in another thread, and its input is written to again meanwhile.
      read((chunk) => (gunzip.write(Buffer.from(chunk)) ? undefined : room())).then(() => gunzip.end(), fail);
    });
}
