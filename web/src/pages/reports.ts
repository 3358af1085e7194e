// The reports of the build that is shown, as far as they have come. The rule it protects: each is asked for once, and what is
// kept in a browser that runs for weeks is bounded.
import * as React from 'react';
import { listReports, REPORTS_PER_PAGE, type Report } from '../api/client';

const KEPT = 5000;

interface Kept {
  key: string;
  build: string;
  cursor: string | undefined;
  reports: Report[];
  isCut: boolean;
}

interface Reports {
  /** `undefined` until the first of them could be here. */
  reports: Report[] | undefined;
  isCut: boolean;
  /** Fetches what came since. */
  refresh: (build: string, signal: AbortSignal) => Promise<void>;
}

const NONE: Report[] = [];

export function useReports(key: string): Reports {
  const kept = React.useRef<Kept>();
  const [, setTurn] = React.useState(0);
  const refresh = async (build: string, signal: AbortSignal) => {
    const before = kept.current;
    let now: Kept =
      before?.key === key && before.build === build
        ? before
        : { key, build, cursor: undefined, reports: NONE, isCut: false };
    for (;;) {
      const answer = await listReports(build, now.cursor, signal);
      if (signal.aborted) return;
      const isNew = answer.results.length > 0 || kept.current !== now;
      if (isNew) {
        // After reports were put into their order anew, some may come again.
        const known = new Map(now.reports.map((report) => [report.id, report]));
        answer.results.forEach((report) => known.set(report.id, report));
        const all = Array.from(known.values()).sort((a, b) => a.position - b.position);
        now = { ...now, reports: all.slice(-KEPT), isCut: now.isCut || all.length > KEPT };
      }
      now = { ...now, cursor: answer.cursor ?? now.cursor };
      kept.current = now;
      if (isNew) setTurn((turn) => turn + 1);
      if (answer.results.length < REPORTS_PER_PAGE) return;
    }
  };
  const mine = kept.current?.key === key ? kept.current : undefined;
  return { reports: mine?.reports, isCut: mine?.isCut ?? false, refresh };
}
