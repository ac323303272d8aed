import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';

export const HOST = 'injector.test';

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** Serial number of the server's certificate. */
  readonly serial: string;
}

export interface Client {
  post(path: string, body: string | Buffer, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  get(path: string): Promise<Answer>;
  readonly agent: Agent;
}

/** A client that trusts one root, as the API server does, and keeps its connections. */
export async function httpsClient(port: number, caFile: string, maxSockets = 50): Promise<Client> {
  const agent = new Agent({
    ca: await readFile(caFile),
    servername: HOST,
    keepAlive: true,
    maxSockets,
  });
  const send = async (
    method: string,
    path: string,
    body: string | Buffer,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> => {
    const outgoing = request({ host: '127.0.0.1', port, path, method, agent, headers });
    outgoing.end(body);
    const [response] = await once(outgoing, 'response');
    const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate();
    let text = '';
    response.setEncoding('utf8');
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, text, serial: serialNumber };
  };
  return {
    agent,
    post: (path, body, headers = { 'content-type': 'application/json' }) =>
      send('POST', path, body, { ...headers, 'content-length': String(Buffer.byteLength(body)) }),
    get: (path) => send('GET', path, '', {}),
  };
}
