import { describe, expect, it } from 'vitest';
import { feeding } from '../../src/config/load-config.ts';
import { createStore, readStore, SETTINGS } from '../../src/config/schema.ts';
import { load } from './load.ts';

const { config } = await load({});
/** Decided from the command line as a whole, or from all sources together. */
const COMPUTED = ['bootstrapOverride', 'role', 'proxyConfig'];

describe('the schema', () => {
  it.each(Object.keys(config).filter((key) => !COMPUTED.includes(key)))('documents what feeds %s', (key) => {
    expect(feeding(key)).not.toEqual([]);
  });

  it.each(SETTINGS)('%s is documented and feeds a key that exists', (key, { doc, feeds }) => {
    expect(doc).toMatch(/^[\w'`$].*\.$/);
    if (feeds !== null) expect(Object.keys(config)).toContain(feeds ?? key);
  });

  it('names each flag, variable, field and annotation once', () => {
    const names = SETTINGS.flatMap(([, { flag, aliases = [], variable, field, annotation }]) => [
      ...[flag, ...aliases].filter((name) => name !== undefined).map((name) => `--${name}`),
      ...[variable, annotation].filter((name) => name !== undefined),
      ...(field === undefined ? [] : [`field ${field}`]),
    ]);
    expect(names).toEqual([...new Set(names)]);
  });

  it('has defaults that its own formats accept', () => {
    expect(() => readStore(createStore())).not.toThrow();
  });

  it('reads neither the environment nor the arguments of the process by itself', () => {
    const names = SETTINGS.flatMap(([, setting]) => Object.keys(setting));
    expect(names).not.toContain('env');
    expect(names).not.toContain('arg');
  });
});

describe('the configuration', () => {
  it('is frozen all the way down', async () => {
    const loaded = await load({
      env: { PROXY_CONFIG: '{"proxyMetadata":{"A":"1"},"tracing":{"zipkin":{"address":"z:1"}}}' },
    });
    const parts = [
      loaded.config,
      loaded.config.proxyMetadata,
      loaded.config.stats.extraTags,
      loaded.config.proxyConfig['tracing'],
    ];
    expect(parts.map(Object.isFrozen)).toEqual(parts.map(() => true));
  });

  it('has an origin for every key', async () => {
    const { origins } = await load({});
    expect([...origins.keys()]).toEqual(Object.keys(config));
  });
});
