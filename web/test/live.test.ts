// The one thing here that depends on time: so time is turned by hand.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Failure } from '../src/api/client';
import { EVERY_MS, follow, type Liveness } from '../src/live';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A page that can be looked away from. */
class Page {
  hidden = false;
  private listeners = new Set<() => void>();
  addEventListener(_name: string, listener: () => void) {
    this.listeners.add(listener);
  }
  removeEventListener(_name: string, listener: () => void) {
    this.listeners.delete(listener);
  }
  turn(hidden: boolean) {
    this.hidden = hidden;
    this.listeners.forEach((listener) => listener());
  }
}

/** Follows something that answers as `answer` says by then. */
function start(answer: (signal: AbortSignal) => Promise<void>) {
  const said: Liveness['is'][] = [];
  const page = new Page();
  let looks = 0;
  const { stop } = follow(
    (signal) => {
      looks += 1;
      return answer(signal);
    },
    ({ is }) => said.push(is),
    page,
  );
  return { said, page, stop, looks: () => looks };
}

const fine = () => Promise.resolve();
const away = () => Promise.reject(new Failure(0, 'refused'));

test('it looks again every two seconds', async () => {
  const it = start(fine);
  await vi.advanceTimersByTimeAsync(5 * EVERY_MS + 1);
  expect(it.looks()).toBe(6);
  expect(new Set(it.said)).toEqual(new Set(['live']));
});

test('a service that goes away is asked more rarely, then called stale, and live when it is back', async () => {
  let answer = fine;
  const it = start(() => answer());
  await vi.advanceTimersByTimeAsync(1);
  answer = away;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(it.said.indexOf('reconnecting')).toBeGreaterThan(0);
  expect(it.said.at(-1)).toBe('stale');
  expect(it.looks()).toBeLessThan(10);
  answer = fine;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(it.said.at(-1)).toBe('live');
});

test('a page that nobody sees asks for nothing, and at once when it is seen again', async () => {
  const it = start(fine);
  await vi.advanceTimersByTimeAsync(1);
  it.page.turn(true);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(it.looks()).toBe(1);
  it.page.turn(false);
  expect(it.looks()).toBe(2);
});

test('without a credential it stops', async () => {
  const it = start(() => Promise.reject(new Failure(401, 'no credential')));
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect([it.looks(), it.said]).toEqual([1, ['stopped']]);
});

test('an answer that does not come is given up and asked for again', async () => {
  // As fetch does it.
  const hangs = (signal: AbortSignal) =>
    new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Failure)));
  const it = start(hangs);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(it.looks()).toBeGreaterThan(1);
  expect(it.said.at(-1)).toBe('stale');
});
