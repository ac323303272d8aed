import type { ServerResponse } from 'node:http';

/** Answers with a short plain text that no browser may take for anything else; without a body for an empty text. */
export function answerText(
  response: ServerResponse,
  status: number,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.statusCode = status;
  if (body.length > 0) response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('x-content-type-options', 'nosniff');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(body);
}
