import { type Millis, millis } from '../platform/duration.ts';
import { errorCode, toError } from '../platform/errors.ts';
import type { Readiness } from './readiness.ts';

/** What readiness needs of Envoy's admin interface. */
export interface AdminReader {
  get(
    path: string,
    deadline: Millis,
    signal?: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: string }>;
}

/** Where Envoy's listeners and clusters come from; a message that says what is missing says from where. */
export type ConfigSource =
  | { readonly kind: 'xds'; readonly address: string }
  | { readonly kind: 'files'; readonly folder: string };

/** Under kubelet's default probe timeout of 1 s, so that the reason arrives before kubelet gives up. */
export const READINESS_DEADLINE = millis(800);

const FILTER =
  '^(cluster_manager\\.cds\\.update_(success|rejected|failure)|listener_manager\\.lds\\.update_(success|rejected|failure)' +
  '|listener_manager\\.workers_started|server\\.(live|state))$';
const STATS_PATH = `/stats?filter=${encodeURIComponent(FILTER)}`;
const STATES: Readonly<Record<string, string>> = {
  '0': 'LIVE',
  '1': 'DRAINING',
  '2': 'PRE_INITIALIZING',
  '3': 'INITIALIZING',
};

/** Asks Envoy once whether it serves. Never throws, remembers nothing: an Envoy that hangs now is not ready now. */
export async function askEnvoy(
  admin: AdminReader,
  source: ConfigSource,
  deadline: Millis = READINESS_DEADLINE,
  signal?: AbortSignal,
): Promise<Readiness> {
  try {
    const { status, body } = await admin.get(STATS_PATH, deadline, signal);
    if (status === 200) return interpretStats(body, source);
    return { ready: false, reason: `Envoy's admin interface answered ${status}` };
  } catch (thrown) {
    return { ready: false, reason: describeFailure(toError(thrown), deadline) };
  }
}

function describeFailure(error: Error, deadline: Millis): string {
  if (error.name === 'TimeoutError')
    return `Envoy does not answer on its admin interface within ${deadline} ms`;
  if (errorCode(error) === 'ECONNREFUSED')
    return `Envoy is not running or not yet listening: ${error.message}`;
  return `Envoy's admin interface cannot be asked: ${error.message}`;
}

/**
 * Reads Envoy's `/stats` (pilot-agent-1.30.md §4.3). A discovery service that the bootstrap does not use has no stats
 * and is not waited for; one in use has them from the start, at zero. `server.live` and `workers_started` change at once;
 * `server.state` only with each flush of stats (5 s), and says LIVE before the first: it counts only where `live` is left out.
 */
export function interpretStats(text: string, source: ConfigSource): Readiness {
  const stats = parseStats(text);
  const cds = updates(stats, 'cluster_manager.cds', source);
  const lds = updates(stats, 'listener_manager.lds', source);
  const wanted = [cds, lds].filter((service) => service !== undefined);
  const counts = `cds updates: ${describeUpdates(cds)}; lds updates: ${describeUpdates(lds)}`;
  if (wanted.some(({ success }) => success === 0)) {
    return { ready: false, reason: `${describeMissing(wanted, source)}: ${counts}${origin(source)}` };
  }
  const reason = describeState(stats);
  if (reason !== undefined) return { ready: false, reason };
  if (wanted.every(({ rejected }) => rejected === 0)) return { ready: true };
  return {
    ready: true,
    note: `config updates were rejected since Envoy started: ${counts}${origin(source)}`,
  };
}

interface Updates {
  readonly success: number;
  readonly rejected: number;
}

function parseStats(text: string): ReadonlyMap<string, number> {
  const stats = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^([^:\s]+):\s*(\d+)\s*$/.exec(line) ?? [];
    if (name !== undefined) stats.set(name, Number(value));
  }
  return stats;
}

/**
 * A file that is no YAML or JSON at all counts as a failure with Envoy, and is as good as rejected where nothing came before it;
 * afterwards it may have been an editor that moves the old file away first. Failures of a control plane are lost connections.
 */
function updates(
  stats: ReadonlyMap<string, number>,
  service: string,
  source: ConfigSource,
): Updates | undefined {
  const success = stats.get(`${service}.update_success`);
  const rejected = stats.get(`${service}.update_rejected`);
  if (success === undefined && rejected === undefined) return undefined;
  const broken = source.kind === 'files' && !success ? (stats.get(`${service}.update_failure`) ?? 0) : 0;
  return { success: success ?? 0, rejected: (rejected ?? 0) + broken };
}

function describeUpdates(service: Updates | undefined): string {
  return service === undefined ? 'not used' : `${service.success} successful, ${service.rejected} rejected`;
}

/** The words before the colon are those of Istio: people search for them. */
function describeMissing(wanted: readonly Updates[], source: ConfigSource): string {
  const from = source.kind === 'xds' ? 'XDS server' : 'local files';
  if (wanted.some(({ rejected }) => rejected > 0)) return `config received from ${from}, but was rejected`;
  if (wanted.some(({ success }) => success > 0)) return `config not fully received from ${from}`;
  return source.kind === 'xds'
    ? 'config not received from XDS server (is Istiod running?)'
    : 'config not received from local files (are there any?)';
}

const origin = (source: ConfigSource) =>
  source.kind === 'xds' ? ` (from ${source.address})` : ` (from ${source.folder})`;

function describeState(stats: ReadonlyMap<string, number>): string | undefined {
  const live = stats.get('server.live');
  const state = stats.get('server.state');
  if (live === undefined && state === undefined) {
    return "server.state is not yet updated (Envoy's stats matcher must include the prefix server)";
  }
  if (live === 0) return 'server is not live, current state is: DRAINING';
  const workers = stats.get('listener_manager.workers_started');
  if (workers === undefined) {
    return "listener_manager.workers_started is not yet updated (Envoy's stats matcher must include the prefix listener_manager)";
  }
  if (live === undefined && state !== 0) {
    return `server is not live, current state is: ${STATES[String(state)] ?? state}`;
  }
  return workers === 0 ? 'workers have not yet started' : undefined;
}
