// A small application for `npm start`: productpage, and the two services that it asks. Everything it calls it calls
// through the sidecar's outbound listener, by the name of the service in the Host header, as it would in a mesh.
import { createServer, request } from 'node:http';

export const PORTS = { productpage: 9080, details: 9081, 'reviews v1': 9082, 'reviews v2': 9083 };
const OUTBOUND = { host: '127.0.0.1', port: 15001 };
const DEADLINE_MS = 2_000;
/** Headers that an application passes on, so that Envoy can tie the requests of one trace together. */
const TRACE_HEADERS = ['x-request-id', 'traceparent', 'tracestate', 'b3'];

/**
 * Starts productpage, details and both versions of reviews on loopback.
 * @returns what closes them
 * @throws Error that names the port which is taken
 */
export async function startApplication() {
  const served = new Map();
  const servers = [];
  const close = async () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  };
  try {
    servers.push(await listen('productpage', (incoming, answer) => productpage(incoming, answer, served)));
    servers.push(await listen('details', service({ author: 'William Shakespeare', year: 1595, pages: 200 })));
    const reviews = [{ reviewer: 'Reviewer1', text: 'An extremely entertaining play by Shakespeare.' }];
    servers.push(await listen('reviews v1', service({ version: 'v1', reviews })));
    const rated = reviews.map((review) => ({ ...review, stars: 5 }));
    servers.push(await listen('reviews v2', service({ version: 'v2', reviews: rated })));
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

async function productpage(incoming, answer, served) {
  if (incoming.url === '/healthz') return reply(answer, 200, 'text/plain', 'ok\n');
  if (incoming.url === '/metrics') return reply(answer, 200, 'text/plain; version=0.0.4', metrics(served));
  let status = 404;
  let body = { error: `no ${incoming.url} here, try /productpage` };
  if (incoming.url === '/productpage') {
    const [details, reviews] = await Promise.all([ask('details', incoming), ask('reviews', incoming)]);
    status = details.error || reviews.error ? 502 : 200;
    body = { title: 'The Comedy of Errors', details, reviews };
  }
  served.set(status, (served.get(status) ?? 0) + 1);
  reply(answer, status, 'application/json', `${JSON.stringify(body, null, 2)}\n`);
}

/** Asks a service by its name, through the sidecar. What goes wrong is part of the page. */
function ask(name, incoming) {
  const headers = { host: `${name}:9080` };
  for (const header of TRACE_HEADERS) {
    if (incoming.headers[header] !== undefined) headers[header] = incoming.headers[header];
  }
  return new Promise((resolve) => {
    // A connection for each request: the sidecar would wait for an idle one when it drains.
    const options = { ...OUTBOUND, agent: false, path: '/', headers };
    const call = request({ ...options, signal: AbortSignal.timeout(DEADLINE_MS) });
    call.on('error', (error) => resolve({ error: `${name}: ${error.message}` }));
    call.on('response', async (response) => {
      try {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        resolve(
          response.statusCode === 200
            ? JSON.parse(text)
            : { error: `${name}: ${response.statusCode} ${text}` },
        );
      } catch (error) {
        resolve({ error: `${name}: ${error.message}` });
      }
    });
    call.end();
  });
}

function metrics(served) {
  const lines = [...served].map(([code, count]) => `productpage_requests_total{code="${code}"} ${count}\n`);
  return `# HELP productpage_requests_total Requests that productpage has answered.
# TYPE productpage_requests_total counter
${lines.join('')}# HELP productpage_uptime_seconds Time since productpage started.
# TYPE productpage_uptime_seconds gauge
productpage_uptime_seconds ${process.uptime().toFixed(3)}
`;
}

function service(body) {
  return (_incoming, answer) => reply(answer, 200, 'application/json', JSON.stringify(body));
}

function reply(answer, status, type, body) {
  answer.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

function listen(name, handler) {
  const server = createServer(handler);
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const why = error.code === 'EADDRINUSE' ? 'it is already in use; free it' : error.message;
      reject(new Error(`${name} cannot listen on 127.0.0.1:${PORTS[name]}: ${why}`));
    });
    server.listen(PORTS[name], '127.0.0.1', () => resolve(server));
  });
}
