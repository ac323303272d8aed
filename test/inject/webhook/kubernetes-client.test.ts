import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { keepCaBundle } from '../../../src/inject/webhook/ca-bundle.ts';
import { type ClusterAccess, connectToCluster } from '../../../src/inject/webhook/kubernetes-client.ts';
import { millis } from '../../../src/platform/duration.ts';
import { recordingLogger } from '../../health/recording-logger.ts';
import { type FakeKubernetes, fakeKubernetes } from '../../support/fake-kubernetes.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

const NAME = 'istio-sidecar-injector';
const pem = (content: string) => `-----BEGIN CERTIFICATE-----\n${content}\n-----END CERTIFICATE-----\n`;
const base64 = (content: string) => Buffer.from(pem(content)).toString('base64');
const times = { attempt: millis(400), firstPause: millis(20), longestPause: millis(50), look: millis(50) };
const soon = () => AbortSignal.timeout(5_000);

const start = () => fakeKubernetes(onTestFinished);
const byFile = ({ kubeconfig }: FakeKubernetes): ClusterAccess => ({ kind: 'kubeconfig', file: kubeconfig });

describe('the webhook configurations of a cluster', () => {
  it('are read by the name, the certificate and the token of the kubeconfig', async () => {
    const api = await start();
    const entries = await (await connectToCluster(byFile(api))).read(NAME, soon());
    expect(entries).toEqual([
      { name: 'rev.namespace.sidecar-injector.istio.io', caBundle: undefined },
      { name: 'other.example.com', caBundle: 'dGhlaXJz' },
    ]);
    expect(api.requests).toMatchObject([{ method: 'GET', token: 'Bearer token-1' }]);
  });

  it('get the certificate by a strategic merge, and lose nothing', async () => {
    const api = await start();
    const before = structuredClone(api.webhooks);
    const write = async (caBundle: string) =>
      (await connectToCluster(byFile(api))).write(NAME, [{ name: before[0]?.name ?? '', caBundle }], soon());
    await write('b25l');
    await write('dHdv');
    expect(api.requests.map(({ type }) => type)).toEqual(
      Array(2).fill('application/strategic-merge-patch+json'),
    );
    const [first, ...others] = before;
    expect(api.webhooks).toEqual([
      { ...first, clientConfig: { ...first?.clientConfig, caBundle: 'dHdv' } },
      ...others,
    ]);
  });

  it('are reached by the service account of the pod', async () => {
    const api = await start();
    vi.stubEnv('KUBERNETES_SERVICE_HOST', 'localhost');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', String(api.port));
    onTestFinished(() => void vi.unstubAllEnvs());
    const cluster = await connectToCluster({ kind: 'pod', root: api.root });
    expect(await cluster.read(NAME, soon())).toHaveLength(2);
    expect(api.requests).toMatchObject([{ token: 'Bearer token-1' }]);
  });

  it.each([
    ['not allowed', { code: 403, reason: 'User "x" cannot get it' }, 'HTTP 403: User "x" cannot get it'],
    ['not there', { code: 404, reason: `"${NAME}" not found` }, `HTTP 404: "${NAME}" not found`],
    ['changed by somebody', { code: 409, reason: 'try again' }, 'HTTP 409: try again'],
    ['behind something else', { code: 502, text: '<h1>Bad\nGateway</h1>' }, 'HTTP 502: <h1>Bad Gateway</h1>'],
    ['silent', 'silent', 'the Kubernetes API: no answer within 400 ms'],
  ] as const)(
    'say in one line of the log that they are %s, and are there when that is over',
    async (_, mood, message) => {
      const api = await start();
      api.mood = mood;
      const { log, has } = await keep(api);
      const line = `error caBundle of ${NAME}: ${message}; trying again`;
      await until('the log says so', () => log.lines.includes(line)).catch((cause: unknown) => {
        throw new Error(`the log has:\n${log.lines.join('\n')}`, { cause });
      });
      api.mood = 'well';
      await has('one');
    },
  );

  it('say that nobody listens, that the token is wrong, and that a file is no kubeconfig', async () => {
    const api = await start();
    api.token = 'another';
    await expect((await connectToCluster(byFile(api))).read(NAME, soon())).rejects.toThrow(
      'HTTP 401: Unauthorized',
    );
    const text = await readFile(api.kubeconfig, 'utf8');
    await writeFile(api.kubeconfig, text.replace(`:${api.port}`, ':1'));
    await expect((await connectToCluster(byFile(api))).read(NAME, soon())).rejects.toThrow('ECONNREFUSED');
    await writeFile(api.kubeconfig, 'nonsense');
    await expect(connectToCluster(byFile(api))).rejects.toThrow(`--kubeconfig ${api.kubeconfig}: no cluster`);
    await rm(api.kubeconfig);
    await expect(connectToCluster(byFile(api))).rejects.toThrow(/no cluster: ENOENT/);
  });

  it('have the certificate of now, when its folder is replaced as Kubernetes does it', async () => {
    const api = await start();
    const { folder, has } = await keep(api);
    await has('one');
    await mkdir(join(folder, '..2'));
    await writeFile(join(folder, '..2/root.pem'), pem('two'));
    await symlink('..2', join(folder, '..next'));
    await rename(join(folder, '..next'), join(folder, '..data'));
    await has('two');
    expect(api.webhooks[1]?.clientConfig['caBundle']).toBe('dGhlaXJz');
  });
});

/** The root certificate, in a folder as Kubernetes mounts one, kept up to date at the API. */
async function keep(api: FakeKubernetes) {
  const folder = await tempFolder();
  await mkdir(join(folder, '..1'));
  await writeFile(join(folder, '..1/root.pem'), pem('one'));
  await symlink('..1', join(folder, '..data'));
  await symlink('..data/root.pem', join(folder, 'root.pem'));
  const log = recordingLogger();
  const keeper = keepCaBundle({
    caFile: join(folder, 'root.pem'),
    configName: NAME,
    webhookName: 'sidecar-injector.istio.io',
    configurations: await connectToCluster(byFile(api)),
    log,
    times,
  });
  onTestFinished(() => keeper.close());
  const has = (content: string) =>
    until(`the API has "${content}"`, () => api.webhooks[0]?.clientConfig['caBundle'] === base64(content));
  return { folder, log, has };
}
