// A small HTTP server: routes, /health, /metrics, and an end that lets requests finish.
import { createServer } from 'node:http';

const MAX_BODY_BYTES = 5 * 2 ** 20;
/** How long requests may take that are under way when the service is asked to end. */
const FINISH_MS = 3_000;

/**
 * Listens, and ends on SIGTERM and SIGINT.
 * @param settings `service`, `version`, `port`, `host` of settings.mjs
 * @param routes `[method, pattern of the path, handler]`; a handler gets `{ headers, url, parameters, body }` and returns
 *   `{ status, type, body, headers }`
 * @returns {Promise<import('node:net').AddressInfo>} where it listens
 */
export function serve({ service, version, port, host }, routes) {
  const served = new Map();
  const all = [
    ...routes,
    ['GET', /^\/health$/, () => text(200, 'ok\n')],
    [
      'GET',
      /^\/metrics$/,
      () => ({ ...text(200, metrics(service, version, served)), type: 'text/plain; version=0.0.4' }),
    ],
  ];
  const server = createServer(async (incoming, outgoing) => {
    incoming.on('error', () => {}); // a client that goes away
    const answer = await respond(all, incoming);
    served.set(answer.status, (served.get(answer.status) ?? 0) + 1);
    if (outgoing.destroyed) return;
    outgoing.writeHead(answer.status, {
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.body),
      ...answer.headers,
    });
    outgoing.end(incoming.method === 'HEAD' ? undefined : answer.body);
  });
  // A sidecar keeps its connections for the next request. One that is closed here just then would cost that request.
  server.keepAliveTimeout = 0;
  const end = () => {
    server.close();
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), FINISH_MS).unref();
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, end);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server.address()));
  });
}

export function json(status, value) {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}

export function text(status, body) {
  return { status, type: 'text/plain; charset=utf-8', body };
}

async function respond(routes, incoming) {
  try {
    const method = incoming.method === 'HEAD' ? 'GET' : incoming.method;
    const url = new URL(`http://service${incoming.url.startsWith('/') ? incoming.url : '/'}`);
    const found = routes.flatMap(([allowed, pattern, handler]) => {
      const match = pattern.exec(url.pathname);
      return match === null ? [] : [{ allowed, handler, parameters: match.slice(1) }];
    });
    if (found.length === 0) return json(404, { error: `nothing at ${url.pathname}` });
    const route = found.find(({ allowed }) => allowed === method);
    if (route === undefined) {
      const allow = found.map(({ allowed }) => allowed).join(', ');
      return { ...json(405, { error: `${url.pathname} takes ${allow}` }), headers: { allow } };
    }
    const body = await readBody(incoming);
    if (body === undefined) {
      return {
        ...json(413, { error: `more than ${MAX_BODY_BYTES} bytes` }),
        headers: { connection: 'close' },
      };
    }
    return await route.handler({ headers: incoming.headers, url, parameters: route.parameters, body });
  } catch (error) {
    return json(500, { error: error.message });
  }
}

/** Undefined when it is too long. */
async function readBody(incoming) {
  const chunks = [];
  let length = 0;
  for await (const chunk of incoming) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function metrics(service, version, served) {
  const labels = `service="${service}",version="${version}"`;
  const lines = [...served].map(
    ([code, count]) => `bookinfo_requests_total{${labels},code="${code}"} ${count}\n`,
  );
  return `# HELP bookinfo_requests_total Requests that this service has answered.
# TYPE bookinfo_requests_total counter
${lines.join('')}# HELP bookinfo_uptime_seconds Time since this service started.
# TYPE bookinfo_uptime_seconds gauge
bookinfo_uptime_seconds{${labels}} ${process.uptime().toFixed(3)}
`;
}
