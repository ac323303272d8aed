import type { Agent } from 'node:http';
import type { HttpProber } from '../../config/app-probers.ts';
import { type Answer, exchangeKept, exchangeOver, keepAliveAgent, type Question } from './exchange.ts';
import { forwardedHeaders, type HeaderList, probeHost } from './headers.ts';
import { exchangeHttp2 } from './http2.ts';
import type { ProbeResult } from './result.ts';
import type { ProberOptions, ProbeTarget } from './target.ts';
import { startTls } from './tls.ts';

const MAX_REDIRECTS = 10;

export type HttpProbe = (
  prober: HttpProber,
  incoming: HeaderList,
  signal: AbortSignal,
) => Promise<ProbeResult>;

/**
 * Asks the application as kubelet would (pilot-agent-1.30.md §4.4): a GET with the incoming headers; a redirect is followed
 * while it stays on the destination's host name and is a success where it leaves it; 3xx counts as 200.
 */
export function httpProbe(target: ProbeTarget, options: ProberOptions): HttpProbe {
  const agent = options.keepAlive ? keepAliveAgent(target) : undefined;
  return async (prober, incoming, signal) => {
    const headers = forwardedHeaders(incoming);
    const destination = authority(target.host, prober.port);
    const incomingHost = incoming.find(([name]) => name.toLowerCase() === 'host')?.[1];
    let question: Question = {
      scheme: prober.scheme,
      port: prober.port,
      path: requestPath(prober.path),
      host: probeHost(prober, incomingHost, options.statusPort, destination),
      headers,
    };
    for (let redirects = 0; ; redirects += 1) {
      const answer = await ask(question, target, agent, options.http2, signal);
      const next = redirect(answer, question, target.host);
      if (next === undefined) return toResult(answer);
      if (redirects === MAX_REDIRECTS) throw new Error(`stopped after ${MAX_REDIRECTS} redirects`);
      question = next;
    }
  };
}

async function ask(
  question: Question,
  target: ProbeTarget,
  agent: Agent | undefined,
  offerHttp2: boolean,
  signal: AbortSignal,
): Promise<Answer> {
  if (question.scheme === 'http' && agent !== undefined) return exchangeKept(agent, question, signal);
  const socket = await target.connect(question.port, signal);
  if (question.scheme === 'http') return exchangeOver(socket, question, signal);
  const secure = await startTls(socket, offerHttp2, signal);
  return secure.alpnProtocol === 'h2'
    ? exchangeHttp2(secure, question, signal)
    : exchangeOver(secure, question, signal);
}

/** The question that a redirect asks for; undefined when the answer is the last word. */
function redirect({ status, location }: Answer, from: Question, host: string): Question | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined;
  const base = new URL(`${from.scheme}://${authority(host, from.port)}${from.path}`);
  if (!URL.canParse(location, base.href))
    throw new Error(`redirect to an address that cannot be read: ${location}`);
  const to = new URL(location, base);
  if (to.hostname !== base.hostname) return undefined;
  const scheme = to.protocol === 'https:' ? 'https' : to.protocol === 'http:' ? 'http' : undefined;
  if (scheme === undefined) throw new Error(`redirect to ${to.protocol} instead of http: or https:`);
  return {
    scheme,
    port: to.port === '' ? (scheme === 'https' ? 443 : 80) : Number(to.port),
    path: `${to.pathname}${to.search}`,
    // A Host of the probe's own belongs to where the probe was sent, and goes on only while the redirect names no host.
    host: URL.canParse(location) ? to.host : from.host,
    headers: from.headers,
  };
}

const toResult = ({ status, body }: Answer): ProbeResult =>
  status >= 300 && status < 400 ? { status: 200, body: '' } : { status, body };

const authority = (host: string, port: number) =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** The path as written in the probe, made fit for a request line. */
function requestPath(path: string): string {
  const [withoutFragment = ''] = path.split('#');
  const encoded = withoutFragment.replace(/[^\x21-\x7e]+/g, (part) =>
    Buffer.from(part, 'utf8').toString('hex').replace(/../g, '%$&'),
  );
  return encoded.startsWith('/') ? encoded : `/${encoded}`;
}
