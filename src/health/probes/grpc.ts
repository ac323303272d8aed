import type { GrpcProber } from '../../config/app-probers.ts';
import { readFirst } from '../../platform/read-first.ts';
import { withHttp2Stream } from './http2.ts';
import { failed, type ProbeResult } from './result.ts';
import type { ProbeTarget } from './target.ts';

const MAX_MESSAGE_BYTES = 64 * 1024;
/** `grpc.health.v1.HealthCheckResponse.ServingStatus`. */
const SERVING_STATUS: readonly string[] = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
/** The status codes of gRPC, by number. */
const GRPC_CODES: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** `grpc.health.v1.Health/Check` over plain HTTP/2: 200 when SERVING, else 500 with the status named. */
export async function probeGrpc(
  prober: GrpcProber,
  userAgent: string | undefined,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const socket = await target.connect(prober.port, signal);
  const headers = {
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': `${target.host.includes(':') ? `[${target.host}]` : target.host}:${prober.port}`,
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': userAgent ?? 'pilot-agent',
  };
  return withHttp2Stream(
    socket,
    headers,
    frame(checkRequest(prober.service)),
    signal,
    async (stream, response) => {
      let trailers: Readonly<Record<string, unknown>> = {};
      stream.on('trailers', (received) => {
        trailers = received;
      });
      const message = await readFirst(stream, MAX_MESSAGE_BYTES);
      if (Number(response[':status']) !== 200)
        return failure(`HTTP status ${response[':status']} instead of a gRPC answer`);
      // A server that fails at once says so in the header instead of the trailer.
      const code = Number(response['grpc-status'] ?? trailers['grpc-status'] ?? 2);
      if (code === 0) return servingResult(servingStatus(message));
      const detail = String(response['grpc-message'] ?? trailers['grpc-message'] ?? '');
      return failure(`gRPC status ${GRPC_CODES[code] ?? code}${detail === '' ? '' : `: ${detail}`}`);
    },
  );
}

function servingResult(status: number | undefined): ProbeResult {
  if (status === 1) return { status: 200, body: '' };
  return failure(
    status === undefined
      ? 'the answer is no HealthCheckResponse'
      : `serving status ${SERVING_STATUS[status] ?? status}`,
  );
}

const failure = (reason: string): ProbeResult => failed(`gRPC probe failed: ${reason}`);

/** HealthCheckRequest: field 1, a string; left out when empty, as proto3 does. */
export function checkRequest(service: string): Uint8Array {
  const name = Buffer.from(service, 'utf8');
  if (name.length === 0) return name;
  const length: number[] = [];
  for (let rest = name.length; ; rest >>>= 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([0x0a, ...length]), name]);
}

/** Length-prefixed message: not compressed, 4 bytes of length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
function frame(message: Uint8Array): Uint8Array {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** The status in a framed HealthCheckResponse (field 1, a varint; absent: 0), or undefined when it is none. */
export function servingStatus(data: Uint8Array): number | undefined {
  const framed = Buffer.from(data);
  if (framed.length < 5 || framed[0] !== 0 || framed.readUInt32BE(1) !== framed.length - 5) return undefined;
  let at = 5;
  let status = 0;
  const varint = (): number | undefined => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = framed[at];
      if (byte === undefined) return undefined;
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < framed.length) {
    const key = varint();
    if (key === undefined) return undefined;
    const wire = key % 8;
    if (wire === 0) {
      const value = varint();
      if (value === undefined) return undefined;
      if (key === 0x08) status = value;
    } else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? varint() : undefined;
      if (length === undefined || at + length > framed.length) return undefined;
      at += length;
    }
  }
  return status;
}
