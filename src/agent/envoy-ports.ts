/** What the supervisor does to Envoy: bootstraps, processes, drains. One object for one agent. */
import { startHeldEnvoy } from '../envoy/held-process.ts';
import { notStarted, startEnvoy } from '../envoy/process.ts';
import { validateBootstrap } from '../envoy/validate.ts';
import { toError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { listeningPorts } from '../platform/process-usage.ts';
import type { Admins } from './admins.ts';
import type { BootstrapFiles, StagedName } from './bootstrap-files.ts';
import { askToDrain, type DrainOptions, drain } from './drain.ts';
import type { EditionStore } from './edition-store.ts';
import type { Edition } from './editions.ts';
import { envoyCommand } from './envoy-command.ts';
import { activeEpoch, type StartKind, type SupervisorState } from './epochs/state.ts';
import type { Families } from './families.ts';
import { untilIdle } from './idle.ts';
import { untilLive } from './live.ts';
import { retire } from './retire.ts';
import type { SupervisorPorts } from './supervisor.ts';
import { undoFailedChild } from './undo.ts';

export interface EnvoyPortsContext {
  readonly binary: string;
  readonly env: NodeJS.ProcessEnv;
  readonly families: Families;
  readonly admins: Admins;
  readonly bootstraps: BootstrapFiles;
  readonly editions: EditionStore;
  readonly state: () => SupervisorState;
  readonly log: Logger;
  /** Envoy's admin is on a spare port, and could be on its own. */
  readonly onAdminPortFree: () => void;
}

type EnvoyPorts = Pick<
  SupervisorPorts,
  'prepare' | 'spawn' | 'untilLive' | 'undo' | 'drain' | 'drainAndStay' | 'retire' | 'untilIdle' | 'forget'
> & {
  /** To be called after each hot restart, whatever came of it. */
  readonly bringAdminBack: () => Promise<void>;
};

export function createEnvoyPorts(context: EnvoyPortsContext): EnvoyPorts {
  const { binary, env, families, admins, bootstraps, editions, state, log, onAdminPortFree } = context;
  const activeAdmin = () => admins.of(activeEpoch(state()) ?? { family: 0, number: 0 });
  const drainOptions = (): DrainOptions | undefined => {
    const active = activeEpoch(state());
    const edition = active === undefined ? undefined : (editions.get(active.config) ?? editions.latest());
    return edition === undefined ? undefined : drainOptionsOf(edition);
  };
  return {
    prepare: async (effect) => {
      const known = effect.source.kind === 'saved' ? editions.get(effect.source.config) : undefined;
      const edition = known ?? (await editions.derive());
      if (edition.name === effect.unlessItIs) return { kind: 'unchanged' };
      editions.remember(edition);
      await admins.place(effect, isHandedOver(effect.start));
      const name = stagedName(effect, edition.name);
      const file = await bootstraps.stage(name, edition.bootstrap);
      if (!effect.check || edition.name === effect.proven) return { kind: 'valid', config: edition.name };
      const validation = await validateBootstrap(binary, file, env);
      if (validation.kind === 'valid') return { kind: 'valid', config: edition.name };
      bootstraps.discard(name);
      return validation;
    },
    spawn: ({ number, family, config }) => {
      const edition = editions.get(config);
      if (edition === undefined) throw new Error(`there is no bootstrap ${config}`);
      let bootstrapFile: string;
      try {
        bootstrapFile = bootstraps.use(stagedName({ number, family }, config), number);
      } catch (thrown) {
        return notStarted(toError(thrown));
      }
      const baseId = families.baseId(family);
      const command = envoyCommand(edition, { bootstrapFile, epoch: number, baseId }, env);
      log.info(`Envoy command: ${JSON.stringify(command.args)}`);
      // As PID 1, or with --noAdopt, nobody will take over from this agent: Envoy goes with it, by the kernel's word.
      const start = edition.config.noAdopt || process.pid === 1 ? startEnvoy : startHeldEnvoy;
      return start(binary, command.args, command.env);
    },
    untilLive: ({ number, family }, _envoy, signal) =>
      untilLive(admins.of({ number, family }), { epoch: number, baseId: families.baseId(family) }, signal),
    undo: ({ family, number }) =>
      undoFailedChild(families.baseId(family), admins.of({ family, number }), log),
    drain: async ({ alreadyAsked }, signal) => {
      const options = drainOptions();
      return options === undefined
        ? 'there is no Envoy to drain'
        : drain(activeAdmin(), options, alreadyAsked, log, signal);
    },
    drainAndStay: async () => {
      const options = drainOptions();
      if (options !== undefined) await askToDrain(activeAdmin(), options, true, log);
    },
    retire: async (key, envoy, signal) => {
      const epoch = state().epochs.find((candidate) => candidate.key === key);
      const edition = epoch === undefined ? undefined : (editions.get(epoch.config) ?? editions.latest());
      if (epoch === undefined || edition === undefined) return;
      const longest = edition.config.parentShutdownDuration;
      const identity = { epoch: epoch.number, baseId: families.baseId(epoch.family) };
      await retire(
        { envoy, admin: admins.of(epoch), identity, longest, untilIdle, portsOf: listeningPorts, log },
        signal,
      );
    },
    untilIdle: async ({ pid }, signal) => pid !== undefined && untilIdle(pid, signal),
    forget: async () => {
      for (const number of bootstraps.epochs()) {
        if (!isUsed(number)) bootstraps.remove(number);
      }
      await bringAdminBack();
    },
    bringAdminBack,
  };

  function stagedName(which: Parameters<Admins['port']>[0], config: string): StagedName {
    return { config, adminPort: admins.isSpare(which) ? admins.port(which) : undefined };
  }

  /** A parent closes its admin for its child; any other Envoy of this agent keeps the port for as long as it lives. */
  function isHandedOver(start: StartKind): boolean {
    const { epochs } = state();
    const parent = activeEpoch(state());
    if (start === 'hot') return parent !== undefined && !admins.isSpare(parent);
    return epochs.every(({ phase }) => phase === 'initializing'); // one that was never LIVE is killed first
  }

  /** Asks for the hot restart that brings the admin back to its port, when nothing is in the way and none is under way. */
  async function bringAdminBack(): Promise<void> {
    const { lifecycle, attempt, waiting } = state();
    const active = activeEpoch(state());
    if (lifecycle.kind !== 'running' || active === undefined || !admins.isSpare(active)) return;
    const comes = (attempt !== undefined && attempt.kind !== 'undoing') || waiting.length > 0;
    if (!comes && !(await admins.isTaken())) onAdminPortFree();
  }

  /** Two families may have the same epoch number, and with it the same file. */
  function isUsed(number: number): boolean {
    return state().epochs.some((epoch) => epoch.number === number);
  }
}

function drainOptionsOf({ config }: Edition): DrainOptions {
  return {
    inboundOnly: config.role === 'sidecar',
    longest: config.terminationDrainDuration,
    shortest: config.minimumDrainDuration,
    envoyDrainTime: config.drainDuration,
    ignoredPorts: [config.envoyStatusPort],
  };
}
