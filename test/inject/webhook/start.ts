import { onTestFinished } from 'vitest';
import { type Injector, startInjector } from '../../../src/inject/webhook/injector.ts';
import { parseInjectorArgs } from '../../../src/inject/webhook/injector-args.ts';
import { type TestCertificates, testCertificates } from '../../bootstrap/test-certificates.ts';
import { recordingLogger } from '../../health/recording-logger.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { type Client, HOST, httpsClient } from './https-client.ts';

export interface Started {
  readonly injector: Injector;
  readonly client: Client;
  readonly certificates: TestCertificates;
  readonly folder: string;
  readonly log: ReturnType<typeof recordingLogger>;
}

/** The webhook on free ports with a certificate of its own, and a client for it; both are gone when the test is over. */
export async function startWebhook(
  args: (folder: string) => readonly string[] = () => [],
  prepared?: { readonly folder: string; readonly certificates: TestCertificates },
): Promise<Started> {
  const folder = prepared?.folder ?? (await tempFolder());
  const certificates = prepared?.certificates ?? (await testCertificates(folder, HOST));
  const parsed = parseInjectorArgs([
    ...['--port', '0', '--monitoringPort', '0'],
    ...['--tlsCertFile', certificates.cert, '--tlsKeyFile', certificates.key],
    ...args(folder),
  ]);
  if (parsed.kind === 'help') throw new Error('help');
  const log = recordingLogger();
  const injector = await startInjector({ options: parsed.options, log, configurations: undefined });
  onTestFinished(() => injector.close());
  const client = await httpsClient(injector.port, certificates.ca);
  onTestFinished(() => client.agent.destroy());
  return { injector, client, certificates, folder, log };
}

export function reviewOf(pod: unknown, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u-1', namespace: 'shop', object: pod, ...more },
  });
}
