import type { IncomingMessage } from 'node:http';

/** As much as the API server sends for an object of the largest size that etcd takes, and more. */
export const MAX_BODY_BYTES = 6 * 1024 * 1024;

export type Body =
  | { readonly kind: 'whole'; readonly text: string }
  | { readonly kind: 'too-large' }
  /** All requests together hold more than there is room for. */
  | { readonly kind: 'busy' }
  /** The client has gone before the end. */
  | { readonly kind: 'cut-off' };

export interface BodyReader {
  read(request: IncomingMessage): Promise<Body>;
}

/**
 * Reads bodies as a whole, but never more at a time than `room`: five hundred clients with six megabytes each do not get all of
 * the memory.
 * @param room bytes of all bodies that are being read
 */
export function createBodyReader(room: number): BodyReader {
  let used = 0;
  return {
    read: (request) =>
      new Promise<Body>((resolve) => {
        const announced = Number(request.headers['content-length'] ?? 0);
        if (announced > MAX_BODY_BYTES) {
          // Read on, without keeping it: a client that is cut off while it sends does not see the answer.
          request.resume();
          resolve({ kind: 'too-large' });
          return;
        }
        const chunks: Buffer[] = [];
        let bytes = 0;
        let over = false;
        const finish = (body: Body) => {
          if (over) return;
          over = true;
          used -= bytes;
          // A connection that is kept has its last request, and would have its body with these.
          request.off('data', take).off('end', end).off('error', cutOff).off('close', cutOff);
          request.on('error', ignore);
          // What still comes is not kept.
          if (body.kind !== 'whole') request.resume();
          resolve(body);
        };
        const take = (chunk: Buffer) => {
          bytes += chunk.length;
          used += chunk.length;
          if (bytes > MAX_BODY_BYTES) finish({ kind: 'too-large' });
          else if (used > room) finish({ kind: 'busy' });
          else chunks.push(chunk);
        };
        const end = () => finish({ kind: 'whole', text: Buffer.concat(chunks).toString('utf8') });
        const cutOff = () => finish({ kind: 'cut-off' });
        request.on('data', take).once('end', end).once('error', cutOff).once('close', cutOff);
      }),
  };
}

function ignore(): void {}
