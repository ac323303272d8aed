import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { OnClose } from '../test/support/on-close.ts';

const PROGRAM = `require('node:http').createServer((_, r) => r.end()).listen(0, '127.0.0.1', function () { require('node:fs').writeSync(1, this.address().port + '\\n') })`;

export interface BareServer {
  readonly pid: number;
  readonly port: number;
  end(): Promise<void>;
}

/** A server of `node:http` that does nothing but answer 200: what Node itself costs, to measure beside the agent. */
export async function bareServer(onClose: OnClose, node: string = process.execPath): Promise<BareServer> {
  const child = spawn(node, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  onClose(() => end(child));
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return { pid: child.pid ?? 0, port: Number(port), end: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
