// The rows of the fleet: those on the screen are in the document, and their pages are asked for. The rule it protects: a list
// of any length is scrolled by the window itself, so that phone, keyboard and search bar work as anywhere.
import * as React from 'react';
import { Label } from '@patternfly/react-core';
import ExclamationTriangleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { listBuilds, type Build } from '../api/client';
import { cleanLine } from '../clean';
import { age } from '../format';
import { t, word, type Key } from '../messages';
import { hostHref } from '../place';
import { Bar } from '../widgets/bar';
import { StateLabel } from '../widgets/state';
import { When } from '../widgets/when';

const PAGE = 100;
/** By how much a signal needs a person; one that is new is grey. */
const COLOURS: Record<string, 'red' | 'orange' | undefined> = { critical: 'red', warning: 'orange' };
const COLUMNS = ['host', 'state', 'step', 'progress', 'message', 'age', 'signals'] as const;

interface Found {
  key: string;
  count: number;
  pages: Map<number, Build[]>;
}

export interface RowsState {
  /** How many there are; `undefined` until it is known. */
  count: number | undefined;
  at: (index: number) => Build | undefined;
  /** Where another location begins, as far as pages are here. */
  beginnings: string;
  /** Says what is on the screen. */
  show: (first: number, last: number) => void;
  /** Which pages are on the screen: others than before are to be asked for at once. */
  wanted: string;
  /** Takes over rows that have changed, where they are shown. */
  take: (builds: Build[]) => void;
  /** Asks for what is on the screen anew. */
  refresh: (signal: AbortSignal) => Promise<void>;
}

export function useRows(asked: { search: string; order: string }, key: string): RowsState {
  const [found, setFound] = React.useState<Found>();
  const [wanted, setWanted] = React.useState<readonly number[]>([1]);
  const mine = found?.key === key ? found : undefined;
  const show = React.useCallback((first: number, last: number) => {
    const pages: number[] = [];
    for (let page = Math.floor(first / PAGE) + 1; page <= Math.floor(last / PAGE) + 1; page += 1) pages.push(page);
    setWanted((before) => (String(before) === String(pages) ? before : pages));
  }, []);
  const pages = mine ? wanted : [1];
  const refresh = async (signal: AbortSignal) => {
    const query = { ...asked, per_page: String(PAGE) };
    const answers = await Promise.all(pages.map((page) => listBuilds({ ...query, page }, signal)));
    if (signal.aborted) return;
    setFound((before) => {
      const known = before?.key === key ? new Map(before.pages) : new Map<number, Build[]>();
      answers.forEach((answer) => known.set(answer.page, answer.results));
      return { key, count: answers[0]?.subtotal ?? 0, pages: known };
    });
  };
  const beginnings = React.useMemo(() => beginningsOf(mine?.pages), [mine?.pages]);
  const take = (builds: Build[]) => {
    const changed = new Map(builds.map((build) => [build.id, build]));
    setFound((before) => {
      if (before?.key !== key) return before;
      const known = new Map(before.pages);
      for (const [number, page] of known) {
        if (page.some(({ id }) => changed.has(id))) known.set(number, page.map((build) => changed.get(build.id) ?? build));
      }
      return { ...before, pages: known };
    });
  };
  return {
    count: mine?.count,
    beginnings,
    at: (index) => mine?.pages.get(Math.floor(index / PAGE) + 1)?.[index % PAGE],
    show,
    wanted: pages.join(),
    take,
    refresh,
  };
}

/** Which rows have another location than the one before. */
function beginningsOf(pages: Map<number, Build[]> | undefined): string {
  const found: string[] = [];
  for (const [page, builds] of pages ?? []) {
    builds.forEach(({ host }, i) => {
      const before = i > 0 ? builds[i - 1] : pages?.get(page - 1)?.[PAGE - 1];
      if (host.location !== before?.host.location) found.push(`${page}.${i}`);
    });
  }
  return found.join();
}

/** As the style sheet has it: a row of a table, or a card of three lines on a narrow screen. */
const NARROW = '(max-width: 60rem)';

function useIsNarrow(): boolean {
  return React.useSyncExternalStore(
    (changed) => {
      const query = matchMedia(NARROW);
      query.addEventListener('change', changed);
      return () => query.removeEventListener('change', changed);
    },
    () => matchMedia(NARROW).matches,
  );
}

interface RowsProps {
  rows: RowsState;
  now: number;
  /** Whether a location says so where it begins; the rows come in that order. */
  isGrouped: boolean;
}

/** The location that begins with this row; `undefined` within one, and where the row before is not here. */
function beginning(rows: RowsState, index: number): string | undefined {
  const here = rows.at(index);
  const before = rows.at(index - 1);
  if (!here || (index > 0 && !before)) return undefined;
  const location = here.host.location ?? '';
  return index > 0 && location === (before?.host.location ?? '') ? undefined : location;
}

export function Rows({ rows, now, isGrouped }: RowsProps): React.ReactElement {
  const body = React.useRef<HTMLDivElement>(null);
  const isNarrow = useIsNarrow();
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const height = (isNarrow ? 7.5 : 3) * rem;
  const count = rows.count ?? 0;
  const heading = isGrouped ? 2.5 * rem : 0;
  const begins = (index: number) => (isGrouped ? beginning(rows, index) : undefined);
  // When another location begins somewhere, what is below it moves.
  const beginnings = isGrouped ? rows.beginnings : '';
  const virtualizer = useWindowVirtualizer({
    count,
    estimateSize: (index) => height + (begins(index) === undefined ? 0 : heading),
    overscan: 12,
    scrollMargin: body.current?.offsetTop ?? 0,
  });
  React.useEffect(() => virtualizer.measure(), [height, heading, beginnings, virtualizer]);
  const items = virtualizer.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items[items.length - 1]?.index ?? 0;
  React.useEffect(() => rows.show(first, last), [first, last, rows.show]);
  return (
    <div role="table" aria-label={t('app.fleet')} aria-rowcount={count + 1} className="mp-rows">
      <div role="rowgroup" className="mp-rows-head">
        <div role="row" aria-rowindex={1} className="mp-row">
          {COLUMNS.map((column) => (
            <span key={column} role="columnheader">
              {t(`fleet.${column}` as Key)}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" ref={body} className="mp-rows-body" style={{ height: virtualizer.getTotalSize() }}>
        {items.map(({ index, start }) => {
          const top = start - virtualizer.options.scrollMargin;
          const location = begins(index);
          return (
            <React.Fragment key={index}>
              {location !== undefined && (
                <div role="row" className="mp-group" style={{ height: heading, transform: `translateY(${top}px)` }}>
                  <span role="rowheader">{cleanLine(location) || t('fleet.noLocation')}</span>
                </div>
              )}
              <div
                role="row"
                aria-rowindex={index + 2}
                className={`mp-row mp-row-${rows.at(index)?.state ?? 'unknown'}`}
                style={{ height, transform: `translateY(${top + (location === undefined ? 0 : heading)}px)` }}
              >
                <Cells build={rows.at(index)} now={now} />
              </div>
            </React.Fragment>
          );
        })}
      </div>
    </div>
  );
}

function Cells({ build, now }: { build: Build | undefined; now: number }): React.ReactElement {
  if (!build) return <span role="cell" className="mp-quiet">…</span>;
  const { host, current_step: step, last_message: message, last_report_at: heard, signals = [] } = build;
  // The most urgent comes first; the page of the host has all of them.
  const urgent = signals[0];
  return (
    <>
      <span role="cell" className="mp-cell-host">
        {/* What is over may have been followed by another; what is not is the latest. */}
        <a href={hostHref(host.name, { build: build.ended_at && build.id })}>{cleanLine(host.name)}</a>
        <span className="mp-quiet">{[build.workflow, host.location].filter(Boolean).join(' · ')}</span>
      </span>
      <span role="cell" className="mp-cell-state">
        <StateLabel state={build.state} isCompact />
      </span>
      <span role="cell" className="mp-cell-step">
        {step && cleanLine(step.name)}
        {build.attempt > 1 && <span className="mp-quiet">{t('fleet.attempt', { n: build.attempt })}</span>}
      </span>
      <span role="cell" className="mp-cell-progress">
        <Bar name={host.name} state={build.state} percent={build.percent} />
        {build.eta && <span className="mp-quiet">{t('fleet.left', { duration: age(build.eta.seconds) })}</span>}
      </span>
      <span role="cell" className="mp-cell-message" title={message && cleanLine(message)}>
        {message && cleanLine(message)}
      </span>
      <span role="cell" className="mp-cell-age">
        {heard ? (
          <When at={heard} now={now}>
            {age((now - Date.parse(heard)) / 1000)}
          </When>
        ) : (
          <span className="mp-quiet">{t('fleet.unheard')}</span>
        )}
      </span>
      <span role="cell" className="mp-cell-signals">
        {urgent && (
          <span title={signals.map((signal) => cleanLine(signal.detail)).join('\n')}>
            <Label color={urgent.muted ? 'grey' : (COLOURS[urgent.severity] ?? 'grey')} isCompact icon={<ExclamationTriangleIcon />}>
              {word('signal', urgent.kind)}
            </Label>
            {signals.length > 1 && ` +${signals.length - 1}`}
          </span>
        )}
      </span>
    </>
  );
}
