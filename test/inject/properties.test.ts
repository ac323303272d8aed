import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { injectPod } from '../../src/inject/inject.ts';
import { isObject, listOf } from '../../src/inject/json.ts';
import { type Container, type Pod, PROXY } from '../../src/inject/kubernetes.ts';
import { diff } from '../../src/inject/patch.ts';
import { removeInjection } from '../../src/inject/remove.ts';
import { type InjectionSettings, readSettings } from '../../src/inject/settings.ts';
import { applyJsonPatch } from '../support/json-patch.ts';
import { arbitraryPod, owner } from './pods.ts';

const VALUES = `
global: { imagePullSecrets: [mine], podDNSSearchNamespaces: [global, '{{ .DeploymentMeta.Namespace }}.global'] }
sidecarInjectorWebhook:
  injectedAnnotations: { container.seccomp.security.alpha.kubernetes.io/istio-proxy: runtime/default }
`;
const MERGING = 'enablePrometheusMerge: true\nsdsUdsPath: unix:/var/run/sds';

const ways = (['1.5', '1.30'] as const).flatMap((compat) =>
  (['file', 'webhook'] as const).flatMap((via) =>
    [{}, { values: VALUES, mesh: MERGING }].map((texts) => ({
      compat,
      via,
      with: Object.keys(texts).length === 0 ? 'defaults' : 'values',
      settings: readSettings(texts, compat, undefined),
    })),
  ),
);

describe.each(ways)('$compat by $via, $with', ({ via, settings }) => {
  const inject = (pod: Pod, by: InjectionSettings = settings) => {
    const result = injectPod({ pod, owner, settings: by, via });
    if (result.kind === 'skipped') throw new Error(`skipped: ${result.why}`);
    return result.pod;
  };

  it('gives the same when it is done again', () => {
    fc.assert(
      fc.property(arbitraryPod, (pod) => {
        const once = inject(pod);
        expect(inject(once)).toEqual(once);
      }),
    );
  });

  it('does not depend on what was injected before', () => {
    const other = readSettings(
      { values: 'global: { proxy: { statusPort: 15099, includeIPRanges: 10.1.0.0/16 }, hub: other }' },
      settings.compat,
      true,
    );
    fc.assert(
      fc.property(arbitraryPod, (pod) => {
        expect(withoutEmpty(inject(inject(pod, other)).spec)).toEqual(withoutEmpty(inject(pod).spec));
      }),
    );
  });

  it('changes nothing of what it is given', () => {
    fc.assert(
      fc.property(arbitraryPod, (pod) => {
        const before = JSON.stringify(pod);
        inject(pod);
        expect(JSON.stringify(pod)).toBe(before);
      }),
    );
  });

  it('loses nothing of what the user wrote', () => {
    fc.assert(
      fc.property(arbitraryPod, (pod) => {
        const injected = inject(pod);
        expect(injected.metadata.labels).toMatchObject(pod.metadata.labels ?? {});
        // Those turn to the agent, 1.5 writes the ports that are in force, and others are the administrator's.
        const scraped = /^prometheus\.io\/|excludeInboundPorts$|\/status$|^container\.seccomp/;
        for (const [key, value] of Object.entries(pod.metadata.annotations ?? {})) {
          if (!scraped.test(key)) expect(injected.metadata.annotations?.[key]).toBe(value);
        }
        for (const member of ['volumes', 'imagePullSecrets'] as const) {
          expect(listOf<unknown>(injected.spec[member])).toEqual(
            expect.arrayContaining([...listOf<unknown>(pod.spec[member])]),
          );
        }
        for (const member of ['containers', 'initContainers'] as const) {
          const of = (from: Pod) => listOf(from.spec[member]).filter(({ name }) => !injectedNames.has(name));
          expect(of(injected).map(withoutProbes)).toEqual(of(pod).map(withoutProbes));
        }
        expect(injected.spec['priority']).toEqual(pod.spec['priority']);
      }),
    );
  });

  it('is undone to what the user wrote, but for names of ports, defaults and empty lists', () => {
    fc.assert(
      fc.property(arbitraryPod, (pod) => {
        const undone = removeInjection(inject(pod), settings.values.webhook.injectedAnnotations);
        const names = (of: Pod) => listOf(of.spec.containers).map(({ name }) => name);
        expect(names(undone)).toEqual(names(pod));
        expect(listOf(undone.spec.volumes)).toEqual(listOf(pod.spec.volumes));
        expect(listOf(undone.spec.initContainers).length).toBe(listOf(pod.spec.initContainers).length);
      }),
    );
  });

  it('is a patch that applies to exactly what came in, and gives exactly what comes out', () => {
    fc.assert(
      fc.property(arbitraryPod, (pod) => {
        const injected = inject(pod);
        const patch = JSON.parse(JSON.stringify(diff(pod, injected)));
        expect(applyJsonPatch(pod, patch)).toEqual(injected);
        const again = inject(injected);
        expect(applyJsonPatch(injected, diff(injected, again))).toEqual(again);
      }),
    );
  });

  it('mounts only volumes that are there', () => {
    fc.assert(
      fc.property(arbitraryPod, (pod) => {
        const { initContainers, containers, volumes } = inject(pod).spec;
        const there = listOf(volumes).map(({ name }) => name);
        const proxy = [...listOf(initContainers), ...listOf(containers)].find(({ name }) => name === PROXY);
        const mounted = listOf(proxy?.volumeMounts).map(({ name }) => name);
        const users = listOf(pod.spec.containers).flatMap(({ volumeMounts }) => listOf(volumeMounts));
        expect([...there, ...users.map(({ name }) => name)]).toEqual(expect.arrayContaining(mounted));
      }),
    );
  });
});

const injectedNames = new Set([PROXY, 'istio-init', 'istio-validation', 'enable-core-dump']);

/** An empty list is as good as none. */
function withoutEmpty(spec: object): unknown {
  return Object.fromEntries(
    Object.entries(spec).filter(
      ([, value]) => value !== null && !(Array.isArray(value) && value.length === 0),
    ),
  );
}

function withoutProbes(container: Container): unknown {
  const { readinessProbe, livenessProbe, startupProbe, lifecycle, ...rest } = container;
  return rest;
}

describe('a JSON patch', () => {
  it('makes any value of any other', () => {
    const named = fc.array(fc.record({ name: fc.constantFrom('a', 'b', 'c'), v: fc.jsonValue() }));
    const value = fc.oneof(fc.jsonValue(), fc.record({ list: named }), fc.record({ 'a/~b': fc.jsonValue() }));
    fc.assert(
      fc.property(value, value, (before, after) => {
        const patch = JSON.parse(JSON.stringify(diff(before, after)));
        expect(applyJsonPatch(before, patch)).toEqual(JSON.parse(JSON.stringify(after)));
      }),
    );
  });

  it('is empty when nothing differs', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(diff(value, structuredClone(value))).toEqual([]);
      }),
    );
  });

  it('leaves containers that stay where they are', () => {
    const before = { containers: [{ name: 'a', image: '1' }] };
    const after = { containers: [{ name: 'a', image: '2' }, { name: 'b' }] };
    expect(diff(before, after)).toEqual([
      { op: 'replace', path: '/containers/0/image', value: '2' },
      { op: 'add', path: '/containers/1', value: { name: 'b' } },
    ]);
    expect(isObject(after)).toBe(true);
  });
});
