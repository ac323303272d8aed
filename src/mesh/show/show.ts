import { InputError } from '../../platform/errors.ts';
import { loadMesh } from '../derive/derive.ts';
import { planFor, resourcesOf } from '../envoy/resources.ts';
import { describeOrigin } from '../model/origin.ts';
import { findWorkload, proxyView } from '../view/proxy-view.ts';
import { explain } from './explain.ts';
import { explainInbound } from './explain-inbound.ts';
import type { ShowOptions } from './show-args.ts';
import { renderExplanation, renderMesh } from './table.ts';

const MOST_NAMES = 10;

/**
 * What a sidecar of a mesh would get, as text.
 * @throws InputError with everything that is wrong with the mesh, or when it has no such workload
 */
export async function showMesh(options: ShowOptions): Promise<string> {
  const { meshDir, meshConfigFile, domain, interception, workload: name, output } = options;
  const loaded = await loadMesh({ meshDir, meshConfigFile, proxy: { domain }, tracing: undefined });
  if (loaded.kind === 'broken') throw new InputError(loaded.errors);
  const { model, settings: mesh, warnings } = loaded;
  const workload = findWorkload(model, name);
  if (workload === undefined) {
    const names = model.workloads.map((each) => `${each.name}.${each.namespace}`);
    const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
    const known =
      names.length === 0 ? 'it has none' : `it has ${names.slice(0, MOST_NAMES).join(', ')}${more}`;
    throw new InputError([`--for ${name}: the mesh has no such Pod or WorkloadEntry; ${known}`]);
  }
  const settings = { ...mesh, interception, lowestPort: 0, routesIn: 'rds', endpointsIn: 'eds' };
  const view = proxyView(model, settings, workload);
  const plan = planFor(view, settings);
  if (options.explain !== undefined) {
    const told =
      options.explain.direction === 'inbound'
        ? explainInbound(options.explain.port, { view, plan, settings })
        : explain(options.explain, { model, view, plan, settings });
    return output === 'json' ? json({ workload: name, ...told }) : renderExplanation(told, name);
  }
  const resources = resourcesOf(plan, view, settings);
  const notes = [...warnings, ...view.notes, ...resources.notes];
  if (output === 'table') return renderMesh(view, plan, settings, notes);
  const { sidecar } = view;
  return json({
    workload: { name: workload.name, namespace: workload.namespace, where: describeOrigin(workload.origin) },
    sidecar:
      sidecar.kind === 'built-in'
        ? null
        : {
            name: sidecar.sidecar.name,
            namespace: sidecar.sidecar.namespace,
            where: describeOrigin(sidecar.sidecar.origin),
          },
    listeners: resources.listeners,
    routes: resources.routes,
    clusters: resources.clusters,
    endpoints: resources.endpoints,
    warnings: notes,
  });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
