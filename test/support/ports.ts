import { createServer } from 'node:net';

/** Below the kernel's range for outgoing connections, so that nothing takes a port between the look and the use. */
const FIRST = 10_000;
const LAST = 32_000;
let next = FIRST + Math.floor(Math.random() * (LAST - FIRST));

/** Ports of 127.0.0.1 and of every other address that nobody has now, each handed out once in this process. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    next = next >= LAST ? FIRST : next + 1;
    if (await isFree(next)) found.push(next);
  }
  return found;
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('no free port');
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
