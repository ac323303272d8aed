import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { DEFAULT_SETTINGS } from '../../../src/mesh/model/defaults.ts';
import { proxyView } from '../../../src/mesh/view/proxy-view.ts';
import { lines, loadText } from '../load-text.ts';
import { NO_IPTABLES, SERVICES, UNIX_SOCKET } from '../seed.ts';

const WORKLOADS = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: prod-us1}
spec: {address: 10.1.0.1, labels: {app: vm}, ports: {http: 80}, weight: 2}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: vm, namespace: prod-us1}
spec: {hosts: [vm.example], resolution: STATIC, workloadSelector: {labels: {app: vm}}, ports: [{number: 80, name: http}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-1, namespace: prod-us1, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}, zone: a, targetRef: {kind: Pod, name: a}}]
ports: [{name: http, port: 80}]
`;
const DOCUMENTS = [...parseAllDocuments([SERVICES, UNIX_SOCKET, NO_IPTABLES, WORKLOADS].join('\n---\n'))].map(
  (one) => one.toJS() as unknown,
);

const odd = fc.oneof(
  fc.constantFrom(
    null,
    true,
    0,
    -1,
    1.5,
    65_536,
    1e300,
    '',
    '*',
    '.',
    '~',
    '/',
    'unix://',
    'a/b',
    '[::]:',
    '10.0.0.1/8',
  ),
  fc.constantFrom(
    {},
    [],
    [null],
    [[]],
    { a: null },
    { '': '' },
    JSON.parse('{"__proto__": {"a": 1}}') as object,
  ),
  fc.string(),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Puts something odd in the place of some part. */
function spoil(value: unknown, path: readonly number[], by: unknown): unknown {
  const [step = 0, ...rest] = path;
  if (path.length === 0 || typeof value !== 'object' || value === null) return by;
  if (Array.isArray(value))
    return value.map((item: unknown, i) => (i === step % value.length ? spoil(item, rest, by) : item));
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([name, item]) => [
      name,
      name === entries[step % entries.length]?.[0] ? spoil(item, rest, by) : item,
    ]),
  );
}

it('no value ends anything: it is read, or it is a finding with a place', async () => {
  const path = fc.array(fc.nat(20), { minLength: 1, maxLength: 7 });
  await fc.assert(
    fc.asyncProperty(fc.nat(DOCUMENTS.length - 1), path, odd, async (which, where, by) => {
      const texts = DOCUMENTS.map((document, i) =>
        stringify(i === which ? spoil(document, where, by) : document),
      );
      const { model, findings, broken } = await loadText({ 'a.yaml': texts.join('---\n') });
      for (const workload of model.workloads) proxyView(model, DEFAULT_SETTINGS, workload);
      const errors = findings.filter(({ severity }) => severity === 'error');
      expect(broken).toBe(errors.length > 0);
      for (const line of lines(findings)) expect(line).toMatch(/^(?:error|warning): a\.yaml:[1-9]\d*( |:)/);
    }),
    { numRuns: 600 },
  );
});
