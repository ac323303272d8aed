import { chmod, mkdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../../src/inject/kubernetes.ts';
import { fieldOf, type PodStatus } from './environment.ts';

/** What is in the cluster besides the pod: name of a ConfigMap -> its files. */
export type ConfigMaps = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface Source {
  readonly emptyDir?: object;
  readonly configMap?: { readonly name: string; readonly optional?: boolean };
  readonly secret?: { readonly secretName: string; readonly optional?: boolean };
  readonly downwardAPI?: {
    readonly items: readonly { readonly path: string; readonly fieldRef: { readonly fieldPath: string } }[];
  };
  readonly projected?: {
    readonly sources: readonly { readonly serviceAccountToken?: { readonly path: string } }[];
  };
}

/**
 * Makes the volumes of a pod as folders.
 * @returns name of the volume -> folder
 * @throws Error for what is not in the cluster, as a pod would wait for it for ever
 */
export async function makeVolumes(
  folder: string,
  pod: Pod,
  status: PodStatus,
  configMaps: ConfigMaps,
): Promise<Readonly<Record<string, string>>> {
  const made: Record<string, string> = {};
  for (const { name, ...source } of pod.spec.volumes ?? []) {
    const place = join(folder, name);
    await mkdir(place);
    const files = filesOf(name, source as Source, pod, status, configMaps);
    if (files === undefined) await chmod(place, 0o777);
    else await project(place, files);
    made[name] = place;
  }
  return made;
}

/** Undefined: an empty folder that the containers write in. */
function filesOf(
  name: string,
  { emptyDir, configMap, secret, downwardAPI, projected }: Source,
  pod: Pod,
  status: PodStatus,
  configMaps: ConfigMaps,
): Readonly<Record<string, string>> | undefined {
  if (emptyDir) return undefined;
  if (configMap) {
    const files = configMaps[configMap.name] ?? (configMap.optional ? {} : undefined);
    if (files === undefined) throw new Error(`there is no ConfigMap ${configMap.name}`);
    return files;
  }
  if (secret?.optional) return {};
  if (downwardAPI) {
    return Object.fromEntries(
      downwardAPI.items.map(({ path, fieldRef }) => [path, fieldOf(fieldRef.fieldPath, pod, status)]),
    );
  }
  if (projected) {
    const tokens = projected.sources.flatMap(({ serviceAccountToken }) => serviceAccountToken ?? []);
    return Object.fromEntries(tokens.map(({ path }) => [path, 'a.token.of-the-test']));
  }
  throw new Error(`volume ${name}: this kubelet does not know it`);
}

/** Files behind two links, so that all of them can be replaced at once; those that are there already are. */
export async function project(place: string, files: Readonly<Record<string, string>>): Promise<void> {
  const before = await readlink(join(place, '..data')).catch(() => undefined);
  const version = `..2026_01_01_00_00_00.${Math.random()}`;
  await mkdir(join(place, version));
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(place, version, name), text, { mode: 0o644 });
    if (before === undefined) await symlink(join('..data', name), join(place, name));
  }
  await symlink(version, join(place, '..data_tmp'));
  await rename(join(place, '..data_tmp'), join(place, '..data'));
  if (before !== undefined) await rm(join(place, before), { recursive: true });
}
