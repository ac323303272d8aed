import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { keepCaBundle, type WebhookEntry } from '../../../src/inject/webhook/ca-bundle.ts';
import { millis } from '../../../src/platform/duration.ts';
import { recordingLogger } from '../../health/recording-logger.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

const pem = (content: string) => `-----BEGIN CERTIFICATE-----\n${content}\n-----END CERTIFICATE-----\n`;
const base64 = (content: string) => Buffer.from(pem(content)).toString('base64');
const times = { attempt: millis(1_000), firstPause: millis(20), longestPause: millis(50), look: millis(50) };

/** A webhook configuration in a cluster that can be out of order. */
async function start() {
  const caFile = join(await tempFolder(), 'root.pem');
  await writeFile(caFile, pem('one'));
  const cluster = {
    broken: false,
    entries: [
      { name: 'rev.sidecar-injector.istio.io', caBundle: undefined },
      { name: 'other.example.com', caBundle: 'theirs' },
    ] as WebhookEntry[],
  };
  const log = recordingLogger();
  const check = () => {
    if (cluster.broken) throw new Error('no answer');
  };
  const keeper = keepCaBundle({
    caFile,
    configName: 'c',
    webhookName: 'sidecar-injector.istio.io',
    configurations: {
      read: async () => {
        check();
        return cluster.entries;
      },
      write: async (_, entries) => {
        check();
        cluster.entries = cluster.entries.map(
          (entry) => entries.find(({ name }) => name === entry.name) ?? entry,
        );
      },
    },
    log,
    times,
  });
  onTestFinished(() => keeper.close());
  const has = (content: string) =>
    until(`it has "${content}"`, () => cluster.entries[0]?.caBundle === base64(content));
  return { caFile, cluster, log, has };
}

describe('the root certificate of the webhook configuration', () => {
  it('is written, and no other entry', async () => {
    const { cluster, has } = await start();
    await has('one');
    expect(cluster.entries[1]?.caBundle).toBe('theirs');
  });

  it('follows its file, and comes back when somebody overwrites it', async () => {
    const { caFile, cluster, has } = await start();
    await has('one');
    await writeFile(caFile, pem('two'));
    await has('two');
    cluster.entries = cluster.entries.map((entry) => ({ ...entry, caBundle: 'drift' }));
    await has('two');
  });

  it('is tried again until the cluster answers, and is not what is no certificate', async () => {
    const { caFile, cluster, log, has } = await start();
    await has('one');
    cluster.broken = true;
    await until('the log says so', () => log.lines.some((line) => line.includes('no answer; trying again')));
    cluster.broken = false;
    await writeFile(caFile, 'nonsense');
    await until('the log says so', () => log.lines.some((line) => line.includes('no certificate in PEM')));
    expect(cluster.entries[0]?.caBundle).toBe(base64('one'));
  });

  it('is missed when there is no such entry', async () => {
    const { cluster, log } = await start();
    cluster.entries = [];
    await until('the log says so', () =>
      log.lines.some((line) =>
        line.includes('webhook entry "sidecar-injector.istio.io" not found in config "c"'),
      ),
    );
  });
});
