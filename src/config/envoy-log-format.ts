/**
 * How Envoy writes its own log so that it reads like the agent's: values of Envoy's `--log-format`. Both forms are given on
 * the command line and not as `application_log_config` of the bootstrap, because the command line also shapes what Envoy
 * says before it has read a bootstrap, such as why it rejects it; with both, Envoy 1.40 does not start.
 *
 * `%Y` to `%f` print local time: Envoy must run with `TZ=UTC` for the `Z` to be true.
 */
export const ENVOY_TEXT_LOG_FORMAT = '%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t';

export const ENVOY_JSON_LOG_FORMAT =
  '{"level":"%l","time":"%Y-%m-%dT%T.%fZ","scope":"envoy %n","msg":"%j","caller":"%g:%#","thread":"%t"}';
