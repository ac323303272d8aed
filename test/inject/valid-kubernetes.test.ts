import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { injectStream } from '../../src/inject/kube-inject.ts';
import { readSettings } from '../../src/inject/settings.ts';
import { COMPATS, type Compat } from '../../src/inject/values.ts';
import { parseInjectorArgs } from '../../src/inject/webhook/injector-args.ts';
import { printManifests } from '../../src/inject/webhook/manifests.ts';
import { kubernetesProblems, type Named } from '../support/kubernetes-schema.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const read = (name: string) => readFileSync(`${folder}${name}`, 'utf8');

/** The objects of a stream, those of its lists too. */
function objectsOf(name: string, stream: string): readonly Named[] {
  const objects = parseAllDocuments(stream, { merge: true }).flatMap((document) => document.toJS() ?? []);
  return objects
    .flatMap((object) => (object.kind === 'List' ? object.items : object))
    .map((object) => ({ name: `${name}: ${object.kind} ${object.metadata?.name}`, object }));
}

/** What the corpus and the document of the seed become. The corpus test says that its files are what injection gives. */
function injected(): readonly Named[] {
  const corpus = readdirSync(`${folder}corpus`).filter((name) => /\.1\.(5|30)\.yaml$/.test(name));
  const seed = (COMPATS as readonly Compat[]).flatMap((compat) => {
    const { documents } = injectStream(read('seed/productpage.yaml'), readSettings({}, compat, undefined));
    return objectsOf(`seed ${compat}`, documents.map(({ after }) => after).join(''));
  });
  return [...corpus.flatMap((name) => objectsOf(name, read(`corpus/${name}`))), ...seed];
}

function manifests(): readonly Named[] {
  const ways = (COMPATS as readonly Compat[]).flatMap((compat) =>
    [
      undefined,
      'revision: canary\nsidecarInjectorWebhook: { enableNamespacesByDefault: true, objectSelector: { enabled: true } }',
    ].map((values) => ({ compat, values })),
  );
  return ways.flatMap(({ compat, values }) => {
    const parsed = parseInjectorArgs(['--print-manifests', '--compat', compat]);
    if (parsed.kind === 'help') throw new Error('help');
    const settings = readSettings({ values }, compat, undefined);
    const files = { mesh: undefined, config: undefined, values };
    return objectsOf(`manifests ${compat}`, printManifests(parsed.options, settings, files));
  });
}

describe('what comes out is valid Kubernetes, by the types of release 1.30', () => {
  it('every injected object, and every manifest of the webhook', () => {
    const all = [...injected(), ...manifests()];
    expect(new Set(all.map(({ object }) => object.kind)).size).toBeGreaterThan(8);
    expect(kubernetesProblems(all)).toEqual([]);
  }, 60_000);

  it('is a judge that sees an unknown field, a missing one and one of another type', () => {
    const pod = (container: object) => ({
      name: 'bad',
      object: { apiVersion: 'v1', kind: 'Pod', spec: { containers: [container] } },
    });
    const [unknown, missing, wrong, ...more] = kubernetesProblems([
      pod({ name: 'a', imagePullPolice: 'Always' }),
      pod({ image: 'a' }),
      pod({ name: 'a', ports: [{ containerPort: '80' }] }),
      pod({ name: 'a', ports: [{ containerPort: 80 }] }),
    ]);
    expect(unknown).toContain('imagePullPolice');
    expect(missing).toContain("'name'");
    expect(wrong).toContain('"containerPort": "80"');
    expect(more).toEqual([]);
  }, 60_000);
});
