import { expect, it } from 'vitest';
import { setsLogFormat } from '../../src/bootstrap/log-format.ts';
import { buildSample } from './build-sample.ts';

it('the bootstrap leaves the form of the log to the command line, unless an override has its own', () => {
  expect(setsLogFormat(buildSample())).toBe(false);
  for (const bootstrapOverride of [
    { application_log_config: { log_format: { text_format: '%v' } } },
    { applicationLogConfig: { logFormat: { jsonFormat: { msg: '%j' } } } },
  ])
    expect(setsLogFormat(buildSample({ bootstrapOverride }))).toBe(true);
  expect(setsLogFormat(null)).toBe(false);
});
