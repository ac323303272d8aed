/** What the sidecar mounts, and where it comes from. A mount without its volume, or the other way round, is refused by Kubernetes. */
import type { Volume, VolumeMount } from '../kubernetes.ts';
import { lightstepFolder, type TemplateInput, userVolumeMounts, userVolumes, written } from './input.ts';

const SECRETS = '/var/run/secrets';

export interface Volumes {
  readonly volumes: readonly Volume[];
  readonly mounts: readonly VolumeMount[];
}

/** A volume and where it is mounted, when there is a reason for it. */
interface Entry {
  readonly volume: Volume;
  readonly mountPath: string;
  readonly readOnly?: true;
}

/** In 1.5 and in 1.30 the same volumes come in different orders. */
export function volumes15(input: TemplateInput): Volumes {
  const [certificate, override, jwt, certs, lightstep] = conditional(input);
  const envoy = envoyFolder();
  const info = podInfo('podinfo');
  return together(
    [override, envoy, info, jwt, certificate, certs],
    [certificate, override, envoy, jwt, certs, info, lightstep],
    lightstep,
    input,
  );
}

export function volumes130(input: TemplateInput): Volumes {
  const [certificate, override, jwt, certs, lightstep] = conditional(input);
  const envoy = envoyFolder();
  const info = podInfo('istio-podinfo');
  const data: Entry = { volume: { name: 'istio-data', emptyDir: {} }, mountPath: '/var/lib/istio/data' };
  const sockets: readonly Entry[] = [
    empty('workload-socket', 'workload-spiffe-uds'),
    empty('credential-socket', 'credential-uds'),
    empty('workload-certs', 'workload-spiffe-credentials'),
  ];
  const revoked: Entry | undefined = certificate && {
    volume: { name: 'istio-ca-crl', configMap: { name: 'istio-ca-crl', optional: true } },
    mountPath: `${SECRETS}/istio/crl`,
  };
  return together(
    [...sockets, override, envoy, data, info, jwt, certificate, revoked, certs],
    [...sockets, certificate, revoked, data, override, envoy, jwt, certs, info, lightstep],
    lightstep,
    input,
  );
}

function together(
  volumes: readonly (Entry | undefined)[],
  mounts: readonly (Entry | undefined)[],
  last: Entry | undefined,
  input: TemplateInput,
): Volumes {
  return {
    volumes: [...volumes.flatMap(volumeOf), ...userVolumes(input), ...volumeOf(last)],
    mounts: [...mounts.flatMap(mountOf), ...userVolumeMounts(input)],
  };
}

const volumeOf = (entry: Entry | undefined) => (entry === undefined ? [] : [entry.volume]);
const mountOf = (entry: Entry | undefined) =>
  entry === undefined
    ? []
    : [
        {
          name: entry.volume.name,
          mountPath: entry.mountPath,
          ...(entry.readOnly ? { readOnly: true } : {}),
        },
      ];

/** Root certificate, bootstrap override, token, mTLS certificates, lightstep's certificate. */
function conditional(input: TemplateInput): readonly (Entry | undefined)[] {
  const { values, pod } = input;
  const override = written(input, 'bootstrapOverride');
  const lightstep = lightstepFolder(input);
  const account = pod.spec.serviceAccountName || 'default';
  return [
    values.pilotCertProvider === 'istiod'
      ? {
          volume: { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
          mountPath: `${SECRETS}/istio`,
        }
      : undefined,
    override === undefined
      ? undefined
      : {
          volume: { name: 'custom-bootstrap-volume', configMap: { name: override } },
          mountPath: '/etc/istio/custom-bootstrap',
        },
    values.jwtPolicy === 'third-party-jwt'
      ? { volume: token(values.tokenAudience), mountPath: `${SECRETS}/tokens` }
      : undefined,
    values.mountMtlsCerts
      ? {
          volume: { name: 'istio-certs', secret: { optional: true, secretName: `istio.${account}` } },
          mountPath: '/etc/certs/',
          readOnly: true,
        }
      : undefined,
    lightstep === undefined
      ? undefined
      : {
          volume: { name: 'lightstep-certs', secret: { optional: true, secretName: 'lightstep.cacert' } },
          mountPath: lightstep,
          readOnly: true,
        },
  ];
}

function envoyFolder(): Entry {
  return { volume: { name: 'istio-envoy', emptyDir: { medium: 'Memory' } }, mountPath: '/etc/istio/proxy' };
}

function empty(name: string, folder: string): Entry {
  return { volume: { name, emptyDir: {} }, mountPath: `${SECRETS}/${folder}` };
}

/** The pod's labels and annotations, as the agent reads them. */
function podInfo(name: string): Entry {
  const item = (path: string) => ({ path, fieldRef: { fieldPath: `metadata.${path}` } });
  const items = [item('labels'), item('annotations')];
  return { volume: { name, downwardAPI: { items } }, mountPath: '/etc/istio/pod' };
}

function token(audience: string): Volume {
  const serviceAccountToken = { path: 'istio-token', expirationSeconds: 43200, audience };
  return { name: 'istio-token', projected: { sources: [{ serviceAccountToken }] } };
}
