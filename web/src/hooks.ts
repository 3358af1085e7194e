// What the pages have in common: a thing that is kept up to date, and a clock that ticks. The rule it protects: what belongs
// to another question is never shown as the answer to this one.
import * as React from 'react';
import { serverNow, type Build } from './api/client';
import { openEvents, type Wanted } from './events';
import { follow, type Liveness } from './live';

export const CONNECTING: Liveness = { is: 'connecting' };

/** Changes that are told of, as part of what is kept up to date. */
export interface Told {
  wanted: Wanted;
  /** Takes over what has changed, at once; without it, the look that follows does. */
  changed?: (builds: Build[]) => void;
  /** How long after a look another may follow, in milliseconds, however much changes. */
  pause: number;
}

/**
 * Keeps `look` going for as long as `key` is the same, and starts anew when it is another; without one it rests.
 * What it finds, it sets itself. `soon` has it look at once. With `told`, it looks when the service tells of a change.
 */
export function useLive(
  key: string | undefined,
  look: (signal: AbortSignal) => Promise<void>,
  told?: Told,
): { liveness: Liveness; soon: () => void } {
  const [said, setSaid] = React.useState({ key, liveness: CONNECTING });
  const latest = React.useRef({ look, told });
  latest.current = { look, told };
  const followed = React.useRef<ReturnType<typeof follow>>();
  React.useEffect(() => {
    if (key === undefined) return undefined;
    const it = follow(
      (signal) => latest.current.look(signal),
      (liveness) => setSaid({ key, liveness }),
      latest.current.told && {
        open: (after, on) => openEvents(latest.current.told?.wanted ?? {}, after, on),
        changed: (builds) => latest.current.told?.changed?.(builds),
        pause: latest.current.told.pause,
      },
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
