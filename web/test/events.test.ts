// A stream as a browser gives it, with time and frames turned by hand; test/live.mjs has the real one.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Build } from '../src/api/client';
import { openEvents } from '../src/events';

class Source extends EventTarget {
  static last: Source;
  onerror: () => void = () => undefined;
  isOpen = true;
  constructor(readonly url: string) {
    super();
    Source.last = this;
  }
  close() {
    this.isOpen = false;
  }
  say(kind: string, id: string, data: unknown = {}) {
    this.dispatchEvent(Object.assign(new Event(kind), { lastEventId: id, data: JSON.stringify(data) }));
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('EventSource', Source);
  vi.stubGlobal('addEventListener', () => undefined);
  vi.stubGlobal('removeEventListener', () => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function start(after?: string) {
  const said: string[] = [];
  const changes: string[][] = [];
  const frames: (() => void)[] = [];
  const on = {
    proven: () => said.push('proven'),
    changed: (builds: Build[]) => changes.push(builds.map(({ id, state }) => `${id} ${state}`)),
    lost: () => said.push('lost'),
  };
  const close = openEvents({ search: 'state = failed', host: '' }, after, on, (draw) => void frames.push(draw));
  return { said, changes, draw: () => frames.splice(0).forEach((frame) => frame()), close, source: Source.last };
}

test('it asks below whatever path, for what is wanted, from where it ended', () => {
  expect(start('42').source.url).toBe('api/v2/events?search=state+%3D+failed&after=42');
});

test('what comes within a frame is handed over at once, each build as it was last', () => {
  const it = start();
  it.source.say('build', '1', { id: 'a', state: 'pending' });
  it.source.say('build', '2', { id: 'b', state: 'pending' });
  it.source.say('build', '3', { id: 'a', state: 'running' });
  expect(it.changes).toEqual([]);
  it.draw();
  expect(it.changes).toEqual([['a running', 'b pending']]);
  it.source.say('left', '4', { ids: ['a'] });
  it.draw();
  expect(it.changes).toEqual([['a running', 'b pending'], []]);
  it.source.say('build', '5', { id: 'a', state: 'failed' });
  expect(it.close()).toBe('5');
  it.draw();
  expect(it.changes.length, 'nothing after it was closed').toBe(2);
});

test('a stream that says nothing at first, or falls silent, is lost', () => {
  const held = start();
  vi.advanceTimersByTime(5_000);
  expect(held.said).toEqual(['lost']);
  const silent = start();
  silent.source.say('hello', '1');
  for (let i = 0; i < 10; i += 1) {
    vi.advanceTimersByTime(15_000);
    silent.source.say('beat', '2');
  }
  expect(silent.said).toEqual(['proven']);
  vi.advanceTimersByTime(40_000);
  expect(silent.said).toEqual(['proven', 'lost']);
});
