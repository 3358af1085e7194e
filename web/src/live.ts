// Keeps something up to date. The rule it protects: nobody else knows how (the service tells of changes, and where that does
// not come through it is asked every two seconds); what is shown is never older than its label says; a page that nobody sees
// asks for nothing.
import { Failure, type Build } from './api/client';
import type { Close, Listener } from './events';

/**
 * `live`: what is shown is what there is, told by `events` or found by `looks`. `reconnecting`: the last look failed, and
 * another follows soon. `stale`: for so long that what is shown may be wrong. `stopped`: looking again will not help (no
 * credential, no such thing).
 */
export type Liveness =
  | { is: 'connecting' }
  | { is: 'live'; by: 'events' | 'looks' }
  | { is: 'reconnecting' | 'stale'; since: number; failure: Failure }
  | { is: 'stopped'; failure: Failure };

export const EVERY_MS = 2_000;
/** While changes are told: what goes on by itself (a silence, an estimate) is looked at so often. */
export const CALM_MS = 30_000;
const SLOWEST_MS = 30_000;
const STALE_MS = 15_000;
const PATIENCE_MS = 20_000;

/** These are the same the next time; everything else may pass. */
const isFinal = ({ status }: Failure): boolean => status >= 400 && status < 500 && status !== 408 && status !== 429;

interface Page {
  readonly hidden: boolean;
  addEventListener(name: 'visibilitychange', listener: () => void): void;
  removeEventListener(name: 'visibilitychange', listener: () => void): void;
}

/** Where changes are told. */
export interface Events {
  open: (after: string | undefined, on: Listener) => Close;
  /** What is told of is taken over at once; a look follows, at most one in so many milliseconds. */
  changed: (builds: Build[]) => void;
  pause: number;
}

/**
 * Calls `look` now and then again, until it is told to `stop`: when `events` says that something has changed, or every two
 * seconds. What it finds is its own to keep; `said` hears how the connection is. `soon` has it look at once.
 */
export function follow(
  look: (signal: AbortSignal) => Promise<void>,
  said: (liveness: Liveness) => void,
  events?: Events,
  page: Page = document,
): { stop: () => void; soon: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let request: AbortController | undefined;
  let failures = 0;
  let fine = Date.now();
  let stopped = false;
  let ended = 0;
  let isDue = false;

  let unlisten: Close | undefined;
  let isTold = false;
  let losses = 0;
  let last: string | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;

  const later = (ms: number) => {
    clearTimeout(timer);
    if (!stopped && !page.hidden) timer = setTimeout(() => void once(), ms);
  };

  /** Something has changed. A look that is under way may have missed it. */
  const due = () => {
    isDue = true;
    if (!request) later(Math.max(0, ended + (events?.pause ?? 0) - Date.now()));
  };

  const deafen = () => {
    clearTimeout(again);
    last = unlisten?.() ?? last;
    unlisten = undefined;
    isTold = false;
  };

  function listen(): void {
    clearTimeout(again);
    if (!events || unlisten || stopped || page.hidden) return;
    unlisten = events.open(last, {
      proven: () => {
        isTold = true;
        losses = 0;
        // What happened before the stream began.
        due();
      },
      changed: (builds) => {
        events.changed(builds);
        due();
      },
      lost: (since) => {
        const wasTold = isTold;
        deafen();
        losses += 1;
        again = setTimeout(listen, Math.min(EVERY_MS * 2 ** (losses - 1), 2 * SLOWEST_MS));
        if (!wasTold) return;
        fine = since;
        void once();
      },
    });
  }

  async function once(): Promise<void> {
    clearTimeout(timer);
    request?.abort();
    const mine = new AbortController();
    request = mine;
    isDue = false;
    const limit = setTimeout(() => mine.abort(new Failure(0, 'no answer within 20 s')), PATIENCE_MS);
    const isOver = () => stopped || request !== mine;
    try {
      await look(mine.signal);
      if (isOver()) return;
      request = undefined;
      ended = Date.now();
      if (failures > 0) {
        // It is back: no reason to wait any longer.
        losses = 0;
        listen();
      }
      failures = 0;
      fine = ended;
      said({ is: 'live', by: isTold ? 'events' : 'looks' });
      if (isDue) due();
      else later(isTold ? CALM_MS : EVERY_MS);
    } catch (error) {
      if (isOver()) return;
      request = undefined;
      const failure = error instanceof Failure ? error : new Failure(0, String(error));
      if (isFinal(failure)) {
        stopped = true;
        deafen();
        said({ is: 'stopped', failure });
        return;
      }
      failures += 1;
      said({ is: Date.now() - fine < STALE_MS ? 'reconnecting' : 'stale', since: fine, failure });
      later(Math.min(EVERY_MS * 2 ** (failures - 1), SLOWEST_MS));
    } finally {
      clearTimeout(limit);
    }
  }

  const seen = () => {
    clearTimeout(timer);
    deafen();
    if (stopped || page.hidden) return;
    void once();
    listen();
  };
  page.addEventListener('visibilitychange', seen);
  void once();
  listen();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      deafen();
      request?.abort();
      page.removeEventListener('visibilitychange', seen);
    },
    soon: () => {
      if (!stopped) void once();
    },
  };
}
