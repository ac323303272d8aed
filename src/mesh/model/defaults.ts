import { millis } from '../../platform/duration.ts';
import type { MeshSettings } from './settings.ts';

/** What is in force where the mesh config says nothing (Istio's own defaults). */
export const DEFAULT_SETTINGS: MeshSettings = {
  rootNamespace: 'istio-system',
  domain: 'cluster.local',
  outboundTrafficPolicy: 'ALLOW_ANY',
  defaultServiceExportTo: ['*'],
  accessLog: { kind: 'off' },
  tracing: { kind: 'off' },
  connectTimeout: millis(10_000),
  protocolDetectionTimeout: millis(100),
  outboundPort: 15_001,
  inboundPort: 15_006,
  httpProxyPort: 0,
};
