import type { Child } from './child.ts';
import type { RunningAgent } from './launch.ts';
import { callFrom, type NetPod, startInPod } from './mesh-network.ts';

export interface Serving {
  readonly name: string;
  /** Ports, and paths of sockets that everybody may call. */
  readonly http?: readonly (number | string)[];
  /** Ports on which everything that arrives is sent back. */
  readonly echo?: readonly number[];
}

/** Servers in a pod: HTTP that says who they are and who asked, and echoes. */
export function startServers(pod: NetPod, { name, http = [], echo = [] }: Serving): Promise<Child> {
  return startInPod(
    pod,
    `
    const { createServer } = require('node:http');
    const { chmodSync } = require('node:fs');
    const tcp = require('node:net');
    const answer = ({ socket }, response) =>
      response.end(JSON.stringify({ name: '${name}', port: socket.localPort, from: (socket.remoteAddress ?? '').replace('::ffff:', '') }));
    const up = [
      ...${JSON.stringify(http)}.map((at) => createServer(answer).listen(at, () => typeof at === 'string' && chmodSync(at, 0o777))),
      ...${JSON.stringify(echo)}.map((port) => tcp.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(port)),
    ];
    Promise.all(up.map((server) => new Promise((done) => server.on('listening', done)))).then(() => console.log('up'));`,
  );
}

/** What comes back to a pod that says something that is no HTTP: the same, or nothing where the connection is refused or closed. */
export async function echoTo(pod: NetPod, host: string, port: number): Promise<'echo' | 'nothing'> {
  const output = await pod.run(
    process.execPath,
    '-e',
    `
    const socket = require('node:net').connect(${port}, '${host}');
    socket.setTimeout(8000, () => socket.destroy());
    socket.on('data', (data) => { console.log(String(data)); socket.destroy(); });
    socket.on('error', () => {});
    socket.write('no HTTP');`,
  );
  return output.includes('no HTTP') ? 'echo' : 'nothing';
}

/** Envoy's counters and gauges, by name; 0 for those that it does not have, for it makes those of a cluster when they are first used. */
export async function statsOf(pod: NetPod, agent: RunningAgent): Promise<(name: string) => number> {
  const { status, body } = await callFrom(pod, `http://127.0.0.1:${agent.ports.admin}/stats`);
  if (status !== 200) throw new Error(`Envoy gives no statistics: ${status} ${body}`);
  const all = new Map(body.split('\n').map((line) => line.split(': ') as [string, string]));
  return (name) => Number(all.get(name) ?? 0);
}
