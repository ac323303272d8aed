import type { Settings } from './setting.ts';

const logging = 'Logging';
const command = 'This command';

export const COMMAND = {
  logOutputLevel: {
    doc: "Levels of the agent's log: `debug`, `info`, `warn`, `error`, `fatal`, `none`, or `scope:level` separated by commas (scope `all`: every one).",
    group: logging,
    format: 'log-levels',
    default: 'default:info',
    flag: 'log_output_level',
    value: 'LEVELS',
    feeds: 'log',
  },
  logAsJson: {
    doc: 'Log a line of JSON for each message.',
    group: logging,
    format: 'boolean',
    default: 'false',
    flag: 'log_as_json',
    feeds: 'log',
  },
  proxyLogLevel: {
    doc: "Envoy's log level; may carry levels of components: `info,misc:error,upstream:debug`.",
    group: logging,
    format: 'text',
    default: 'warning',
    flag: 'proxyLogLevel',
    value: 'LEVEL',
  },
  proxyComponentLogLevel: {
    doc: 'Levels of components of Envoy, where `--proxyLogLevel` names none.',
    group: logging,
    format: 'text',
    default: '',
    flag: 'proxyComponentLogLevel',
    value: 'LEVELS',
  },
  skipDeprecatedLogs: {
    doc: 'Keep warnings on deprecated fields out of the log of Envoy.',
    group: logging,
    format: 'boolean',
    default: 'true',
    variable: 'ENVOY_SKIP_DEPRECATED_LOGS',
  },
  printConfig: {
    doc: 'Print the effective configuration and where each value came from, and end.',
    group: command,
    format: 'boolean',
    default: 'false',
    flag: 'print-config',
    feeds: null,
  },
  output: {
    doc: 'Form of `--print-config`: `text` or `json`.',
    group: command,
    format: 'output',
    default: 'text',
    flag: 'output',
    value: 'FORM',
    feeds: null,
  },
  help: {
    doc: 'Print the help text and end; also `-h`.',
    group: command,
    format: 'boolean',
    default: 'false',
    flag: 'help',
    feeds: null,
  },
} as const satisfies Settings;
