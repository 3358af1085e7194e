// What is asked for once, and again when somebody wants it: what does not change by the second. The rule it protects: what
// belongs to another question is never shown as the answer to this one.
import * as React from 'react';
import { Failure, serverNow } from './api/client';

interface Said<T> {
  key: string;
  found?: T;
  failure?: Failure;
  at: number;
}

export interface Asked<T> {
  found: T | undefined;
  failure: Failure | undefined;
  /** When it was so, by the service's clock; milliseconds. */
  at: number;
  again: () => void;
}

/** Asks anew for each `key`. What was found stays until there is something newer; a failure says so beside it. */
export function useAsked<T>(key: string, ask: (signal: AbortSignal) => Promise<T>): Asked<T> {
  const [said, setSaid] = React.useState<Said<T>>();
  const [turn, setTurn] = React.useState(0);
  const latest = React.useRef(ask);
  latest.current = ask;
  React.useEffect(() => {
    const request = new AbortController();
    latest.current(request.signal).then(
      (found) => request.signal.aborted || setSaid({ key, found, at: serverNow() }),
      (error: unknown) => {
        if (request.signal.aborted) return;
        const failure = error instanceof Failure ? error : new Failure(0, String(error));
        setSaid((before) => ({ ...(before?.key === key ? before : { key, at: serverNow() }), failure }));
      },
    );
    return () => request.abort();
  }, [key, turn]);
  const again = React.useCallback(() => setTurn((before) => before + 1), []);
  const mine = said?.key === key ? said : undefined;
  return { found: mine?.found, failure: mine?.failure, at: mine?.at ?? 0, again };
}
