// The time line: stories of reports, and what is drawn of them.
import { expect, test } from 'vitest';
import type { Report } from '../src/api/client';
import { lanesOf, ticks } from '../src/widgets/lanes';

const BEGAN = Date.parse('2026-11-24T12:00:00Z');

/** `[seconds after the build was opened, label, status, attempt]` */
type Said = [number, string, string?, number?];

function drawn(end: number, ...said: Said[]): string[][] {
  const reports = said.map(
    ([at, label, status, attempt = 1], i): Report => ({
      id: String(i),
      build_id: 'b',
      position: i + 1,
      attempt,
      label,
      status,
      log_bytes: 0,
      received_at: new Date(BEGAN + at * 1000).toISOString(),
    }),
  );
  const seconds = (at: number) => (at - BEGAN) / 1000;
  return lanesOf(reports, BEGAN, BEGAN + end * 1000).map(({ boxes }) =>
    boxes.map(({ label, from, to, state }) => `${label} ${seconds(from)}-${seconds(to)} ${state}`),
  );
}

test('a step that was started and done is a box, and the one under way reaches to now', () => {
  expect(drawn(100, [10, 'pre', 'init'], [30, 'pre', 'done'], [40, 'packages', 'init'])).toEqual([
    ['pre 10-30 done', 'packages 40-100 running'],
  ]);
});

test('a step that only says when it is done began when the one before it ended', () => {
  expect(drawn(100, [10, 'get_ks', 'done'], [25, 'pre'])).toEqual([['get_ks 0-10 done', 'pre 10-25 done']]);
});

test('progress within a step is one box, and the next step ends what nobody ended', () => {
  expect(drawn(50, [1, 'packages', 'init'], [5, 'packages', 'init'], [9, 'post', 'init'])).toEqual([
    ['packages 1-9 done', 'post 9-50 running'],
  ]);
});

test('a step that failed and is tried again has two boxes', () => {
  expect(drawn(50, [1, 'storage', 'init'], [5, 'storage', 'failed'], [9, 'storage', 'init'], [20, 'storage', 'done'])).toEqual([
    ['storage 1-5 failed', 'storage 9-20 done'],
  ]);
});

test('a new attempt has a lane of its own, and what it cut off has failed', () => {
  expect(drawn(90, [1, 'packages', 'init', 1], [60, 'get_ks', 'init', 2])).toEqual([
    ['packages 1-60 failed'],
    ['get_ks 60-90 running'],
  ]);
});

test('the marks of the axis are few and round', () => {
  expect(ticks(20, 6)).toEqual([0, 5, 10, 15, 20]);
  expect(ticks(3600, 6)).toEqual([0, 600, 1200, 1800, 2400, 3000, 3600]);
  for (let seconds = 1; seconds < 1e7; seconds = Math.ceil(seconds * 1.37)) {
    expect(ticks(seconds, 6).length).toBeLessThanOrEqual(7);
  }
});
