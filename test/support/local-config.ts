import { tempFolder } from './temp-folder.ts';
import { type LocalConfig, writeLocalConfig } from './xds-files.ts';

/** xDS files in a folder: an inbound listener on `inboundPort` that leads to an application on `appPort`. */
export async function localConfig(inboundPort: number, appPort: number): Promise<LocalConfig> {
  return writeLocalConfig(await tempFolder(), inboundPort, appPort);
}
