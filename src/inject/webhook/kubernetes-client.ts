/** `WebhookConfigurations` by the client library of Kubernetes, which is loaded here and nowhere else. */
import { STATUS_CODES } from 'node:http';
import type * as Client from '@kubernetes/client-node';
import { EnvironmentError, toError } from '../../platform/errors.ts';
import { isObject } from '../json.ts';
import type { WebhookConfigurations } from './ca-bundle.ts';

/** How to get to a cluster. */
export type ClusterAccess =
  | { readonly kind: 'kubeconfig'; readonly file: string }
  /** The service account of this pod; `root` is put before the paths of its files, for tests. */
  | { readonly kind: 'pod'; readonly root?: string };

/**
 * @throws EnvironmentError when the library is not there, or there is no cluster
 */
export async function connectToCluster(access: ClusterAccess): Promise<WebhookConfigurations> {
  const library = await load();
  const config = new library.KubeConfig();
  try {
    if (access.kind === 'pod') config.loadFromCluster(access.root);
    else config.loadFromFile(access.file);
    if (config.getCurrentCluster() === null) throw new Error('it names no current cluster');
  } catch (thrown) {
    const source = access.kind === 'pod' ? 'the service account' : `--kubeconfig ${access.file}`;
    throw new EnvironmentError(`${source}: no cluster: ${toError(thrown).message}`);
  }
  const api = config.makeApiClient(library.AdmissionregistrationV1Api);
  return {
    read: async (name, signal) => {
      const found = await answerOf(
        api.readMutatingWebhookConfiguration({ name }, withSignal(library, signal)),
        signal,
      );
      return (found.webhooks ?? []).map((entry) => ({
        name: entry.name,
        caBundle: entry.clientConfig.caBundle,
      }));
    },
    write: async (name, entries, signal) => {
      // Entries of the list are told apart by their names: others stay as they are.
      const webhooks = entries.map((entry) => ({
        name: entry.name,
        clientConfig: { caBundle: entry.caBundle },
      }));
      const options = withSignal(library, signal, library.PatchStrategy.StrategicMergePatch);
      await answerOf(api.patchMutatingWebhookConfiguration({ name, body: { webhooks } }, options), signal);
    },
  };
}

async function load(): Promise<typeof Client> {
  try {
    return await import('@kubernetes/client-node');
  } catch (thrown) {
    throw new EnvironmentError(
      `@kubernetes/client-node cannot be loaded (${toError(thrown).message.split('\n')[0]}); set caBundle by hand and give --reconcileWebhookConfig=false`,
    );
  }
}

/** Ends the request with the signal, and says of which type the patch is: the library takes it for a JSON patch. */
function withSignal(
  { Observable }: typeof Client,
  signal: AbortSignal,
  contentType?: string,
): Client.ConfigurationOptions {
  return {
    middlewareMergeStrategy: 'append',
    middleware: [
      {
        pre: (request) => {
          request.setSignal(signal);
          if (contentType !== undefined) request.setHeaderParam('Content-Type', contentType);
          return new Observable(Promise.resolve(request));
        },
        post: (response) => new Observable(Promise.resolve(response)),
      },
    ],
  };
}

/** @throws Error with what the API server says, in one line, or with the reason of the signal */
async function answerOf<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  let cancel = () => {};
  // A program that a kubeconfig names for credentials runs before the request, and knows nothing of the signal.
  const cancelled = new Promise<never>((_, reject) => {
    cancel = () => reject(toError(signal.reason));
    signal.addEventListener('abort', cancel, { once: true });
  });
  try {
    return await Promise.race([call, cancelled]);
  } catch (thrown) {
    if (signal.aborted) throw toError(signal.reason);
    const { code, body } = thrown as { readonly code?: unknown; readonly body?: unknown };
    throw typeof code === 'number'
      ? new Error(`HTTP ${code}: ${reasonIn(body) || STATUS_CODES[code]}`)
      : toError(thrown);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

const LONGEST_REASON = 300;

/** The message of a Status, or what there is; empty when there is nothing (401). */
function reasonIn(body: unknown): string {
  let status: unknown = body;
  try {
    if (typeof body === 'string') status = JSON.parse(body);
  } catch {
    // Not from the API server itself: a proxy in between, perhaps.
  }
  const message = isObject(status) && typeof status['message'] === 'string' ? status['message'] : body;
  const text = typeof message === 'string' ? message : message === undefined ? '' : JSON.stringify(message);
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, LONGEST_REASON);
}
