import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StatusReport } from '../../src/health/status-report.ts';
import { renderStatus } from '../../src/health/status-table.ts';
import { formatTime } from '../../src/health/view/format.ts';
import { busySidecar } from '../support/status-report.ts';

const NOW = new Date(2026, 10, 9, 16, 20, 30).getTime();
const plain = { width: 80, unicode: true, colour: false };
const busy = busySidecar(NOW);
const idle: StatusReport = {
  ...busy,
  readiness: { ready: true },
  epochs: [],
  restarts: [],
};
const lines = (text: string) => text.split('\n');

it('shows readiness, epochs, timeline and restarts', () => {
  expect(lines(renderStatus(busy, plain))).toEqual([
    '✓ Ready: the last configuration was rejected: cluster "reviews": connect_timeout',
    'must be positive',
    'pilot-agent 0.1.0, pid 1, up 1 d 3 h,',
    'sidecar~10.244.1.17~productpage-v1-5d9c7-x2v8k.default~default.svc.cluster.local',
    '',
    'EPOCH  STATE      FOR   PID       AGE  CONFIG        CONNECTIONS    MEMORY',
    '    2  serving   32 s  2231      33 s  c27d81e90f54          231  61.9 MiB',
    '    1  draining  32 s  2044  2 m 43 s  9a4e07f3b6c8           14  58.3 MiB',
    '',
    'epoch 0  █████████· signal SIGSEGV ·············································',
    'epoch 0           ░███████████████████████▒▒▒▒▒▒▒───────· exit status 0 ········',
    'epoch 1                                  ░██████████████████████████████▒▒▒▒▒▒▒▒',
    'epoch 2                                                                 ░███████',
    '         5 min       4 min         3 min          2 min         1 min        now',
    '         ░ initializing  █ serving  ▒ draining  ─ drained  ▚ leaving  · gone',
    '',
    'WHEN      OUTCOME    EPOCH  DURATION  TRIGGER',
    '16:20:19  rejected       3     84 ms  mesh config /etc/istio/config/mesh changed',
    '                                      cluster "reviews": connect_timeout must be',
    '                                      positive',
    '16:19:56  live           2     1.5 s  POST /restart, pod labels changed',
    '16:17:47  live           1     2.1 s  SIGHUP',
    '16:16:10  live           0    243 ms  Envoy ended: signal SIGSEGV',
    '13:20:30  unchanged      –      6 ms  pod annotations changed',
    '                                      nothing changed',
    '',
  ]);
});

it('does with ASCII where the locale has no more', () => {
  const text = renderStatus(busy, { ...plain, unicode: false });
  expect(text).toMatch(/^\p{ASCII}*$/u);
  expect(lines(text)[0]).toBe(
    'Ready: the last configuration was rejected: cluster "reviews": connect_timeout',
  );
  expect(lines(text).slice(9, 15)).toEqual([
    'epoch 0  #########. signal SIGSEGV .............................................',
    'epoch 0           +#######################~~~~~~~-------. exit status 0 ........',
    'epoch 1                                  +##############################~~~~~~~~',
    'epoch 2                                                                 +#######',
    '         5 min       4 min         3 min          2 min         1 min        now',
    '         + initializing  # serving  ~ draining  - drained  ! leaving  . gone',
  ]);
});

it('says that nothing runs, and why nobody is served', () => {
  const reason = 'Envoy has ended 3 times and is started again soon';
  expect(lines(renderStatus({ ...idle, readiness: { ready: false, reason } }, plain))).toEqual([
    `✕ Not ready: ${reason}`,
    'pilot-agent 0.1.0, pid 1, up 1 d 3 h,',
    'sidecar~10.244.1.17~productpage-v1-5d9c7-x2v8k.default~default.svc.cluster.local',
    '',
    'No Envoy runs.',
    '',
    'No restarts so far.',
    '',
  ]);
});

it('says what is under way', () => {
  const attempt = { at: NOW - 400, triggers: ['SIGHUP'], epoch: 3, step: 'waiting' } as const;
  expect(renderStatus({ ...busy, attempt }, plain)).toContain(
    '\nEpoch 3 waits until an older one has left, 400 ms (SIGHUP)\n',
  );
});

it('shows the last ten restarts, and how many there were before', () => {
  const restarts = Array.from({ length: 13 }, (_, i) => ({ ...busy.restarts[2], at: NOW - i * 60_000 }));
  const text = renderStatus({ ...busy, restarts } as StatusReport, plain);
  expect(text).toContain(formatTime(NOW - 9 * 60_000, NOW));
  expect(text).not.toContain(formatTime(NOW - 10 * 60_000, NOW));
  expect(text).toMatch(/\nand 3 before\n$/);
});

it('puts what is long under its row on a narrow terminal', () => {
  expect(lines(renderStatus(busy, { ...plain, width: 45 })).slice(-15, -7)).toEqual([
    'WHEN      OUTCOME    EPOCH  DURATION',
    '16:20:19  rejected       3     84 ms',
    '  mesh config /etc/istio/config/mesh changed',
    '  cluster "reviews": connect_timeout must be',
    '  positive',
    '16:19:56  live           2     1.5 s',
    '  POST /restart, pod labels changed',
    '16:17:47  live           1     2.1 s',
  ]);
});

describe('colours', () => {
  const SGR = new RegExp(`${String.fromCharCode(27)}\\[\\d*m`, 'g');
  it('change nothing but colours', () => {
    const text = renderStatus(busy, { ...plain, colour: true });
    expect(text).toContain('\x1b[32m✓ Ready\x1b[0m');
    expect(text).toContain('\x1b[31mrejected\x1b[0m');
    expect(lines(text.replaceAll(SGR, '')).map((line) => line.trimEnd())).toEqual(
      lines(renderStatus(busy, plain)),
    );
  });
});

it('keeps to the width, and lets no text of others steer the terminal', () => {
  const nasty = fc.string({ unit: 'binary', maxLength: 200 });
  fc.assert(
    fc.property(nasty, fc.integer({ min: 30, max: 200 }), fc.boolean(), (text, width, unicode) => {
      const report: StatusReport = {
        ...busy,
        nodeId: text,
        readiness: { ready: false, reason: text },
        epochs: busy.epochs.map((epoch) => ({ ...epoch, config: text, exit: text })),
        restarts: busy.restarts.map((restart) => ({ ...restart, triggers: [text], reason: text })),
      };
      const rendered = renderStatus(report, { width, unicode, colour: false });
      expect(rendered).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
      for (const line of lines(rendered)) expect([...line].length).toBeLessThanOrEqual(width);
    }),
  );
});

describe('a mesh from files', () => {
  const mesh = {
    state: 'in force',
    folder: 'mesh',
    since: NOW - 5_000,
    sidecar: 'default/reviews (mesh/sidecar.yaml:4)',
    counts: { services: 12, endpoints: 30, listeners: 5, clusters: 17, routes: 3 },
    errors: [],
    warnings: [],
  } as const;

  it('is summed up', () => {
    const text = renderStatus({ ...idle, mesh }, { ...plain, width: 120 });
    expect(text).toContain(
      'Mesh mesh: 12 services, 5 listeners, 17 clusters, Sidecar default/reviews (mesh/sidecar.yaml:4), for 5 s',
    );
  });

  it('that is broken shows where', () => {
    const broken = {
      ...mesh,
      state: 'broken',
      errors: ['mesh/a.yaml:3: no', 'mesh/b.yaml:7: nor this'],
    } as const;
    const text = renderStatus({ ...idle, mesh: broken }, { ...plain, width: 120 });
    expect(text).toContain(
      'Its files are broken now, and have no effect:\nmesh/a.yaml:3: no\nmesh/b.yaml:7: nor this\n',
    );
  });
});
