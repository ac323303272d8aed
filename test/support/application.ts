import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Application {
  readonly port: number;
  /** Requests that arrived so far. */
  requests(): number;
}

/** An HTTP application on a free port of 127.0.0.1, closed when the test is over. Answers `hello` unless told otherwise. */
export async function startApplication(
  handler: RequestListener = (_, response) => response.end('hello'),
): Promise<Application> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { port: (server.address() as AddressInfo).port, requests: () => requests };
}
