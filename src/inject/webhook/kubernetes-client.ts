/** `WebhookConfigurations` by the client library of Kubernetes, which is loaded here and nowhere else. */
import { EnvironmentError, toError } from '../../platform/errors.ts';
import { isObject } from '../json.ts';
import type { WebhookConfigurations } from './ca-bundle.ts';

/** What is used of the library, version 1. */
interface ClientLibrary {
  readonly KubeConfig: new () => {
    loadFromFile(path: string): void;
    loadFromDefault(): void;
    makeApiClient(api: unknown): AdmissionApi;
  };
  readonly AdmissionregistrationV1Api: unknown;
  readonly PatchStrategy: { readonly StrategicMergePatch: string };
  setHeaderOptions(name: string, value: string): unknown;
}

interface AdmissionApi {
  readMutatingWebhookConfiguration(parameters: { readonly name: string }): Promise<unknown>;
  patchMutatingWebhookConfiguration(
    parameters: { readonly name: string; readonly body: unknown },
    options: unknown,
  ): Promise<unknown>;
}

/**
 * @param kubeconfig a file; undefined: the service account of the pod, or what kubectl would take
 * @throws EnvironmentError when the library is not there, or there is no cluster
 */
export async function connectToCluster(kubeconfig: string | undefined): Promise<WebhookConfigurations> {
  const library = await load();
  const config = new library.KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (thrown) {
    throw new EnvironmentError(`--kubeconfig: no cluster: ${toError(thrown).message}`);
  }
  const api = config.makeApiClient(library.AdmissionregistrationV1Api);
  return {
    read: async (name, signal) => {
      const found = await raceSignal(api.readMutatingWebhookConfiguration({ name }), signal);
      const webhooks = isObject(found) && Array.isArray(found['webhooks']) ? found['webhooks'] : [];
      return webhooks.filter(isObject).map((entry) => {
        const client = isObject(entry['clientConfig']) ? entry['clientConfig'] : {};
        const { caBundle } = client;
        return { name: String(entry['name']), caBundle: typeof caBundle === 'string' ? caBundle : undefined };
      });
    },
    write: async (name, entries, signal) => {
      // Entries of the list are told apart by their names: others stay as they are.
      const webhooks = entries.map((entry) => ({
        name: entry.name,
        clientConfig: { caBundle: entry.caBundle },
      }));
      const strategic = library.setHeaderOptions('Content-Type', library.PatchStrategy.StrategicMergePatch);
      await raceSignal(
        api.patchMutatingWebhookConfiguration({ name, body: { webhooks } }, strategic),
        signal,
      );
    },
  };
}

async function load(): Promise<ClientLibrary> {
  try {
    return (await import('@kubernetes/client-node')) as unknown as ClientLibrary;
  } catch (thrown) {
    throw new EnvironmentError(
      `@kubernetes/client-node cannot be loaded (${toError(thrown).message.split('\n')[0]}); set caBundle by hand and give --reconcileWebhookConfig=false`,
    );
  }
}

/** The library's calls take no signal: what comes too late is not waited for. */
function raceSignal<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(toError(signal.reason));
    signal.addEventListener('abort', late, { once: true });
    call.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}
