import { describe, expect, it } from 'vitest';
import { parseLogOptions } from '../../src/config/log-options.ts';

describe('parseLogOptions', () => {
  it.each([
    [undefined, { default: 'info' }],
    ['', { default: 'info' }],
    ['debug', { default: 'debug' }],
    ['default:info,grpc:none', { default: 'info', grpc: 'none' }],
    ['all:debug', { default: 'debug' }],
    ['all:warn, health:debug', { default: 'warn', health: 'debug' }],
    ['health:debug,health:error', { default: 'info', health: 'error' }],
  ])('%s', (outputLevel, levels) => {
    expect(parseLogOptions({ outputLevel })).toEqual({ json: false, levels });
  });

  it.each(['loud', 'default:', ':info', 'a:b:info', 'default:loud'])('refuses %s', (outputLevel) => {
    expect(() => parseLogOptions({ outputLevel })).toThrow(
      `--log_output_level "${outputLevel}": "${outputLevel}" is not`,
    );
  });
});
