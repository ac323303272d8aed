import { isJsonObject } from './strict-json.ts';

/**
 * Whether a bootstrap (an override or `customConfigFile` may) says itself how Envoy's log is to look. Then Envoy must be
 * started without `--log-format`: with both it refuses to start.
 */
export function setsLogFormat(bootstrap: unknown): boolean {
  if (!isJsonObject(bootstrap)) return false;
  const config = bootstrap['application_log_config'] ?? bootstrap['applicationLogConfig'];
  return isJsonObject(config) && (config['log_format'] ?? config['logFormat']) !== undefined;
}
