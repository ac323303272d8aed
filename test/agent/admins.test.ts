import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAdmins } from '../../src/agent/admins.ts';
import { freePort } from '../support/ports.ts';

const HOST = '127.0.0.1';
const EPOCH = { family: 1, number: 0 };

function listen(port: number): Promise<() => Promise<void>> {
  const server = createServer();
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  onTestFinished(() => void server.close());
  return new Promise((resolve) => server.listen(port, HOST, () => resolve(close)));
}

describe("the port of Envoy's admin", () => {
  it('is the regular one while nobody has it', async () => {
    const port = await freePort();
    const admins = createAdmins(HOST, port);
    await admins.place(EPOCH, false);
    expect([admins.port(EPOCH), admins.isSpare(EPOCH)]).toEqual([port, false]);
  });

  it('is a spare one while another Envoy has it, and for that epoch only', async () => {
    const port = await freePort();
    await listen(port);
    const admins = createAdmins(HOST, port);
    await admins.place(EPOCH, false);
    expect(admins.isSpare(EPOCH)).toBe(true);
    expect(admins.port(EPOCH)).not.toBe(port);
    expect(admins.port({ ...EPOCH, number: 1 })).toBe(port);
  });

  it('is the regular one when who has it hands it over', async () => {
    const port = await freePort();
    await listen(port);
    const admins = createAdmins(HOST, port);
    await admins.place(EPOCH, true);
    expect(admins.port(EPOCH)).toBe(port);
  });

  it('is chosen anew for each start', async () => {
    const port = await freePort();
    const close = await listen(port);
    const admins = createAdmins(HOST, port);
    await admins.place(EPOCH, false);
    expect(await admins.isTaken()).toBe(true);
    await close();
    expect(await admins.isTaken()).toBe(false);
    await admins.place(EPOCH, false);
    expect(admins.port(EPOCH)).toBe(port);
  });
});
