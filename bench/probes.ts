// Readiness probes per second that the status port answers, by wrk with one thread. Arguments: [seconds] [connections]
import { join } from 'node:path';
import { execa } from 'execa';
import { makeFolder } from '../test/support/folder.ts';
import { openApplication } from '../test/support/http-application.ts';
import { launchAgent } from '../test/support/launch.ts';
import { withCleanup } from '../test/support/on-close.ts';
import { freePort } from '../test/support/ports.ts';
import { writeLocalConfig } from '../test/support/xds-files.ts';
import { machine, say } from './harness.ts';

/** @param root of the checkout */
export async function bench(
  root: string,
  [seconds = '10', connections = '8']: readonly string[],
): Promise<void> {
  say(`${machine()}\n`);
  const { stdout } = await withCleanup(async (onClose) => {
    const { port } = await openApplication(onClose);
    const { folder } = await writeLocalConfig(await makeFolder(onClose), await freePort(), port);
    const executable = join(root, 'dist/pilot-agent.cjs');
    const agent = await launchAgent(onClose, { executable, args: ['--localConfig', folder] });
    await agent.ready();
    const url = `http://127.0.0.1:${agent.ports.status}/healthz/ready`;
    return execa('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', url]);
  });
  const found = (pattern: RegExp) => pattern.exec(stdout)?.[1] ?? '?';
  say(
    [
      '',
      `| readiness probes, ${connections} connections | |`,
      '| --- | --- |',
      `| per second | ${found(/^Requests\/sec: +([\d.]+)/m)} |`,
      `| median | ${found(/^ +50% +(\S+)/m)} |`,
      `| 99 % within | ${found(/^ +99% +(\S+)/m)} |`,
      `| not answered 2xx | ${/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0} |`,
      '',
    ].join('\n'),
  );
}
