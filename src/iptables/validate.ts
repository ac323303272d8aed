/** Whether redirection works, tried with a real connection. */
import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { toError } from '../platform/errors.ts';
import type { Family, Interception, Task } from './options.ts';

/** What became of the try, for a person; `ok` says it for a program. */
export interface Verdict {
  readonly ok: boolean;
  readonly text: string;
}

const AGAIN_MS = 1_000;
const PLACES: Readonly<
  Record<Family, { readonly listen: string; readonly from: string; readonly to: string }>
> = {
  ipv4: { listen: '127.0.0.1', from: '127.0.0.1', to: '127.0.0.6' },
  ipv6: { listen: '::1', from: '::1', to: '::6' },
};

/**
 * Listens where Envoy will, connects to 127.0.0.6 (::6) at the probe port, where nobody listens, and sees whether that arrives.
 * Only what Envoy's user sends to this machine is redirected, so this process is that user meanwhile, where it may be.
 */
export async function validate(
  interception: Interception,
  { probePort, timeout }: NonNullable<Task['validation']>,
): Promise<Verdict> {
  const { user, why } = becomeProxy(interception);
  try {
    const verdicts: Verdict[] = [];
    for (const family of interception.families) {
      verdicts.push(await validateFamily(family, interception, probePort, timeout));
    }
    const failed = verdicts.filter(({ ok }) => !ok).map(({ text }) => text);
    if (failed.length === 0) return { ok: true, text: verdicts.map(({ text }) => text).join('\n') };
    return { ok: false, text: [...failed, ...(why === undefined ? [] : [why])].join('\n') };
  } finally {
    user.restore();
  }
}

async function validateFamily(
  family: Family,
  { outboundPort, inboundPort }: Interception,
  probePort: number,
  timeoutMs: number,
): Promise<Verdict> {
  const { listen, to } = PLACES[family];
  const arrivals = new Set<number>();
  const opened = await Promise.all(
    [...new Set([outboundPort, inboundPort])].map((port) =>
      open(listen, port, (from) => void arrivals.add(from)),
    ),
  );
  const servers = opened.flatMap((each) => ('server' in each ? [each.server] : []));
  try {
    if (servers.length === 0) {
      const why = opened.flatMap((each) => ('problem' in each ? [each.problem] : [])).join('; ');
      return { ok: false, text: `no listener available: ${why}; validate before Envoy is started` };
    }
    const end = Date.now() + timeoutMs;
    let last = 'nothing has arrived';
    for (;;) {
      last = await attempt(PLACES[family], probePort, Math.max(1, end - Date.now()), arrivals);
      if (last === '')
        return { ok: true, text: `A connection to ${to}:${probePort} arrives where Envoy will listen.` };
      if (Date.now() + AGAIN_MS >= end) break;
      await delay(AGAIN_MS);
    }
    const where = opened.flatMap((each) => ('server' in each ? [each.port] : [])).join(' and ');
    return {
      ok: false,
      text: `A connection to ${to}:${probePort} has not arrived at ${where} within ${timeoutMs / 1000} s (${last}): the rules are not in place, or not in this network.`,
    };
  } finally {
    for (const server of servers) server.close();
  }
}

type Opened = { readonly server: Server; readonly port: number } | { readonly problem: string };

async function open(host: string, port: number, arrived: (fromPort: number) => void): Promise<Opened> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    if (socket.remotePort !== undefined) arrived(socket.remotePort);
    // The other side knows by this that it has arrived.
    socket.end('arrived');
  });
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return { server, port };
  } catch (thrown) {
    return { problem: toError(thrown).message };
  }
}

/**
 * @returns why it did not arrive, or nothing
 * @param arrivals ports from which our listeners were reached: whoever else answers there is not meant
 */
function attempt(
  { from, to }: (typeof PLACES)[Family],
  port: number,
  timeoutMs: number,
  arrivals: ReadonlySet<number>,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = new Socket();
    let ours: number | undefined;
    let problem = '';
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer')));
    socket.on('error', (error) => (problem = error.message));
    socket.on('connect', () => (ours = socket.localPort));
    socket.on('close', () => {
      if (ours !== undefined && arrivals.has(ours)) resolve('');
      else resolve(problem || 'somebody else has answered');
    });
    socket.resume();
    socket.connect({ host: to, port, localAddress: from });
  });
}

/** The rules know a process by its effective user and group at the time when it opens a connection. */
function becomeProxy({ uids, gids }: Interception): {
  readonly user: { restore(): void };
  readonly why: string | undefined;
} {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  const stay = { restore: () => {} };
  if (uids.includes(String(uid)) || gids.includes(String(gid))) return { user: stay, why: undefined };
  const restore = () => {
    process.seteuid?.(uid);
    process.setegid?.(gid);
  };
  try {
    if (gids[0] !== undefined) process.setegid?.(Number(gids[0]));
    if (uids[0] !== undefined) process.seteuid?.(Number(uids[0]));
    return { user: { restore }, why: undefined };
  } catch {
    restore();
    const who = `user ${uids.join(', ')} (group ${gids.join(', ')})`;
    return {
      user: stay,
      why: `This process is user ${uid}, group ${gid}, whose connections to this machine are not redirected: run it as ${who}.`,
    };
  }
}
