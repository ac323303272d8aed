/** The built webhook, and a cluster that is played. */
import { cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testCertificates } from '../bootstrap/test-certificates.ts';
import { HOST, httpsClient } from '../inject/webhook/https-client.ts';
import { PILOT_AGENT } from '../support/agent.ts';
import { type Child, startChild } from '../support/child.ts';
import { type FakeKubernetes, fakeKubernetes } from '../support/fake-kubernetes.ts';
import { freePort } from '../support/ports.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { hasTool, isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

const pem = (content: string) => `-----BEGIN CERTIFICATE-----\n${content}\n-----END CERTIFICATE-----\n`;
const base64 = (content: string) => Buffer.from(pem(content)).toString('base64');

interface Options {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly executable?: string;
  /** A command line that runs it in its own place. */
  readonly through?: readonly string[];
}

/** `pilot-agent injector` with a certificate of its own and a root certificate in a folder as Kubernetes mounts one. */
async function start({ args = [], env = {}, executable = PILOT_AGENT, through = [] }: Options) {
  const folder = await tempFolder();
  const certificates = await testCertificates(folder, HOST);
  await mkdir(join(folder, '..1'));
  await writeFile(join(folder, '..1/root.pem'), pem('one'));
  await symlink('..1', join(folder, '..data'));
  await symlink('..data/root.pem', join(folder, 'root.pem'));
  const port = await freePort();
  const flags = [
    ...['--port', String(port), '--monitoringPort', '-1', '--caCertFile', join(folder, 'root.pem')],
    ...['--tlsCertFile', certificates.cert, '--tlsKeyFile', certificates.key],
  ];
  const command = [...through, process.execPath, executable, 'injector', ...flags, ...args];
  const child = startChild(command as [string, ...string[]], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  await says(child, 'Injecting as Istio');
  const client = await httpsClient(port, certificates.ca);
  onTestFinished(() => client.agent.destroy());
  return { child, client, folder };
}

async function says(child: Child, text: string): Promise<void> {
  await until(`it says "${text}"`, () => child.output().includes(text)).catch((cause: unknown) => {
    throw new Error(`it says:\n${child.output()}`, { cause });
  });
}

async function follows(api: FakeKubernetes, { child, folder }: Awaited<ReturnType<typeof start>>) {
  const has = (content: string) =>
    until(
      `the API has "${content}"; the log: ${child.output()}`,
      () => api.webhooks[0]?.clientConfig['caBundle'] === base64(content),
    );
  await has('one');
  await mkdir(join(folder, '..2'));
  await writeFile(join(folder, '..2/root.pem'), pem('two'));
  await symlink('..2', join(folder, '..next'));
  await rename(join(folder, '..next'), join(folder, '..data'));
  await has('two');
  await until('the log says so', () => child.output().split('is that of').length === 3);
  child.signal('SIGTERM');
  expect(await child.exited).toBe(0);
}

describe('pilot-agent injector', () => {
  it('keeps the webhook configuration of the cluster of a kubeconfig up to date', async () => {
    const api = await fakeKubernetes(onTestFinished);
    await follows(api, await start({ args: ['--kubeconfig', api.kubeconfig] }));
  });

  it.runIf(isRoot && hasTool('unshare'))('and of the cluster that it is a Pod of', async () => {
    const api = await fakeKubernetes(onTestFinished);
    const script = `mount -t tmpfs tmpfs /run && cp -r ${api.root}/var/run/secrets /run/ && exec "$@"`;
    const env = { KUBERNETES_SERVICE_HOST: 'localhost', KUBERNETES_SERVICE_PORT: String(api.port) };
    await follows(api, await start({ through: ['unshare', '--mount', 'sh', '-c', script, 'sh'], env }));
  });

  it('needs nothing of Kubernetes where there is no cluster, and goes on where it cannot get to one', async () => {
    const folder = join(await tempFolder(), 'dist');
    await cp(dirname(PILOT_AGENT), folder, { recursive: true });
    await rm(join(folder, 'pilot-agent.client-node.cjs'));
    const executable = join(folder, 'pilot-agent.cjs');
    const alone = await start({ executable });
    const failing = await start({ executable, args: ['--kubeconfig', 'anything'] });
    await says(
      failing.child,
      'The webhook configuration is not kept up to date: @kubernetes/client-node cannot be loaded',
    );
    const lost = await start({ args: ['--kubeconfig', join(folder, 'none')] });
    await says(
      lost.child,
      `The webhook configuration is not kept up to date: --kubeconfig ${folder}/none: no cluster`,
    );
    for (const { client } of [alone, failing, lost]) expect((await client.get('/healthz')).status).toBe(200);
    expect(alone.child.output()).not.toContain('error');
  });
});
