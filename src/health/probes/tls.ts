import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/**
 * TLS over an open connection. The certificate is not verified: kubelet does not either, for it connects by address
 * (Kubernetes documentation of `scheme: HTTPS`). The socket below is closed when the handshake fails.
 */
export async function startTls(socket: Socket, offerHttp2: boolean, signal: AbortSignal): Promise<TLSSocket> {
  const { connect } = await import('node:tls');
  return new Promise((resolve, reject) => {
    const secure = connect({
      socket,
      rejectUnauthorized: false,
      ALPNProtocols: offerHttp2 ? ['h2', 'http/1.1'] : ['http/1.1'],
    });
    const fail = (error: Error) => {
      signal.removeEventListener('abort', abort);
      secure.destroy();
      socket.destroy();
      reject(error);
    };
    const abort = () => fail(signal.reason);
    secure.on('error', fail);
    secure.on('close', () =>
      fail(new Error('the application closed the connection during the TLS handshake')),
    );
    secure.on('secureConnect', () => {
      signal.removeEventListener('abort', abort);
      resolve(secure);
    });
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  });
}
