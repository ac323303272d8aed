import { describe, expect, it } from 'vitest';
import { type Retiring, retire } from '../../src/agent/retire.ts';
import type { EnvoyAdmin } from '../../src/envoy/admin.ts';
import type { ExitStatus } from '../../src/envoy/process.ts';
import { millis } from '../../src/platform/duration.ts';
import type { Logger } from '../../src/platform/logger.ts';
import { until } from '../support/until.ts';

const OLD = { epoch: 3, baseId: 7 };

/** An Envoy that was replaced, its admin port, and a client that stays until the test lets it go. */
function replaced(onItsPort: { readonly epoch: number; readonly baseId: number } = OLD) {
  const asked: string[] = [];
  const signals: string[] = [];
  const open = [15006]; // until it was looked at once
  const warnings: string[] = [];
  let end: (status: ExitStatus) => void = () => {};
  let leave: () => void = () => {};
  const exited = new Promise<ExitStatus>((resolve) => {
    end = resolve;
  });
  const idle = new Promise<boolean>((resolve) => {
    leave = () => resolve(true);
  });
  const log: Logger = {
    debug: () => {},
    info: () => {},
    warn: (text) => void warnings.push(text),
    error: () => {},
    scope: () => log,
  };
  const answer = (body: unknown) => Promise.resolve({ status: 200, body: JSON.stringify(body), headers: {} });
  const { epoch, baseId } = onItsPort;
  const admin: EnvoyAdmin = {
    get: () => answer({ state: 'LIVE', command_line_options: { restart_epoch: epoch, base_id: baseId } }),
    post: (path) => {
      asked.push(path);
      return answer('OK');
    },
    host: '127.0.0.1',
    port: 0,
  };
  const retiring: Retiring = {
    envoy: {
      pid: 4242,
      exited,
      signal: (signal) => {
        signals.push(signal);
        end({ kind: 'exited', code: 0 });
      },
    },
    admin,
    identity: OLD,
    longest: millis(60_000),
    untilIdle: () => idle,
    portsOf: () => Promise.resolve(new Set(open.splice(0, 1))),
    log,
  };
  return { retiring, asked, signals, warnings, leave, end };
}

describe('an Envoy that one of another base id has replaced', () => {
  it('closes its listeners before it tells its clients to go, and leaves with the last of them', async () => {
    const { retiring, asked, signals, leave } = replaced();
    const retired = retire(retiring, new AbortController().signal);
    await until('it is told', () => asked.length === 2);
    expect(asked).toEqual(['/drain_listeners', '/drain_listeners?graceful&skip_exit']);
    expect(signals).toEqual([]);
    leave();
    await retired;
    expect(signals).toEqual(['SIGTERM']);
  });

  it('has lost its admin port to another Envoy: that one is not told to close its listeners', async () => {
    const { retiring, asked, warnings, leave } = replaced({ epoch: 0, baseId: 8 });
    leave();
    const leaving = new AbortController();
    const retired = retire(retiring, leaving.signal);
    await until('it is found out', () => warnings.length === 1);
    leaving.abort();
    await retired;
    expect(asked).toEqual([]);
    expect(warnings[0]).toContain('its admin is closed');
  });

  it('is not waited for when it ends by itself', async () => {
    const { retiring, asked, end, leave } = replaced();
    const retired = retire(retiring, new AbortController().signal);
    await until('it is told', () => asked.length === 2);
    end({ kind: 'signalled', signal: 'SIGKILL' });
    leave();
    await retired;
  });
});
