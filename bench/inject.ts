// Injection: Pods a second through the webhook over TLS, its memory over many, and kube-inject of many documents. Arguments: [pods]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { testCertificates } from '../test/bootstrap/test-certificates.ts';
import { makeFolder } from '../test/support/folder.ts';
import { type OnClose, withCleanup } from '../test/support/on-close.ts';
import { freePort } from '../test/support/ports.ts';
import { until } from '../test/support/until.ts';
import { machine, say, summarize } from './harness.ts';
import { residentOf } from './memory.ts';

const PODS = 100_000;
const HOST = 'injector.test';
const CLIENTS = 4;
const WARM_UP = 2_000;
const DOCUMENTS = 1_000;
const ROUNDS = 5;

/** @param root of the checkout */
export async function bench(root: string, [pods = String(PODS)]: readonly string[]): Promise<void> {
  const executable = join(root, 'dist/pilot-agent.cjs');
  say(`${machine()}\n`);
  await withCleanup(async (onClose) => {
    say(`\n${await measureFile(onClose, root, executable)}\n`);
    say(`\n${await measureWebhook(onClose, executable, Number(pods))}\n`);
  });
}

async function measureFile(onClose: OnClose, root: string, executable: string): Promise<string> {
  const folder = await makeFolder(onClose);
  const input = join(folder, 'in.yaml');
  const document = await readFile(join(root, 'test/inject/seed/productpage.yaml'), 'utf8');
  const documents = Array.from({ length: DOCUMENTS }, (_, index) =>
    document.replace('productpage-v1', `productpage-${index}`),
  );
  await writeFile(input, documents.join('---\n'));
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const begun = performance.now();
    const child = spawn(process.execPath, [
      executable,
      'kube-inject',
      '-f',
      input,
      '-o',
      join(folder, 'out'),
    ]);
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`kube-inject ended with ${code}`);
    times.push(performance.now() - begun);
  }
  const { median, min, max } = summarize(times);
  return [
    `| kube-inject of ${DOCUMENTS} documents | median | min | max |`,
    '| --- | --- | --- | --- |',
    `| from exec to exit | ${[median, min, max].map((time) => `${time.toFixed(0)} ms`).join(' | ')} |`,
  ].join('\n');
}

/** The client is in this process and takes a core of its own; times are from the first byte out to the last byte in. */
async function measureWebhook(onClose: OnClose, executable: string, pods: number): Promise<string> {
  const folder = await makeFolder(onClose);
  const { ca, cert, key } = await testCertificates(folder, HOST);
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [
      ...[executable, 'injector', '--port', String(port), '--monitoringPort', '-1'],
      ...['--tlsCertFile', cert, '--tlsKeyFile', key],
    ],
    { stdio: 'ignore' },
  );
  const { pid } = child;
  if (pid === undefined) throw new Error('the webhook cannot be started');
  onClose(() => void child.kill('SIGKILL'));
  const agent = new Agent({ ca: await readFile(ca), servername: HOST, keepAlive: true, maxSockets: CLIENTS });
  onClose(() => agent.destroy());
  const body = review();
  await until('the webhook answers', () => send(agent, port, body).catch(() => undefined));
  await run(agent, port, body, WARM_UP);
  const before = residentOf(pid);
  const begun = performance.now();
  const halves = [await run(agent, port, body, pods / 2)];
  const middle = residentOf(pid);
  halves.push(await run(agent, port, body, pods / 2));
  const seconds = (performance.now() - begun) / 1000;
  const times = halves.flat().sort((a, b) => a - b);
  const at = (part: number) => `${(times[Math.floor(times.length * part)] ?? Number.NaN).toFixed(2)} ms`;
  const memory = [before, middle, residentOf(pid)].map((each) => each.toFixed(1)).join(' -> ');
  return [
    `| ${pods} Pods, ${CLIENTS} connections | |`,
    '| --- | --- |',
    `| Pods a second | ${(times.length / seconds).toFixed(0)} |`,
    `| median, p99, most | ${at(0.5)}, ${at(0.99)}, ${at(1 - 1e-9)} |`,
    `| resident before, after half, after all | ${memory} MiB |`,
  ].join('\n');
}

async function run(agent: Agent, port: number, body: string, count: number): Promise<readonly number[]> {
  const times: number[] = [];
  const one = async () => {
    for (let sent = 0; sent < count / CLIENTS; sent += 1) {
      const begun = performance.now();
      await send(agent, port, body);
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, one));
  return times;
}

async function send(agent: Agent, port: number, body: string): Promise<true> {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const outgoing = request({ host: '127.0.0.1', port, path: '/inject', method: 'POST', agent, headers });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  return true;
}

function review(): string {
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'cart-5d4f8c7b9-', labels: { app: 'cart', version: 'v1' } },
    spec: {
      containers: [
        {
          name: 'cart',
          image: 'cart:1',
          ports: [{ containerPort: 8080, protocol: 'TCP' }],
          volumeMounts: [{ name: 'token', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
        },
      ],
      volumes: [{ name: 'token', secret: { secretName: 'token' } }],
    },
  };
  const request = { uid: 'u', namespace: 'shop', object };
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
}
