import type { ProxySettings } from '../../../src/mesh/envoy/proxy-settings.ts';
import { DEFAULT_SETTINGS } from '../../../src/mesh/model/defaults.ts';

/** A captured proxy whose resources are complete in themselves. */
export function proxySettings(change: Partial<ProxySettings> = {}): ProxySettings {
  return {
    ...DEFAULT_SETTINGS,
    interception: 'REDIRECT',
    lowestPort: 0,
    routesIn: undefined,
    endpointsIn: undefined,
    ...change,
  };
}
