// Where the viewer is: what stands behind the # of the address. The rule it protects: all that was chosen is in the address,
// so that it can be kept, sent and gone back to; and it works below any path.
import * as React from 'react';

/** What there is to go to, besides hosts; the fleet is at the beginning. */
export const PAGES = ['fleet', 'statistics', 'workflows', 'steps', 'audit', 'tokens'] as const;
export type Page = (typeof PAGES)[number];

export interface Place {
  page: Page;
  /** One host of the fleet; `undefined`: the page itself. */
  host: string | undefined;
  query: URLSearchParams;
}

export function parse(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [, host] = /^hosts\/([^/]+)$/.exec(path) ?? [];
  let name: string | undefined;
  try {
    name = host && decodeURIComponent(host);
  } catch {
    // Not of our making.
  }
  const page = PAGES.find((known) => known === path) ?? 'fleet';
  return { page, host: name, query: new URLSearchParams(query) };
}

function print(path: string, query: Record<string, string | undefined>): string {
  const chosen = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const text = new URLSearchParams(chosen).toString();
  return `#/${path}${text && `?${text}`}`;
}

export const hostHref = (host: string, query: Record<string, string | undefined> = {}): string =>
  print(`hosts/${encodeURIComponent(host)}`, query);

export const pageHref = (page: Page, query: Record<string, string | undefined> = {}): string =>
  print(page === 'fleet' ? '' : page, query);

export const fleetHref = (query: Record<string, string | undefined> = {}): string => pageHref('fleet', query);

/** Changes what is chosen; without a step in the history, so that "back" leaves the page. */
export function choose(change: Record<string, string | undefined>): void {
  const { page, host, query } = parse(location.hash);
  const next = { ...Object.fromEntries(query), ...change };
  history.replaceState(null, '', host === undefined ? pageHref(page, next) : hostHref(host, next));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

const subscribe = (changed: () => void) => {
  addEventListener('hashchange', changed);
  return () => removeEventListener('hashchange', changed);
};

export function usePlace(): Place {
  const hash = React.useSyncExternalStore(subscribe, () => location.hash);
  return React.useMemo(() => parse(hash), [hash]);
}
