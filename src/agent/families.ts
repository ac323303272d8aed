import { chooseBaseId, removeSharedMemory } from '../envoy/base-id.ts';

/** The base ids of the families of epochs that this agent has had. */
export interface Families {
  baseId(family: number): number;
  /** Removes the shared memory of every family: for when no Envoy of them lives. */
  removeAll(): void;
}

/** @param first base id of family 0; undefined: the agent chooses one that is free for `uid` */
export function createFamilies(first: number | undefined, uid: number): Families {
  const ids = new Map<number, number>([[0, first ?? chooseBaseId(uid)]]);
  return {
    baseId: (family) => {
      const known = ids.get(family);
      if (known !== undefined) return known;
      const chosen = chooseBaseId(uid);
      ids.set(family, chosen);
      return chosen;
    },
    removeAll: () => {
      for (const id of ids.values()) removeSharedMemory(id);
    },
  };
}
