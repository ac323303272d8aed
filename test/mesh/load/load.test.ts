import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFolder } from '../../../src/mesh/load/files.ts';
import { createMeshLoader } from '../../../src/mesh/load/load.ts';
import { DEFAULT_SETTINGS } from '../../../src/mesh/model/defaults.ts';
import type { MeshModel } from '../../../src/mesh/model/mesh.ts';
import { proxyView } from '../../../src/mesh/view/proxy-view.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { lines, loadText } from '../load-text.ts';
import { NO_IPTABLES, SERVICES, UNIX_SOCKET } from '../seed.ts';

const DOCUMENTS = `${SERVICES}\n---\n${UNIX_SOCKET}\n---\n${NO_IPTABLES}\n`.split('\n---\n');

/** A model, or a view, without where things were written. */
function withoutOrigins(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, part: unknown) => (key === 'origin' ? undefined : part)));
}

function viewsOf(model: MeshModel): unknown {
  return model.workloads.map((workload) => proxyView(model, DEFAULT_SETTINGS, workload));
}

describe('the order of files never matters', () => {
  it('of the same files, read in another order: everything is the same, findings too', async () => {
    const files = Object.fromEntries(DOCUMENTS.map((text, i) => [`${i}.yaml`, text]));
    // The same name in two files: which of them counts goes by the names of the files.
    const all = Object.entries({ ...files, 'again.yaml': DOCUMENTS[0] ?? '', 'broken.yaml': 'a: [' });
    const expected = await loadText(Object.fromEntries(all));
    expect(expected.findings).toHaveLength(2);
    const order = fc.shuffledSubarray(all, { minLength: all.length });
    await fc.assert(
      fc.asyncProperty(order, async (some) => {
        const loaded = await loadText(Object.fromEntries(some));
        expect(loaded).toEqual(expected);
        expect(viewsOf(loaded.model)).toEqual(viewsOf(expected.model));
      }),
      { numRuns: 30 },
    );
  });

  it('of the same documents, spread over other files: only the origins change', async () => {
    const expected = await loadText({ 'all.yaml': DOCUMENTS.join('\n---\n') });
    const order = fc.shuffledSubarray(DOCUMENTS, { minLength: DOCUMENTS.length });
    const cut = fc.nat(DOCUMENTS.length);
    await fc.assert(
      fc.asyncProperty(order, cut, async (documents, at) => {
        const { model, findings } = await loadText({
          'a.yaml': documents.slice(0, at).join('\n---\n'),
          'b.yaml': documents.slice(at).join('\n---\n'),
        });
        expect(findings).toEqual([]);
        expect(withoutOrigins(model)).toEqual(withoutOrigins(expected.model));
        const notes = (key: string, part: unknown) =>
          key === 'origin' || key === 'notes' ? undefined : part;
        expect(JSON.stringify(viewsOf(model), notes)).toEqual(JSON.stringify(viewsOf(expected.model), notes));
      }),
      { numRuns: 50 },
    );
  });
});

describe('what is said twice', () => {
  const pod = 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nstatus: {podIP: 10.0.0.1}\n';
  const sidecar = (name: string) =>
    `apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: ${name}}\nspec: {egress: [{hosts: ["./*"]}]}\n`;
  const entry = (name: string, created = '') =>
    `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: ${name}, creationTimestamp: "${created}"}\nspec: {hosts: [x.default.svc.cluster.local], ports: [{number: 1, name: a}]}\n`;
  const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 2}]}\n';

  it('a resource counts where it is first, by the names of files', async () => {
    const { findings, broken } = await loadText({ 'b.yaml': pod, 'a.yaml': `# a\n${pod}` });
    expect(broken).toBe(false);
    expect(lines(findings)).toEqual([
      'warning: b.yaml:3: Pod default/a: is defined in a.yaml:4 already, this one is ignored',
    ]);
  });

  it('a second Sidecar without a selector is named', async () => {
    const { findings } = await loadText({ 'a.yaml': sidecar('b'), 'b.yaml': sidecar('a') });
    expect(lines(findings)).toEqual([
      expect.stringContaining(
        'warning: a.yaml:3: Sidecar default/b: has no effect: a (b.yaml:3) has no workloadSelector either',
      ),
    ]);
  });

  it('a hostname is the oldest ServiceEntry’s, and a Service before any', async () => {
    const entries = {
      'a.yaml': entry('young', '2026-02-02T00:00:00Z'),
      'b.yaml': entry('old', '2026-01-01T00:00:00Z'),
    };
    const without = await loadText(entries);
    expect(without.model.services.map(({ name }) => name)).toEqual(['old']);
    expect(lines(without.findings)).toEqual([
      expect.stringContaining('ServiceEntry default/young: spec.hosts'),
    ]);
    const { model } = await loadText({ ...entries, 'c.yaml': service });
    expect(model.services.map(({ name }) => name)).toEqual(['x']);
  });
});

describe('a loader that is used again', () => {
  const settings = DEFAULT_SETTINGS;
  const files = (texts: Readonly<Record<string, string>>) => ({
    files: Object.entries(texts).map(([path, text]) => ({ path, text })),
    findings: [],
  });

  it('gives what a new one gives, and the very same of what has not changed', async () => {
    const loader = createMeshLoader();
    const before = { 'a.yaml': DOCUMENTS.join('\n---\n'), 'b.yaml': 'kind: [' };
    const first = await loader.load(files(before), settings);
    const after = { 'a.yaml': before['a.yaml'].replace('172.16.1.32', '172.16.1.33'), 'b.yaml': '# mended' };
    const second = await loader.load(files(after), settings);
    expect(second).toEqual(await createMeshLoader().load(files(after), settings));
    expect(first.broken).toBe(true);
    expect(second.broken).toBe(false);
    expect(second.model.sidecars[0]).toBe(first.model.sidecars[0]);
  });

  it('knows the new lines when something before has grown', async () => {
    const loader = createMeshLoader();
    const text = 'kind: X\napiVersion: v1\n---\nkind: Y\napiVersion: v1\n';
    await loader.load(files({ 'a.yaml': text }), settings);
    const { findings } = await loader.load(files({ 'a.yaml': `# more\n${text}` }), settings);
    expect(findings.map(({ origin }) => origin.line)).toEqual([2, 5]);
  });
});

describe('a folder', () => {
  it('is read with the folders in it, and without what is hidden or something else', async () => {
    const folder = await tempFolder();
    await mkdir(join(folder, 'more', '.git'), { recursive: true });
    for (const name of [
      'b.yaml',
      'a.yml',
      'c.json',
      'more/d.yaml',
      'more/.git/e.yaml',
      '.f.yaml',
      'notes.md',
      'a.yaml~',
    ]) {
      await writeFile(join(folder, name), name);
    }
    const { files, findings } = await readFolder(folder);
    expect(files.map(({ path }) => path.slice(folder.length + 1))).toEqual([
      'a.yml',
      'b.yaml',
      'c.json',
      'more/d.yaml',
    ]);
    expect(findings).toEqual([]);
  });

  it('may be a mounted ConfigMap', async () => {
    const folder = await tempFolder();
    await mkdir(join(folder, '..2026'));
    await writeFile(join(folder, '..2026', 'a.yaml'), 'a: 1');
    await symlink('..2026', join(folder, '..data'));
    await symlink('..data/a.yaml', join(folder, 'a.yaml'));
    expect((await readFolder(folder)).files).toEqual([{ path: join(folder, 'a.yaml'), text: 'a: 1' }]);
  });

  it('with a file that cannot be read is broken, and says which', async () => {
    const folder = await tempFolder();
    await symlink('nowhere.yaml', join(folder, 'a.yaml'));
    await mkdir(join(folder, 'b'));
    await rename(join(folder, 'b'), join(folder, 'b.yaml'));
    const read = await readFolder(folder);
    expect(lines(read.findings)).toEqual([`error: ${join(folder, 'a.yaml')}:1: cannot be read: ENOENT`]);
    expect((await createMeshLoader().load(read, DEFAULT_SETTINGS)).broken).toBe(true);
  });

  it('that is not there is an error', async () => {
    const folder = await tempFolder();
    await rm(folder, { recursive: true });
    await expect(readFolder(folder)).rejects.toThrow('ENOENT');
  });
});
