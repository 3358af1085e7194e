// What changes, as the service tells it: one stream of server-sent events. The rule it protects: a stream that says nothing
// is not believed, since a proxy may hold it back; what came within one frame is handed over at once.
import type { Build } from './api/client';

/** Which changes: of the builds that a search finds, of one host, or all. */
export interface Wanted {
  search?: string;
  host?: string;
}

/** What somebody does with a stream. */
export interface Listener {
  /** Events come through: from now on every change is heard. */
  proven: () => void;
  /** Something has changed: these builds, and perhaps others that are not searched for any more. */
  changed: (builds: Build[]) => void;
  /** It is over. `since`: from when on changes may have been missed. */
  lost: (since: number) => void;
}

/** The first event comes at once, where nothing holds it back. */
const FIRST_MS = 5_000;
/** The service says every 15 seconds that it is there. */
const SILENCE_MS = 40_000;

type Frame = (draw: () => void) => void;

/** Ends a stream, and says from after which event it is to go on. */
export type Close = () => string | undefined;

/** Opens a stream, from after the event `after` on. */
export function openEvents(
  wanted: Wanted,
  after: string | undefined,
  on: Listener,
  frame: Frame = (draw) => void requestAnimationFrame(draw),
): Close {
  const query = new URLSearchParams(Object.entries({ ...wanted, after }).filter((pair): pair is [string, string] => Boolean(pair[1])));
  // Relative, so that it holds below the path of a reverse proxy. The browser sends the session along.
  const source = new EventSource(`api/v2/events?${query.toString()}`);
  let last = after;
  let heard = Date.now();
  let isProven = false;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let changed: Map<string, Build> | undefined;

  // A browser that knows it is offline need not wait for the silence.
  const offline = () => on.lost(Date.now());

  const close = () => {
    clearTimeout(silence);
    removeEventListener('offline', offline);
    source.close();
    changed = undefined;
    return last;
  };
  const wait = (ms: number) => {
    clearTimeout(silence);
    silence = setTimeout(() => on.lost(heard), ms);
  };
  const change = (build?: Build) => {
    if (!changed) {
      changed = new Map();
      frame(() => {
        const builds = changed;
        changed = undefined;
        // It may have been closed meanwhile.
        if (builds) on.changed(Array.from(builds.values()));
      });
    }
    if (build) changed.set(build.id, build);
  };
  const listen = (kind: string, then: (data: string) => void) =>
    source.addEventListener(kind, (event: MessageEvent<string>) => {
      last = event.lastEventId || last;
      heard = Date.now();
      wait(SILENCE_MS);
      if (!isProven) {
        isProven = true;
        on.proven();
      }
      then(event.data);
    });

  listen('hello', () => undefined);
  listen('beat', () => undefined);
  listen('build', (data) => change(JSON.parse(data) as Build));
  listen('left', () => change());
  listen('reset', () => change());
  // It would come back by itself after some failures and not after others; whoever listens knows when to.
  source.onerror = () => on.lost(isProven ? Date.now() : heard);
  addEventListener('offline', offline);
  wait(FIRST_MS);
  return close;
}
