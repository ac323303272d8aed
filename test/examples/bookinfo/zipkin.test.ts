import { describe, expect, it } from 'vitest';
import { startService } from '../../support/bookinfo.ts';

const TRACE_ID = '463ac35c9f6413ad48485a3953bb6124';
const span = (id: string, parentId?: string) => ({
  traceId: TRACE_ID,
  id,
  ...(parentId === undefined ? {} : { parentId }),
  kind: 'SERVER',
  name: 'productpage.default.svc.cluster.local:9080/*',
  timestamp: 1_700_000_000_000_000,
  duration: 12_300,
  localEndpoint: { serviceName: 'productpage.default' },
  tags: { 'http.method': 'GET', 'http.url': 'http://productpage:9080/<b>', 'http.status_code': '200' },
});

describe('the collector', () => {
  it('takes spans as Envoy sends them, and gives them back as traces', async () => {
    const { url } = await startService('zipkin');
    expect((await post(url, [span('000000000000000a')])).status).toBe(202);
    expect((await post(url, [span('000000000000000b', '000000000000000a')])).status).toBe(202);
    const all = [span('000000000000000a'), span('000000000000000b', '000000000000000a')];
    expect(await (await fetch(`${url}/api/v2/traces`)).json()).toEqual([all]);
    expect(await (await fetch(`${url}/api/v2/trace/${TRACE_ID}`)).json()).toEqual(all);
    expect((await fetch(`${url}/api/v2/trace/0000000000000000`)).status).toBe(404);
  });

  it('draws them, as text whatever is in them', async () => {
    const { url } = await startService('zipkin');
    expect(await (await fetch(url)).text()).toContain('None yet');
    // One that is its own parent's parent, and one whose parent never came.
    await post(url, [span('a', 'b'), span('b', 'a'), span('c', 'never')]);
    const page = await (await fetch(url)).text();
    expect(page.match(/http:\/\/productpage:9080\/&lt;b&gt; 200/g)).toHaveLength(3);
    expect(page).not.toContain('<b>');
  });

  it.each([
    ['no JSON', '['],
    ['no list', '{}'],
    ['a span without an id', `[{"traceId":"${TRACE_ID}"}]`],
    ['null for a span', '[null]'],
  ])('refuses %s', async (_, body) => {
    const { url } = await startService('zipkin');
    expect((await post(url, body)).status).toBe(400);
    expect(await (await fetch(`${url}/api/v2/traces`)).json()).toEqual([]);
  });

  it('refuses spans in another form', async () => {
    const { url } = await startService('zipkin');
    const headers = { 'content-type': 'application/x-protobuf' };
    expect((await fetch(`${url}/api/v2/spans`, { method: 'POST', headers, body: 'x' })).status).toBe(415);
  });

  it('forgets the oldest', async () => {
    const { url } = await startService('zipkin');
    const spans = Array.from({ length: 250 }, (_, index) => ({ traceId: `trace${index}`, id: 'a' }));
    await post(url, spans);
    const traces = (await (await fetch(`${url}/api/v2/traces`)).json()) as { traceId: string }[][];
    expect(traces).toHaveLength(200);
    expect(traces[0]?.[0]?.traceId).toBe('trace249');
  });
});

function post(url: string, body: unknown): Promise<Response> {
  return fetch(`${url}/api/v2/spans`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}
