import { describe, expect, it, onTestFinished } from 'vitest';
import type { SupervisorEvent, TriggerKind } from '../../src/agent/epochs/state.ts';
import { createTriggers } from '../../src/agent/triggers.ts';
import { until } from '../support/until.ts';

function setUp() {
  const asked: TriggerKind[][] = [];
  const events: SupervisorEvent[] = [];
  const triggers = createTriggers((event) => {
    events.push(event);
    if (event.kind === 'restart-asked') asked.push(event.triggers.map(({ kind }) => kind));
  });
  onTestFinished(() => triggers.close());
  return { triggers, asked, events };
}

describe('triggers', () => {
  it.each(['signal', 'request', 'repair'] as const)('pass on a %s at once', async (kind) => {
    const { triggers, asked } = setUp();
    void triggers.ask(kind, 'now');
    expect(asked).toEqual([[kind]]);
  });

  it.each(['input', 'binary'] as const)('gather what happens to files within a moment: %s', async (kind) => {
    const { triggers, asked } = setUp();
    for (const file of ['a', 'b', 'c']) void triggers.ask(kind, file);
    expect(asked).toEqual([]);
    await until('they are passed on', () => asked.length > 0);
    expect(asked).toEqual([[kind, kind, kind]]);
  });

  it('pass on changed files with a request that comes meanwhile, and not again', async () => {
    const { triggers, asked } = setUp();
    void triggers.ask('input', 'a');
    void triggers.ask('request', 'POST /restart');
    expect(asked).toEqual([['input', 'request']]);
    void triggers.ask('input', 'b');
    await until('the next is passed on', () => asked.length > 1);
    expect(asked).toEqual([['input', 'request'], ['input']]);
  });

  it('tell each who asked what became of it', async () => {
    const { triggers, events } = setUp();
    const outcome = triggers.ask('request', 'POST /restart');
    const [event] = events;
    const asked = event?.kind === 'restart-asked' ? event.triggers : [];
    triggers.settle({ kind: 'record', triggers: asked, outcome: 'live', number: 4, reason: '' });
    expect(await outcome).toEqual({ outcome: 'live', epoch: 4, reason: '' });
  });

  it('refuse who still waits when the agent leaves', async () => {
    const { triggers } = setUp();
    const outcomes = [triggers.ask('request', 'POST /restart'), triggers.ask('input', 'a')];
    await triggers.close();
    for (const { outcome } of await Promise.all(outcomes)) expect(outcome).toBe('refused');
  });
});
