import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { injectPod } from '../../../src/inject/inject.ts';
import { type Fields, isObject } from '../../../src/inject/json.ts';
import { injectStream } from '../../../src/inject/kube-inject.ts';
import { readSettings } from '../../../src/inject/settings.ts';
import { COMPATS, type Compat } from '../../../src/inject/values.ts';
import { ownerOf } from '../../../src/inject/webhook/owner.ts';
import { type Reviewed, review } from '../../../src/inject/webhook/review.ts';
import { proxyEnvOf } from '../../../src/inject/webhook/url.ts';
import { applyJsonPatch } from '../../support/json-patch.ts';
import { arbitraryPod } from '../pods.ts';
import { reviewOf } from './start.ts';

const settings = readSettings({}, '1.30', undefined);
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    generateName: 'cart-5d4f8c7b9-',
    labels: { app: 'cart', 'pod-template-hash': '5d4f8c7b9' },
    ownerReferences: [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'other' },
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'cart-5d4f8c7b9', controller: true },
    ],
  },
  spec: { containers: [{ name: 'cart', image: 'cart:1' }] },
};

const responseOf = ({ reply }: Reviewed): Fields => {
  if (!isObject(reply['response'])) throw new Error('no response');
  return reply['response'];
};
const patched = (before: unknown, reviewed: Reviewed) => {
  const { patch, patchType } = responseOf(reviewed);
  expect(patchType).toBe('JSONPatch');
  return applyJsonPatch(before, JSON.parse(Buffer.from(String(patch), 'base64').toString('utf8')));
};

describe('an AdmissionReview with a Pod', () => {
  it.each(['v1', 'v1beta1'])('is answered in its own version, %s, with its uid', (version) => {
    const text = reviewOf(pod).replace('admission.k8s.io/v1"', `admission.k8s.io/${version}"`);
    const { reply, outcome } = review(text, settings, {});
    expect(reply).toMatchObject({
      apiVersion: `admission.k8s.io/${version}`,
      kind: 'AdmissionReview',
      response: { uid: 'u-1', allowed: true, patchType: 'JSONPatch' },
    });
    expect(outcome.kind).toBe('injected');
  });

  it.each(COMPATS as readonly Compat[])(
    'gets a patch that makes of it what the injection makes of it, %s',
    (compat) => {
      const of = readSettings({}, compat, undefined);
      fc.assert(
        fc.property(arbitraryPod, (any) => {
          const object = { ...pod, ...any };
          const owner = ownerOf(object.metadata, 'shop');
          const expected = injectPod({ pod: any, owner, settings: of, via: 'webhook' });
          if (expected.kind === 'skipped') throw new Error(expected.why);
          expect(patched(object, review(reviewOf(object), of, {}))).toEqual({
            ...object,
            ...expected.pod,
          });
        }),
      );
    },
  );

  it('comes out as kube-inject writes it, 1.30', () => {
    fc.assert(
      fc.property(arbitraryPod, (any) => {
        const metadata = { ...any.metadata, name: 'cart', namespace: 'shop' };
        const object = { apiVersion: 'v1', kind: 'Pod', ...any, metadata };
        const [{ after = '' } = {}] = injectStream(JSON.stringify(object), settings).documents;
        expect(patched(object, review(reviewOf(object), settings, {}))).toEqual(JSON.parse(after));
      }),
    );
  });

  it('is known by the Deployment above its ReplicaSet', () => {
    const result = JSON.stringify(patched(pod, review(reviewOf(pod), settings, {})));
    expect(result).toContain('kubernetes://apis/apps/v1/namespaces/shop/deployments/cart"');
  });

  it('is left alone where the policy says so, with the reason', () => {
    const reviewed = review(reviewOf(pod, { namespace: 'kube-system' }), settings, {});
    expect(responseOf(reviewed)).toEqual({ uid: 'u-1', allowed: true });
    expect(reviewed.outcome).toMatchObject({ kind: 'skipped', reason: 'ignored-namespace' });
  });

  it('is refused with everything that is wrong with its annotations', () => {
    const annotations = {
      'sidecar.istio.io/interceptionMode': 'SOMETIMES',
      'traffic.sidecar.istio.io/includeOutboundIPRanges': 'bad',
      'proxy.istio.io/config': '- a list',
    };
    const reviewed = review(reviewOf({ ...pod, metadata: { ...pod.metadata, annotations } }), settings, {});
    expect(responseOf(reviewed)).toMatchObject({ allowed: false });
    const message = JSON.stringify(responseOf(reviewed)['status']);
    for (const name of Object.keys(annotations)) expect(message).toContain(name);
  });

  it('has in its environment what the URL asks for', () => {
    const env = proxyEnvOf('/inject/cluster/east/net/n--slash--1/topology/a%20b');
    const result = JSON.stringify(patched(pod, review(reviewOf(pod), settings, env ?? {})));
    expect(result).toContain('{"name":"ISTIO_META_CLUSTER_ID","value":"east"}');
    expect(result).toContain('{"name":"ISTIO_META_NETWORK","value":"n/1"}');
    expect(result).toContain('{"name":"TOPOLOGY","value":"a b"}');
    expect(result).toContain('"topology.istio.io/network":"n/1"');
  });
});

describe('a body that is no AdmissionReview', () => {
  const bodies: readonly (readonly [string, string, string])[] = [
    ['no JSON', '{', 'not JSON'],
    ['cut off', reviewOf(pod).slice(0, 100), 'not JSON'],
    ['null', 'null', 'expected an AdmissionReview'],
    ['a list', '[]', 'expected an AdmissionReview'],
    ['another kind', '{"apiVersion":"v1","kind":"Pod"}', 'expected AdmissionReview'],
    [
      'of an unknown version',
      reviewOf(pod).replace('k8s.io/v1"', 'k8s.io/v2"'),
      'expected admission.k8s.io/v1 or',
    ],
    [
      'without a request',
      '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}',
      'request: expected',
    ],
    ['without an object', reviewOf(null), 'expected a Pod'],
    ['about a Service', reviewOf({ kind: 'Service', spec: {} }), 'expected a Pod'],
    ['without a spec', reviewOf({ kind: 'Pod' }), 'spec: expected an object'],
    [
      'with a list that is none',
      reviewOf({ spec: { containers: 'two' } }),
      'spec.containers: expected a list',
    ],
    ['with numbers for texts', reviewOf({ metadata: { labels: { a: 1 } }, spec: {} }), 'put it in quotes'],
    ['of a deep nest', `${'['.repeat(100_000)}`, 'not JSON'],
  ];
  it.each(bodies)('is refused and says why: %s', (_, text, why) => {
    const { reply, outcome } = review(text, settings, {});
    expect(reply).toMatchObject({ kind: 'AdmissionReview', response: { allowed: false } });
    expect(outcome).toMatchObject({ kind: 'failed' });
    expect(outcome.kind === 'failed' && outcome.why).toContain(why);
  });

  it('is answered in v1beta1 where its version says nothing', () => {
    expect(review('{}', settings, {}).reply['apiVersion']).toBe('admission.k8s.io/v1beta1');
  });

  it('never makes it throw, whatever it is', () => {
    const near = fc.tuple(fc.jsonValue(), fc.jsonValue()).map(([metadata, spec]) => ({ metadata, spec }));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          near.map((object) => reviewOf(object)),
        ),
        (text) => {
          expect(isObject(review(text, settings, {}).reply['response'])).toBe(true);
        },
      ),
    );
  });
});

it('takes null for every list and map of a Pod', () => {
  const nulls = {
    metadata: { annotations: null, labels: null, ownerReferences: null, name: null },
    spec: { containers: null, initContainers: null, volumes: null, imagePullSecrets: null, dnsConfig: null },
  };
  const reviewed = review(reviewOf(nulls), settings, {});
  expect(reviewed.outcome.kind).toBe('injected');
  expect(patched(nulls, reviewed)).toMatchObject({ spec: { initContainers: expect.any(Array) } });
});

describe('paths', () => {
  it.each([
    ['/inject', {}],
    ['/inject/', {}],
    ['/inject/:ENV:cluster=east:ENV:net=n1', { ISTIO_META_CLUSTER_ID: 'east', ISTIO_META_NETWORK: 'n1' }],
    ['/inject/cluster', { ISTIO_META_CLUSTER_ID: '' }],
  ])('%s', (path, env) => expect(proxyEnvOf(path)).toEqual(env));

  it.each(['/', '/injection', '/inject/%', '/x/inject'])('%s is none of the webhook', (path) =>
    expect(proxyEnvOf(path)).toBeUndefined(),
  );
});
