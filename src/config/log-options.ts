import { InputError } from '../platform/errors.ts';
import type { LogLevel, LogOptions } from './agent-config.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal', 'none'];

/**
 * Reads the value of `--log_output_level`: `info`, `default:info,grpc:none`, `all:debug`. A bare level is that of the
 * scope `default`; `all` sets every scope that was not named itself. Later entries win.
 * @throws Error saying what was expected
 */
export function parseLogLevels(text: string): ReadonlyMap<string, LogLevel> {
  const levels = new Map<string, LogLevel>([['default', 'info']]);
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry === '') continue;
    const [scope, name, ...more] = entry.includes(':') ? entry.split(':') : ['default', entry];
    const level = LEVELS.find((known) => known === name);
    if (level === undefined || more.length > 0 || scope === undefined || scope === '') {
      throw new Error(
        `"${entry}" is not a level or scope:level; the levels are ${LEVELS.join(', ')} (for example default:info,health:debug)`,
      );
    }
    levels.set(scope === 'all' ? 'default' : scope, level);
  }
  return levels;
}

/**
 * The log options of a command that has no configuration of its own (`wait`, `request`).
 * @param input values of `--log_output_level` and `--log_as_json`; undefined when the flag is not there
 * @throws InputError naming the flag and its value
 */
export function parseLogOptions(input: {
  readonly outputLevel?: string | undefined;
  readonly asJson?: boolean | undefined;
}): LogOptions {
  const { outputLevel = '', asJson = false } = input;
  try {
    return { json: asJson, levels: Object.fromEntries(parseLogLevels(outputLevel)) };
  } catch (error) {
    throw new InputError([`--log_output_level "${outputLevel}": ${(error as Error).message}`]);
  }
}
