import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerText } from './answers.ts';
import { isLocalReader, isLocalTool, originOf } from './locality.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Exact path -> what answers it. */
export type Routes = ReadonlyMap<string, Handler>;

/** Wraps what changes the sidecar: from this machine only, and by POST only. Locality is looked at first, as in Istio. */
export function localPost(handler: Handler): Handler {
  return (request, response) => {
    if (!isLocalTool(originOf(request))) {
      return answerText(response, 403, 'Only requests from localhost are allowed\n');
    }
    if (request.method !== 'POST') {
      return answerText(response, 405, 'Method Not Allowed\n', { allow: 'POST' });
    }
    return handler(request, response);
  };
}

/** Wraps what tells about the sidecar more than a probe may know: to this machine only, its browsers included, and by GET only. */
export function localGet(handler: Handler): Handler {
  return (request, response) => {
    if (!isLocalReader(originOf(request))) {
      return answerText(
        response,
        403,
        'Only requests from localhost are allowed, and none of another web page\n',
      );
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return answerText(response, 405, 'Method Not Allowed\n', { allow: 'GET, HEAD' });
    }
    return handler(request, response);
  };
}

/** The path of a request, without the query; `http://host/path` (a request through a proxy) counts as `/path`. */
export function pathOf(url: string | undefined): string {
  const [path = ''] = (url ?? '').replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1);
  return path === '' ? '/' : path;
}
