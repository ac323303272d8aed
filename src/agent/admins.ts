import { connect } from 'node:net';
import { type EnvoyAdmin, envoyAdmin } from '../envoy/admin.ts';
import { freePortOf } from '../platform/ports.ts';
import type { Epoch } from './epochs/state.ts';

/** An Envoy that hangs has its port even so. */
const LOOK_MS = 1_000;

type Which = Pick<Epoch, 'family' | 'number'>;

/**
 * Where the admin interface of each epoch is: on `--proxyAdminPort`, but for epochs that are started while an Envoy of another
 * family still has that port (envoy-hot-restart.md, "a second way in"). A hot restart brings it back.
 */
export interface Admins {
  of(which: Which): EnvoyAdmin;
  port(which: Which): number;
  /**
   * Chooses the port of an epoch that is about to start.
   * @param handedOver whoever has the regular port gives it up to this epoch
   */
  place(which: Which, handedOver: boolean): Promise<void>;
  /** Where the admin of an epoch is that an agent before this one started. */
  adopt(which: Which, port: number): void;
  isSpare(which: Which): boolean;
  /** Whether anybody listens on the regular port. */
  isTaken(): Promise<boolean>;
}

export function createAdmins(host: string, regularPort: number): Admins {
  const spares = new Map<string, number>();
  const name = ({ family, number }: Which) => `${family}:${number}`;
  const port = (which: Which) => spares.get(name(which)) ?? regularPort;
  return {
    port,
    of: (which) => envoyAdmin(host, port(which)),
    place: async (which, handedOver) => {
      spares.delete(name(which));
      if (!handedOver && (await isListening(host, regularPort)))
        spares.set(name(which), await freePortOf(host));
    },
    adopt: (which, adoptedPort) => {
      if (adoptedPort !== regularPort) spares.set(name(which), adoptedPort);
    },
    isSpare: (which) => spares.has(name(which)),
    isTaken: () => isListening(host, regularPort),
  };
}

function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: LOOK_MS });
    const answer = (listening: boolean) => () => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', answer(true));
    socket.once('timeout', answer(true));
    socket.once('error', answer(false));
  });
}
