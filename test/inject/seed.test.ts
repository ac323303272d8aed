import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { injectStream } from '../../src/inject/kube-inject.ts';
import { readSettings } from '../../src/inject/settings.ts';

const file = (name: string) => readFile(new URL(`seed/${name}`, import.meta.url), 'utf8');

interface Shown {
  readonly containers: readonly Readonly<Record<string, unknown>>[];
  readonly initContainers: readonly Readonly<Record<string, unknown>>[];
}

describe('the productpage of the documents, injected without any option', async () => {
  const input = await file('productpage.yaml');
  const shown = parse(await file('productpage.injected.yaml')) as Shown;
  const { documents, messages } = injectStream(input, readSettings({}, '1.5', undefined));
  const [{ after = '' } = {}] = documents;
  const result = parse(after) as { readonly spec: { readonly template: { readonly spec: Shown } } };
  const { containers, initContainers } = result.spec.template.spec;

  it('has the containers that are shown, and no others', () => {
    expect(containers.map(({ name }) => name)).toEqual(shown.containers.map(({ name }) => name));
    expect(initContainers.map(({ name }) => name)).toEqual(shown.initContainers.map(({ name }) => name));
  });

  const all = [...shown.containers, ...shown.initContainers];
  const members = all.flatMap((container) =>
    Object.keys(container).map((member) => ({ name: String(container['name']), member, container })),
  );
  it.each(members)(
    '$name has the $member that are shown, element by element',
    ({ name, member, container }) => {
      const [injected] = [...containers, ...initContainers].filter((each) => each['name'] === name);
      expect(injected?.[member]).toEqual(container[member]);
    },
  );

  it('keeps every line of the input, in its order', () => {
    const lines = after.split('\n');
    let at = -1;
    for (const line of input.trimEnd().split('\n')) {
      at = lines.indexOf(line, at + 1);
      expect(at, `"${line}" is there`).toBeGreaterThanOrEqual(0);
    }
  });

  it('has nothing to complain about', () => expect(messages).toEqual([]));
});
