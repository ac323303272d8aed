import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { injectPod } from '../../src/inject/inject.ts';
import { injectStream } from '../../src/inject/kube-inject.ts';
import { readSettings } from '../../src/inject/settings.ts';
import type { Compat } from '../../src/inject/values.ts';
import { memberLines } from '../../src/inject/yaml-text.ts';
import { arbitraryPod } from './pods.ts';

const run = (stream: string, compat: Compat = '1.5') => {
  const { documents, messages } = injectStream(stream, readSettings({}, compat, undefined));
  return { text: documents.map(({ after }) => after).join(''), messages };
};
const names = (list: unknown) => (list as { name: string }[]).map(({ name }) => name);

const TEMPLATE = `template:
    metadata: { labels: { app: cart } }
    spec: { containers: [{ name: cart, image: cart:1 }] }
`;

const KINDS: readonly (readonly [string, string, string])[] = [
  ['v1', 'Pod', 'spec: { containers: [{ name: cart }] }'],
  ['v1', 'ReplicationController', `spec:\n  ${TEMPLATE}`],
  ['apps/v1', 'Deployment', `spec:\n  ${TEMPLATE}`],
  ['apps/v1', 'DaemonSet', `spec:\n  ${TEMPLATE}`],
  ['apps/v1', 'ReplicaSet', `spec:\n  ${TEMPLATE}`],
  ['apps/v1', 'StatefulSet', `spec:\n  ${TEMPLATE}`],
  ['batch/v1', 'Job', `spec:\n  ${TEMPLATE}`],
  ['apps.openshift.io/v1', 'DeploymentConfig', `spec:\n  ${TEMPLATE}`],
  [
    'batch/v1',
    'CronJob',
    `spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: cart }] } } } } }`,
  ],
  ['batch/v1beta1', 'CronJob', `spec: { jobTemplate: { spec: { template: { spec: { containers: [] } } } } }`],
];

describe.each(['1.5', '1.30'] as const)('kinds with a Pod in them, %s', (compat) => {
  it.each(KINDS)('%s %s', (apiVersion, kind, spec) => {
    const { text } = run(
      `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: cart }\n${spec}\n`,
      compat,
    );
    expect(text).toContain('name: istio-proxy');
    expect(text).toContain('name: istio-init');
    expect(text).toContain(`kubernetes://apis/${apiVersion}/namespaces/default/${kind.toLowerCase()}s/cart`);
    expect(run(text, compat).text).toBe(text);
  });
});

describe('a CronJob', () => {
  const job =
    'apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: c }\nspec: { jobTemplate: { spec: { template: { spec: { containers: [] } } } } }\n';
  const status = 'sidecar.istio.io/status';

  it('has its labels at the pods', () => {
    const { jobTemplate } = parse(run(job, '1.30').text).spec;
    expect(jobTemplate.spec.template.metadata.annotations).toHaveProperty([status]);
    expect(jobTemplate.metadata).toBeUndefined();
  });

  it('has them at the job in 1.5, as the original does it', () => {
    const { jobTemplate } = parse(run(job, '1.5').text).spec;
    expect(jobTemplate.metadata.annotations).toHaveProperty([status]);
    expect(jobTemplate.spec.template.metadata).toBeUndefined();
  });
});

describe('what has no Pod in it is passed on byte for byte', () => {
  it.each([
    ['another kind', 'apiVersion: v1\nkind:   Service   # odd\nspec:  {ports: [ 80 ]}\n'],
    ['a deprecated group', 'apiVersion: extensions/v1beta1\nkind: Deployment\nspec:  {}\n'],
    ['no object', '# only a comment\n'],
    ['nothing', ''],
    ['text', 'Deployment is a word'],
    ['what is no YAML', 'a: b: c: {\n'],
    ['odd separators', '---\n---   # x\nkind:  A\n...\n--- {kind:  B}\n'],
    ['line ends of another system', 'kind:  A\r\n---\r\nkind:  B\r\n'],
    ['separators in a text', 'kind: ConfigMap\ndata:\n  x: |\n    a\n    ---\n    b: Deployment\n'],
    ['an empty list', 'apiVersion: v1\nkind: List\nitems:  []\n'],
    ['a list without Pods', 'apiVersion: v1\nkind: List\nitems:\n- {kind:  Service}\n'],
  ])('%s', (_, text) => expect(run(text)).toEqual({ text, messages: [] }));

  it('among documents that have one', () => {
    const service = '# a service\napiVersion: v1\nkind:    Service\n';
    const pod = 'apiVersion: v1\nkind: Pod\nspec: { containers: [] }\n';
    const { text } = run(`${service}---\n${pod}---\n${service}`);
    expect(text.startsWith(`${service}---\n`)).toBe(true);
    expect(text.endsWith(`---\n${service}`)).toBe(true);
    expect(parseAllDocuments(text)).toHaveLength(3);
  });
});

describe('an injected document', () => {
  const POD = `%YAML 1.1
--- # the first
# before
apiVersion: v1   # the version
kind: Pod

metadata:
  annotations:  # mine
    note: "a, b"
  name: cart
spec:
  # all containers
  containers:
    - image: 'cart:1'  # the image
      name: cart
      args: [--a,   "-b"]
      env:
        - {name: MODE, value: "0644"}
        - name: BIG
          value: 'x'
      script: |
        if true; then
          echo "yes"
        fi
  volumes:
    - name: v
      configMap: { name: c, defaultMode: 0644 }
  activeDeadlineSeconds: 12345678901234567890
  note: yes
# the end
`;

  it('keeps every line of the input as it is, in its order', () => {
    const lines = run(POD).text.split('\n');
    let at = -1;
    for (const line of POD.trimEnd().split('\n')) {
      at = lines.indexOf(line, at + 1);
      expect(at, `"${line}" is there`).toBeGreaterThanOrEqual(0);
    }
  });

  it('keeps comments, order, quotes, octal and long numbers where lines have to be written anew', () => {
    const { text } = run(
      POD.replace(
        '- name: BIG',
        '- name: BIG\n      readinessProbe: { httpGet: { path: /, port: 1 } }',
      ).replace("          value: 'x'\n", ''),
      '1.30',
    );
    expect(text).toContain('/app-health/cart/readyz');
    for (const kept of [
      '# the first',
      '# before\n',
      'apiVersion: v1 # the version',
      '# mine',
      '# all containers',
      "image: 'cart:1' # the image",
      'args: [--a, "-b"]',
      'value: "0644"',
      'defaultMode: 0644',
      '12345678901234567890',
      'note: yes',
      '# the end',
      '        if true; then\n          echo "yes"\n',
    ]) {
      expect(text).toContain(kept);
    }
  });

  it('is the same when it is injected again', () => {
    const once = run(POD).text;
    expect(run(once).text).toBe(once);
  });

  it('has lists indented as the input has them', () => {
    const flat = 'apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n';
    expect(run(flat).text).toContain('\n  - name: istio-proxy');
    expect(run(flat.replace('  - name', '    - name')).text).toContain('\n    - name: istio-proxy');
  });

  it('has the line ends of the input', () => {
    const { text } = run('apiVersion: v1\r\nkind: Pod\r\nspec:\r\n  containers: []\r\n');
    expect(text.replaceAll('\r\n', '')).not.toContain('\n');
    expect(text).toContain('name: istio-proxy\r\n');
  });

  it('stays JSON when it was JSON', () => {
    const object = { kind: 'Pod', apiVersion: 'v1', spec: { containers: [{ name: 'cart' }] } };
    const { text } = run(`${JSON.stringify(object, undefined, 4)}\n`);
    expect(names(JSON.parse(text).spec.containers)).toEqual(['cart', 'istio-proxy']);
    expect(Object.keys(JSON.parse(text))).toEqual(['kind', 'apiVersion', 'spec', 'metadata']);
    expect(text).toContain('\n    "kind"');
  });

  it('is not changed where an alias or a merge key shares what is injected', () => {
    const shared = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
  labels: &labels { app: cart }
spec:
  selector: { matchLabels: *labels }
  template:
    metadata: { labels: *labels }
    spec: { containers: [{ name: cart }] }
`;
    const merged = shared.replace('metadata: { labels: *labels }', 'metadata: { labels: { <<: *labels } }');
    const anchored = shared
      .replace('labels: &labels { app: cart }', 'labels: { app: cart }')
      .replace('matchLabels: *labels', 'matchLabels: &labels { app: cart }');
    for (const text of [shared, merged, anchored]) {
      const { spec, metadata } = parse(run(text, '1.30').text, { merge: true });
      expect(metadata.labels).toEqual({ app: 'cart' });
      expect(spec.selector.matchLabels).toEqual({ app: 'cart' });
      expect(spec.template.metadata.labels).toMatchObject({
        app: 'cart',
        'service.istio.io/canonical-name': 'cart',
      });
    }
  });

  it('has texts in quotes that another parser would take for something else', () => {
    const pod = (value: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata:\n  labels: { app: "${value}" }\nspec: { containers: [] }\n`;
    for (const value of ['yes', '012', '1e3', '12:30:45', 'null', 'on']) {
      const { text } = run(pod(value), '1.30');
      expect(text).toContain(`service.istio.io/canonical-name: "${value}"`);
    }
  });
});

/** The library writes an empty list below its key in a way that it cannot read. */
function read(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

describe('whatever a document is written like', () => {
  const styles = fc.record({
    indentSeq: fc.boolean(),
    indent: fc.constantFrom(2, 4),
    collectionStyle: fc.constantFrom('any' as const, 'block' as const, 'flow' as const),
    lineWidth: fc.constantFrom(0, 40),
    defaultStringType: fc.constantFrom('PLAIN' as const, 'QUOTE_SINGLE' as const),
  });

  it.each(['1.5', '1.30'] as const)('the result is the injected object, and stays so: %s', (compat) => {
    const settings = readSettings({}, compat, undefined);
    fc.assert(
      fc.property(arbitraryPod, styles, fc.boolean(), (pod, style, comments) => {
        const object = { apiVersion: 'v1', kind: 'Pod', ...pod };
        const plain = stringify(object, { ...style, compat: 'yaml-1.1' });
        const input = comments ? plain.replaceAll(/([^>|\-\n])\n/g, '$1  # why\n') : plain;
        fc.pre(isDeepStrictEqual(read(input), object));
        const { text } = run(input, compat);
        const owner = { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name ?? '', namespace: '' };
        const injected = injectPod({ pod, owner, settings, via: 'file' });
        expect(injected.kind).toBe('injected');
        if (injected.kind === 'injected') expect(parse(text)).toEqual({ ...object, ...injected.pod });
        expect(run(text, compat).text).toBe(text);
      }),
    );
  });

  it('new lines are read as what they were written from', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.stringMatching(/^[-\w .:#,'"{}[\]&*!|>%@`$\n]{0,12}$/),
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.constantFrom(0, -1.5, true, null),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(text, tie('any'), { maxKeys: 3 }),
      ),
    })).any;
    fc.assert(
      fc.property(fc.dictionary(text, value, { maxKeys: 3 }), fc.boolean(), (object, indentSeq) => {
        const lines = Object.entries(object).flatMap(([key, each]) =>
          memberLines(key, each, { indent: 2, indentSeq }),
        );
        for (const schema of ['core', 'yaml-1.1'] as const) {
          const read = parse(`${lines.join('\n')}\n`, { schema });
          expect(read ?? {}).toEqual(object);
        }
      }),
    );
  });
});

describe('a List', () => {
  const list = (items: string) => `apiVersion: v1\nkind: List\nitems:\n${items}`;

  it('has its workloads injected, in Lists in it too, and the rest as it was', () => {
    const { text } = run(
      list(`- apiVersion: v1
  kind: Service # mine
- apiVersion: v1
  kind: Pod
  spec: { containers: [] }
- apiVersion: v1
  kind: List
  items:
  - apiVersion: v1
    kind: Pod
    spec: { containers: [] }
`),
    );
    expect(text).toContain('kind: Service # mine');
    expect(text.match(/name: istio-proxy/g)).toHaveLength(2);
  });
});

describe('problems', () => {
  it('of all documents come together, each with its object', () => {
    const bad = (name: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  annotations: { sidecar.istio.io/interceptionMode: X }\nspec: { containers: [] }\n`;
    expect(() => run(`${bad('one')}---\n${bad('two')}`)).toThrow(
      /Pod "one": invalid value 'X'.*Pod "two": invalid value 'X'/s,
    );
  });

  it('of YAML have the line of the whole input', () => {
    expect(() => run('kind: A\n---\nkind: Pod\nspec: { a: [ }\n')).toThrow(/line 4: /);
  });

  it.each([
    ['no template', 'spec: {}', 'spec.template.spec: expected the spec of a Pod, got nothing'],
    [
      'containers that are no list',
      'spec: { template: { spec: { containers: 3 } } }',
      'spec.containers: expected a list, got 3',
    ],
    [
      'a label that is no text',
      'spec: { template: { metadata: { labels: { a: yes } }, spec: {} } }',
      'put it in quotes, got true',
    ],
  ])('%s', (_, spec, message) => {
    const text = `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: cart, namespace: shop }\n${spec}\n`;
    expect(() => run(text)).toThrow(`Deployment "shop/cart": `);
    expect(() => run(text)).toThrow(message);
  });
});

describe('a Pod that is left as it is', () => {
  const pod = (spec: string, metadata = 'name: cart') =>
    `apiVersion: v1\nkind: Pod\nmetadata: { ${metadata} }\nspec: { ${spec} }\n`;

  it('has host networking', () => {
    const text = pod('hostNetwork: true, containers: []');
    expect(run(text)).toEqual({
      text,
      messages: ['Skipping injection because "cart" has host networking enabled'],
    });
    expect(run(text, '1.30').messages).toEqual([
      '===> Skipping injection because Pod "/cart" has host networking enabled',
    ]);
  });

  it('has a proxy that nobody injected, in 1.5', () => {
    const text = pod('containers: [{ name: cart }, { name: istio-proxy }]');
    expect(run(text)).toEqual({
      text,
      messages: ['Skipping injection because "cart" has injected "istio-proxy" sidecar already'],
    });
  });

  it('says no, in 1.30; in 1.5 who asks by hand is heard', () => {
    const text = pod('containers: []', 'name: cart, annotations: { sidecar.istio.io/inject: "false" }');
    expect(run(text, '1.30')).toEqual({
      text,
      messages: ['===> Skipping injection because Pod "/cart" has sidecar injection disabled'],
    });
    expect(run(text, '1.5').text).toContain('istio-proxy');
  });
});
