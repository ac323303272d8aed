import convict from 'convict';
import { type FormatTypes, registerFormats } from './formats.ts';
import { COMMAND } from './settings/command.ts';
import { CONTROL_PLANE } from './settings/control-plane.ts';
import { ENVOY } from './settings/envoy.ts';
import { IDENTITY } from './settings/identity.ts';
import { LIFECYCLE } from './settings/lifecycle.ts';
import { METRICS } from './settings/metrics.ts';
import type { Setting } from './settings/setting.ts';
import { STATUS } from './settings/status.ts';
import { TRACING } from './settings/tracing.ts';
import { UNUSED } from './settings/unused.ts';

/** The schema: every setting of the agent, what it means and where it may come from. One place; all else is derived. */
export const SCHEMA = {
  ...CONTROL_PLANE,
  ...IDENTITY,
  ...ENVOY,
  ...LIFECYCLE,
  ...STATUS,
  ...METRICS,
  ...TRACING,
  ...COMMAND,
  ...UNUSED,
} as const;

export type Key = keyof typeof SCHEMA;
type ValueOf<S extends Setting> =
  | FormatTypes[S['format']]
  | (S extends { nullable: true } ? undefined : never);
/** Key -> value of its format. */
export type Values = { readonly [K in Key]: ValueOf<(typeof SCHEMA)[K]> };

/** Every setting with its key, in the order of the schema. */
export const SETTINGS: readonly (readonly [Key, Setting])[] = Object.entries(SCHEMA) as [Key, Setting][];

/** A convict configuration with every default, parsed by our strict formats. */
export function createStore(): convict.Config<Record<string, unknown>> {
  // Only what convict needs, for it clones all that it is given; and nothing for null, for which it goes through every key.
  const schema = Object.fromEntries(
    SETTINGS.map(([key, setting]): [string, convict.SchemaObj<unknown>] => [
      key,
      {
        format: setting.format,
        default: setting.default ?? undefined,
        ...(setting.nullable === undefined ? {} : { nullable: setting.nullable }),
      },
    ]),
  );
  registerFormats();
  return convict(schema, { args: [], env: {} });
}

/** The values of a store. @throws Error when a value does not have the form its setting demands (a mistake of ours) */
export function readStore(store: convict.Config<Record<string, unknown>>): Values {
  store.validate({ allowed: 'strict' });
  const properties = Object.entries(store.getProperties());
  return Object.fromEntries(properties.map(([key, value]) => [key, value ?? undefined])) as unknown as Values;
}
