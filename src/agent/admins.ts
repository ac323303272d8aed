import { type EnvoyAdmin, envoyAdmin } from '../envoy/admin.ts';
import { freePortOf } from '../platform/ports.ts';
import type { Epoch } from './epochs/state.ts';

type Which = Pick<Epoch, 'family' | 'number'>;

/**
 * Where the admin interface of each epoch is: on `--proxyAdminPort`, but for an epoch that was started beside one of another
 * family that still has that port (envoy-hot-restart.md, "a second way in"). The next hot restart brings it back.
 */
export interface Admins {
  of(which: Which): EnvoyAdmin;
  port(which: Which): number;
  /** Gives an epoch that is about to start a free port instead. */
  useSpare(which: Which): Promise<void>;
  /** Where the admin of an epoch is that an agent before this one started. */
  adopt(which: Which, port: number): void;
  isSpare(which: Which): boolean;
}

export function createAdmins(host: string, regularPort: number): Admins {
  const spares = new Map<string, number>();
  const name = ({ family, number }: Which) => `${family}:${number}`;
  const port = (which: Which) => spares.get(name(which)) ?? regularPort;
  return {
    port,
    of: (which) => envoyAdmin(host, port(which)),
    useSpare: async (which) => {
      spares.set(name(which), await freePortOf(host));
    },
    adopt: (which, adoptedPort) => {
      if (adoptedPort !== regularPort) spares.set(name(which), adoptedPort);
    },
    isSpare: (which) => spares.has(name(which)),
  };
}
