import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { testCertificates } from '../bootstrap/test-certificates.ts';
import { makeFolder } from './folder.ts';
import type { OnClose } from './on-close.ts';

export interface Webhook {
  readonly name: string;
  readonly clientConfig: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly type: string | undefined;
  readonly token: string | undefined;
  readonly body: string;
}

/** What it does instead of an answer. `silent`: nothing at all. */
export type Mood =
  | 'well'
  | 'silent'
  | { readonly code: number; readonly reason: string }
  | { readonly code: number; readonly text: string };

export interface FakeKubernetes {
  readonly port: number;
  readonly requests: readonly ApiRequest[];
  /** The entries of the one MutatingWebhookConfiguration that there is, `istio-sidecar-injector`. */
  webhooks: readonly Webhook[];
  mood: Mood;
  /** The only bearer token that is let in. */
  token: string;
  /** A file for `--kubeconfig`. */
  readonly kubeconfig: string;
  /** A folder with the files of a service account under the paths that they have in a pod. */
  readonly root: string;
}

const PATH = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector';
const HOST = 'localhost';

/** An HTTPS server that plays as much of the API of Kubernetes as the injector asks for. */
export async function fakeKubernetes(onClose: OnClose): Promise<FakeKubernetes> {
  const folder = await makeFolder(onClose);
  const { ca, cert, key } = await testCertificates(folder, HOST);
  const requests: ApiRequest[] = [];
  const api = {
    webhooks: [
      entry('rev.namespace.sidecar-injector.istio.io'),
      entry('other.example.com', { caBundle: 'dGhlaXJz' }),
    ] as readonly Webhook[],
    mood: 'well' as Mood,
    token: 'token-1',
  };
  const server = createServer(
    { cert: await readFile(cert), key: await readFile(key) },
    (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const { method = '', url: path = '', headers } = request;
        const asked = { method, path, type: headers['content-type'], token: headers.authorization, body };
        requests.push(asked);
        answer(asked, response, api);
      });
    },
  );
  server.listen(0, HOST);
  await once(server, 'listening');
  onClose(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const { port } = server.address() as AddressInfo;
  const account = join(folder, 'var/run/secrets/kubernetes.io/serviceaccount');
  await mkdir(account, { recursive: true });
  await writeFile(join(account, 'ca.crt'), await readFile(ca));
  await writeFile(join(account, 'token'), api.token);
  await writeFile(join(account, 'namespace'), 'istio-system');
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: `https://${HOST}:${port}`, 'certificate-authority': ca } }],
      users: [{ name: 'u', user: { token: api.token } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
  return Object.assign(api, { port, requests, kubeconfig, root: folder });
}

function entry(name: string, client: Readonly<Record<string, unknown>> = {}): Webhook {
  const service = { name: 'istio-sidecar-injector', namespace: 'istio-system', path: '/inject' };
  return {
    name,
    clientConfig: { service, ...client },
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
  };
}

function answer(
  { method, path, type, token, body }: ApiRequest,
  response: ServerResponse,
  api: { webhooks: readonly Webhook[]; readonly mood: Mood; readonly token: string },
): void {
  const say = (code: number, object: unknown) =>
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(object));
  const fail = (code: number, message: string) =>
    say(code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code });
  const { mood } = api;
  if (mood === 'silent') return;
  if (mood !== 'well') {
    if ('text' in mood) response.writeHead(mood.code, { 'content-type': 'text/html' }).end(mood.text);
    else fail(mood.code, mood.reason);
    return;
  }
  if (token !== `Bearer ${api.token}`) return void fail(401, 'Unauthorized');
  if (path !== PATH) return void fail(404, `no ${path}`);
  if (method === 'PATCH') {
    // As the API server: what is a list is a JSON patch, and a strategic merge tells the entries apart by name.
    if (type !== 'application/strategic-merge-patch+json') return void fail(415, `no patch of type ${type}`);
    const patch = JSON.parse(body) as { readonly webhooks: readonly Webhook[] };
    api.webhooks = api.webhooks.map((each) => {
      const change = patch.webhooks.find(({ name }) => name === each.name);
      return change === undefined
        ? each
        : { ...each, ...change, clientConfig: { ...each.clientConfig, ...change.clientConfig } };
    });
  } else if (method !== 'GET') return void fail(405, `no ${method}`);
  say(200, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'istio-sidecar-injector', resourceVersion: '7' },
    webhooks: api.webhooks,
  });
}
