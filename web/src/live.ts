// Keeps something up to date. The rule it protects: nobody else knows how (today: asking every two seconds); what is shown
// is never older than its label says; a page that nobody sees asks for nothing.
import { Failure } from './api/client';

/**
 * `live`: what is shown is what there is. `reconnecting`: the last look failed, and another follows soon. `stale`: for so
 * long that what is shown may be wrong. `stopped`: looking again will not help (no credential, no such thing).
 */
export type Liveness =
  | { is: 'connecting' }
  | { is: 'live' }
  | { is: 'reconnecting' | 'stale'; since: number; failure: Failure }
  | { is: 'stopped'; failure: Failure };

export const EVERY_MS = 2_000;
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

/**
 * Calls `look` now and then again, until it is told to `stop`. What it finds is its own to keep; `said` hears how the
 * connection is. `soon` has it look at once.
 */
export function follow(
  look: (signal: AbortSignal) => Promise<void>,
  said: (liveness: Liveness) => void,
  page: Page = document,
): { stop: () => void; soon: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let request: AbortController | undefined;
  let failures = 0;
  let fine = Date.now();
  let stopped = false;

  const later = (ms: number) => {
    clearTimeout(timer);
    if (!stopped && !page.hidden) timer = setTimeout(() => void once(), ms);
  };

  async function once(): Promise<void> {
    request?.abort();
    const mine = new AbortController();
    request = mine;
    const limit = setTimeout(() => mine.abort(new Failure(0, 'no answer within 20 s')), PATIENCE_MS);
    const isOver = () => stopped || request !== mine;
    try {
      await look(mine.signal);
      if (isOver()) return;
      failures = 0;
      fine = Date.now();
      said({ is: 'live' });
      later(EVERY_MS);
    } catch (error) {
      if (isOver()) return;
      const failure = error instanceof Failure ? error : new Failure(0, String(error));
      if (isFinal(failure)) {
        stopped = true;
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

  const seen = () => (page.hidden ? clearTimeout(timer) : void (stopped || once()));
  page.addEventListener('visibilitychange', seen);
  void once();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      request?.abort();
      page.removeEventListener('visibilitychange', seen);
    },
    soon: () => {
      if (!stopped) void once();
    },
  };
}
