import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFamily, encodeHead } from '../../src/metrics/protobuf-family.ts';
import { createFrameReader } from '../../src/metrics/protobuf-frames.ts';
import { varint } from '../../src/metrics/protobuf-writer.ts';
import { parseSample } from '../../src/metrics/sample.ts';
import { readProtobuf, samplesOf } from './protobuf.ts';
import { application, envoy, merged, sampleValue, serve } from './support.ts';

const PROTOBUF = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';

type Family = readonly [name: string, type: 'counter' | 'gauge' | 'unknown', samples: string];

/** What Envoy would say, in messages. */
function messages(...families: readonly Family[]): Buffer {
  return Buffer.concat(
    families.flatMap(([name, type, lines]) => {
      const samples = lines.split('\n').flatMap((line) => parseSample(Buffer.from(line), 'text') ?? []);
      const [family] = encodeFamily({ key: name, type, help: undefined, unit: undefined }, samples);
      const frame = [encodeHead(name, type, undefined), ...(family?.metrics ?? []).map(({ bytes }) => bytes)];
      const whole = Buffer.concat(frame);
      return [varint(whole.length), whole];
    }),
  );
}

const others = (body: Buffer) =>
  readProtobuf(body).filter(({ name }) => !/^(istio_agent_|istio_build)/.test(name));

describe('an answer in protobuf', () => {
  it('has the messages of Envoy, the application and the agent', async () => {
    const merge = await merged([
      envoy(await serve(messages(['envoy_a', 'counter', 'envoy_a{x="1"} 7']), PROTOBUF)),
      application(
        await serve('# HELP app Help.\n# TYPE app gauge\napp{q="a\\"b\\\\c\\n"} 2 1700000000000\n'),
      ),
    ]);
    const { headers, body } = await merge.scrape({ accept: PROTOBUF });
    expect(headers['content-type']).toBe(PROTOBUF.replaceAll(';', '; '));
    expect(others(body)).toEqual([
      { name: 'envoy_a', help: '', type: 'counter', samples: ['envoy_a{x="1"} 7 @'] },
      { name: 'app', help: 'Help.', type: 'gauge', samples: ['app{q="a\\"b\\\\c\\n"} 2 @1700000000000'] },
    ]);
    expect(samplesOf(body)).toContain('istio_agent_scrape_samples{target="envoy",type="envoy"} 1 @');
    expect(samplesOf(body)).toContain('istio_agent_scrape_up{target="envoy",type="envoy"} 1 @');
  });

  it('asks Envoy for protobuf and the application for text', async () => {
    const [stats, app] = [await serve(messages(), PROTOBUF), await serve('a 1\n')];
    const merge = await merged([envoy(stats), application(app)]);
    await merge.scrape({ accept: PROTOBUF });
    expect(stats.requests[0]?.headers.accept).toBe(PROTOBUF);
    expect(app.requests[0]?.headers.accept).toBe('text/plain;version=0.0.4,*/*;q=0.1');
  });

  it('is made of the text of an Envoy that knows no protobuf', async () => {
    const merge = await merged([envoy(await serve('# TYPE a counter\na 1\n'))]);
    expect(others((await merge.scrape({ accept: PROTOBUF })).body)).toEqual([
      { name: 'a', help: '', type: 'counter', samples: ['a{} 1 @'] },
    ]);
  });

  it('has shared families once, their series once, and not those of another type', async () => {
    const stats = messages(
      ['x', 'gauge', 'x{a="1",b="2"} 1\nx{a="3"} 2'],
      ['y', 'gauge', 'y 1'],
      ['z', 'gauge', 'z 1'],
    );
    const app = '# TYPE x gauge\nx{b="2",a="1"} 7\nx{a="4"} 8\n# TYPE y counter\ny{a="1"} 2\nz{a="1"} 3\n';
    const merge = await merged([envoy(await serve(stats, PROTOBUF)), application(await serve(app))]);
    const { body } = await merge.scrape({ accept: PROTOBUF });
    expect(others(body)).toEqual([
      { name: 'x', help: '', type: 'gauge', samples: ['x{a="1",b="2"} 1 @', 'x{a="3"} 2 @', 'x{a="4"} 8 @'] },
      { name: 'y', help: '', type: 'gauge', samples: ['y{} 1 @'] },
      { name: 'z', help: '', type: 'gauge', samples: ['z{} 1 @'] },
      { name: 'z', help: '', type: 'untyped', samples: ['z{a="1"} 3 @'] },
    ]);
    for (const reason of ['type_clash', 'duplicate_series']) {
      const series = `istio_agent_scrape_discarded_total{reason="${reason}",type="application"} 1 @`;
      expect(samplesOf(body)).toContain(series);
    }
  });

  it('has histograms and summaries as such, and what only looks like one sample by sample', async () => {
    const app = [
      '# TYPE h histogram\nh_bucket{p="/",le="0.1"} 1\nh_bucket{p="/",le="+Inf"} 2\nh_sum{p="/"} 0.3\nh_count{p="/"} 2\n',
      '# TYPE s summary\ns{quantile="0.5"} 0.2\ns_sum 3\ns_count 4\n',
      '# TYPE odd histogram\nodd_bucket{le="1"} 1.5\nodd_sum 3\nodd_count 4\n',
    ].join('');
    const merge = await merged([application(await serve(app))]);
    const found = others((await merge.scrape({ accept: PROTOBUF })).body);
    expect(found.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'h histogram',
      's summary',
      'odd_bucket untyped',
      'odd_sum untyped',
      'odd_count untyped',
    ]);
    expect(found[0]?.samples).toEqual([
      'h_bucket{le="0.1",p="/"} 1 @',
      'h_bucket{le="Infinity",p="/"} 2 @',
      'h_count{p="/"} 2 @',
      'h_sum{p="/"} 0.3 @',
    ]);
    expect(found[1]?.samples).toEqual(['s_count{} 4 @', 's_sum{} 3 @', 's{quantile="0.5"} 0.2 @']);
  });

  it('may be long, whichever source is', async () => {
    const lines = (name: string) =>
      Array.from({ length: 30_000 }, (_, i) => `${name}{n="${i}",padding="${'x'.repeat(40)}"} ${i}\n`).join(
        '',
      );
    const merge = await merged([
      envoy(await serve(messages(['a', 'gauge', lines('a')], ['b', 'counter', 'b 1']), PROTOBUF)),
      application(await serve(`# TYPE c gauge\n${lines('c')}# TYPE b counter\nb{app="1"} 1\n`)),
    ]);
    const { body } = await merge.scrape({ accept: PROTOBUF, headers: { 'accept-encoding': 'gzip' } });
    const samples = others(gunzipSync(body)).flatMap((family) => family.samples);
    expect(samples).toHaveLength(60_002);
    expect(new Set(samples).size).toBe(60_002);
  });

  it.each([
    ['is cut off', messages(['a', 'gauge', 'a 1'], ['b', 'gauge', 'b 1']).subarray(0, -1), 'truncated', 1],
    ['is none', Buffer.alloc(20, 255), 'encoding', 0],
    ['is a page', Buffer.from('<html>no metrics at all</html>'), 'truncated', 0],
    [
      'is none from some point on',
      Buffer.concat([messages(['a', 'gauge', 'a 1']), Buffer.alloc(20, 255)]),
      'encoding',
      1,
    ],
  ])('of a source that %s costs what is wrong in it', async (_what, broken, reason, count) => {
    const merge = await merged([envoy(await serve(broken, PROTOBUF))]);
    const { body } = await merge.scrape({ accept: PROTOBUF });
    expect(others(body)).toHaveLength(count);
    const { text } = await merge.scrape();
    const series = `istio_agent_scrape_failures_total{type="envoy",reason="${reason}"}`;
    expect(sampleValue(text, series)).toBe(1);
  });
});

describe('a body of messages', () => {
  it('is cut into the same messages however it is chunked', () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 50 })), (given, cuts) => {
        const body = Buffer.concat(given.flatMap((frame) => [varint(frame.length), Buffer.from(frame)]));
        const found: Buffer[] = [];
        const reader = createFrameReader((frame) => found.push(frame));
        let at = 0;
        for (const cut of [...cuts, body.length]) {
          if (at < body.length) reader.push(body.subarray(at, at + cut));
          at += cut;
        }
        expect(found.map((frame) => [...frame])).toEqual(given.map((frame) => [...frame]));
        expect(reader.isComplete()).toBe(true);
      }),
    );
  });
});
