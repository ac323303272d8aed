/** Whether routes and endpoints get files of their own. */
import { fileName } from '../envoy/names.ts';
import type { ProxySettings } from '../envoy/proxy-settings.ts';
import type { Resources } from '../envoy/resources.ts';

export const ROUTES_FOLDER = 'rds';
export const ENDPOINTS_FOLDER = 'eds';

/** Which folders to use. */
export type Delivery = Pick<ProxySettings, 'routesIn' | 'endpointsIn'>;

/**
 * Files for routes and endpoints where there is room for all of them, else for the routes, else for none: a change of what has no
 * file is one of the listener or cluster that holds it.
 * @returns with it how many files there would be, where they do not fit; 0 where they do
 */
export function chooseDelivery(
  xdsDir: string,
  wanted: { readonly routes: number; readonly endpoints: number },
  maxFiles: number,
): { readonly delivery: Delivery; readonly left: number } {
  const all = wanted.routes + wanted.endpoints;
  const left = all <= maxFiles ? 0 : all;
  return {
    delivery: {
      routesIn: wanted.routes <= maxFiles ? `${xdsDir}/${ROUTES_FOLDER}` : undefined,
      endpointsIn: left === 0 ? `${xdsDir}/${ENDPOINTS_FOLDER}` : undefined,
    },
    left,
  };
}

/**
 * How many files Envoy may watch. Each of its subscriptions is an inotify instance, of which a user has few, and when there is none
 * left Envoy aborts. A third, for during a hot restart up to three Envoys watch the same files.
 */
export function filesThatFit({ limit, used }: { readonly limit: number; readonly used: number }): number {
  return Math.max(0, Math.floor((limit - used - RESERVE) / 3));
}

/** For the agent, Envoy's own files, and whoever else is that user. */
const RESERVE = 16;

export function tooManyFiles(files: number, maxFiles: number, uid: number | undefined): string {
  return (
    `this mesh needs ${files} files that Envoy watches, each with an inotify instance of its own, and user ${uid} has room for ${maxFiles}: ` +
    'endpoints are written into cds.json, and a change of one makes Envoy read all clusters again; ' +
    `sysctl fs.inotify.max_user_instances=${(files + RESERVE) * 3 + RESERVE} makes room`
  );
}

export interface XdsFile {
  /** Relative to the folder. */
  readonly path: string;
  readonly resources: readonly object[];
}

export const LDS_FILE = 'lds.json';
export const CDS_FILE = 'cds.json';

/** In the order in which they are to be written: what is referred to comes before what refers to it. */
export function xdsFiles({ listeners, clusters, routes, endpoints }: Resources): readonly XdsFile[] {
  return [
    ...endpoints.map((each) => ({
      path: `${ENDPOINTS_FOLDER}/${fileName(each.cluster_name)}`,
      resources: [each],
    })),
    { path: CDS_FILE, resources: clusters },
    ...routes.map((each) => ({ path: `${ROUTES_FOLDER}/${fileName(each.name)}`, resources: [each] })),
    { path: LDS_FILE, resources: listeners },
  ];
}
