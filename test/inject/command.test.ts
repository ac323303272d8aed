import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { injector } from '../../cmd/injector.ts';
import { kubeInject } from '../../cmd/kube-inject.ts';
import { tempFolder } from '../support/temp-folder.ts';

const POD = 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: cart\nspec:\n  containers:\n  - name: cart\n';

async function files(texts: Readonly<Record<string, string>>) {
  const folder = await tempFolder();
  for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
  return {
    file: (name: string) => join(folder, name),
    read: (name: string) => readFile(join(folder, name), 'utf8'),
  };
}

describe('the command kube-inject', () => {
  it('writes the result with the settings of its files', async () => {
    const { file, read } = await files({ pod: POD, values: 'global: { hub: mine }', mesh: '{}' });
    const flags = ['--valuesFile', file('values'), '--meshConfigFile', file('mesh')];
    expect(await kubeInject(['-f', file('pod'), '-o', file('out'), ...flags])).toBe(0);
    const out = await read('out');
    expect(out.startsWith(POD.slice(0, 40))).toBe(true);
    expect(out).toContain('image: mine/proxyv2:1.5.1');
    expect(out).toContain('istio-pilot:15010');
  });

  it('writes what it changes', async () => {
    const { file, read } = await files({ pod: POD });
    await kubeInject(['-f', file('pod'), '-o', file('out'), '--diff']);
    const out = await read('out');
    expect(out.split('\n')[0]).toBe(`--- ${file('pod')} Pod cart`);
    expect(out).toContain('\n+  - name: istio-proxy\n');
    expect(out).not.toMatch(/^-[^-]/m);
  });

  it('writes nothing when something is wrong', async () => {
    const { file, read } = await files({ pod: POD, values: 'global: { hub: [] }' });
    await expect(
      kubeInject(['-f', file('pod'), '-o', file('out'), '--valuesFile', file('values')]),
    ).rejects.toThrow('values: global.hub: expected a text');
    await expect(kubeInject(['-f', file('none'), '-o', file('out')])).rejects.toThrow(
      '--filename: cannot be read',
    );
    await expect(read('out')).rejects.toThrow('ENOENT');
  });
});

it('the command injector names the files that it cannot read', async () => {
  const { file } = await files({});
  const flags = ['--tlsCertFile', file('cert'), '--tlsKeyFile', file('key'), '--port', '0'];
  await expect(injector([...flags, '--injectValues', file('values')])).rejects.toThrow(/cannot be read/);
});
