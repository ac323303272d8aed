import { randomBaseId, removeSharedMemory } from '../envoy/base-id.ts';

/** The base ids of the families of epochs that this agent has had. */
export interface Families {
  baseId(family: number): number;
  /** Removes the shared memory of every family: for when no Envoy of them lives. */
  removeAll(): void;
}

/** @param first base id of family 0 */
export function createFamilies(first: number, uid: number): Families {
  const ids = new Map<number, number>([[0, first]]);
  return {
    baseId: (family) => {
      const known = ids.get(family);
      if (known !== undefined) return known;
      const chosen = randomBaseId(uid);
      ids.set(family, chosen);
      return chosen;
    },
    removeAll: () => {
      for (const id of ids.values()) removeSharedMemory(id);
    },
  };
}
