// What the pages have in common: a thing that is kept up to date, and a clock that ticks. The rule it protects: what belongs
// to another question is never shown as the answer to this one.
import * as React from 'react';
import { serverNow } from './api/client';
import { follow, type Liveness } from './live';

export const CONNECTING: Liveness = { is: 'connecting' };

/**
 * Keeps `look` going for as long as `key` is the same, and starts anew when it is another; without one it rests.
 * What it finds, it sets itself. `soon` has it look at once.
 */
export function useLive(key: string | undefined, look: (signal: AbortSignal) => Promise<void>): { liveness: Liveness; soon: () => void } {
  const [said, setSaid] = React.useState({ key, liveness: CONNECTING });
  const latest = React.useRef(look);
  latest.current = look;
  const followed = React.useRef<ReturnType<typeof follow>>();
  React.useEffect(() => {
    if (key === undefined) return undefined;
    const it = follow(
      (signal) => latest.current(signal),
      (liveness) => setSaid({ key, liveness }),
    );
    followed.current = it;
    return it.stop;
  }, [key]);
  const soon = React.useCallback(() => followed.current?.soon(), []);
  return { liveness: said.key === key ? said.liveness : CONNECTING, soon };
}

/** The server's clock, each second. */
export function useNow(): number {
  const [now, setNow] = React.useState(serverNow);
  React.useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function useTitle(title: string): void {
  React.useEffect(() => {
    document.title = title;
  }, [title]);
}
