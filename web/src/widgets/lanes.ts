// Reports as boxes on a time line: one lane an attempt, one box a run of a step. The rule it protects: a box covers the time
// that its step took as far as the reports say, and nothing is drawn that was not reported.
import type { Report } from '../api/client';

export interface Box {
  label: string;
  name: string;
  from: number;
  to: number;
  /** As the states of a step; what is open is `running`. */
  state: 'running' | 'done' | 'failed';
}

export interface Lane {
  attempt: number;
  boxes: Box[];
}

/**
 * The lanes of a build. `end`: when it ended, or now, up to which what is open goes on; milliseconds, like all times here.
 * A step that only says when it is done began when the one before it ended.
 */
export function lanesOf(reports: readonly Report[], began: number, end: number): Lane[] {
  const lanes: Lane[] = [];
  let boundary = began;
  for (const report of reports) {
    // Finer than a step: in the stream, not here.
    if (report.activity) continue;
    const at = Date.parse(report.received_at);
    let lane = lanes[lanes.length - 1];
    if (!lane || lane.attempt !== report.attempt) {
      // What was under way when the machine booted again was cut off then.
      if (lane) close(lane, at, 'failed');
      boundary = lane ? at : began;
      lane = { attempt: report.attempt, boxes: [] };
      lanes.push(lane);
    }
    const open = [...lane.boxes].reverse().find((box) => box.label === report.label && box.state === 'running');
    const starts = report.status === 'init' || (!report.status && (report.percentage ?? 100) < 100);
    if (starts) {
      if (open) continue;
      // Nobody said that the one before has ended; the next one says so.
      close(lane, at, 'done');
      lane.boxes.push({ label: report.label, name: report.name ?? report.label, from: at, to: at, state: 'running' });
    } else {
      const state = report.status === 'failed' ? 'failed' : 'done';
      if (open) Object.assign(open, { to: at, state });
      else lane.boxes.push({ label: report.label, name: report.name ?? report.label, from: Math.min(boundary, at), to: at, state });
      boundary = at;
    }
  }
  const last = lanes[lanes.length - 1];
  for (const box of last ? last.boxes : []) if (box.state === 'running') box.to = Math.max(box.from, end);
  return lanes;
}

function close(lane: Lane, at: number, state: Box['state']): void {
  for (const box of lane.boxes) if (box.state === 'running') Object.assign(box, { to: at, state });
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];

/** Where the marks of the axis stand, in seconds from its start: at most `most`, at round numbers. */
export function ticks(seconds: number, most: number): number[] {
  const every = STEPS.find((step) => seconds / step <= most) ?? Math.ceil(seconds / most);
  return Array.from({ length: Math.floor(seconds / every) + 1 }, (_, i) => i * every);
}
