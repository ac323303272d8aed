import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readSettings } from '../../../src/inject/settings.ts';
import { parseInjectorArgs } from '../../../src/inject/webhook/injector-args.ts';
import { printManifests } from '../../../src/inject/webhook/manifests.ts';

const print = (args: readonly string[] = [], values?: string) => {
  const parsed = parseInjectorArgs(['--print-manifests', ...args]);
  if (parsed.kind === 'help') throw new Error('help');
  const settings = readSettings({ values }, parsed.options.compat, undefined);
  const text = printManifests(parsed.options, settings, { mesh: undefined, config: undefined, values });
  const objects = parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
  return { text, of: (kind: string) => objects.find((object) => object.kind === kind) };
};

describe('the manifests', () => {
  it('are everything that a webhook needs', () => {
    const { of, text } = print();
    for (const kind of [
      'ServiceAccount',
      'ClusterRole',
      'ClusterRoleBinding',
      'ConfigMap',
      'Service',
      'Deployment',
      'MutatingWebhookConfiguration',
    ]) {
      expect(of(kind), kind).toBeDefined();
    }
    expect(text).not.toMatch(/[&*]a1/);
  });

  it('have the webhook of the documents: pods that are created, in namespaces that ask for it', () => {
    const [webhook] = print(['--namespace', 'mesh']).of('MutatingWebhookConfiguration').webhooks;
    expect(webhook).toMatchObject({
      name: 'sidecar-injector.istio.io',
      clientConfig: { service: { name: 'istio-sidecar-injector', namespace: 'mesh', path: '/inject' } },
      rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
      failurePolicy: 'Fail',
      reinvocationPolicy: 'Never',
      sideEffects: 'None',
      timeoutSeconds: 10,
      namespaceSelector: { matchLabels: { 'istio-injection': 'enabled' } },
    });
  });

  it('never select the namespace of the webhook itself', () => {
    const values =
      'sidecarInjectorWebhook: { enableNamespacesByDefault: true, objectSelector: { enabled: true } }';
    const [webhook] = print(['--namespace', 'mesh'], values).of('MutatingWebhookConfiguration').webhooks;
    expect(webhook.namespaceSelector.matchExpressions[0].values).toEqual([
      'mesh',
      'kube-system',
      'kube-public',
    ]);
    expect(webhook.objectSelector.matchExpressions[0]).toMatchObject({
      operator: 'NotIn',
      values: ['false'],
    });
  });

  it('have the files that were given, and mount them', () => {
    const { of } = print([], 'global: { hub: mine }');
    expect(of('ConfigMap').data).toEqual({ values: 'global: { hub: mine }' });
    const { containers, volumes } = of('Deployment').spec.template.spec;
    expect(volumes.map(({ name }: { name: string }) => name)).toEqual(['certs', 'inject']);
    expect(containers[0].volumeMounts[1]).toMatchObject({ mountPath: '/etc/istio/inject' });
  });

  it('may write to no other webhook configuration', () => {
    expect(print().of('ClusterRole').rules).toEqual([
      {
        apiGroups: ['admissionregistration.k8s.io'],
        resources: ['mutatingwebhookconfigurations'],
        resourceNames: ['istio-sidecar-injector'],
        verbs: ['get', 'patch'],
      },
    ]);
  });
});
