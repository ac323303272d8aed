import type { Bootstrap, Json, JsonObject } from './envoy-api.ts';
import { isJsonObject } from './strict-json.ts';

/** Fields of which a message can hold only one: naming another takes the first away. */
const ONE_OF = [
  ['ads', 'api_config_source', 'path', 'path_config_source', 'self'],
  ['socket_address', 'pipe', 'envoy_internal_address'],
  ['exclusion_list', 'inclusion_list', 'reject_all'],
  ['json_format', 'text_format'],
  ['cluster_type', 'type'],
];
/** Under these the names are data, not fields: an entry replaces the entry of the same name. */
const MAPS = ['metadata', 'static_layer', 'typed_extension_protocol_options'];

/**
 * `ISTIO_BOOTSTRAP_OVERRIDE` over the bootstrap, so that the file that is written is what runs. The rules are those of
 * Envoy's `--config-yaml`: messages are merged, lists appended, everything else is replaced, and so is a message with an
 * `@type`, whole. Two of protobuf's accidents are left out: `false`, `0` and empty texts do override, durations are replaced.
 * A field may be written `statsConfig` or `stats_config`; null says nothing.
 */
export function mergeBootstrap(
  bootstrap: Bootstrap,
  override: Readonly<Record<string, unknown>> | undefined,
): Bootstrap {
  return override === undefined ? bootstrap : (mergeMessage(bootstrap, override as JsonObject) as Bootstrap);
}

function mergeMessage(base: JsonObject, override: JsonObject): JsonObject {
  const merged = new Map(Object.entries(base));
  for (const [given, value] of Object.entries(override)) {
    if (value === undefined || value === null) continue;
    const field = merged.has(given) ? given : fieldName(given);
    for (const other of ONE_OF.find((group) => group.includes(field)) ?? [])
      if (other !== field) merged.delete(other);
    merged.set(field, mergeValue(field, merged.get(field), value));
  }
  return Object.fromEntries(merged);
}

function mergeValue(field: string, base: Json | undefined, override: Json): Json {
  if (Array.isArray(base) && Array.isArray(override)) return [...base, ...override];
  if (!isJsonObject(base) || !isJsonObject(override) || '@type' in override) return override;
  if (!MAPS.includes(field)) return mergeMessage(base, override);
  const entries = Object.entries(override).filter(([, value]) => value !== undefined);
  return Object.fromEntries([...Object.entries(base), ...entries]);
}

/** `statsConfig` -> `stats_config`; names with other characters than letters and digits are data. */
function fieldName(name: string): string {
  return /^[a-z][a-zA-Z0-9]*$/.test(name)
    ? name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    : name;
}
