// The page of the collector, from plain data.
import { markup, STYLE } from './html.mjs';

const SHOWN = 20;

/** @param traces lists of spans, newest first */
export function tracesPage(traces) {
  return {
    title: 'Traces - Bookinfo',
    style: STYLE,
    body: markup`<header><span class="kind">Bookinfo</span></header>
<main>
<h1>Traces</h1>
<p class="lead">${
      traces.length === 0
        ? 'None yet. Load the product page, and a second later this one.'
        : `The newest ${Math.min(SHOWN, traces.length)} of ${traces.length}. A call between two services has a span of each sidecar.`
    }</p>
${traces.slice(0, SHOWN).map(trace)}
</main>
<footer><a href="/api/v2/traces">The same as JSON</a></footer>`,
  };
}

function trace(spans) {
  const rows = inOrder(spans);
  const from = Math.min(...spans.map(({ timestamp = Infinity }) => timestamp));
  return markup`<section class="card"><h2>${rows[0]?.span.name ?? ''}</h2>
<table><caption class="kind">trace ${spans[0].traceId}</caption>
<thead><tr><th scope="col">Sidecar of</th><th scope="col">Side</th><th scope="col">Request</th><th scope="col">Starts, ms</th><th scope="col">Takes, ms</th></tr></thead>
<tbody>${rows.map(
    ({ span, depth }) => markup`<tr><td>${'· '.repeat(depth)}${span.localEndpoint?.serviceName ?? '?'}</td>
<td>${(span.kind ?? '').toLowerCase()}</td><td>${span.tags?.['http.method'] ?? ''} ${span.tags?.['http.url'] ?? span.name ?? ''} ${span.tags?.['http.status_code'] ?? ''}</td>
<td>${millis(span.timestamp - from)}</td><td>${millis(span.duration)}</td></tr>
`,
  )}</tbody></table></section>
`;
}

/** Parents before their children, and these by time. A span whose parent has not come yet stands at the top. */
export function inOrder(spans) {
  const ids = new Set(spans.map(({ id }) => id));
  const byTime = [...spans].sort((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0));
  const rows = [];
  const done = new Set();
  const visit = (span, depth) => {
    if (done.has(span)) return;
    done.add(span);
    rows.push({ span, depth });
    for (const each of byTime) if (each.parentId === span.id && each !== span) visit(each, depth + 1);
  };
  for (const span of byTime) if (!ids.has(span.parentId)) visit(span, 0);
  for (const span of byTime) visit(span, 0); // of a circle
  return rows;
}

function millis(micros) {
  return Number.isFinite(micros) ? (micros / 1_000).toFixed(1) : '';
}
