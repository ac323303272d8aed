import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { envoyAdmin } from '../../src/envoy/admin.ts';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { envoySource } from '../../src/metrics/envoy-source.ts';
import { ENVOY_DEFECTS, LONG_FAMILY } from '../metrics/envoy-defects.ts';
import { readExposition } from '../metrics/exposition.ts';
import { readProtobuf } from '../metrics/protobuf.ts';
import { type Answer, application, envoy, merged, OPENMETRICS, serve, TEXT } from '../metrics/support.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { until } from '../support/until.ts';

const PROTOBUF = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';

/** A real Envoy with a listener and a cluster of its own, and traffic through them; its admin port. */
async function startEnvoy(): Promise<number> {
  const binary = await findEnvoy(process.env);
  if (binary === undefined) throw new Error('no Envoy: run "npm run envoy"');
  const folder = await mkdtemp(join(tmpdir(), 'pilot-agent-envoy-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const upstream = await serve('hello');
  await writeFile(join(folder, 'envoy.json'), JSON.stringify(bootstrap(upstream.port)));
  const child = spawn(
    binary,
    [
      '-c',
      join(folder, 'envoy.json'),
      '--disable-hot-restart',
      '--concurrency',
      '1',
      '--admin-address-path',
      join(folder, 'admin'),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const port = await until('Envoy listens', async () => {
    if (child.exitCode !== null) throw new Error(`Envoy ended: ${log}`);
    // The file is there before its text.
    return Number((await readFile(join(folder, 'admin'), 'utf8')).split(':').at(-1)) || undefined;
  });
  const listener = await until('Envoy serves', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/listeners?format=json`);
    const { listener_statuses: listeners } = (await answer.json()) as {
      listener_statuses?: { local_address: { socket_address: { port_value: number } } }[];
    };
    return listeners?.[0]?.local_address.socket_address.port_value;
  });
  await until('traffic flows', async () => (await fetch(`http://127.0.0.1:${listener}/`)).status === 200);
  return port;
}

const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const type = (name: string) => ({ '@type': `type.googleapis.com/envoy.extensions.filters.${name}` });
const bootstrap = (upstream: number) => ({
  admin: { address: address(0) },
  stats_flush_interval: '0.5s',
  static_resources: {
    listeners: [
      {
        name: 'front',
        address: address(0),
        filter_chains: [
          {
            filters: [
              {
                name: 'hcm',
                typed_config: {
                  ...type('network.http_connection_manager.v3.HttpConnectionManager'),
                  stat_prefix: 'front',
                  route_config: {
                    virtual_hosts: [
                      {
                        name: 'all',
                        domains: ['*'],
                        routes: [{ match: { prefix: '/' }, route: { cluster: 'app' } }],
                      },
                    ],
                  },
                  http_filters: [{ name: 'router', typed_config: type('http.router.v3.Router') }],
                },
              },
            ],
          },
        ],
      },
    ],
    clusters: [
      {
        name: 'app',
        type: 'STATIC',
        load_assignment: {
          cluster_name: 'app',
          endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }],
        },
      },
    ],
  },
});

/** Awkward on purpose: CRLF, an end in the middle, families of Envoy's and its own, garbage, no newline at the end. */
const AWKWARD_APP = [
  '# HELP app_requests_total Requests "so far".\r\n# TYPE app_requests_total counter\r\napp_requests_total{code="200"} 7\r\n',
  '# TYPE app_seconds histogram\napp_seconds_bucket{le="0.1"} 1\napp_seconds_bucket{le="+Inf"} 2\napp_seconds_sum 0.3\napp_seconds_count 2\n',
  '# TYPE envoy_server_live gauge\nenvoy_server_live 5\nenvoy_server_live{from="app"} 6\n# EOF\n',
  'not a metric\n# TYPE app_odd gauge\n  app_odd\t{ a = "b\\d" , }\tNAN  \n',
  'app_last 1',
].join('');

describe('a real Envoy, an application and the agent', () => {
  it.each([
    ['text', false],
    ['protobuf', true],
  ])('are scraped by a real Prometheus as %s, in every series', async (_what, protobuf) => {
    const adminPort = await startEnvoy();
    const merge = await merged([
      envoySource(() => envoyAdmin('127.0.0.1', adminPort)),
      application(await serve(AWKWARD_APP)),
    ]);
    const prometheus = await startPrometheus(
      [{ job: 'merged', port: merge.port, path: '/stats/prometheus' }],
      { protobuf },
    );
    expect(await prometheus.health()).toEqual(new Map([['merged', 'up']]));
    const values = async (expression: string) =>
      (await prometheus.query(expression)).map(({ value }) => value).sort();
    expect(await values('up{job="merged"}')).toEqual([1]);
    expect(await values('app_requests_total{code="200"}')).toEqual([7]);
    expect(await values('app_seconds_bucket')).toEqual([1, 2]);
    expect(await values('app_odd{a="b\\\\d"}')).toEqual([Number.NaN]);
    expect(await values('app_last')).toEqual([1]);
    expect(await values('envoy_server_live{from=""}')).toEqual([1]);
    expect(await values('envoy_server_live{from="app"}')).toEqual([6]);
    // Names do not change with the format: Prometheus asks for OpenMetrics, where Envoy's counters have no place.
    expect(await values('envoy_cluster_upstream_rq_completed{envoy_cluster_name="app"} > 0')).toHaveLength(1);
    expect(await values('envoy_cluster_upstream_rq_total{envoy_cluster_name="app"} > 0')).toHaveLength(1);
    expect(await values('istio_agent_scrape_up{type="envoy"}')).toEqual([1]);
    expect(await values('istio_agent_scrapes_total > 0')).toHaveLength(1);
    expect(prometheus.warnings()).toEqual([]);
  });

  it.each([
    ['text', false],
    ['protobuf', true],
  ])('are scraped by it as %s whatever the application does', async (_what, protobuf) => {
    const short = '# TYPE envoy_a counter\nenvoy_a{x="1"} 1\n# TYPE shared gauge\nshared{x="1"} 1\n';
    const apps: Readonly<Record<string, Answer>> = {
      hangs: () => {},
      dies: (_request, response) => response.write('app_a 1\napp_b{x="', () => response.destroy()),
      'answers-500': (_request, response) => response.writeHead(500).end('app_a 1\n'),
      'shows-a-page': '<html><body>not found</body></html>',
      'shares-families': '# TYPE shared gauge\nshared{x="1"} 2\nshared{x="2"} 3\n',
      clashes: '# TYPE envoy_a gauge\nenvoy_a{x="2"} 2\n',
      'repeats-itself': '# TYPE app_a gauge\napp_a 1\n# EOF\n# TYPE app_a gauge\napp_a{x="1"} 1\n# EOF\n',
      'is-as-long-as-envoy': `# TYPE long gauge\nlong{x="1"} 1\n# TYPE app_long gauge\n${numbered('app_long')}`,
      'is-broken': 'app_a{x="1",x="2"} 1\napp_a 1e999\n}{\napp_a 1\n',
    };
    const targets = await Promise.all(
      Object.entries(apps).map(async ([job, answer]) => {
        const body = job === 'is-as-long-as-envoy' ? `${short}# TYPE long gauge\n${numbered('long')}` : short;
        const merge = await merged([envoy(await serve(body)), application(await serve(answer))]);
        return { job, port: merge.port, path: '/metrics' };
      }),
    );
    const prometheus = await startPrometheus(targets, { protobuf, interval: protobuf ? '3s' : '1s' });
    expect(await prometheus.health()).toEqual(new Map(targets.map(({ job }) => [job, 'up'])));
    const jobs = async (expression: string) =>
      (await prometheus.query(expression)).map(({ labels }) => labels['job']).sort();
    expect(await jobs('envoy_a{x="1"} == 1')).toEqual(Object.keys(apps).sort());
    expect(await jobs('shared{x="1"} == 1')).toEqual(Object.keys(apps).sort());
    expect(await jobs('shared{x="2"} == 3')).toEqual(['shares-families']);
    expect(await jobs('envoy_a{x="2"}')).toEqual([]);
    expect(await jobs('app_a{x=""} == 1')).toEqual(['dies', 'is-broken', 'repeats-itself']);
    expect(await jobs('count(long) by (job) == 30001')).toEqual(['is-as-long-as-envoy']);
    expect(await jobs('istio_agent_scrape_up{type="application"} == 0')).toEqual([
      'answers-500',
      'dies',
      'hangs',
      'shows-a-page',
    ]);
    expect(prometheus.warnings()).toEqual([]);
  });

  it('are scraped by it whatever is wrong with the text of Envoy', async () => {
    const bodies = ENVOY_DEFECTS.flatMap(({ what, body }) => [
      { job: `${what}, short`, body: Buffer.from(body) },
      { job: `${what}, long`, body: Buffer.from(body + LONG_FAMILY) },
    ]);
    // What a client sends may be a label of Envoy's, and need not be text.
    const binary = '# TYPE envoy_x counter\nenvoy_x{c="1"} 1\nenvoy_x{c="\xff"} 1\nenvoy_x{c="2"} 2\n';
    bodies.push({ job: 'bytes', body: Buffer.from(binary, 'latin1') });
    const targets = await Promise.all(
      bodies.map(async ({ job, body }) => {
        const merge = await merged([envoy(await serve(body))]);
        return { job, port: merge.port, path: '/metrics' };
      }),
    );
    const prometheus = await startPrometheus(targets, { interval: '3s' });
    expect(await prometheus.health()).toEqual(new Map(targets.map(({ job }) => [job, 'up'])));
    for (const series of ['envoy_x{c="1"}', 'envoy_x{c="2"} == 2']) {
      const found = (await prometheus.query(series)).map(({ labels }) => labels['job']);
      expect(found.sort()).toEqual(targets.map(({ job }) => job).sort());
    }
  });

  it.each([
    ['text', TEXT],
    ['openmetrics', OPENMETRICS],
  ] as const)(
    'make a %s answer that keeps every rule, with every series of Envoy',
    async (format, accept) => {
      const adminPort = await startEnvoy();
      const merge = await merged([
        envoySource(() => envoyAdmin('127.0.0.1', adminPort)),
        application(await serve(AWKWARD_APP)),
      ]);
      const before = await (await fetch(`http://127.0.0.1:${adminPort}/stats/prometheus`)).text();
      const { text } = await merge.scrape({ accept });
      const series = (body: string) => [...body.matchAll(/^envoy_\w+\{[^}]*\}/gm)].map(([name]) => name);
      const { samples } = readExposition(text, format);
      expect(series(before).length).toBeGreaterThan(500);
      const there = new Set(series(text));
      expect(series(before).filter((name) => !there.has(name))).toEqual([]);
      expect(samples).toContain('app_last{} 1 @');
      if (format === 'text') expect(promtool(text)).toEqual([]);
    },
  );
});

describe('protobuf', () => {
  it('has every series of Envoy, in families of the same types, each once', async () => {
    const adminPort = await startEnvoy();
    const merge = await merged([
      envoySource(() => envoyAdmin('127.0.0.1', adminPort)),
      application(await serve(AWKWARD_APP)),
    ]);
    const answer = await fetch(`http://127.0.0.1:${adminPort}/stats/prometheus`, {
      headers: { accept: PROTOBUF },
    });
    const direct = readProtobuf(Buffer.from(await answer.arrayBuffer()));
    const families = readProtobuf((await merge.scrape({ accept: PROTOBUF })).body);
    const types = new Map(families.map(({ name, type }) => [name, type]));
    const names = (list: typeof families) =>
      list.flatMap(({ samples }) => samples.map((sample) => sample.replace(/ \S+ @/, ' @')));
    const there = new Set(names(families));
    expect(direct.length).toBeGreaterThan(100);
    expect(direct.filter(({ name, type }) => types.get(name) !== type)).toEqual([]);
    expect(names(direct).filter((name) => !there.has(name))).toEqual([]);
    expect(there.size).toBe(names(families).length);
  });
});

describe('promtool', () => {
  it.each([
    ['nothing but the agent', []],
    [
      'awkward bodies',
      [
        AWKWARD_APP,
        'a 1\n# TYPE a gauge\na 1\n',
        '# TYPE a counter\na 5\n# TYPE b gauge\nb 1 1234\nb 2 1235',
      ],
    ],
    [
      'a long body beside short ones',
      [
        `# TYPE a gauge\n${numbered('a')}`,
        `# TYPE b gauge\n${numbered('b')}# TYPE a gauge\na{b="1"} 1\n`,
        'a 1\nb 1\n',
      ],
    ],
    [
      'two long bodies that share a family',
      [`# TYPE a gauge\n${numbered('a')}`, `# TYPE b gauge\n${numbered('b')}# TYPE a gauge\na{b="1"} 1\n`],
    ],
  ])('reads the answer of %s', async (_what, bodies: readonly string[]) => {
    const [first, ...others] = await Promise.all(bodies.map((body) => serve(body)));
    const merge = await merged(
      first === undefined ? [] : [envoy(first), ...others.map((server) => application(server))],
    );
    expect(promtool((await merge.scrape()).text)).toEqual([]);
  });

  it('finds nothing to say about the metrics of the agent', async () => {
    const merge = await merged([]);
    const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: (await merge.scrape()).text,
      encoding: 'utf8',
    });
    expect(stdout + stderr).toBe('');
  });
});

/** Errors of `promtool check metrics`. Its advice about names and help texts (exit status 3) is for those who write them. */
function promtool(body: string): string[] {
  const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
  return status === 0 || status === 3 ? [] : [stderr];
}

function numbered(name: string): string {
  return Array.from(
    { length: 30_000 },
    (_, i) => `${name}{number="${i}",padding="${'x'.repeat(30)}"} ${i}\n`,
  ).join('');
}
