// How one service asks another.
import { request } from 'node:http';

const DEADLINE_MS = 2_000;
const MAX_ANSWER_BYTES = 2 ** 20;

/**
 * What an application in a mesh passes on. A sidecar starts a trace and sees each request alone; only the application knows
 * which of its own calls belong to which request.
 */
const PASSED_ON = [
  'x-request-id',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'b3',
  'traceparent',
  'tracestate',
  'end-user',
];

/**
 * Asks by GET for JSON.
 * @param {URL} base such as `http://reviews:9080`
 * @param {string} path
 * @param {import('node:http').IncomingHttpHeaders} headers of the request that this is asked for
 * @param {{ host: string, port: number } | null} outbound where to go instead when nothing redirects the call to a
 *   sidecar: its listener, which reads from the Host header what is wanted
 * @returns {Promise<{ ok: true, value: unknown } | { ok: false, error: string }>}
 */
export function ask(base, path, headers, outbound) {
  return new Promise((resolve) => {
    const fail = (error) => resolve({ ok: false, error });
    const call = request({
      host: outbound?.host ?? base.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: outbound?.port ?? (base.port || 80),
      path,
      headers: { ...passedOn(headers), host: base.host, accept: 'application/json' },
      agent: false, // a connection for each request: none is idle when a sidecar drains
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    call.on('error', (error) =>
      fail(
        error.name === 'AbortError'
          ? `${base.host} did not answer in ${DEADLINE_MS} ms`
          : `${base.host}: ${error.message || error.code}`,
      ),
    );
    call.on('response', async (response) => {
      try {
        let body = '';
        for await (const chunk of response.setEncoding('utf8')) {
          body += chunk;
          if (body.length > MAX_ANSWER_BYTES) throw new Error('the answer is too long');
        }
        if (response.statusCode === 200) resolve({ ok: true, value: JSON.parse(body) });
        else fail(`${base.host} answered ${response.statusCode}: ${body.trim().slice(0, 200)}`);
      } catch (error) {
        fail(`${base.host}: ${error.message}`);
      }
    });
    call.end();
  });
}

export function passedOn(headers) {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
}
