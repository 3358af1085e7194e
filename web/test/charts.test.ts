// What the charts are drawn from.
import { expect, test } from 'vitest';
import { bucketsOf, scale } from '../src/charts/buckets';
import { planOf } from '../src/charts/plan';

const day = (day: string, count: number) => ({ day, builds: count, states: [{ state: 'completed' as const, count }] });

test('a day without builds is a column too', () => {
  const buckets = bucketsOf([day('2026-11-01', 2), day('2026-11-03', 5)], '2026-11-01', '2026-11-03');
  expect(buckets.map(({ from, until, builds }) => [from, until, builds])).toEqual([
    ['2026-11-01', '2026-11-01', 2],
    ['2026-11-02', '2026-11-02', 0],
    ['2026-11-03', '2026-11-03', 5],
  ]);
});

test.each([
  ['2026-01-01', '2026-01-01', 1],
  ['2026-01-01', '2026-04-02', 92],
  ['2026-01-01', '2026-04-03', 14],
  ['2025-01-01', '2026-02-04', 58],
])('from %s until %s there are %i columns, and no build is lost', (from, until, columns) => {
  const days = [day(from, 3), ...(from === until ? [] : [day(until, 4)])];
  const buckets = bucketsOf(days, from, until);
  expect(buckets.length).toBe(columns);
  expect(buckets[0]?.from).toBe(from);
  expect(buckets[buckets.length - 1]?.until).toBe(until);
  expect(buckets.reduce((sum, { builds }) => sum + builds, 0)).toBe(from === until ? 3 : 7);
});

test.each([0, 1, 2, 3, 5, 7, 9, 24, 99, 100, 101, 812, 10_000])('the scale for %i has few, whole marks and reaches it', (most) => {
  const marks = scale(most);
  expect(marks[0]).toBe(0);
  expect(marks.every(Number.isInteger)).toBe(true);
  expect(marks.length).toBeGreaterThan(1);
  expect(marks.length).toBeLessThanOrEqual(6);
  expect(marks[marks.length - 1]).toBeGreaterThanOrEqual(most);
});

test('a plan is in the order of priority, and what the workflow leaves open is the step’s own', () => {
  const step = (label: string, priority: number) => ({
    label,
    name: label.toUpperCase(),
    priority,
    weight_seconds: 10,
    timeout_seconds: 60,
    owner: 'milepost',
  });
  const workflow = { steps: [{ label: 'late', weight_seconds: 5 }, { label: 'moved', priority: 1, entry: true }, { label: 'gone' }] };
  const plan = planOf(workflow, [step('late', 30), step('moved', 40)]);
  expect(plan.map(({ label, name, priority, weight, entry }) => [label, name, priority, weight, entry])).toEqual([
    ['gone', 'gone', 0, 0, false],
    ['moved', 'MOVED', 1, 10, true],
    ['late', 'LATE', 30, 5, false],
  ]);
});
