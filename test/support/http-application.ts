import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import type { OnClose } from './on-close.ts';

export interface Application {
  readonly port: number;
  /** Requests that arrived so far. */
  requests(): number;
}

/** An HTTP application on a free port of 127.0.0.1. Answers `hello` unless told otherwise. */
export async function openApplication(
  onClose: OnClose,
  handler: RequestListener = (_, response) => response.end('hello'),
): Promise<Application> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onClose(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { port: (server.address() as AddressInfo).port, requests: () => requests };
}

/** A TCP server on a free port of 127.0.0.1 that sends back what it gets, or says nothing at all. Answers with the port. */
export async function openTcpServer(onClose: OnClose, kind: 'echo' | 'silent'): Promise<number> {
  const open = new Set<Socket>();
  const server = createTcpServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    if (kind === 'echo') socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onClose(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
