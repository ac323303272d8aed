/** The door of this folder: what one sidecar sees of a mesh. */
import { isIPv6 } from 'node:net';
import type { MeshModel } from '../model/mesh.ts';
import type { MeshSettings } from '../model/settings.ts';
import { ALL_EGRESS, type SidecarSpec } from '../model/sidecar.ts';
import type { Workload } from '../model/workload.ts';
import { exposeServices } from './egress.ts';
import { inboundView, ipAddresses } from './inbound.ts';
import { selectSidecar } from './select.ts';
import type { PolicyInForce, ProxyView } from './view.ts';

/** What the sidecar of a workload is to be set up for. Pure: the same for the same, in whatever order files were read. */
export function proxyView(
  { services, sidecars }: MeshModel,
  { rootNamespace, outboundTrafficPolicy }: Pick<MeshSettings, 'rootNamespace' | 'outboundTrafficPolicy'>,
  workload: Workload,
): ProxyView {
  const { choice, notes } = selectSidecar(sidecars, rootNamespace, workload);
  const sidecar = choice.kind === 'built-in' ? undefined : choice.sidecar;
  const exposed = exposeServices(sidecar?.egress ?? [ALL_EGRESS], services, workload.namespace);
  const ips = ipAddresses(workload);
  return {
    workload,
    sidecar: choice,
    outboundTrafficPolicy: policyOf(sidecar, outboundTrafficPolicy),
    egress: exposed.egress,
    services: exposed.services,
    inbound: inboundView(services, workload, sidecar),
    localhost: ips.length > 0 && ips.every((ip) => isIPv6(ip)) ? '::1' : '127.0.0.1',
    notes: [...notes, ...exposed.notes],
  };
}

function policyOf(sidecar: SidecarSpec | undefined, mesh: PolicyInForce['mode']): PolicyInForce {
  const own = sidecar?.outboundTrafficPolicy;
  if (sidecar === undefined || own === undefined) {
    return { mode: mesh, egressProxy: undefined, origin: undefined };
  }
  return { ...own, origin: sidecar.origin };
}

/** The workload of `name.namespace`, as in node ids and `--for`; undefined when the mesh has none of that name. */
export function findWorkload({ workloads }: MeshModel, text: string): Workload | undefined {
  return workloads.find(({ name, namespace }) => `${name}.${namespace}` === text);
}
