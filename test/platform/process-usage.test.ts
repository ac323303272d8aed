import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { clientConnections, residentBytes } from '../../src/platform/process-usage.ts';
import { until } from '../support/until.ts';

const NOBODY = 2 ** 22 + 1; // over the kernel's largest pid

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

async function listen(host: string): Promise<{ readonly server: Server; readonly port: number }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  cleanups.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** Connections from this process to itself: both ends are its own, and only one of them counts. */
async function clients(port: number, host: string, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const socket = connect(port, host);
    cleanups.push(() => socket.destroy());
    await once(socket, 'connect');
  }
}

describe('residentBytes', () => {
  it('is about what Node says of itself', async () => {
    const bytes = (await residentBytes(process.pid)) ?? 0;
    expect(bytes / process.memoryUsage.rss()).toBeGreaterThan(0.7);
    expect(bytes / process.memoryUsage.rss()).toBeLessThan(1.5);
  });

  it('is unknown of a process that is gone', async () => {
    expect(await residentBytes(NOBODY)).toBeUndefined();
  });
});

describe('clientConnections', () => {
  it.each(['127.0.0.1', '::1'])('counts what came in by %s, not what went out', async (host) => {
    const one = await listen(host);
    const other = await listen(host);
    await clients(one.port, host, 3);
    await clients(other.port, host, 2);
    const count = (ports: readonly number[]) => clientConnections(process.pid, { ports: new Set(ports) });
    await until('all are accepted', async () => (await count([one.port, other.port])) === 5);
    expect(await count([one.port])).toBe(3);
    expect(await count([])).toBe(0);
    expect(
      await clientConnections(process.pid, {
        ports: new Set([one.port, other.port]),
        except: new Set([one.port]),
      }),
    ).toBe(2);
  });

  it('finds by itself which ports are listened on', async () => {
    const before = (await clientConnections(process.pid)) ?? -1;
    const { port } = await listen('127.0.0.1');
    await clients(port, '127.0.0.1', 4);
    await until('all are counted', async () => (await clientConnections(process.pid)) === before + 4);
  });

  it('counts the sockets of that process only', async () => {
    const { port } = await listen('127.0.0.1');
    await clients(port, '127.0.0.1', 2);
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    cleanups.push(() => child.kill('SIGKILL'));
    await once(child, 'spawn');
    expect(await clientConnections(child.pid ?? -1)).toBe(0);
  });

  it('is unknown of a process that is gone', async () => {
    expect(await clientConnections(NOBODY)).toBeUndefined();
  });

  it('counts hundreds', async () => {
    const { port } = await listen('127.0.0.1');
    const before = (await clientConnections(process.pid)) ?? -1;
    await Promise.all(Array.from({ length: 400 }, () => clients(port, '127.0.0.1', 1)));
    await until('all are counted', async () => (await clientConnections(process.pid)) === before + 400);
  });
});
