// Readiness probes of the status port beside a bare Node server: as many as a client of one thread (wrk) can, and 10,000 a second. Arguments: [seconds] [connections]
import { join } from 'node:path';
import { execa } from 'execa';
import { makeFolder } from '../test/support/folder.ts';
import { openApplication } from '../test/support/http-application.ts';
import { launchAgent } from '../test/support/launch.ts';
import { withCleanup } from '../test/support/on-close.ts';
import { freePort } from '../test/support/ports.ts';
import { writeLocalConfig } from '../test/support/xds-files.ts';
import { bareServer } from './bare-server.ts';
import { machine, say } from './harness.ts';
import { pacedLoad, percentile } from './paced-client.ts';

const RATE = 10_000;
const PATH = '/healthz/ready';

/** @param root of the checkout */
export async function bench(
  root: string,
  [seconds = '5', connections = '8']: readonly string[],
): Promise<void> {
  say(`${machine()}\n`);
  const rows = await withCleanup(async (onClose) => {
    const { port } = await openApplication(onClose);
    const { folder } = await writeLocalConfig(await makeFolder(onClose), await freePort(), port);
    const executable = join(root, 'dist/pilot-agent.cjs');
    const agent = await launchAgent(onClose, { executable, args: ['--localConfig', folder] });
    await agent.ready();
    const bare = await bareServer(onClose);
    const servers = [
      ['the agent', agent.ports.status],
      ['a bare Node server', bare.port],
    ] as const;
    const rows: string[] = [];
    const limits = { seconds: Number(seconds), connections: Number(connections) };
    for (const [name, port] of servers) rows.push(await saturated(name, port, limits));
    for (const [name, port] of servers) rows.push(await paced(name, port, limits));
    return rows;
  });
  const title = `readiness probes, ${connections} connections, ${seconds} s each`;
  const head = [
    `| ${title} | per second | median | 99 % within | not answered 200 |`,
    '|---|---|---|---|---|',
  ];
  say(`\n${[...head, ...rows].join('\n')}\n`);
}

interface Limits {
  readonly seconds: number;
  readonly connections: number;
}

async function saturated(name: string, port: number, { seconds, connections }: Limits): Promise<string> {
  const url = `http://127.0.0.1:${port}${PATH}`;
  const { stdout } = await execa('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', url]);
  const found = (pattern: RegExp) => pattern.exec(stdout)?.[1] ?? '?';
  const rate = Math.round(Number(found(/^Requests\/sec: +([\d.]+)/m)));
  const refused = /Non-2xx[^:]*: (\d+)/.exec(stdout)?.[1] ?? '0';
  return `| ${name}, as many as wrk can | ${rate} | ${found(/^ +50% +(\S+)/m)} | ${found(/^ +99% +(\S+)/m)} | ${refused} |`;
}

async function paced(name: string, port: number, limits: Limits): Promise<string> {
  const { perSecond, times, refused } = await pacedLoad(port, PATH, { ...limits, rate: RATE });
  const [median, most] = [50, 99].map((percent) => `${percentile(times, percent).toFixed(2)}ms`);
  return `| ${name}, paced | ${Math.round(perSecond)} | ${median} | ${most} | ${refused} |`;
}
