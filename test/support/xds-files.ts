import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cluster, inboundListener } from './xds-resources.ts';

export interface LocalConfig {
  readonly folder: string;
  /** Replaces a file by rename, as a Kubernetes volume or an editor does. */
  write(name: 'lds.yaml' | 'cds.yaml', content: unknown): Promise<void>;
}

/** xDS files in a new folder under `parent`: an inbound listener on `inboundPort` that leads to an application on `appPort`. */
export async function writeLocalConfig(
  parent: string,
  inboundPort: number,
  appPort: number,
): Promise<LocalConfig> {
  const folder = join(parent, 'xds');
  await mkdir(folder);
  const write = async (name: string, content: unknown) => {
    await writeFile(join(folder, `.${name}.new`), JSON.stringify(content));
    await rename(join(folder, `.${name}.new`), join(folder, name));
  };
  await write('cds.yaml', { resources: [cluster('app', appPort)] });
  await write('lds.yaml', { resources: [inboundListener(inboundPort, { cluster: 'app', timeout: '60s' })] });
  return { folder, write };
}
