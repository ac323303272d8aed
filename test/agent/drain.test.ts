import { describe, expect, it } from 'vitest';
import { countConnections } from '../../src/agent/drain.ts';

describe('connections that a drain waits for', () => {
  it.each([
    ['no listener at all', '', 0],
    [
      'two listeners',
      'listener.0.0.0.0_8080.downstream_cx_active: 2\nlistener.127.0.0.1_15001.downstream_cx_active: 3',
      5,
    ],
    ['a listener with a stat prefix', 'listener.inbound.downstream_cx_active: 4', 4],
    [
      "not the admin's own",
      'listener.admin.downstream_cx_active: 1\nlistener.admin.main_thread.downstream_cx_active: 1',
      0,
    ],
    ['not the doubles per worker', 'listener.0.0.0.0_80.worker_0.downstream_cx_active: 2', 0],
    ["not Envoy's internal listeners", 'listener.envoy_internal_connect.downstream_cx_active: 2', 0],
    ['not the status listener, IPv4', 'listener.0.0.0.0_15021.downstream_cx_active: 2', 0],
    ['not the status listener, IPv6', 'listener.[__]_15021.downstream_cx_active: 2', 0],
    ['an IPv6 listener', 'listener.[__]_8080.downstream_cx_active: 2', 2],
    ['not HTTP or cluster statistics', 'http.inbound.downstream_cx_active: 9', 0],
  ])('counts %s', (_what, stats, expected) => {
    expect(countConnections(stats, [15021])).toBe(expected);
  });
});
