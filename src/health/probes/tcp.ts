import type { TcpProber } from '../../config/app-probers.ts';
import type { ProbeResult } from './result.ts';
import type { ProbeTarget } from './target.ts';

/**
 * A connection that opens is a success. It is closed in the ordinary way, as kubelet does: a reset would leave no TIME_WAIT
 * but reaches the application as an error, which a careless one does not survive.
 */
export async function probeTcp(
  prober: TcpProber,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const socket = await target.connect(prober.port, signal);
  socket.destroy();
  return { status: 200, body: '' };
}
