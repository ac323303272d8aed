import { describe, expect, it } from 'vitest';
import { readExposition } from './exposition.ts';
import { application, envoy, merged, OPENMETRICS, sampleValue, serve, TEXT } from './support.ts';

const discarded = (body: string, reason: string, type = 'application') =>
  sampleValue(body, `istio_agent_scrape_discarded_total{type="${type}",reason="${reason}"}`);
const failed = (body: string, reason: string, type = 'application') =>
  sampleValue(body, `istio_agent_scrape_failures_total{type="${type}",reason="${reason}"}`);

describe('families', () => {
  it('of all three sources stand in one answer', async () => {
    const merge = await merged([
      envoy(await serve('# TYPE envoy_a counter\nenvoy_a{x="1"} 1\n')),
      application(await serve('# HELP app Help.\n# TYPE app gauge\napp 2\n')),
    ]);
    const { text } = await merge.scrape();
    const { samples } = readExposition(text, 'text');
    expect(samples).toEqual(
      expect.arrayContaining(['envoy_a{x="1"} 1 @', 'app{} 2 @', 'istio_agent_scrapes_total{} 1 @']),
    );
  });

  it('that two sources share become one, and a series that both have comes from the first', async () => {
    const merge = await merged([
      envoy(await serve('# TYPE x gauge\nx{a="1",b="2"} 1\nx{a="3"} 2\n# TYPE y gauge\ny 1\n')),
      application(await serve('# HELP x About x.\n# TYPE x gauge\nx{b="2",a="1"} 7\nx{a="4"} 8\n')),
    ]);
    const { text } = await merge.scrape();
    expect(text).toContain(
      '# HELP x About x.\n# TYPE x gauge\nx{a="1",b="2"} 1\nx{a="3"} 2\nx{a="4"} 8\n# TYPE y gauge\ny 1\n',
    );
    expect(discarded(text, 'duplicate_series')).toBe(1);
  });

  it('whose types clash lose the later one', async () => {
    const merge = await merged([
      application(await serve('# TYPE x gauge\nx 1\n')),
      application(await serve('# TYPE x counter\nx{a="1"} 2\n# TYPE z gauge\nz 1\n')),
    ]);
    const { text } = await merge.scrape();
    expect(text).toContain('# TYPE x gauge\nx 1\n# TYPE z gauge\nz 1\n');
    expect(discarded(text, 'type_clash')).toBe(1);
  });

  it('that nobody declared join those that somebody did', async () => {
    const merge = await merged([
      application(await serve('x{a="1"} 1\n')),
      application(await serve('# TYPE x counter\nx{a="2"} 2\n')),
    ]);
    expect(await merge.others()).toBe('# TYPE x counter\nx{a="1"} 1\nx{a="2"} 2\n');
  });

  it('that a source has in pieces, or declares twice, are put together', async () => {
    const body = '# TYPE x gauge\nx{a="1"} 1\n# TYPE y gauge\ny 1\n# TYPE x gauge\nx{a="2"} 2\n';
    const merge = await merged([application(await serve(body))]);
    expect(await merge.others()).toBe('# TYPE x gauge\nx{a="1"} 1\nx{a="2"} 2\n# TYPE y gauge\ny 1\n');
  });

  it('of the agent belong to the agent, and another one may add to them', async () => {
    const merge = await merged([
      application(await serve('istio_agent_scrapes_total 7\nistio_agent_scrapes_total{pod="x"} 8\n')),
    ]);
    const { text } = await merge.scrape();
    const { samples } = readExposition(text, 'text');
    expect(samples).toEqual(
      expect.arrayContaining(['istio_agent_scrapes_total{} 1 @', 'istio_agent_scrapes_total{pod="x"} 8 @']),
    );
    expect(samples).not.toContain('istio_agent_scrapes_total{} 7 @');
  });

  it('beside a long body that streams are put beside it', async () => {
    const lines = (name: string, count: number) =>
      `# TYPE ${name} gauge\n${Array.from({ length: count }, (_, i) => `${name}{number="${i}",padding="${'x'.repeat(80)}"} ${i}\n`).join('')}`;
    const long = `${lines('a', 12_000)}${lines('b', 12_000)}${lines('c', 10)}`;
    const merge = await merged([
      application(await serve('# HELP a First.\n# TYPE a gauge\na{early="1"} 1\n# TYPE c counter\nc 3\n')),
      envoy(await serve(long)),
      application(await serve('# TYPE b gauge\nb{late="1"} 1\n# TYPE d gauge\nd 1\n')),
    ]);
    const { text } = await merge.scrape();
    const { samples } = readExposition(text, 'text');
    expect(samples.filter((sample) => /^[ab]\{number/.test(sample))).toHaveLength(24_000);
    expect(samples).toEqual(
      expect.arrayContaining(['a{early="1"} 1 @', 'b{late="1"} 1 @', 'c{} 3 @', 'd{} 1 @']),
    );
    expect(samples.filter((sample) => sample.startsWith('c{'))).toHaveLength(1);
    expect(discarded(text, 'type_clash', 'envoy')).toBe(1);
    expect(text.startsWith('# HELP a First.\n# TYPE a gauge\na{early="1"} 1\na{number="0"')).toBe(true);
  });
});

describe('an awkward body', () => {
  it.each([
    ['a last line without newline', '# TYPE a gauge\na 1\nb 2', '# TYPE a gauge\na 1\nb 2\n'],
    ['CRLF', '# TYPE a gauge\r\na 1\r\n\r\nb 2\r\n', '# TYPE a gauge\na 1\nb 2\n'],
    ['comments and blank lines', '\n# made by me\n\n#\na 1\n   \n', 'a 1\n'],
    ['an empty body', '', ''],
    [
      'a declaration without samples',
      '# HELP a A.\n# TYPE a gauge\n# TYPE b gauge\nb 1\n',
      '# TYPE b gauge\nb 1\n',
    ],
    ['a declaration behind the samples', 'a 1\n# TYPE a gauge\nb 1\n', 'a 1\nb 1\n'],
    [
      'UTF-8 and escapes',
      '# HELP a \\\\ \\n "ü"\n# TYPE a gauge\na{b="ü\\n"} 1\n',
      '# HELP a \\\\ \\n "ü"\n# TYPE a gauge\na{b="ü\\n"} 1\n',
    ],
    ['a histogram and a summary', histogram('h') + summary('s'), histogram('h') + summary('s')],
  ])('%s is read as what it means', async (_what, body, expected) => {
    const merge = await merged([application(await serve(body))]);
    expect(await merge.others()).toBe(expected);
    expect((await merge.scrape()).text).not.toMatch(/scrape_(failures|discarded)_total\{/);
  });

  it.each([
    ['# EOF in the middle', 'a 1\n# EOF\nb 2\n# EOF\n', 'a 1\nb 2\n', 'eof_in_middle', 1],
    [
      'lines that are none',
      'a 1\nhello, world\nb{x=1} 2\n# TYPE c nonsense\nc 3\n',
      'a 1\nc 3\n',
      'invalid_line',
      3,
    ],
    ['a line without end', `a 1\nb{x="${'y'.repeat(300_000)}"} 1\nc 3\n`, 'a 1\nc 3\n', 'line_too_long', 1],
    ['JSON under a text type', '{\n  "a": 1\n}\n', '', 'invalid_line', 3],
  ])('%s costs what is wrong in it and is counted', async (_what, body, expected, reason, count) => {
    const merge = await merged([application(await serve(body))]);
    expect(await merge.others()).toBe(expected);
    expect(discarded((await merge.scrape()).text, reason)).toBe(2 * count);
  });

  it.each([
    ['an HTML page', '\n<!DOCTYPE html><p>a 1\n', TEXT, 'html'],
    ['an HTML page that says so', '<html>\na 1\n</html>', 'text/html', 'html'],
    ['JSON that says so', '{"a": 1}', 'application/json', 'content_type'],
    ['protobuf', '\u0001\u0002', 'application/vnd.google.protobuf', 'content_type'],
  ])('%s is refused', async (_what, body, contentType, reason) => {
    const merge = await merged([application(await serve(body, contentType))]);
    const { status, text } = await merge.scrape();
    expect(status).toBe(200);
    expect(failed(text, reason)).toBe(1);
    expect(await merge.others()).toBe('');
    expect(merge.log).toHaveLength(1);
  });

  it.each(['text/html; charset=utf-8', '', 'text/plain;version=9'])(
    'metrics under "%s" are metrics',
    async (contentType) => {
      const merge = await merged([application(await serve('a 1\n', contentType))]);
      expect(await merge.others()).toBe('a 1\n');
    },
  );

  it('that dies in the middle of a line loses that line', async () => {
    const app = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': TEXT, 'content-length': '1000' });
      response.write('a 1\nb 12', () => response.destroy());
    });
    const merge = await merged([application(app)]);
    const { text } = await merge.scrape();
    expect(text).toMatch(/^a 1\n# /);
    expect(failed(text, 'truncated')).toBe(1);
  });
});

describe('OpenMetrics', () => {
  const text =
    '# TYPE requests_total counter\nrequests_total{a="1"} 1\n# TYPE envoy_rq counter\nenvoy_rq 2\n# TYPE any untyped\nany 3 1000\n';
  const openmetrics =
    '# TYPE requests counter\n# HELP requests Say \\"requests\\".\nrequests_total{a="2"} 5 # {id="x"} 1\nrequests_created{a="2"} 123.5\n# TYPE build info\nbuild_info{v="1"} 1\n# TYPE any unknown\nany{a="1"} 4\n# TYPE wait_seconds gauge\n# UNIT wait_seconds seconds\nwait_seconds 5\n# EOF\n';

  it('of text: names stay, counters without _total are of unknown type, times are in seconds', async () => {
    const merge = await merged([envoy(await serve(text))]);
    const { headers, text: body } = await merge.scrape({ accept: OPENMETRICS });
    expect(headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(
      body.startsWith(
        '# TYPE requests counter\nrequests_total{a="1"} 1\n# TYPE envoy_rq unknown\nenvoy_rq 2\n# TYPE any unknown\nany 3 1\n',
      ),
    ).toBe(true);
    expect(body.match(/# EOF/g)).toHaveLength(1);
    expect(readExposition(body, 'openmetrics').types.get('istio_agent_scrapes')).toBe('counter');
  });

  it('of an application keeps exemplars, units and creation times', async () => {
    const merge = await merged([application(await serve(openmetrics, OPENMETRICS))]);
    expect(await merge.others({ accept: OPENMETRICS })).toBe(openmetrics);
  });

  it('of an application becomes text for who wants text', async () => {
    const merge = await merged([application(await serve(openmetrics, OPENMETRICS))]);
    expect(await merge.others()).toBe(
      '# HELP requests_total Say "requests".\n# TYPE requests_total counter\nrequests_total{a="2"} 5\nrequests_created{a="2"} 123.5\n# TYPE build_info gauge\nbuild_info{v="1"} 1\n# TYPE any untyped\nany{a="1"} 4\n# TYPE wait_seconds gauge\nwait_seconds 5\n',
    );
  });

  it('and text of two sources make one family, in either format', async () => {
    const merge = await merged([
      envoy(await serve(text)),
      application(await serve(openmetrics, OPENMETRICS)),
    ]);
    expect(await merge.others({ accept: OPENMETRICS })).toContain(
      '# TYPE requests counter\n# HELP requests Say \\"requests\\".\nrequests_total{a="1"} 1\nrequests_total{a="2"} 5',
    );
    expect(await merge.others()).toContain(
      '# TYPE requests_total counter\nrequests_total{a="1"} 1\nrequests_total{a="2"} 5\n',
    );
  });

  it('keeps apart what text keeps apart: a gauge x and a counter x_total', async () => {
    const gaugeFirst = '# TYPE x gauge\nx 1\n# TYPE x_total counter\nx_total 2\n';
    const counterFirst = '# TYPE y_total counter\ny_total 2\n# TYPE y gauge\ny 1\n';
    const merge = await merged([application(await serve(gaugeFirst + counterFirst))]);
    expect(await merge.others({ accept: OPENMETRICS })).toBe(
      '# TYPE x gauge\nx 1\n# TYPE x_total unknown\nx_total 2\n# TYPE y counter\ny_total 2\ny 1\n# EOF\n',
    );
  });

  it('loses a unit that its name does not end in, which Prometheus would refuse', async () => {
    const body = '# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n';
    const merge = await merged([application(await serve(body, OPENMETRICS))]);
    expect(await merge.others({ accept: OPENMETRICS })).toBe('# TYPE a gauge\na 1\n# EOF\n');
  });

  it('without its end is counted as cut off, and kept', async () => {
    const merge = await merged([application(await serve('a 1\n', OPENMETRICS))]);
    const { text: body } = await merge.scrape();
    expect(body).toContain('a 1\n');
    expect(failed(body, 'truncated')).toBe(1);
  });
});

describe('what the agent says about a scrape', () => {
  it('is in the answer to that scrape', async () => {
    const app = await serve('a 1\nb 2\n');
    const merge = await merged([envoy(await serve('c 1\n')), application(app)]);
    const { text } = await merge.scrape();
    const labels = `{type="application",target=":${app.port}/metrics"}`;
    expect(sampleValue(text, `istio_agent_scrape_up${labels}`)).toBe(1);
    expect(sampleValue(text, `istio_agent_scrape_samples${labels}`)).toBe(2);
    expect(sampleValue(text, `istio_agent_scrape_bytes${labels}`)).toBe(8);
    expect(sampleValue(text, `istio_agent_scrape_duration_seconds${labels}`)).toBeGreaterThan(0);
    expect(sampleValue(text, 'istio_agent_scrape_up{type="envoy",target="envoy"}')).toBe(1);
  });
});

function histogram(name: string): string {
  return `# TYPE ${name} histogram\n${name}_bucket{le="1"} 1\n${name}_bucket{le="+Inf"} 2\n${name}_sum 3\n${name}_count 2\n`;
}
function summary(name: string): string {
  return `# TYPE ${name} summary\n${name}{quantile="0.5"} 1\n${name}_sum 3\n${name}_count 2\n`;
}
