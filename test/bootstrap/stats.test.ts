import { describe, expect, it } from 'vitest';
import { statsConfig, statsIntervals } from '../../src/bootstrap/stats.ts';
import type { StatsOptions } from '../../src/config/agent-config.ts';
import { millis } from '../../src/platform/duration.ts';
import { sampleConfig } from './sample-config.ts';

const options = (change: Partial<StatsOptions>): StatsOptions => ({ ...sampleConfig().stats, ...change });
const patterns = (change: Partial<StatsOptions>, localConfig?: string) =>
  statsConfig({ stats: options(change), localConfig }, ['10.3.3.3', '10.4.4.4']).stats_matcher.inclusion_list
    .patterns;

describe('which statistics Envoy keeps', () => {
  it('has what readiness and the drain ask for', () => {
    expect(patterns({})).toEqual(
      expect.arrayContaining([
        { prefix: 'cluster_manager' },
        { prefix: 'listener_manager' },
        { prefix: 'server' },
        { prefix: 'cluster.xds-grpc' },
        { suffix: 'downstream_cx_active' },
        { prefix: 'reporter=' },
        { prefix: 'istio' },
      ]),
    );
  });
  it('has the asked for before its own, {pod_ip} once for each address', () => {
    const found = patterns({
      inclusionPrefixes: ['prefix1', 'http.{pod_ip}_', 'prefix1', ''],
      inclusionSuffixes: ['suffix1'],
      inclusionRegexps: ['a{2,3}\\.b'],
    });
    expect(found.slice(1, 4)).toEqual([
      { prefix: 'prefix1' },
      { prefix: 'http.10.3.3.3_' },
      { prefix: 'http.10.4.4.4_' },
    ]);
    expect(found).toEqual(
      expect.arrayContaining([{ suffix: 'suffix1' }, { safe_regex: { regex: 'a{2,3}\\.b' } }]),
    );
    expect(found).not.toContainEqual({ prefix: '' });
  });
  it('has the counters of traffic where no control plane adds better ones', () => {
    expect(patterns({})).not.toContainEqual({ prefix: 'http.' });
    expect(patterns({}, '/xds')).toContainEqual({ prefix: 'http.' });
  });
});

describe('with a mesh from files', () => {
  const config = statsConfig({ stats: options({}), localConfig: '/xds', meshDir: '/mesh' }, []);
  const kept = (name: string) =>
    config.stats_matcher.inclusion_list.patterns.some(
      (pattern) =>
        ('prefix' in pattern && name.startsWith(pattern.prefix)) ||
        ('suffix' in pattern && name.endsWith(pattern.suffix)) ||
        ('safe_regex' in pattern && new RegExp(`^(?:${pattern.safe_regex.regex})$`).test(name)),
    );
  const of = (name: string) => `cluster.outbound|9080||reviews.default.svc.cluster.local;.${name}`;
  it.each([
    'upstream_rq_total',
    'upstream_rq_200',
    'upstream_cx_active',
    'membership_healthy',
    'update_success',
  ])('counts %s of each cluster', (name) => expect(kept(of(name))).toBe(true));
  it.each(['lb_subsets_active', 'upstream_rq_maintenance_mode', 'circuit_breakers.default.cx_open'])(
    'does not count %s',
    (name) => expect(kept(of(name))).toBe(false),
  );
  it('looks in names only for labels that are in them', () => {
    const names = config.stats_tags.map(({ tag_name }) => tag_name);
    expect(names).toContain('cluster_name');
    expect(names).not.toContain('source_workload');
  });
});

describe('tags', () => {
  const tags = (...extraTags: readonly string[]) =>
    statsConfig({ stats: options({ extraTags }), localConfig: undefined }, []).stats_tags;
  it('take the extra ones, each once and as a plain text', () => {
    const found = tags('dlp_status', 'dlp_status', 'source_app', '', 'a.b');
    expect(found.length).toBe(tags().length + 2);
    expect(found).toContainEqual({ tag_name: 'dlp_status', regex: '(dlp_status=\\.=(.*?);\\.;)' });
    expect(tags('response_code')).toEqual(tags());
    expect(found).toContainEqual({ tag_name: 'a.b', regex: '(a\\.b=\\.=(.*?);\\.;)' });
  });
});

describe('a label in the name of a statistic', () => {
  const extract = (tag: string, name: string) => {
    const found = statsConfig({ stats: options({}), localConfig: undefined }, []).stats_tags.find(
      ({ tag_name }) => tag_name === tag,
    );
    // Envoy's expressions are ECMAScript with POSIX classes.
    const match = new RegExp((found?.regex ?? '').replaceAll('[:digit:]', '\\d')).exec(name);
    return match === null ? undefined : [match[2], name.replace(match[1] ?? '', '')];
  };
  it.each([
    ['cluster_name', 'cluster.app.upstream_cx_total', 'app', 'cluster.upstream_cx_total'],
    [
      'cluster_name',
      'cluster.outbound|443||api.example.com;.upstream_cx_total',
      'outbound|443||api.example.com',
      'cluster.upstream_cx_total',
    ],
    [
      'cluster_name',
      'cluster.outbound|80||a.b.svc.cluster.local.upstream_rq_200',
      'outbound|80||a.b.svc.cluster.local',
      'cluster.upstream_rq_200',
    ],
    [
      'http_conn_manager_prefix',
      'http.10.0.0.1_8080.downstream_rq_total',
      '10.0.0.1_8080',
      'http.downstream_rq_total',
    ],
    [
      'http_conn_manager_prefix',
      'http.inbound_0.0.0.0_80;.downstream_rq_total',
      'inbound_0.0.0.0_80',
      'http.downstream_rq_total',
    ],
    [
      'listener_address',
      'listener.0.0.0.0_15006.downstream_cx_total',
      '0.0.0.0_15006',
      'listener.downstream_cx_total',
    ],
    [
      'listener_address',
      'listener.[fd00__1]_80.downstream_cx_total',
      '[fd00__1]_80',
      'listener.downstream_cx_total',
    ],
    ['response_code', 'cluster.app.upstream_rq_503', '503', 'cluster.app.upstream_rq'],
    [
      'response_code',
      'reporter=.=source;.;response_code=.=200;.;istio_requests_total',
      '200',
      'reporter=.=source;.;istio_requests_total',
    ],
    ['response_code_class', 'cluster.app.upstream_rq_5xx', '5xx', 'cluster.app.upstream_rq'],
    ['source_app', 'source_app=.=shop;.;istio_requests_total', 'shop', 'istio_requests_total'],
    ['thread_name', 'server.worker_0.watchdog_miss', 'worker_0', 'server.watchdog_miss'],
  ])('%s of %s is %s', (tag, name, value, rest) => {
    expect(extract(tag, name)).toEqual([value, rest]);
  });
  it.each([
    ['http_conn_manager_prefix', 'http.ingress.downstream_rq_total'],
    ['response_code', 'cluster.app.upstream_rq_5xx'],
    ['response_code', 'cluster.app.upstream_rq_total'],
    ['cluster_name', 'cluster_manager.cds.update_success'],
  ])('%s is not in %s', (tag, name) => {
    expect(extract(tag, name)).toBeUndefined();
  });
});

describe('buckets', () => {
  it('are sorted and each once', () => {
    const { histogram_bucket_settings: found } = statsConfig(
      {
        stats: options({ histogramBuckets: { b: [10, 1, 10], a: [5], empty: [], '': [1] } }),
        localConfig: undefined,
      },
      [],
    );
    expect(found).toEqual([
      { match: { prefix: 'a' }, buckets: [5] },
      { match: { prefix: 'b' }, buckets: [1, 10] },
    ]);
  });
});

describe('intervals', () => {
  const intervals = (flush?: number, eviction?: number) =>
    statsIntervals(
      options({
        flushInterval: flush === undefined ? undefined : millis(flush),
        evictionInterval: eviction === undefined ? undefined : millis(eviction),
      }),
    );
  it.each([
    ['none', undefined, undefined, undefined, undefined],
    ['a minute is 60s, which Envoy reads', 60_000, undefined, '60s', undefined],
    ['parts of a second', 500, 2_500, '0.5s', '2.5s'],
    ['eviction by the default flush of 5 s', undefined, 10_000, undefined, '10s'],
    ['eviction that is no multiple', 10_000, 11_000, '10s', undefined],
    ['a flush that Envoy refuses', 300_000, 10_000, undefined, '10s'],
    ['no time at all', 0, 0, undefined, undefined],
  ])('%s', (_name, flush, eviction, expectedFlush, expectedEviction) => {
    expect(intervals(flush, eviction)).toMatchObject({ flush: expectedFlush, eviction: expectedEviction });
  });
  it('that are left out say so', () => {
    expect(intervals(600_000, 7_000).warnings).toEqual([
      expect.stringContaining('statsFlushInterval 600s'),
      expect.stringContaining('statsEvictionInterval 7s'),
    ]);
  });
});
