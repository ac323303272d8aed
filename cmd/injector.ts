import { readFile } from 'node:fs/promises';
import { startInjector } from '../src/inject/webhook/injector.ts';
import {
  type InjectorOptions,
  injectorHelp,
  parseInjectorArgs,
} from '../src/inject/webhook/injector-args.ts';
import { connectToCluster } from '../src/inject/webhook/kubernetes-client.ts';
import { printManifests } from '../src/inject/webhook/manifests.ts';
import { type SourceFile, settingsLoader } from '../src/inject/webhook/sources.ts';
import { createLogger } from '../src/log/logger.ts';
import { toError } from '../src/platform/errors.ts';
import type { Logger } from '../src/platform/logger.ts';
import { print } from './print.ts';

const LAST_LINES_MS = 500;

/** `pilot-agent injector`: the webhook, until SIGTERM or SIGINT. */
export async function injector(argv: readonly string[]): Promise<number> {
  const parsed = parseInjectorArgs(argv);
  if (parsed.kind === 'help') {
    print(1, injectorHelp);
    return 0;
  }
  const { options } = parsed;
  if (options.printManifests) return manifests(options);
  const log = createLogger({ json: options.logAsJson, levels: { default: 'info' } });
  try {
    const running = await startInjector({
      options,
      log,
      configurations: await cluster(options, log),
    });
    const signal = await new Promise<string>((resolve) => {
      for (const each of ['SIGTERM', 'SIGINT']) process.once(each, () => resolve(each));
    });
    log.info(`${signal}: leaving`);
    await running.close();
    return 0;
  } finally {
    await log.flush(LAST_LINES_MS);
  }
}

/** Without a cluster, or without a way to it, the webhook runs all the same. */
async function cluster(options: InjectorOptions, log: Logger) {
  const inside = (process.env['KUBERNETES_SERVICE_HOST'] ?? '') !== '';
  const { kubeconfig: file, reconcileWebhookConfig } = options;
  if (!reconcileWebhookConfig || (!inside && file === undefined)) return undefined;
  try {
    return await connectToCluster(file === undefined ? { kind: 'pod' } : { kind: 'kubeconfig', file });
  } catch (thrown) {
    log.error(`The webhook configuration is not kept up to date: ${toError(thrown).message}`);
    return undefined;
  }
}

async function manifests(options: InjectorOptions): Promise<number> {
  const { files } = options;
  const settings = await settingsLoader(files, options.compat, options.nativeSidecars)();
  const read = ({ path }: SourceFile) => readFile(path, 'utf8').catch(() => undefined);
  const [mesh, config, values] = await Promise.all([
    read(files.mesh),
    read(files.inject),
    read(files.values),
  ]);
  return print(1, printManifests(options, settings, { mesh, config, values })) ? 0 : 1;
}
