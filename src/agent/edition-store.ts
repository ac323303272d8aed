import type { Logger } from '../platform/logger.ts';
import type { Edition } from './editions.ts';
import type { SupervisorState } from './epochs/state.ts';

/** The editions that may be needed again: of living epochs, of the attempt under way, and the last one that was LIVE. */
export interface EditionStore {
  /** What the inputs say now. The very first time that is what the agent started with. */
  derive(): Promise<Edition>;
  remember(edition: Edition): void;
  get(name: string): Edition | undefined;
  /** The last one that was derived: for epochs of an agent before this one, of which only the name is known. */
  latest(): Edition;
  /** Forgets what no epoch can ask for any more. */
  keepOnly(state: SupervisorState): void;
}

export function createEditionStore(
  first: Edition,
  deriveAgain: () => Promise<Edition>,
  log: Logger,
): EditionStore {
  const known = new Map<string, Edition>([[first.name, first]]);
  let fresh: Edition | undefined = first;
  let latest = first;
  const said = new Set<string>();
  return {
    derive: async () => {
      const edition = fresh ?? (await deriveAgain());
      fresh = undefined;
      latest = edition;
      for (const warning of edition.warnings) {
        if (!said.has(warning)) log.warn(warning);
        said.add(warning);
      }
      return edition;
    },
    remember: (edition) => {
      known.set(edition.name, edition);
    },
    get: (name) => known.get(name),
    latest: () => latest,
    keepOnly: ({ epochs, attempt, lastGood }) => {
      // While one is being prepared nobody knows its name yet.
      if (attempt?.kind === 'preparing') return;
      const needed = new Set([...epochs.map(({ config }) => config), lastGood]);
      if (attempt !== undefined && 'config' in attempt) needed.add(attempt.config);
      for (const name of known.keys()) if (!needed.has(name)) known.delete(name);
    },
  };
}
