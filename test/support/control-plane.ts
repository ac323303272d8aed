import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** What Envoy asks for, read from the protobuf of its request as far as the tests need. */
export interface DiscoveryRequest {
  readonly path: string;
  readonly typeUrl: string;
  /** Only the first request of a stream says it. */
  readonly nodeId: string | undefined;
}

export interface ControlPlane {
  readonly port: number;
  requests(): readonly DiscoveryRequest[];
  /** From now on every request is answered: there are no clusters and no listeners. */
  answer(): void;
}

/** A control plane over plain text that knows an empty mesh. It speaks delta xDS, in the few fields that this takes. */
export async function startControlPlane(): Promise<ControlPlane> {
  const requests: DiscoveryRequest[] = [];
  const waiting: (() => void)[] = [];
  let answering = false;
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    readMessages(stream, (message) => {
      const fields = fieldsOf(message);
      const typeUrl = fields.get(2)?.toString() ?? '';
      const node = fields.get(1);
      const nodeId = node === undefined ? undefined : fieldsOf(node).get(1)?.toString();
      requests.push({ path: String(headers[':path']), typeUrl, nodeId });
      // A request with a nonce acknowledges an answer.
      if (fields.has(6)) return;
      const reply = () => stream.write(frame(field(1, 'v1'), field(4, typeUrl), field(5, 'nonce')));
      if (answering) reply();
      else waiting.push(reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  );
  return {
    port: (server.address() as AddressInfo).port,
    requests: () => requests,
    answer: () => {
      answering = true;
      for (const reply of waiting.splice(0)) reply();
    },
  };
}

/** gRPC: a byte that is 0 and four of length before each message. */
function readMessages(stream: ServerHttp2Stream, onMessage: (message: Buffer) => void): void {
  let received = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 5 && received.length >= 5 + received.readUInt32BE(1)) {
      const end = 5 + received.readUInt32BE(1);
      onMessage(received.subarray(5, end));
      received = received.subarray(end);
    }
  });
}

function frame(...fields: readonly Buffer[]): Buffer {
  const message = Buffer.concat(fields);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** A text of fewer than 128 bytes, as protobuf writes it. */
function field(number: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2, text.length]), Buffer.from(text)]);
}

/** The last text or message of each field; numbers are passed over. */
function fieldsOf(message: Buffer): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const wire = key % 8;
    if (wire === 0) varint();
    else {
      const length = wire === 2 ? varint() : wire === 1 ? 8 : 4;
      if (wire === 2) found.set(Math.floor(key / 8), message.subarray(at, at + length));
      at += length;
    }
  }
  return found;
}
