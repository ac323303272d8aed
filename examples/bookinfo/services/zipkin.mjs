import { html } from './html.mjs';
import { json, text } from './serve.mjs';
import { tracesPage } from './traces-page.mjs';

/** The oldest make room for new ones. */
const MAX_TRACES = 200;
const MAX_SPANS = 500;

/**
 * A collector of spans in memory: `POST /api/v2/spans` as Envoy and other Zipkin clients send them, in JSON;
 * `GET /api/v2/traces` and `GET /api/v2/trace/ID` give them back, and `GET /` draws them.
 */
export function zipkin() {
  const traces = new Map();
  const newestFirst = () => [...traces.values()].reverse();
  return [
    [
      'POST',
      /^\/api\/v2\/spans$/,
      ({ headers, body }) => {
        if (!/^application\/json\b/.test(headers['content-type'] ?? '')) {
          return json(415, { error: 'spans are taken as application/json only' });
        }
        const spans = readSpans(body);
        if (spans === undefined) return json(400, { error: 'expected a list of spans with traceId and id' });
        for (const span of spans) remember(traces, span);
        return text(202, '');
      },
    ],
    ['GET', /^\/api\/v2\/traces$/, () => json(200, newestFirst())],
    [
      'GET',
      /^\/api\/v2\/trace\/([0-9a-f]{16,32})$/,
      ({ parameters: [id] }) =>
        traces.has(id) ? json(200, traces.get(id)) : json(404, { error: `no trace ${id}` }),
    ],
    ['GET', /^\/$/, () => html(tracesPage(newestFirst()))],
  ];
}

function readSpans(body) {
  try {
    const spans = JSON.parse(body);
    const isSpan = (span) => typeof span?.traceId === 'string' && typeof span?.id === 'string';
    return Array.isArray(spans) && spans.every(isSpan) ? spans : undefined;
  } catch {
    return undefined;
  }
}

function remember(traces, span) {
  const spans = traces.get(span.traceId) ?? [];
  if (spans.length < MAX_SPANS) spans.push(span);
  traces.set(span.traceId, spans);
  if (traces.size > MAX_TRACES) traces.delete(traces.keys().next().value);
}
