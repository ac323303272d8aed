import type { RequestListener } from 'node:http';
import { onTestFinished } from 'vitest';
import { type Application, openApplication } from './http-application.ts';

/** An HTTP application on a free port of 127.0.0.1, closed when the test is over. Answers `hello` unless told otherwise. */
export function startApplication(handler?: RequestListener): Promise<Application> {
  return openApplication(onTestFinished, handler);
}
