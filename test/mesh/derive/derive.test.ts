import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { derive } from '../../../src/mesh/derive/derive.ts';
import type { DeriveReport, DeriveRequest } from '../../../src/mesh/derive/request.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const service = (name: string, address: string, port = 80) => `apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: default}
spec:
  clusterIP: 10.96.0.1
  ports: [{name: http, port: ${port}}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: ${name}, namespace: default}
subsets: [{addresses: [{ip: ${address}}], ports: [{name: http, port: 8080}]}]`;

interface Scene {
  readonly request: DeriveRequest;
  write(name: string, text: string): Promise<void>;
  again(change?: Partial<DeriveRequest>): Promise<DeriveReport>;
  /** What is on disk, by path; without the memory. */
  files(): Promise<readonly string[]>;
}

async function scene(): Promise<Scene> {
  const top = await tempFolder();
  const meshDir = join(top, 'mesh');
  await mkdir(meshDir);
  const request: DeriveRequest = {
    meshDir,
    meshConfigFile: join(top, 'config.yaml'),
    xdsDir: join(top, 'xds'),
    proxy: {
      name: 'client',
      namespace: 'default',
      labels: {},
      ip: '10.0.0.1',
      interfaceIps: [],
      domain: 'cluster.local',
      interception: 'REDIRECT',
    },
    tracing: undefined,
    maxFiles: 100,
  };
  return {
    request,
    write: (name, text) => writeFile(join(name === 'config.yaml' ? top : meshDir, name), text),
    again: (change = {}) => derive({ ...request, ...change }, 'test'),
    files: async () => {
      const names = await readdir(request.xdsDir, { recursive: true });
      return names.filter((name) => name.endsWith('.json')).sort();
    },
  };
}

function written(report: DeriveReport): Extract<DeriveReport, { kind: 'written' }> {
  if (report.kind === 'broken') throw new Error(report.errors.join('\n'));
  return report;
}

const EDS = (name: string) => `eds/outbound|80||${name}.default.svc.cluster.local.json`;

it('writes a file for listeners, for clusters, for each route and for the endpoints of each cluster', async () => {
  const { write, again, files, request } = await scene();
  await write('a.yaml', service('a', '10.0.0.2'));
  await write('b.yaml', service('b', '10.0.0.3'));
  const { changed, counts } = written(await again());
  expect(await files()).toEqual(['cds.json', EDS('a'), EDS('b'), 'lds.json', 'rds/80.json']);
  // What is referred to comes first.
  expect(changed).toEqual([EDS('a'), EDS('b'), 'cds.json', 'rds/80.json', 'lds.json']);
  expect(counts).toMatchObject({ services: 2, endpoints: 2, routes: 1 });
  const cds = JSON.parse(await readFile(join(request.xdsDir, 'cds.json'), 'utf8'));
  expect(cds).toMatchObject({ version_info: expect.stringMatching(/^[0-9a-f]{12}$/) });
  expect(cds.resources[0].eds_cluster_config.eds_config.path_config_source.path).toBe(
    join(request.xdsDir, EDS('a')),
  );
});

it('touches only what has another content, and nothing when only words have changed', async () => {
  const { write, again, request } = await scene();
  await write('a.yaml', service('a', '10.0.0.2'));
  await again();
  const inode = async () => (await stat(join(request.xdsDir, 'cds.json'))).ino;
  const before = await inode();
  await write('a.yaml', service('a', '10.0.0.9'));
  expect(written(await again()).changed).toEqual([EDS('a')]);
  expect(await inode()).toBe(before);
  await write('a.yaml', `# A comment.\n${service('a', '10.0.0.9')}`);
  expect(written(await again()).changed).toEqual([]);
});

it('removes the files of what is gone', async () => {
  const { write, again, files } = await scene();
  await write('a.yaml', service('a', '10.0.0.2'));
  await write('b.yaml', service('b', '10.0.0.3', 81));
  await again();
  await write('b.yaml', '');
  const { changed } = written(await again());
  expect(changed).toContain('rds/81.json');
  expect(await files()).toEqual(['cds.json', EDS('a'), 'lds.json', 'rds/80.json']);
});

it('writes nothing when a file is broken, and names each place', async () => {
  const { write, again, files } = await scene();
  await write('a.yaml', 'kind: [');
  await write('b.yaml', 'apiVersion: v1\nkind: Service\nspec: {}');
  const report = await again();
  expect(report).toMatchObject({
    kind: 'broken',
    errors: expect.arrayContaining([
      expect.stringMatching(/a\.yaml:1: not YAML/),
      expect.stringMatching(/b\.yaml:1: /),
    ]),
  });
  await expect(files()).rejects.toThrow();
});

it('names a folder that is not there, and what is wrong with the mesh config', async () => {
  const { again, write } = await scene();
  expect(await again({ meshDir: '/nowhere' })).toMatchObject({
    kind: 'broken',
    errors: [expect.stringMatching(/^--meshDir \/nowhere: cannot be read/)],
  });
  await write('config.yaml', 'outboundTrafficPolicy: {mode: SOME}\nrootNamespace: 7');
  expect(await again()).toMatchObject({
    kind: 'broken',
    errors: [
      expect.stringMatching(/config\.yaml: rootNamespace: /),
      expect.stringMatching(/config\.yaml: outboundTrafficPolicy\.mode: /),
    ],
  });
});

it('takes from the mesh config what becomes of unknown traffic', async () => {
  const { again, write, request } = await scene();
  await write('config.yaml', 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}');
  await again();
  expect(await readFile(join(request.xdsDir, 'lds.json'), 'utf8')).not.toContain(
    '"cluster":"PassthroughCluster"',
  );
});

it('puts endpoints into clusters, then routes into listeners, where Envoy cannot watch so many files', async () => {
  const { write, again, files } = await scene();
  await write('a.yaml', service('a', '10.0.0.2'));
  await write('b.yaml', service('b', '10.0.0.3', 81));
  const some = written(await again({ maxFiles: 3 }));
  expect(await files()).toEqual(['cds.json', 'lds.json', 'rds/80.json', 'rds/81.json']);
  expect(some.warnings).toEqual([
    expect.stringMatching(/needs 4 files .* room for 3: .*fs\.inotify\.max_user_instances=/),
  ]);
  written(await again({ maxFiles: 1 }));
  expect(await files()).toEqual(['cds.json', 'lds.json']);
  await again({ maxFiles: 3 });
  expect(written(await again({ maxFiles: 4 })).warnings).toEqual([]);
});

it('gives files to the endpoints that change, the last ones where there is no room for more', async () => {
  const { write, again, files } = await scene();
  for (const [index, name] of ['a', 'b', 'c'].entries())
    await write(`${name}.yaml`, service(name, `10.0.9.${index}`));
  const change = async (name: string, address: string) => {
    await write(`${name}.yaml`, service(name, address));
    return written(await again({ maxFiles: 2 })).changed;
  };
  await again({ maxFiles: 2 });
  expect(await files()).toEqual(['cds.json', 'lds.json', 'rds/80.json']);
  // The first change is one of the clusters, the next one of the file alone.
  expect(await change('b', '10.0.1.1')).toEqual([EDS('b'), 'cds.json']);
  expect(await change('b', '10.0.1.2')).toEqual([EDS('b')]);
  expect(await change('a', '10.0.1.3')).toEqual([EDS('a'), 'cds.json', EDS('b')]);
  expect(await files()).toEqual(['cds.json', EDS('a'), 'lds.json', 'rds/80.json']);
});

it('knows its own workload by name, and its Sidecar by the labels that it was given', async () => {
  const { write, again, request } = await scene();
  await write(
    'pod.yaml',
    `apiVersion: v1
kind: Pod
metadata: {name: client, namespace: default, labels: {app: client}}
status: {podIP: 10.0.0.7}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: chosen, namespace: default}
spec:
  workloadSelector: {labels: {app: client, version: v2}}
  egress: [{hosts: ["~/*"]}]`,
  );
  expect(written(await again()).sidecar).toBe('');
  const proxy = { ...request.proxy, labels: { version: 'v2' } };
  expect(written(await again({ proxy })).sidecar).toMatch(/^default\/chosen \(.*pod\.yaml:8\)$/);
});

it('remembers what it has parsed, for the same program only', async () => {
  const { write, again, request } = await scene();
  await write('a.yaml', service('a', '10.0.0.2'));
  await again();
  const memory = join(request.xdsDir, '.memory');
  const first = await readFile(memory);
  await again();
  expect(await readFile(memory)).toEqual(first);
  await writeFile(memory, 'nonsense');
  expect(written(await again()).changed).toEqual([]);
  expect(written(await derive(request, 'another program')).changed).toEqual([]);
});
