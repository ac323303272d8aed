import type { Settings } from './setting.ts';

const group = 'Lifecycle';

export const LIFECYCLE = {
  drainDuration: {
    doc: 'How long an Envoy drains that a hot restart replaces; whole seconds, at most 1h.',
    group,
    format: 'whole-seconds',
    default: '45s',
    flag: 'drainDuration',
    value: 'DURATION',
    field: 'drainDuration',
  },
  parentShutdownDuration: {
    doc: 'When the replaced Envoy ends at the latest; must be greater than `--drainDuration`.',
    group,
    format: 'whole-seconds',
    default: null,
    nullable: true,
    defaultDoc: '1m0s, or 15s more than a `--drainDuration` of 1m and over',
    flag: 'parentShutdownDuration',
    value: 'DURATION',
    field: 'parentShutdownDuration',
  },
  terminationDrainDuration: {
    doc: 'How long the agent waits at most for open connections after SIGTERM.',
    group,
    format: 'duration',
    default: '5s',
    flag: 'terminationDrainDuration',
    value: 'DURATION',
    variable: 'TERMINATION_DRAIN_DURATION_SECONDS',
    variableFormat: 'seconds-number',
    field: 'terminationDrainDuration',
  },
  minimumDrainDuration: {
    doc: 'How long the agent waits at least after SIGTERM, even with no connection left.',
    group,
    format: 'duration',
    default: '0s',
    variable: 'MINIMUM_DRAIN_DURATION',
  },
  hotRestartTimeout: {
    doc: 'A hot restart whose new Envoy does not serve by then is abandoned, and the old one goes on.',
    group,
    format: 'positive-duration',
    default: '60s',
    flag: 'hotRestartTimeout',
    value: 'DURATION',
  },
  maxRestarts: {
    doc: 'How often a crashed Envoy is started again before the agent gives up; forgotten after a minute of service. 0: the agent ends with Envoy.',
    group,
    format: 'nat',
    default: '10',
    flag: 'maxRestarts',
    value: 'N',
  },
  watchBinary: {
    doc: 'Hot-restart when the Envoy binary is replaced.',
    group,
    format: 'boolean',
    default: 'false',
    flag: 'watchBinary',
  },
  noAdopt: {
    doc: 'End the Envoys that an agent before this one left serving, instead of taking over from them.',
    group,
    format: 'boolean',
    default: 'false',
    flag: 'noAdopt',
  },
} as const satisfies Settings;
