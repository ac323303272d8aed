import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Effect, initialState, type SupervisorEvent, step } from '../../src/agent/epochs.ts';

const sigterm: SupervisorEvent = { kind: 'signal', signal: 'SIGTERM', exitCode: 143 };
const exited = (exitCode: number): SupervisorEvent => ({
  kind: 'exited',
  epoch: 0,
  exitCode,
  how: `exit status ${exitCode}`,
});

function play(...events: readonly SupervisorEvent[]) {
  let state = initialState;
  const effects: Effect[] = [];
  for (const event of events) {
    const next = step(state, event);
    state = next.state;
    effects.push(...next.effects);
  }
  const done = effects.filter(({ kind }) => kind !== 'log');
  return { state, kinds: done.map(({ kind }) => kind), last: done.at(-1) };
}

describe('one epoch', () => {
  it('starts epoch 0 once', () => {
    expect(play({ kind: 'start' }, { kind: 'start' }).kinds).toEqual(['spawn']);
  });

  it('ends with 0 when Envoy left of its own accord with 0', () => {
    expect(play({ kind: 'start' }, exited(0)).last).toMatchObject({ kind: 'end', exit: { code: 0 } });
  });

  it("ends with Envoy's code when Envoy failed", () => {
    expect(play({ kind: 'start' }, exited(137)).last).toMatchObject({ kind: 'end', exit: { code: 137 } });
  });

  it('drains on SIGTERM, then sends SIGTERM to Envoy, and ends with 0', () => {
    const { kinds, last } = play(
      { kind: 'start' },
      { kind: 'live', epoch: 0 },
      sigterm,
      { kind: 'drained', why: '' },
      exited(0),
    );
    expect(kinds).toEqual(['spawn', 'drain', 'signal-envoy', 'start-grace', 'forget', 'end']);
    expect(last).toMatchObject({ exit: { code: 0 } });
  });

  it('ends with 0 when Envoy had to be killed in the end', () => {
    const { kinds, last } = play(
      { kind: 'start' },
      sigterm,
      { kind: 'drained', why: '' },
      { kind: 'grace-over' },
      exited(137),
    );
    expect(kinds.slice(2)).toEqual(['signal-envoy', 'start-grace', 'signal-envoy', 'forget', 'end']);
    expect(last).toMatchObject({ exit: { code: 0 } });
  });

  it('ends with the code of an Envoy that crashed while it drained', () => {
    expect(play({ kind: 'start' }, sigterm, exited(139)).last).toMatchObject({ exit: { code: 139 } });
  });

  it('ends at once on a second signal, killing Envoy', () => {
    const { kinds, last } = play({ kind: 'start' }, sigterm, sigterm);
    expect(kinds).toEqual(['spawn', 'drain', 'signal-envoy', 'end']);
    expect(last).toMatchObject({ exit: { code: 143 } });
  });

  it('leaves without a drain on /quitquitquit', () => {
    expect(play({ kind: 'start' }, { kind: 'quit' }, exited(0)).kinds).toEqual([
      'spawn',
      'signal-envoy',
      'start-grace',
      'forget',
      'end',
    ]);
  });

  it('drains and stays on /drain, and does not ask Envoy again on SIGTERM', () => {
    const { kinds, last } = play(
      { kind: 'start' },
      { kind: 'drain-asked' },
      { kind: 'drain-asked' },
      sigterm,
    );
    expect(kinds).toEqual(['spawn', 'drain-and-stay', 'drain']);
    expect(last).toEqual({ kind: 'drain', alreadyAsked: true });
  });
});

describe('whatever happens in whatever order', () => {
  const event: fc.Arbitrary<SupervisorEvent> = fc.oneof(
    fc.constant<SupervisorEvent>({ kind: 'live', epoch: 0 }),
    fc.constant(sigterm),
    fc.constant<SupervisorEvent>({ kind: 'quit' }),
    fc.constant<SupervisorEvent>({ kind: 'drain-asked' }),
    fc.constant<SupervisorEvent>({ kind: 'drained', why: '' }),
    fc.constant<SupervisorEvent>({ kind: 'grace-over' }),
    fc.constant<SupervisorEvent>({ kind: 'failed', why: '' }),
    fc.nat(139).map(exited),
  );

  it('ends at most once, spawns at most once, and after the end does nothing', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        const { kinds, state } = play({ kind: 'start' }, ...events);
        expect(kinds.filter((kind) => kind === 'spawn')).toHaveLength(1);
        const ends = kinds.filter((kind) => kind === 'end').length;
        expect(ends).toBe(state.lifecycle.kind === 'ended' ? 1 : 0);
        if (ends === 1) expect(kinds.at(-1)).toBe('end');
      }),
      { numRuns: 2000 },
    );
  });

  it('always ends once Envoy is gone', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), fc.nat(139), (events, code) => {
        expect(play({ kind: 'start' }, ...events, exited(code)).state.lifecycle.kind).toBe('ended');
      }),
      { numRuns: 2000 },
    );
  });
});
