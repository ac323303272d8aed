/** Whether routes and endpoints get files of their own. */
import { fileName } from '../envoy/names.ts';
import type { ProxySettings } from '../envoy/proxy-settings.ts';
import type { Resources } from '../envoy/resources.ts';

export const ROUTES_FOLDER = 'rds';
export const ENDPOINTS_FOLDER = 'eds';

/** Which folders to use, and for what. */
export type Delivery = Pick<ProxySettings, 'routesIn' | 'endpointsIn' | 'endpointFiles'>;

/** How many files there are to be. */
export interface FileCounts {
  readonly routes: number;
  readonly endpoints: number;
}

/**
 * Files for all routes and endpoints where there is room; else for the routes, if there is, and for as many endpoints as remain. A change of
 * what has no file is one of the listener or cluster that holds it.
 * @param some which clusters get one of so many files, where not all can
 */
export function chooseDelivery(
  xdsDir: string,
  { routes, endpoints }: FileCounts,
  maxFiles: number,
  some: (room: number) => ReadonlySet<string>,
): Delivery {
  const [routesIn, endpointsIn] = [`${xdsDir}/${ROUTES_FOLDER}`, `${xdsDir}/${ENDPOINTS_FOLDER}`];
  if (routes + endpoints <= maxFiles) return { routesIn, endpointsIn };
  if (routes > maxFiles) return { routesIn: undefined, endpointsIn, endpointFiles: some(maxFiles) };
  return { routesIn, endpointsIn, endpointFiles: some(maxFiles - routes) };
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
    'only the endpoints that changed last have files; the first change of others makes Envoy read all clusters again; ' +
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
