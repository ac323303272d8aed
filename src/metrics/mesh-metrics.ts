import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import type Registry from 'prom-client/lib/registry.js';

/** What the agent counts of `--meshDir`. */
export interface MeshMetrics {
  /** A change of the folder: `written`, `unchanged`, `broken`, `failed`. */
  count(result: 'written' | 'unchanged' | 'broken' | 'failed'): void;
  setBroken(broken: boolean): void;
  setCounts(counts: Readonly<Record<(typeof COUNTED)[number], number>>): void;
}

const COUNTED = ['services', 'endpoints', 'listeners', 'clusters', 'routes'] as const;

/** Registers the families; without `--meshDir` there are none. */
export function createMeshMetrics(registry: Registry): MeshMetrics {
  const registers = [registry];
  const updates = new Counter({
    name: 'istio_agent_mesh_updates_total',
    help: 'Times that the mesh was derived from its folder, by result.',
    labelNames: ['result'],
    registers,
  });
  const broken = new Gauge({
    name: 'istio_agent_mesh_broken',
    help: 'Whether the files of the mesh have an error, so that an older configuration is in force.',
    registers,
  });
  const resources = new Gauge({
    name: 'istio_agent_mesh_resources',
    help: 'What the proxy has of the mesh, by kind.',
    labelNames: ['kind'],
    registers,
  });
  return {
    count: (result) => updates.inc({ result }),
    setBroken: (isBroken) => broken.set(isBroken ? 1 : 0),
    setCounts: (counts) => {
      for (const kind of COUNTED) resources.set({ kind }, counts[kind]);
    },
  };
}
