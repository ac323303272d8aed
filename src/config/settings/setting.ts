import type { AgentConfig } from '../agent-config.ts';
import type { FormatName } from '../formats.ts';

/** Headings of the help text and the reference, in this order. */
export const GROUPS = [
  'Control plane',
  'Identity',
  'Envoy',
  'Lifecycle',
  'Status and probes',
  'Metrics',
  'Tracing',
  'Logging',
  'This command',
  'Accepted, without effect',
] as const;

/**
 * One entry of the schema: convict's doc, format, default, nullable and sensitive, and where the value may come from.
 * Not named `env` and `arg`, because convict would then read the process' environment and arguments by itself.
 */
export interface Setting {
  /** What it does, for the help text and the reference: Markdown, one sentence or two. */
  readonly doc: string;
  readonly group: (typeof GROUPS)[number];
  readonly format: FormatName;
  /** As somebody would type it; null: not set. */
  readonly default: string | null;
  /** Whether "not set" is a value. */
  readonly nullable?: true;
  /** Holds or may hold a secret: never shown as a whole in a message. */
  readonly sensitive?: true;
  /** What the default means when it is null, for people. */
  readonly defaultDoc?: string;
  readonly flag?: string;
  readonly aliases?: readonly string[];
  /** Name of the flag's value in the help text. */
  readonly value?: string;
  /** Environment variable, weaker than every ProxyConfig source: it says what the container is, not what the user wants. */
  readonly variable?: string;
  /** Format of the variable where it differs from the setting's. */
  readonly variableFormat?: FormatName;
  /** Whether a variable that cannot be used ends the agent; a bad scalar costs only a warning (pilot-agent-1.30.md §2). */
  readonly variableStrict?: true;
  /** Field of ProxyConfig. */
  readonly field?: string;
  /** Annotation of its own, stronger than every ProxyConfig. */
  readonly annotation?: string;
  /** Whether an annotation that cannot be used costs only a warning. */
  readonly annotationLenient?: true;
  /** Key of AgentConfig it goes into, where that has another name; null: none. */
  readonly feeds?: keyof AgentConfig | null;
  /** Set for flags that do nothing but should not be set in silence: the warning. */
  readonly unsupported?: string;
}
export type Settings = Readonly<Record<string, Setting>>;
