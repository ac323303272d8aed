/** What the rooms log through. The implementation (pino, Istio's text form or JSON) is `src/log`. */
export interface Logger {
  debug(message: string, labels?: LogLabels): void;
  info(message: string, labels?: LogLabels): void;
  warn(message: string, labels?: LogLabels): void;
  error(message: string, labels?: LogLabels): void;
  /** The same log under a scope name (`healthcheck`, `metrics`, `envoy`), which `--log_output_level` can address. */
  scope(name: string): Logger;
}

/** Extra values of a log line: printed as tab-separated `key=value` after the message, or as JSON members. */
export type LogLabels = Readonly<Record<string, string | number | boolean>>;
