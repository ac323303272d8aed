import type { Settings } from './setting.ts';

const common = { group: 'Accepted, without effect', feeds: null } as const;
const text = { ...common, format: 'text', value: 'TEXT' } as const;
const boolean = { ...common, format: 'boolean' } as const;
const number = { ...common, format: 'int', value: 'N' } as const;
const template = { ...text, default: '', value: 'FILE' } as const;
const NO_TEMPLATES =
  'Go templates are not supported and the generated bootstrap is used; name a finished file with --customConfigFile, or merge one over the bootstrap with ISTIO_BOOTSTRAP_OVERRIDE';

/** Flags of the original that a command line may carry, and that mean nothing here. */
export const UNUSED = {
  templateFile: {
    ...template,
    doc: 'Bootstrap template of the original. Not supported: a warning.',
    flag: 'templateFile',
    field: 'proxyBootstrapTemplatePath',
    unsupported: NO_TEMPLATES,
  },
  bootstrapTemplate: {
    ...template,
    doc: 'Bootstrap template of the original. Not supported: a warning.',
    variable: 'ISTIO_BOOTSTRAP',
    unsupported: NO_TEMPLATES,
  },
  controlPlaneBootstrap: {
    ...boolean,
    doc: 'Whether the proxy belongs to the control plane (1.5).',
    default: 'true',
    flag: 'controlPlaneBootstrap',
  },
  disableInternalTelemetry: {
    ...boolean,
    doc: 'Internal telemetry (1.5).',
    default: 'false',
    flag: 'disableInternalTelemetry',
  },
  mixerIdentity: { ...text, doc: 'Identity of Mixer (1.5).', default: '', flag: 'mixerIdentity' },
  profiling: { ...boolean, doc: 'Profiling on the status port (1.30).', default: 'true', flag: 'profiling' },
  tokenManagerPlugin: { ...text, doc: 'Token exchange plugin.', default: '', flag: 'tokenManagerPlugin' },
  logCaller: { ...text, doc: 'Scopes that log their caller.', default: '', flag: 'log_caller' },
  logRotate: { ...text, doc: 'Rotating log file.', default: '', flag: 'log_rotate' },
  logRotateMaxAge: { ...number, doc: 'Days to keep log files.', default: '30', flag: 'log_rotate_max_age' },
  logRotateMaxBackups: {
    ...number,
    doc: 'Log files to keep.',
    default: '1000',
    flag: 'log_rotate_max_backups',
  },
  logRotateMaxSize: {
    ...number,
    doc: 'Size of a log file.',
    default: '104857600',
    flag: 'log_rotate_max_size',
  },
  logStacktraceLevel: {
    ...text,
    doc: 'Levels that log a stack trace.',
    default: 'default:none',
    flag: 'log_stacktrace_level',
  },
  logTarget: {
    ...text,
    doc: 'Where the log goes: always standard output.',
    default: 'stdout',
    flag: 'log_target',
  },
  vklog: { ...number, doc: 'Verbosity of the Kubernetes client.', default: '0', flag: 'vklog' },
} as const satisfies Settings;
