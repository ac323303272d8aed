import { setTimeout as delay } from 'node:timers/promises';
import { type Millis, millis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { callLocal } from './local-client.ts';

export interface WaitOptions {
  readonly url: string;
  readonly timeout: Millis;
  readonly requestTimeout: Millis;
  readonly period: Millis;
}

const MAX_REASON_BYTES = 4096;

/**
 * Waits until a URL answers 200, for a container's postStart hook. Asks at once and then each period; the log says why it waits,
 * a line per reason.
 * @throws Error with the last reason when the time is over; the signal's reason when it aborts
 */
export async function waitUntilReady(
  options: WaitOptions & { readonly log: Logger; readonly signal?: AbortSignal },
): Promise<void> {
  const { url, timeout, requestTimeout, period, log, signal } = options;
  const end = performance.now() + timeout;
  let last: string | undefined;
  log.info(`Waiting for Envoy proxy to be ready (timeout: ${timeout / 1000} seconds)...`);
  for (;;) {
    signal?.throwIfAborted();
    // However little time is left, the question gets a chance.
    const deadline = millis(Math.max(50, Math.min(requestTimeout, Math.ceil(end - performance.now()))));
    const reason = await whyNotReady(url, deadline, signal);
    if (reason === undefined) {
      log.info('Envoy is ready!');
      return;
    }
    if (reason !== last) log.info(`Not ready yet: ${reason}`);
    last = reason;
    const left = end - performance.now();
    if (left <= 0) {
      throw new Error(`timeout waiting for Envoy proxy to become ready. Last error: ${reason}`);
    }
    await delay(Math.min(period, left), undefined, signal === undefined ? {} : { signal });
  }
}

async function whyNotReady(url: string, deadline: Millis, signal?: AbortSignal): Promise<string | undefined> {
  try {
    const { status, body } = await callLocal({
      url,
      method: 'GET',
      deadline,
      signal,
      maxBytes: MAX_REASON_BYTES,
    });
    if (status === 200) return undefined;
    const text = body.toString('utf8').replace(/\s+/g, ' ').trim();
    return `HTTP status code ${status}${text === '' ? '' : `: ${text}`}`;
  } catch (thrown) {
    signal?.throwIfAborted();
    return toError(thrown).message;
  }
}
