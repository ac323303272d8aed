import { stringify } from 'yaml';
import { type Fields, listOf } from '../json.ts';
import type { InjectionSettings } from '../settings.ts';
import { type Compat, IGNORED_NAMESPACES } from '../values.ts';
import type { InjectorOptions } from './injector-args.ts';

const NAME = 'istio-sidecar-injector';
const LABELS = { app: NAME };
const CERTS = '/etc/istio/certs';
const UID = 1337;

/** The texts of the configuration files, for the ConfigMap. */
export interface ManifestFiles {
  readonly mesh: string | undefined;
  readonly config: string | undefined;
  readonly values: string | undefined;
}

/** Everything that a cluster needs to run the webhook, as a stream of YAML documents for `kubectl apply`. */
export function printManifests(
  options: InjectorOptions,
  settings: InjectionSettings,
  files: ManifestFiles,
): string {
  const { namespace } = options;
  const meta = { name: NAME, namespace, labels: LABELS };
  const objects: readonly Fields[] = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta },
    ...roles(options),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: meta,
      data: Object.fromEntries(Object.entries(files).filter(([, text]) => text !== undefined)),
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta,
      spec: { selector: LABELS, ports: [{ name: 'https-webhook', port: 443, targetPort: options.port }] },
    },
    deployment(options, meta, files),
    webhookConfiguration(options, settings),
  ];
  const head = `# The Secret "${NAME}-certs" has to have cert-chain.pem, key.pem and root-cert.pem, for ${NAME}.${namespace}.svc.\n`;
  return (
    head +
    objects
      .map((object) => `---\n${stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })}`)
      .join('')
  );
}

/** It may read and patch its own webhook configuration, and nothing else. */
function roles({ namespace, webhookConfigName }: InjectorOptions): readonly Fields[] {
  const name = `${NAME}-${namespace}`;
  const group = 'rbac.authorization.k8s.io';
  return [
    {
      apiVersion: `${group}/v1`,
      kind: 'ClusterRole',
      metadata: { name, labels: LABELS },
      rules: [
        {
          apiGroups: ['admissionregistration.k8s.io'],
          resources: ['mutatingwebhookconfigurations'],
          resourceNames: [webhookConfigName],
          verbs: ['get', 'patch'],
        },
      ],
    },
    {
      apiVersion: `${group}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name, labels: LABELS },
      roleRef: { apiGroup: group, kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name: NAME, namespace }],
    },
  ];
}

function deployment(options: InjectorOptions, metadata: Fields, files: ManifestFiles): Fields {
  const { port, monitoringPort, image, compat, nativeSidecars, webhookConfigName, webhookName } = options;
  const probe = { httpGet: { path: '/healthz', port, scheme: 'HTTPS' } };
  const item = (key: string) => ({ key, path: key });
  const volume = (name: string, keys: readonly string[]) => ({
    name,
    configMap: { name: NAME, items: keys.map(item) },
  });
  const inject = [
    ...(files.config === undefined ? [] : ['config']),
    ...(files.values === undefined ? [] : ['values']),
  ];
  const mesh = files.mesh === undefined ? [] : ['mesh'];
  const args = [
    'injector',
    `--port=${port}`,
    `--monitoringPort=${monitoringPort ?? -1}`,
    `--compat=${compat}`,
    ...(nativeSidecars === undefined ? [] : [`--nativeSidecars=${nativeSidecars}`]),
    `--webhookConfigName=${webhookConfigName}`,
    `--webhookName=${webhookName}`,
    ...(options.reconcileWebhookConfig ? [] : ['--reconcileWebhookConfig=false']),
  ];
  const mounts = [
    { name: 'certs', mountPath: CERTS, readOnly: true },
    ...(mesh.length === 0 ? [] : [{ name: 'mesh', mountPath: '/etc/istio/config', readOnly: true }]),
    ...(inject.length === 0 ? [] : [{ name: 'inject', mountPath: '/etc/istio/inject', readOnly: true }]),
  ];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas: 2,
      selector: { matchLabels: LABELS },
      template: {
        metadata: {
          labels: { ...LABELS, 'sidecar.istio.io/inject': 'false' },
          annotations: { 'sidecar.istio.io/inject': 'false' },
        },
        spec: {
          serviceAccountName: NAME,
          securityContext: { runAsNonRoot: true, runAsUser: UID, runAsGroup: UID, fsGroup: UID },
          containers: [
            {
              name: 'injector',
              image,
              args,
              ports: [
                { name: 'https-webhook', containerPort: port },
                ...(monitoringPort === undefined
                  ? []
                  : [{ name: 'http-metrics', containerPort: monitoringPort }]),
              ],
              readinessProbe: { ...probe, periodSeconds: 5 },
              livenessProbe: { ...probe, periodSeconds: 10, failureThreshold: 6 },
              resources: { requests: { cpu: '50m', memory: '96Mi' } },
              securityContext: {
                allowPrivilegeEscalation: false,
                capabilities: { drop: ['ALL'] },
                readOnlyRootFilesystem: true,
              },
              volumeMounts: mounts,
            },
          ],
          volumes: [
            { name: 'certs', secret: { secretName: `${NAME}-certs` } },
            ...(mesh.length === 0 ? [] : [volume('mesh', mesh)]),
            ...(inject.length === 0 ? [] : [volume('inject', inject)]),
          ],
        },
      },
    },
  };
}

function webhookConfiguration(options: InjectorOptions, settings: InjectionSettings): Fields {
  const { namespace, webhookConfigName, webhookName, compat } = options;
  const { webhook } = settings.values;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: webhookConfigName, labels: LABELS },
    webhooks: [
      {
        name: webhookName,
        // The injector writes caBundle here.
        clientConfig: { service: { name: NAME, namespace, path: '/inject', port: 443 } },
        rules: [
          {
            operations: ['CREATE'],
            apiGroups: [''],
            apiVersions: ['v1'],
            resources: ['pods'],
            scope: 'Namespaced',
          },
        ],
        admissionReviewVersions: ['v1', 'v1beta1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        matchPolicy: 'Equivalent',
        timeoutSeconds: 10,
        namespaceSelector: namespaceSelector(webhook.enableNamespacesByDefault, namespace, compat),
        ...(webhook.objectSelectorEnabled
          ? { objectSelector: objectSelector(webhook.objectSelectorAutoInject) }
          : {}),
      },
    ],
  };
}

/** Never the injector's own namespace: with nobody to answer, it could not be created itself. */
function namespaceSelector(byDefault: boolean, namespace: string, compat: Compat): Fields {
  if (!byDefault) return { matchLabels: { 'istio-injection': 'enabled' } };
  const ignored = [...new Set([namespace, ...listOf(IGNORED_NAMESPACES[compat])])];
  return {
    matchExpressions: [
      { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ignored },
      { key: 'istio-injection', operator: 'NotIn', values: ['disabled'] },
      { key: 'istio-env', operator: 'DoesNotExist' },
      { key: 'istio.io/rev', operator: 'DoesNotExist' },
    ],
  };
}

function objectSelector(autoInject: boolean): Fields {
  const key = 'sidecar.istio.io/inject';
  return autoInject
    ? { matchExpressions: [{ key, operator: 'NotIn', values: ['false'] }] }
    : { matchLabels: { [key]: 'true' } };
}
