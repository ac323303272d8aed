import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempFolder } from './temp-folder.ts';

export interface MeshFolder {
  readonly folder: string;
  /** Saves a file as an editor does. */
  write(name: string, ...documents: readonly string[]): Promise<void>;
}

/** A folder for `--meshDir`, gone when the test is over. */
export async function meshFolder(files: Readonly<Record<string, string>>): Promise<MeshFolder> {
  const folder = join(await tempFolder(), 'mesh');
  await mkdir(folder);
  const write = async (name: string, ...documents: readonly string[]) => {
    await writeFile(join(folder, `.${name}.new`), documents.join('\n---\n'));
    await rename(join(folder, `.${name}.new`), join(folder, name));
  };
  for (const [name, text] of Object.entries(files)) await write(name, text);
  return { folder, write };
}

export interface ServiceParts {
  readonly name: string;
  readonly namespace?: string;
  readonly address?: string;
  /** Name of the port -> number of the service's and of the endpoint's. */
  readonly ports: Readonly<Record<string, readonly [number, number]>>;
  readonly endpoints?: readonly string[];
}

/** A Service and its Endpoints, which are on loopback unless told otherwise. */
export function service(parts: ServiceParts): string {
  const { name, namespace = 'default', address = '10.96.0.1', ports, endpoints = ['127.0.0.1'] } = parts;
  const list = Object.entries(ports);
  return `apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  clusterIP: ${address}
  ports: [${list.map(([port, [number, target]]) => `{name: ${port}, port: ${number}, targetPort: ${target}}`).join(', ')}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: ${name}, namespace: ${namespace}}
subsets:
- addresses: [${endpoints.map((ip) => `{ip: ${ip}}`).join(', ')}]
  ports: [${list.map(([port, [, target]]) => `{name: ${port}, port: ${target}}`).join(', ')}]`;
}

/** A Sidecar of every workload of the namespace. */
export function sidecar(spec: string, namespace = 'default'): string {
  return `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: ${namespace}}
spec:
${spec}`;
}
