/** What a process of this machine uses, read from /proc. Nothing here throws: undefined means that it cannot be said. */
import { createReadStream, readlinkSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readFirst } from './read-first.ts';

/** Of /proc/net/tcp, about 50 000 sockets. */
const MAX_TABLE_BYTES = 8 * 1024 * 1024;
/** Descriptors that are looked at before the event loop has its turn: about a millisecond. */
const SLICE = 256;
const BUDGET_MS = 300;
/** States of a socket in /proc/net/tcp (Linux, include/net/tcp_states.h). */
const ESTABLISHED = '01';
const LISTEN = '0A';

/** Memory of a process that is in RAM, shared memory included, in bytes. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  // VmRSS rather than smaps_rollup, which walks the page tables under the lock that Envoy needs to get memory.
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  const [, kibibytes] = /^VmRSS:\s*(\d+) kB$/m.exec(status) ?? [];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

export interface CountedPorts {
  /**
   * Ports that clients connect to. Without them: each port of the network namespace that somebody listens on, which also is true
   * of the connections of an Envoy that has handed its listeners to the next.
   */
  readonly ports?: ReadonlySet<number> | undefined;
  /** Ports that do not count, such as Envoy's admin. */
  readonly except?: ReadonlySet<number> | undefined;
}

/**
 * Counts the established TCP connections that a process has from its clients: its sockets whose local port is one to listen on.
 * Gives up with undefined when the process is gone or another user's, or has so many sockets that counting takes too long.
 */
export async function clientConnections(
  pid: number,
  counted: CountedPorts = {},
): Promise<number | undefined> {
  try {
    const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readTable(`/proc/${pid}/net/${name}`)));
    const sockets = tables.flat();
    const open = sockets.filter(({ state }) => state === LISTEN).map(({ port }) => port);
    const ports = counted.ports ?? new Set(open);
    const inodes = new Set(
      sockets
        .filter(({ state, port }) => state === ESTABLISHED && ports.has(port) && !counted.except?.has(port))
        .map(({ inode }) => inode),
    );
    if (inodes.size > 0) return await countDescriptors(pid, inodes);
    await readdir(`/proc/${pid}/fd`); // throws where it may not be looked into
    return 0;
  } catch {
    return undefined;
  }
}

/** The TCP ports that a process listens on; undefined when it is gone, another user's, or has too many sockets to look at. */
export async function listeningPorts(pid: number): Promise<ReadonlySet<number> | undefined> {
  try {
    const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readTable(`/proc/${pid}/net/${name}`)));
    const listening = tables.flat().filter(({ state }) => state === LISTEN);
    const ports = new Map(listening.map(({ inode, port }) => [inode, port]));
    const own = new Set<number>();
    await eachSocket(pid, (inode) => {
      const port = ports.get(inode);
      if (port !== undefined) own.add(port);
    });
    return own;
  } catch {
    return undefined;
  }
}

interface Socket {
  readonly port: number;
  readonly state: string;
  readonly inode: string;
}

/** proc(5), /proc/net/tcp: `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`, addresses in hexadecimal. */
async function readTable(path: string): Promise<readonly Socket[]> {
  const table = await readFirst(createReadStream(path), MAX_TABLE_BYTES);
  if (table.length === MAX_TABLE_BYTES) throw new Error(`${path} is too long`);
  return table
    .toString('latin1')
    .split('\n')
    .slice(1, -1)
    .map((line) => {
      const [, local = '', , state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
      return { port: Number.parseInt(local.slice(local.indexOf(':') + 1), 16), state, inode };
    });
}

async function countDescriptors(pid: number, inodes: ReadonlySet<string>): Promise<number> {
  let count = 0;
  await eachSocket(pid, (inode) => {
    if (inodes.has(inode)) count += 1;
  });
  return count;
}

async function eachSocket(pid: number, see: (inode: string) => void): Promise<void> {
  const folder = `/proc/${pid}/fd`;
  const descriptors = await readdir(folder);
  const end = performance.now() + BUDGET_MS;
  for (let at = 0; at < descriptors.length; at += SLICE) {
    for (const name of descriptors.slice(at, at + SLICE)) {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(targetOf(`${folder}/${name}`)) ?? [];
      if (inode !== undefined) see(inode);
    }
    if (performance.now() > end) throw new Error('too many descriptors');
    await nextTurn();
  }
}

/** What a descriptor is; it may be closed between the listing and the look. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
