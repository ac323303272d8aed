import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Container, Pod, Probe } from '../../../src/inject/kubernetes.ts';
import { makeFolder } from '../folder.ts';
import type { OnClose } from '../on-close.ts';
import type { PodNetwork } from '../pod-network.ts';
import { until } from '../until.ts';
import { type ContainerImage, type RunningContainer, startContainer } from './container.ts';
import { environmentOf, type PodStatus } from './environment.ts';
import { type ConfigMaps, makeVolumes, project } from './volumes.ts';

export interface KubeletOptions {
  readonly pod: Pod;
  readonly network: PodNetwork;
  /** Image name -> what is in it. */
  readonly images: (name: string) => ContainerImage;
  readonly configMaps: ConfigMaps;
}

export interface ProbeAnswer {
  readonly status: number;
  readonly body: string;
}

export interface RunningPod {
  container(name: string): RunningContainer;
  /** Does what a probe of a container says, once, from the node. */
  probe(container: string, which: 'readinessProbe' | 'livenessProbe' | 'startupProbe'): Promise<ProbeAnswer>;
  /** Writes other contents, of the same files, into the volumes that have a ConfigMap. */
  replaceConfigMap(name: string, files: Readonly<Record<string, string>>): Promise<void>;
  /** Ends it as kubelet does: `preStop` and SIGTERM, the containers first and then the sidecars. @returns exit codes */
  terminate(): Promise<Readonly<Record<string, number>>>;
}

const START_MS = 20_000;

/** Runs a pod, and nothing else of its cluster, as kubelet does: init containers one after the other, sidecars of both kinds. */
export async function runPod(onClose: OnClose, options: KubeletOptions): Promise<RunningPod> {
  const { pod, network, images, configMaps } = options;
  const status: PodStatus = {
    podIP: network.pod.ipv4,
    hostIP: network.node.ipv4,
    nodeName: 'node-1',
    allocatable: { cpu: '2', memory: '4Gi' },
  };
  const folder = await makeFolder(onClose);
  await mkdir(join(folder, 'volumes'));
  await mkdir(join(folder, 'shm'));
  await chmod(join(folder, 'shm'), 0o777);
  const volumes = await makeVolumes(join(folder, 'volumes'), pod, status, configMaps);
  const running = new Map<string, { readonly spec: Container; readonly container: RunningContainer }>();

  const start = async (spec: Container): Promise<RunningContainer> => {
    const own = join(folder, spec.name);
    await mkdir(own);
    const container = startContainer(onClose, {
      container: spec,
      image: images(spec.image ?? ''),
      network: network.pod,
      env: environmentOf(spec, pod, status),
      volumes,
      folder: own,
      shm: join(folder, 'shm'),
      dns: `nameserver ${status.hostIP}\\nsearch ${pod.metadata.namespace}.svc.cluster.local\\noptions ndots:5\\n`,
    });
    running.set(spec.name, { spec, container });
    const hook = spec.lifecycle?.postStart?.['exec'] as { readonly command: readonly string[] } | undefined;
    if (hook) await saying(container, container.exec(hook.command));
    return container;
  };
  const find = (name: string) => {
    const found = running.get(name);
    if (found === undefined) throw new Error(`there is no container ${name}`);
    return found;
  };
  const probe: RunningPod['probe'] = (name, which) =>
    ask(options.network, status.podIP, find(name).spec[which] ?? undefined);
  const passes = (name: string, which: 'readinessProbe' | 'startupProbe') =>
    until(`the ${which} of ${name} passes`, async () => isGood(await probe(name, which)), START_MS);

  for (const spec of pod.spec.initContainers ?? []) {
    const container = await start(spec);
    if (spec['restartPolicy'] !== 'Always') {
      const code = await container.exited;
      if (code !== 0) throw new Error(`${spec.name} has left with ${code}:\n${container.output()}`);
    } else if (spec.startupProbe) await saying(container, passes(spec.name, 'startupProbe'));
  }
  for (const spec of pod.spec.containers ?? []) await start(spec);
  for (const [name, { spec, container }] of running) {
    if (spec.readinessProbe) await saying(container, passes(name, 'readinessProbe'));
  }
  return {
    container: (name) => find(name).container,
    probe,
    replaceConfigMap: async (name, files) => {
      const { volumes: all } = pod.spec;
      const mounted = (all ?? []).filter(
        ({ configMap }) => (configMap as { readonly name?: string } | undefined)?.name === name,
      );
      for (const volume of mounted) await project(volumes[volume.name] ?? '', files);
    },
    terminate: async () => {
      const codes: Record<string, number> = {};
      const end = async ({ name, lifecycle }: Container) => {
        const { container } = find(name);
        const hook = lifecycle?.preStop?.['exec'] as { readonly command: readonly string[] } | undefined;
        if (hook) await container.exec(hook.command);
        container.signal('SIGTERM');
        codes[name] = await container.exited;
      };
      await Promise.all((pod.spec.containers ?? []).map(end));
      const sidecars = (pod.spec.initContainers ?? []).filter((spec) => spec['restartPolicy'] === 'Always');
      for (const spec of sidecars.toReversed()) await end(spec);
      return codes;
    },
  };
}

/** As kubelet: any status from 200 on and below 400. */
export function isGood({ status }: ProbeAnswer): boolean {
  return status >= 200 && status < 400;
}

async function ask({ node }: PodNetwork, podIP: string, probe: Probe | undefined): Promise<ProbeAnswer> {
  const { httpGet, timeoutSeconds } = probe ?? {};
  if (!httpGet) throw new Error('this kubelet only asks by HTTP');
  const { scheme, host, port, path, httpHeaders } = httpGet;
  const url = `${(scheme || 'HTTP').toLowerCase()}://${host || podIP}:${port}${path || '/'}`;
  const headers = (httpHeaders ?? []).flatMap(({ name, value }) => ['-H', `${name}: ${value}`]);
  const command = node.enter('curl', '-sk', '--max-time', `${timeoutSeconds ?? 1}`, '-w', '\n%{http_code}');
  const [file, ...args] = [...command, ...headers, url] as [string, ...string[]];
  const { stdout } = await execa(file, args, { reject: false });
  const at = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at) };
}

async function saying<T>(container: RunningContainer, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(`the container says:\n${container.output().slice(-8_000)}`, { cause: error });
  }
}
