// Days put together so that they can be drawn. The rule it protects: a day without builds is drawn as one, and no build is
// counted in two places.
import type { DayCount } from '../api/client';

export interface Bucket {
  /** Its first and its last day (UTC), as `2026-11-22`. */
  from: string;
  until: string;
  builds: number;
  states: Map<string, number>;
}

const DAY_MS = 86_400_000;
/** More columns than this are not told apart on a phone. */
const COLUMNS_MAX = 92;

export const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);

/** From the first day to the last: each by itself or, when there are too many, in weeks. */
export function bucketsOf(days: readonly DayCount[], from: string, until: string): Bucket[] {
  const first = Date.parse(from);
  const length = Math.round((Date.parse(until) - first) / DAY_MS) + 1;
  const size = length > COLUMNS_MAX ? 7 : 1;
  const buckets: Bucket[] = [];
  for (let at = 0; at < length; at += size) {
    const last = Math.min(at + size, length) - 1;
    buckets.push({ from: dayOf(first + at * DAY_MS), until: dayOf(first + last * DAY_MS), builds: 0, states: new Map() });
  }
  for (const day of days) {
    const bucket = buckets[Math.floor((Date.parse(day.day) - first) / DAY_MS / size)];
    if (!bucket) continue;
    bucket.builds += day.builds;
    for (const { state, count } of day.states) bucket.states.set(state, (bucket.states.get(state) ?? 0) + count);
  }
  return buckets;
}

/** Round numbers from 0 to at least `most`, for an axis of counts: whole, and at most six. */
export function scale(most: number): number[] {
  const rough = Math.max(most, 1) / 4;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const every = Math.max(1, [1, 2, 5, 10].map((n) => n * ten).find((step) => step >= rough) ?? rough);
  return Array.from({ length: Math.ceil(Math.max(most, 1) / every) + 1 }, (_, i) => i * every);
}
