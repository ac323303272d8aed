/** Keeps the root certificate in the webhook configuration of the cluster what the file says. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Closable } from '../../platform/closable.ts';
import { watchContents } from '../../platform/content-watch.ts';
import { startDeadline } from '../../platform/deadline.ts';
import { type Millis, millis } from '../../platform/duration.ts';
import { toError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';

/** The little of the Kubernetes API that is needed. */
export interface WebhookConfigurations {
  /** The entries of a MutatingWebhookConfiguration. */
  read(name: string, signal: AbortSignal): Promise<readonly WebhookEntry[]>;
  /** Sets the certificate of these entries, and changes nothing else. */
  write(name: string, entries: readonly WebhookEntry[], signal: AbortSignal): Promise<void>;
}

export interface WebhookEntry {
  readonly name: string;
  /** Base64 of PEM. */
  readonly caBundle: string | undefined;
}

export interface CaBundleOptions {
  readonly caFile: string;
  readonly configName: string;
  /** An entry is meant when its name is this, or ends in a dot and this. */
  readonly webhookName: string;
  readonly configurations: WebhookConfigurations;
  readonly log: Logger;
  /** How long an attempt may take, how long to wait after a failed one, at first and at most, and how often to look for a drift. */
  readonly times?: {
    readonly attempt: Millis;
    readonly firstPause: Millis;
    readonly longestPause: Millis;
    readonly look: Millis;
  };
}

const TIMES = {
  attempt: millis(10_000),
  firstPause: millis(1_000),
  longestPause: millis(60_000),
  look: millis(60_000),
};

/**
 * Writes the certificate now, whenever its file changes, and whenever somebody else has written another one. Tries again until it
 * works: a webhook without its certificate is one that the API server cannot call.
 */
export function keepCaBundle(options: CaBundleOptions): Closable {
  const { caFile, log, times = TIMES } = options;
  const end = new AbortController();
  let wake = new AbortController();
  const watch = watchContents({
    files: () => [caFile],
    onChange: () => wake.abort(),
    onError: (error) => log.warn(`${caFile}: ${error.message}`),
    debounce: millis(100),
  });
  const run = async () => {
    let pause = times.firstPause;
    while (!end.signal.aborted) {
      wake = new AbortController();
      let wait: Millis = times.look;
      try {
        const changed = await reconcile(options, times.attempt, end.signal);
        if (changed) log.info(`caBundle of ${options.configName} is that of ${caFile} now`);
        pause = times.firstPause;
      } catch (thrown) {
        if (end.signal.aborted) return;
        log.error(`caBundle of ${options.configName}: ${toError(thrown).message}; trying again`);
        wait = pause;
        pause = millis(Math.min(pause * 2, times.longestPause));
      }
      const signal = AbortSignal.any([end.signal, wake.signal]);
      await delay(wait, undefined, { signal, ref: false }).catch(() => {});
    }
  };
  const running = run();
  return {
    close: async () => {
      end.abort();
      await Promise.all([watch.close(), running]);
    },
  };
}

/** @returns whether something had to be written */
async function reconcile(options: CaBundleOptions, time: Millis, caller: AbortSignal): Promise<boolean> {
  const { caFile, configName, webhookName, configurations } = options;
  const deadline = startDeadline(time, 'the Kubernetes API', caller);
  try {
    const pem = await readFile(caFile, 'utf8');
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error(`${caFile} has no certificate in PEM`);
    const caBundle = Buffer.from(pem).toString('base64');
    const entries = await configurations.read(configName, deadline.signal);
    const ours = entries.filter(({ name }) => name === webhookName || name.endsWith(`.${webhookName}`));
    if (ours.length === 0) {
      throw new Error(`webhook entry "${webhookName}" not found in config "${configName}"`);
    }
    const wrong = ours.filter((entry) => entry.caBundle !== caBundle);
    if (wrong.length === 0) return false;
    await configurations.write(
      configName,
      wrong.map(({ name }) => ({ name, caBundle })),
      deadline.signal,
    );
    return true;
  } finally {
    deadline.release();
  }
}
