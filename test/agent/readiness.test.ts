import { describe, expect, it } from 'vitest';
import { type Epoch, initialState, type SupervisorState } from '../../src/agent/epochs/state.ts';
import { createReadiness, knownReadiness } from '../../src/agent/readiness.ts';
import { rules } from './epochs/world.ts';

const serving: Epoch = {
  key: 0,
  number: 3,
  family: 0,
  phase: 'serving',
  config: 'good',
  hasParent: false,
  told: 'no',
};
const state = (changes: Partial<SupervisorState>): SupervisorState => ({
  ...initialState(rules),
  epochs: [serving],
  ...changes,
});
const undoing = (hangs: boolean) =>
  ({ kind: 'undoing', id: 1, number: 3, family: 0, hangs, stuck: false }) as const;
const starting = {
  kind: 'starting',
  key: 1,
  triggers: [],
  start: 'hot',
  number: 4,
  family: 0,
  overdue: false,
  config: 'good',
} as const;
const exit = { code: 0, why: 'SIGTERM' };

describe('readiness, as far as the supervisor knows it', () => {
  it.each([
    ['a hot restart is under way (trap 6)', { attempt: starting }],
    ['a child has failed, and may have closed the admin (trap 2)', { attempt: undoing(false) }],
    ['the admin is closed', { repairs: 1 }],
  ])('is 200 without a question while an epoch serves and %s', (_what, changes) => {
    expect(knownReadiness(state(changes))).toMatchObject({ ready: true });
  });

  it.each([
    ['nothing is under way', {}],
    ['the epoch that serves hangs', { attempt: undoing(true) }],
    [
      'the first epoch starts',
      { attempt: starting, epochs: [{ ...serving, phase: 'initializing' as const }] },
    ],
  ])("is Envoy's to say when %s", (_what, changes) => {
    expect(knownReadiness(state(changes))).toBeUndefined();
  });

  it.each([
    ['it drains', { lifecycle: { kind: 'draining', exit } as const }],
    ['it stops', { lifecycle: { kind: 'stopping', exit } as const }],
    ['Envoy is started again soon', { lifecycle: { kind: 'backing-off' } as const, epochs: [] }],
    ['it was told to drain', { drainAsked: true }],
    ['nothing runs yet', { epochs: [] }],
  ])('is 503 when %s', (_what, changes) => {
    expect(knownReadiness(state(changes))).toMatchObject({ ready: false });
  });
});

describe('readiness asked of Envoy', () => {
  it('is asked again when another epoch serves by the time that the one before has not answered', async () => {
    const stats = 'listener_manager.workers_started: 1\nserver.live: 1\n';
    let giveUp: (error: Error) => void = () => {};
    const silence = new Promise<never>((_resolve, reject) => {
      giveUp = reject;
    });
    const answers = [() => silence, () => Promise.resolve({ status: 200, body: stats, headers: {} })];
    let now = state({ epochs: [{ ...serving, phase: 'initializing' }] });
    const readiness = createReadiness({
      config: { localConfig: '/files', discoveryAddress: '' },
      state: () => now,
      admin: () => ({
        get: answers.shift() ?? (() => Promise.reject(new Error('once only'))),
        post: () => Promise.reject(new Error('never')),
        host: '127.0.0.1',
        port: 0,
      }),
      missingSecrets: () => [],
      lastRestart: () => undefined,
      onAnswer: () => {},
    });
    const early = readiness();
    now = state({});
    expect(await readiness()).toMatchObject({ ready: true });
    giveUp(new Error('it hangs'));
    expect(await early).toMatchObject({ ready: true });
  });
});
