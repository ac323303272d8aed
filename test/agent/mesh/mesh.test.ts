import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startMesh } from '../../../src/agent/mesh/mesh.ts';
import type { DeriveReport, DeriveRequest } from '../../../src/mesh/derive/request.ts';
import { InputError } from '../../../src/platform/errors.ts';
import { recordingLogger } from '../../health/recording-logger.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

const WRITTEN: DeriveReport = {
  kind: 'written',
  changed: ['lds.json', 'cds.json'],
  counts: { services: 1, endpoints: 1, listeners: 2, clusters: 3, routes: 1 },
  sidecar: 'ns/a (mesh/a.yaml:4)',
  warnings: ['mesh/a.yaml:9: is not supported, ignored'],
  maxFiles: 7,
};
const BROKEN: DeriveReport = { kind: 'broken', errors: ['mesh/a.yaml:3: no'], warnings: [] };

async function scene(...answers: readonly (DeriveReport | Error)[]) {
  const top = await tempFolder();
  const [meshDir, xdsDir] = [join(top, 'mesh'), join(top, 'xds')];
  await mkdir(meshDir);
  await mkdir(xdsDir);
  const asked: DeriveRequest[] = [];
  const counted: string[] = [];
  const log = recordingLogger();
  const request: DeriveRequest = {
    meshDir,
    meshConfigFile: '',
    xdsDir,
    proxy: {
      name: 'a',
      namespace: 'b',
      labels: {},
      ip: undefined,
      interfaceIps: [],
      domain: 'cluster.local',
      interception: 'NONE',
    },
    tracing: undefined,
    maxFiles: undefined,
  };
  let broken: boolean | undefined;
  const start = async () => {
    const mesh = await startMesh({
      request: async () => request,
      derive: async (what) => {
        asked.push(what);
        const answer = answers[asked.length - 1] ?? WRITTEN;
        if (answer instanceof Error) throw answer;
        return answer;
      },
      inputs: [],
      metrics: {
        count: (result) => counted.push(result),
        setBroken: (is) => {
          broken = is;
        },
        setCounts: () => {},
      },
      log,
    });
    onTestFinished(() => mesh.close());
    return mesh;
  };
  const touch = async () => {
    const before = asked.length;
    await writeFile(join(meshDir, 'a.yaml'), String(before));
    await until('it is derived again', () => counted.length > before);
  };
  return { start, touch, asked, counted, lines: log.lines, xdsDir, broken: () => broken };
}

it('derives at the start and with each change, and keeps to what was found out about the machine', async () => {
  const { start, touch, asked, counted } = await scene();
  const mesh = await start();
  expect(mesh.report()).toMatchObject({ state: 'in force', sidecar: 'ns/a (mesh/a.yaml:4)', errors: [] });
  await touch();
  expect(asked.map(({ maxFiles }) => maxFiles)).toEqual([undefined, 7]);
  expect(counted).toEqual(['written', 'written']);
});

it('says a warning once', async () => {
  const { start, touch, lines } = await scene();
  await start();
  await touch();
  expect(lines.filter((line) => line.includes('is not supported'))).toHaveLength(1);
});

it('reports what is broken, once, and what is in force meanwhile', async () => {
  const { start, touch, lines, counted, broken } = await scene(WRITTEN, BROKEN, BROKEN, WRITTEN);
  const mesh = await start();
  await touch();
  expect(broken()).toBe(true);
  expect(mesh.report()).toMatchObject({
    state: 'broken',
    sidecar: 'ns/a (mesh/a.yaml:4)',
    counts: { services: 1 },
    errors: ['mesh/a.yaml:3: no'],
  });
  await touch();
  expect(lines.filter((line) => line.includes('mesh/a.yaml:3: no'))).toHaveLength(1);
  await touch();
  expect(mesh.report().state).toBe('in force');
  expect(counted).toEqual(['written', 'broken', 'broken', 'written']);
});

it('goes on after a process that failed', async () => {
  const { start, touch, lines, counted } = await scene(WRITTEN, new Error('no memory'));
  await start();
  await touch();
  expect(lines.join('\n')).toContain('could not be derived again: no memory');
  await touch();
  expect(counted).toEqual(['written', 'failed', 'written']);
});

it('does not begin with a broken mesh, unless something was written before', async () => {
  const { start, xdsDir } = await scene(BROKEN, BROKEN);
  await expect(start()).rejects.toThrow(InputError);
  for (const name of ['lds.json', 'cds.json']) await writeFile(join(xdsDir, name), '{}');
  const mesh = await start();
  expect(mesh.report()).toMatchObject({ state: 'broken', counts: undefined });
});
