import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SidecarSpec } from '../../../src/mesh/model/sidecar.ts';
import { selectSidecar } from '../../../src/mesh/view/select.ts';
import { labels, NAMESPACES, sidecar, someSidecars } from '../some-mesh.ts';

const root = sidecar({ name: 'root', namespace: 'istio-system' });
const rootSelecting = sidecar({ name: 'root-app', namespace: 'istio-system', selector: { app: 'a' } });
const general = sidecar({ name: 'general' });
const app = sidecar({ name: 'app', selector: { app: 'a' } });
const appV1 = sidecar({ name: 'app-v1', selector: { app: 'a', version: '1' } });
const everything = sidecar({ name: 'everything', selector: {} });
const elsewhere = sidecar({ name: 'elsewhere', namespace: 'other' });

/** As the model has them. */
function sorted(sidecars: readonly SidecarSpec[]): readonly SidecarSpec[] {
  const key = ({ created, namespace, name }: SidecarSpec) => `${created} ${namespace} ${name}`;
  return [...sidecars].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

function select(sidecars: readonly SidecarSpec[], own: Readonly<Record<string, string>>, namespace = 'ns') {
  const { choice, notes } = selectSidecar(sorted(sidecars), 'istio-system', { namespace, labels: own });
  return { chosen: choice.kind === 'built-in' ? 'built-in' : `${choice.kind} ${choice.sidecar.name}`, notes };
}

describe('one Sidecar is for a workload', () => {
  it.each([
    ['nothing there', [], { app: 'a' }, 'built-in'],
    ['another namespace only', [elsewhere], { app: 'a' }, 'built-in'],
    ['the root namespace', [root], { app: 'a' }, 'root-namespace root'],
    ['a selector in the root namespace selects there only', [rootSelecting], { app: 'a' }, 'built-in'],
    ['the namespace before the root namespace', [root, general], { app: 'a' }, 'namespace general'],
    ['a selector before both', [root, general, app], { app: 'a' }, 'selector app'],
    ['a selector that does not fit', [general, app], { app: 'b' }, 'namespace general'],
    ['a workload without labels', [root, app], {}, 'root-namespace root'],
    ['every label must be there', [appV1, general], { app: 'a' }, 'namespace general'],
    ['more labels than asked for', [app, general], { app: 'a', version: '2' }, 'selector app'],
    ['a selector without labels', [everything, general], {}, 'selector everything'],
  ] as const)('%s', (_, sidecars, own, expected) => {
    expect(select(sidecars, own)).toEqual({ chosen: expected, notes: [] });
  });

  it('in the root namespace itself its own is that of the namespace', () => {
    expect(select([root], {}, 'istio-system').chosen).toBe('namespace root');
  });
});

describe('of several', () => {
  it('the first by name counts, and the others are named', () => {
    expect(select([appV1, app], { app: 'a', version: '1' })).toEqual({
      chosen: 'selector app',
      notes: [
        'Sidecar ns/app-v1 (mesh.yaml:1) is for this workload too, and has no effect: ns/app (mesh.yaml:1) comes first by name',
      ],
    });
  });

  it('the oldest counts before that', () => {
    const old = { ...appV1, created: '2026-01-01T00:00:00Z' };
    const young = { ...app, created: '2026-01-02T00:00:00Z' };
    const { chosen, notes } = select([young, old], { app: 'a', version: '1' });
    expect(chosen).toBe('selector app-v1');
    expect(notes).toEqual([expect.stringContaining('is older')]);
  });
});

it('is total, and the same whatever else there is that is for others', () => {
  fc.assert(
    fc.property(someSidecars, labels, fc.constantFrom(...NAMESPACES), (sidecars, own, namespace) => {
      const { choice } = selectSidecar(sorted(sidecars), 'istio-system', { namespace, labels: own });
      const mine = sidecars.filter(
        (each) => each.namespace === namespace || each.namespace === 'istio-system',
      );
      const again = selectSidecar(sorted([...mine].reverse()), 'istio-system', { namespace, labels: own });
      expect(again.choice).toEqual(choice);
      if (choice.kind === 'built-in') {
        expect(mine.filter(({ selector }) => selector === undefined)).toEqual([]);
      }
    }),
  );
});
