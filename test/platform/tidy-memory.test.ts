import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTidier } from '../../src/platform/tidy-memory.ts';

describe('the tidier', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('collects a few times, later, and again every five minutes', async () => {
    const collect = vi.fn();
    createTidier(async () => collect).soon();
    expect(collect).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(collect).toHaveBeenCalledTimes(3);
    await vi.advanceTimersByTimeAsync(5 * 60_000);
    expect(collect).toHaveBeenCalledTimes(6);
    await vi.advanceTimersByTimeAsync(50 * 60_000);
    expect(collect).toHaveBeenCalledTimes(36);
  });

  it('begins anew when it is asked again meanwhile', async () => {
    const collect = vi.fn();
    const tidier = createTidier(async () => collect);
    tidier.soon();
    await vi.advanceTimersByTimeAsync(6_000);
    expect(collect).toHaveBeenCalledTimes(1);
    tidier.soon();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(collect).toHaveBeenCalledTimes(4);
  });

  it('does nothing where there is no collector', async () => {
    createTidier(() => Promise.reject(new Error('none'))).soon();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does no more when it is closed', async () => {
    const collect = vi.fn();
    const tidier = createTidier(async () => collect);
    tidier.soon();
    await tidier.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(collect).not.toHaveBeenCalled();
  });
});

describe('the real collector', () => {
  it('frees what nobody has any more', async () => {
    const gone = new WeakRef({});
    await new Promise((resolve) => setTimeout(resolve, 0)); // a WeakRef holds its object until the turn is over
    vi.useFakeTimers();
    createTidier().soon();
    await import('node:v8');
    await vi.advanceTimersByTimeAsync(60_000);
    vi.useRealTimers();
    expect(gone.deref()).toBeUndefined();
  });
});
