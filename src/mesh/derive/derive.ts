/** The door of this folder: from a folder of YAML to the files that Envoy reads. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, toError } from '../../platform/errors.ts';
import { inotifyInstances } from '../../platform/inotify.ts';
import { lowestPort } from '../../platform/lowest-port.ts';
import { readMeshSettings } from '../decode/mesh-config.ts';
import { discoveredPorts } from '../envoy/clusters.ts';
import type { ProxySettings } from '../envoy/proxy-settings.ts';
import { planFor, type Resources, resourcesOf, sharedRoutes } from '../envoy/resources.ts';
import { readFolder } from '../load/files.ts';
import { createMeshLoader, type MeshLoader } from '../load/load.ts';
import { describeFinding } from '../model/finding.ts';
import type { MeshModel } from '../model/mesh.ts';
import { describeOrigin } from '../model/origin.ts';
import type { MeshSettings } from '../model/settings.ts';
import { proxyView } from '../view/proxy-view.ts';
import type { ProxyView } from '../view/view.ts';
import { chooseDelivery, type Delivery, filesThatFit, tooManyFiles, xdsFiles } from './delivery.ts';
import { ownWorkload } from './own-workload.ts';
import { recentEndpoints } from './recent-endpoints.ts';
import { createRememberingLoader } from './remembering-loader.ts';
import type { DeriveReport, DeriveRequest } from './request.ts';
import { writeFiles } from './write-files.ts';

const MEMORY = '.memory';

/**
 * Reads the mesh, derives what one proxy gets of it, and writes what has changed. Where something is wrong with a file nothing is
 * written.
 * @param build names the program, for what it remembers of the files on disk; undefined: nothing is remembered
 * @throws Error when the files cannot be written
 */
export async function derive(request: DeriveRequest, build?: string): Promise<DeriveReport> {
  const { proxy, xdsDir } = request;
  const loader = createRememberingLoader(join(xdsDir, MEMORY), build);
  const loaded = await loadMesh(request, loader);
  if (loaded.kind === 'broken') return loaded;
  const { model, settings, warnings } = loaded;
  const view = proxyView(model, settings, ownWorkload(model, proxy));
  const maxFiles = request.maxFiles ?? filesThatFit(inotifyInstances());
  const { resources, left } = deliver(
    view,
    { ...settings, interception: proxy.interception, lowestPort: lowestPort() },
    xdsDir,
    maxFiles,
  );
  const { listeners, clusters, routes } = resources;
  const changed = writeFiles(xdsDir, xdsFiles(resources));
  // Envoy has its files by now.
  loader.save();
  return {
    kind: 'written',
    changed,
    counts: {
      services: view.services.length,
      endpoints: view.services.reduce((sum, { service }) => sum + service.endpoints.length, 0),
      listeners: listeners.length,
      clusters: clusters.length,
      routes: routes.length,
    },
    sidecar: describeSidecar(view),
    warnings: [
      ...warnings,
      ...view.notes,
      ...resources.notes,
      ...(left === 0 ? [] : [tooManyFiles(left, maxFiles, process.getuid?.())]),
    ],
    maxFiles,
  };
}

/** The resources with as many files of their own as Envoy can watch. `left`: how many it would have been, if it cannot. */
function deliver(
  view: ProxyView,
  settings: Omit<ProxySettings, keyof Delivery>,
  xdsDir: string,
  maxFiles: number,
): { readonly resources: Resources; readonly left: number } {
  const plan = planFor(view, settings);
  const ports = discoveredPorts(view, settings);
  const files = { routes: sharedRoutes(plan).length, endpoints: ports.length };
  const some = (room: number) => recentEndpoints(xdsDir, ports, room);
  const delivery = chooseDelivery(xdsDir, files, maxFiles, some);
  const all = files.routes + files.endpoints;
  const resources = resourcesOf(plan, view, { ...settings, ...delivery });
  return { resources, left: all <= maxFiles ? 0 : all };
}

type Loaded =
  | {
      readonly kind: 'sound';
      readonly model: MeshModel;
      readonly settings: MeshSettings;
      readonly warnings: readonly string[];
    }
  | Extract<DeriveReport, { kind: 'broken' }>;

/** The mesh and its settings, or everything that is wrong with them. */
export async function loadMesh(
  request: Pick<DeriveRequest, 'meshDir' | 'meshConfigFile' | 'tracing'> & {
    readonly proxy: Pick<DeriveRequest['proxy'], 'domain'>;
  },
  loader: MeshLoader = createMeshLoader(),
): Promise<Loaded> {
  const { meshDir, meshConfigFile, proxy } = request;
  const config = await readMeshConfig(meshConfigFile);
  if (typeof config === 'string') return { kind: 'broken', errors: [config], warnings: [] };
  const read = readMeshSettings(config, proxy.domain);
  const name = (message: string) => `${meshConfigFile}: ${message}`;
  const settings = {
    ...read.settings,
    ...(request.tracing === undefined ? {} : { tracing: request.tracing }),
  };
  try {
    const loaded = await loader.load(await readFolder(meshDir), settings);
    const of = (severity: 'error' | 'warning') =>
      loaded.findings.filter((each) => each.severity === severity).map(describeFinding);
    const errors = [...read.problems.map(name), ...of('error')];
    const warnings = [...read.warnings.map(name), ...of('warning')];
    return errors.length > 0
      ? { kind: 'broken', errors, warnings }
      : { kind: 'sound', model: loaded.model, settings, warnings };
  } catch (thrown) {
    const reason = errorCode(thrown) ?? toError(thrown).message;
    const error = `--meshDir ${meshDir}: cannot be read by user ${process.getuid?.()}: ${reason}; name a folder that it can read`;
    return { kind: 'broken', errors: [error], warnings: [] };
  }
}

/** The mesh config as an object, empty when there is no such file; text: what is wrong with it. */
async function readMeshConfig(path: string): Promise<Readonly<Record<string, unknown>> | string> {
  if (path === '') return {};
  try {
    const text = await readFile(path, 'utf8');
    const { parse } = await import('yaml');
    const value: unknown = parse(text) ?? {};
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return `${path}: holds no object`;
    return value as Readonly<Record<string, unknown>>;
  } catch (thrown) {
    if (errorCode(thrown) === 'ENOENT') return {};
    return `${path}: ${toError(thrown).message.split('\n')[0]}`;
  }
}

function describeSidecar({ sidecar: choice }: ProxyView): string {
  if (choice.kind === 'built-in') return '';
  const { namespace, name, origin } = choice.sidecar;
  return `${namespace}/${name} (${describeOrigin(origin)})`;
}
