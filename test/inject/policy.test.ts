import { describe, expect, it } from 'vitest';
import { decide, type SkipReason } from '../../src/inject/policy.ts';
import type { Compat } from '../../src/inject/values.ts';

interface Case {
  readonly compat?: Compat;
  readonly hostNetwork?: boolean;
  readonly namespace?: string;
  readonly annotation?: string;
  readonly label?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly policy?: string;
  readonly never?: object;
  readonly always?: object;
}

const decision = (given: Case) => {
  const { hostNetwork, namespace = 'shop', annotation, label, labels = {}, policy = 'enabled' } = given;
  const key = 'sidecar.istio.io/inject';
  return decide(
    {
      metadata: {
        annotations: annotation === undefined ? null : { [key]: annotation },
        labels: label === undefined ? labels : { ...labels, [key]: label },
      },
      spec: hostNetwork === undefined ? {} : { hostNetwork },
    },
    namespace,
    {
      policy,
      neverInjectSelector: given.never === undefined ? [] : [{ ...given.never }],
      alwaysInjectSelector: given.always === undefined ? [] : [{ ...given.always }],
    },
    given.compat ?? '1.5',
  );
};

const web = { matchLabels: { app: 'web' } };
const labels = { app: 'web' };

const INJECTED: readonly Case[] = [
  {},
  { annotation: 'true' },
  { annotation: 'Yes' },
  { annotation: 'ON' },
  { annotation: 'y' },
  { annotation: '' },
  { policy: 'disabled', annotation: 'true' },
  { policy: 'disabled', always: web, labels },
  { never: web, labels: { app: 'other' } },
  { never: web, labels, annotation: 'true' },
  { never: {}, labels },
  { never: { matchExpressions: [{ key: 'app', operator: 'Nonsense' }] }, labels },
  { label: 'false' },
  { compat: '1.30', label: 'true', annotation: 'false', policy: 'disabled' },
  { compat: '1.30', annotation: 'no' },
  { compat: '1.5', namespace: 'kube-node-lease' },
];

const SKIPPED: readonly (readonly [SkipReason, Case])[] = [
  ['host-network', { hostNetwork: true, annotation: 'true', namespace: 'kube-system' }],
  ['ignored-namespace', { namespace: 'kube-system', annotation: 'true' }],
  ['ignored-namespace', { namespace: 'kube-public' }],
  ['ignored-namespace', { compat: '1.30', namespace: 'kube-node-lease' }],
  ['pod-says-no', { annotation: 'false', always: web, labels }],
  ['pod-says-no', { annotation: 'nonsense' }],
  ['pod-says-no', { compat: '1.30', label: 'false', annotation: 'true' }],
  ['never-selector', { never: web, labels }],
  ['never-selector', { never: web, always: web, labels }],
  ['never-selector', { never: { matchExpressions: [{ key: 'app', operator: 'Exists' }] }, labels }],
  [
    'never-selector',
    { never: { matchExpressions: [{ key: 'app', operator: 'In', values: ['web'] }] }, labels },
  ],
  [
    'never-selector',
    { never: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] }, labels },
  ],
  ['never-selector', { never: { matchExpressions: [{ key: 'b', operator: 'DoesNotExist' }] }, labels }],
  ['policy', { policy: 'disabled' }],
  ['policy', { policy: 'disabled', always: web, labels: { app: 'other' } }],
  ['policy', { policy: 'sometimes' }],
  ['policy', { policy: 'sometimes', annotation: 'true' }],
  ['policy', { policy: 'sometimes', always: web, labels }],
];

describe('a pod is injected', () => {
  it.each(INJECTED)('%j', (given) => expect(decision(given).inject).toBe(true));
});

describe('a pod is left alone, with the first reason there is', () => {
  it.each(SKIPPED)('%s: %j', (reason, given) => {
    expect(decision(given)).toMatchObject({ inject: false, reason, why: expect.any(String) });
  });
});

it('what is wrong with a selector, a policy or a word of the pod is a warning', () => {
  const never = { matchExpressions: [{ key: 'app', operator: 'Nonsense' }] };
  expect(decision({ never }).warnings).toEqual([expect.stringContaining('neverInjectSelector: invalid')]);
  expect(decision({ policy: 'x' }).warnings).toEqual([
    expect.stringContaining('Illegal value for autoInject:x'),
  ]);
  expect(decision({ compat: '1.30', label: 'no' }).warnings).toEqual([
    expect.stringContaining('Invalid value for sidecar.istio.io/inject: "no"'),
  ]);
});
