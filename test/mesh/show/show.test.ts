import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { showMesh } from '../../../src/mesh/show/show.ts';
import { parseShowArgs } from '../../../src/mesh/show/show-args.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { NAMESPACES_ONLY, SERVICES } from '../seed.ts';

async function show(...args: readonly string[]): Promise<string> {
  const meshDir = join(await tempFolder(), 'mesh');
  await mkdir(meshDir);
  await writeFile(join(meshDir, 'mesh.yaml'), [SERVICES, NAMESPACES_ONLY].join('\n---\n'));
  const parsed = parseShowArgs(['--meshDir', meshDir, ...args]);
  if (parsed.kind === 'help') throw new Error('help was asked for');
  return showMesh(parsed.options);
}

it("prints Envoy's resources as JSON", async () => {
  const printed = JSON.parse(await show('--for', 'productpage-v1.prod-us1', '-o', 'json'));
  expect(printed.sidecar).toMatchObject({ name: 'default', namespace: 'prod-us1' });
  expect(printed.endpoints.map((each: { cluster_name: string }) => each.cluster_name)).toContain(
    'outbound|9080||productpage.prod-us1.svc.cluster.local',
  );
});

it('prints one way as JSON too', async () => {
  const printed = JSON.parse(
    await show('--for', 'productpage-v1.prod-us1', '--explain', 'reviews:9080', '-o', 'json'),
  );
  expect(printed).toMatchObject({
    workload: 'productpage-v1.prod-us1',
    host: 'reviews',
    port: 9080,
    outcome: 'service',
  });
});

it('names the workloads that there are', async () => {
  await expect(show('--for', 'nobody.prod-us1')).rejects.toThrow(
    '--for nobody.prod-us1: the mesh has no such Pod or WorkloadEntry; it has productpage-v1.prod-us1',
  );
});

it('reports every wrong argument at once', () => {
  expect(() =>
    parseShowArgs(['--for', 'x', '-o', 'xml', '--explain', 'y', '--interceptionMode', 'SOME']),
  ).toThrow(
    /--meshDir.*[\s\S]*--for "x"[\s\S]*--output "xml"[\s\S]*--interceptionMode "SOME"[\s\S]*--explain "y"/,
  );
  expect(parseShowArgs(['-h'])).toEqual({ kind: 'help' });
});
