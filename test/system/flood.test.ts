import { connect, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { localConfig } from '../support/local-config.ts';
import { freePorts } from '../support/ports.ts';
import { until } from '../support/until.ts';

const SILENT = 300;
const SLOW = 50;
const GARBAGE = ['\x00\x01\x02\r\n\r\n', '\x16\x03\x01\x00\xa5\x01', 'PRI * HTTP/9\r\n\r\n', 'GET\r\n\r\n'];

it('15020 and 15021 answer probes under a flood of silent and slow clients and garbage, and end the slow ones', async () => {
  const [inbound = 0, application = 0] = await freePorts(2);
  const xds = await localConfig(inbound, application);
  const agent = await startAgent({ args: ['--localConfig', xds.folder] });
  await agent.ready();
  const ports = [agent.ports.status, agent.ports.envoyStatus];
  const slow: Socket[] = [];
  for (const port of ports) {
    await Promise.all(Array.from({ length: SILENT }, () => open(port, '')));
    const header = 'GET /healthz/ready HTTP/1.1\r\nhost: x\r\nx-slow: ';
    slow.push(...(await Promise.all(Array.from({ length: SLOW }, () => open(port, header)))));
    for (const bytes of GARBAGE) await closed(await open(port, bytes));
  }
  for (const port of ports) {
    for (let asked = 0; asked < 20; asked += 1) {
      expect((await agent.get(port, '/healthz/ready')).status).toBe(200);
    }
  }
  await until('the slow clients are ended', () => slow.every((socket) => socket.readyState === 'closed'));
});

function open(port: number, bytes: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(bytes);
      socket.resume();
      resolve(socket);
    });
    socket.once('error', reject);
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
  });
}

/** Garbage may be the beginning of something: the client then ends it. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.once('close', () => resolve());
    socket.end();
  });
}
