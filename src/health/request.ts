import { type Millis, millis } from '../platform/duration.ts';
import { callLocal } from './local-client.ts';

export interface RequestOptions {
  readonly port: number;
  readonly method: string;
  /** With or without leading slash. */
  readonly path: string;
  readonly body?: string | undefined;
}

const DEADLINE = millis(60_000);
const MAX_BODY_BYTES = 256 * 1024 * 1024;

/**
 * Sends one request to Envoy or to the agent on this machine and hands back the body of the answer. 404 counts as success, as in
 * Istio: scripts ask for what may not be there.
 * @throws Error on any other status over 399, with the status and the body
 */
export async function sendRequest(options: RequestOptions, deadline: Millis = DEADLINE): Promise<string> {
  const answer = await callLocal({
    url: `http://localhost:${options.port}/${options.path.replace(/^\//, '')}`,
    method: options.method,
    body: options.body,
    deadline,
    maxBytes: MAX_BODY_BYTES,
  });
  const body = answer.body.toString('utf8');
  if (answer.status > 399 && answer.status !== 404) {
    throw new Error(`received unsuccessful status code ${answer.status}: ${body}`);
  }
  return body;
}
