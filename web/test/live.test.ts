// The one thing here that depends on time: so time is turned by hand.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Failure } from '../src/api/client';
import type { Listener } from '../src/events';
import { CALM_MS, EVERY_MS, follow, type Events, type Liveness } from '../src/live';

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
function start(answer: (signal: AbortSignal) => Promise<void>, events?: Events) {
  const said: Liveness['is'][] = [];
  const page = new Page();
  let looks = 0;
  const { stop } = follow(
    (signal) => {
      looks += 1;
      return answer(signal);
    },
    ({ is }) => said.push(is),
    events,
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

/** Streams that do what the test says. */
function told(pause = 2_000) {
  const streams: { after: string | undefined; on: Listener; isOpen: boolean }[] = [];
  const events: Events = {
    open: (after, on) => {
      const stream = { after, on, isOpen: true };
      streams.push(stream);
      return () => {
        stream.isOpen = false;
        return '42';
      };
    },
    changed: () => undefined,
    pause,
  };
  return { events, streams };
}

test('while changes are told it is asked only after one, and not for each of many', async () => {
  const { events, streams } = told();
  const it = start(fine, events);
  await vi.advanceTimersByTimeAsync(1);
  streams[0]?.on.proven();
  await vi.advanceTimersByTimeAsync(EVERY_MS);
  const before = it.looks();
  await vi.advanceTimersByTimeAsync(CALM_MS - EVERY_MS);
  expect(it.looks()).toBe(before);
  // A hundred changes in ten seconds, and requests that take a while.
  for (let i = 0; i < 100; i += 1) {
    streams[0]?.on.changed([]);
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(it.looks() - before).toBeGreaterThan(3);
  expect(it.looks() - before).toBeLessThan(8);
});

test('a change that comes while it looks is looked for again', async () => {
  const { events, streams } = told(0);
  const slow = () => new Promise<void>((done) => setTimeout(done, 500));
  const it = start(slow, events);
  await vi.advanceTimersByTimeAsync(600);
  streams[0]?.on.proven();
  await vi.advanceTimersByTimeAsync(600);
  const before = it.looks();
  streams[0]?.on.changed([]);
  await vi.advanceTimersByTimeAsync(100);
  streams[0]?.on.changed([]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(it.looks() - before).toBe(2);
});

test('where nothing is told it is asked every two seconds, and now and then for a stream again', async () => {
  const { events, streams } = told();
  const it = start(fine, events);
  // As a proxy does it that holds all of it back.
  const silent = setInterval(() => streams.filter(({ isOpen }) => isOpen).forEach(({ on }) => on.lost(Date.now())), 5_000);
  await vi.advanceTimersByTimeAsync(600_000);
  clearInterval(silent);
  expect(it.looks()).toBeGreaterThan(295);
  expect(new Set(it.said)).toEqual(new Set(['live']));
  expect(streams.length).toBeGreaterThan(5);
  expect(streams.length).toBeLessThan(20);
});

test('a stream that was lost goes on where it ended, and meanwhile it is asked', async () => {
  const { events, streams } = told();
  let answer = fine;
  const it = start(() => answer(), events);
  await vi.advanceTimersByTimeAsync(1);
  streams[0]?.on.proven();
  await vi.advanceTimersByTimeAsync(60_000);
  answer = away;
  streams[0]?.on.lost(Date.now());
  await vi.advanceTimersByTimeAsync(1);
  expect(it.said.at(-1)).toBe('reconnecting');
  answer = fine;
  await vi.advanceTimersByTimeAsync(EVERY_MS);
  expect(it.said.at(-1)).toBe('live');
  expect(streams.at(-1)).toMatchObject({ after: '42', isOpen: true });
});

test('a page that nobody sees listens to nothing', async () => {
  const { events, streams } = told();
  const it = start(fine, events);
  await vi.advanceTimersByTimeAsync(1);
  it.page.turn(true);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(streams.map(({ isOpen }) => isOpen)).toEqual([false]);
  it.page.turn(false);
  expect(streams.map(({ isOpen }) => isOpen)).toEqual([false, true]);
});
