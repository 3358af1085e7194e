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
    at: (index) => mine?.pages.get(Math.floor(index / PAGE) + 1)?.[index % PAGE],
    show,
    wanted: pages.join(),
    take,
    refresh,
  };
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

export function Rows({ rows, now }: { rows: RowsState; now: number }): React.ReactElement {
  const body = React.useRef<HTMLDivElement>(null);
  const isNarrow = useIsNarrow();
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const height = (isNarrow ? 7.5 : 3) * rem;
  const count = rows.count ?? 0;
  const virtualizer = useWindowVirtualizer({
    count,
    estimateSize: () => height,
    overscan: 12,
    scrollMargin: body.current?.offsetTop ?? 0,
  });
  React.useEffect(() => virtualizer.measure(), [height, virtualizer]);
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
        {items.map(({ index, start }) => (
          <div
            key={index}
            role="row"
            aria-rowindex={index + 2}
            className={`mp-row mp-row-${rows.at(index)?.state ?? 'unknown'}`}
            style={{ height, transform: `translateY(${start - virtualizer.options.scrollMargin}px)` }}
          >
            <Cells build={rows.at(index)} now={now} />
          </div>
        ))}
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
            <Label color={COLOURS[urgent.severity] ?? 'grey'} isCompact icon={<ExclamationTriangleIcon />}>
              {word('signal', urgent.kind)}
            </Label>
            {signals.length > 1 && ` +${signals.length - 1}`}
          </span>
        )}
      </span>
    </>
  );
}
