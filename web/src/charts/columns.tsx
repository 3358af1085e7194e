// Builds by day and by what became of them, as stacked columns with the numbers behind them. The rule it protects: colour
// never says it alone, and whoever sees no columns has the table.
import * as React from 'react';
import { region } from '../format';
import { counted, spoken, t, word } from '../messages';
import { scale, type Bucket } from './buckets';
import { Table } from './table';

// In the size of the text, which is larger on a wall.
const HEIGHT_REM = 12.5;
const AXIS_REM = 1.5;
const TOP_REM = 0.6;
const SCALE_REM = 2.25;

/** What failed stands at the bottom, where heights are compared best; what came to nothing is on top. */
const ORDER = ['failed', 'completed', 'installed', 'running', 'pending', 'expired', 'superseded', 'canceled'];
const rank = (state: string): number => (ORDER.includes(state) ? ORDER.indexOf(state) : ORDER.length);

const number = (n: number): string => n.toLocaleString(spoken());

/** A day of the service (UTC), as it is written where the viewer is. */
const dayText = (day: string, style: 'short' | 'medium'): string =>
  new Intl.DateTimeFormat(region(), {
    timeZone: 'UTC',
    ...(style === 'short' ? { day: 'numeric', month: 'numeric' } : { dateStyle: 'medium' }),
  }).format(Date.parse(day));

const named = ({ from, until }: Bucket): string =>
  from === until ? dayText(from, 'medium') : `${dayText(from, 'medium')} – ${dayText(until, 'medium')}`;

export function Columns({ buckets }: { buckets: Bucket[] }): React.ReactElement {
  const states = [...new Set(buckets.flatMap(({ states }) => [...states.keys()]))].sort((a, b) => rank(a) - rank(b));
  const marks = scale(Math.max(...buckets.map(({ builds }) => builds)));
  const top = marks[marks.length - 1] ?? 1;
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const foot = (TOP_REM + HEIGHT_REM) * rem;
  const y = (n: number) => foot - (n / top) * HEIGHT_REM * rem;
  const whole = foot + AXIS_REM * rem;
  const all = buckets.reduce((sum, { builds }) => sum + builds, 0);
  const label = counted('statistics.columns', all, { from: buckets[0]?.from ?? '', until: buckets[buckets.length - 1]?.until ?? '' });
  // About five dates fit below the columns of a phone.
  const every = Math.ceil(buckets.length / 5);
  return (
    <>
      <ul className="mp-legend">
        {states.map((state) => (
          <li key={state}>
            <svg width="0.75em" height="0.75em" aria-hidden="true">
              <rect className={`mp-fill mp-fill-${state}`} width="100%" height="100%" rx="2" />
            </svg>{' '}
            {word('state', state)}
          </li>
        ))}
      </ul>
      <div className="mp-columns" style={{ gridTemplateColumns: `${SCALE_REM}rem minmax(0, 1fr)` }}>
        <svg width="100%" height={whole} aria-hidden="true">
          {marks.map((mark) => (
            <text key={mark} className="mp-axis" x={(SCALE_REM - 0.4) * rem} y={y(mark) + rem / 4} textAnchor="end">
              {number(mark)}
            </text>
          ))}
        </svg>
        <svg role="img" aria-label={label} width="100%" height={whole}>
          {marks.map((mark) => (
            <line key={mark} className="mp-tick" x1="0" x2="100%" y1={y(mark)} y2={y(mark)} />
          ))}
          {buckets.map((bucket, i) => {
            const x = `${(i / buckets.length) * 100}%`;
            let below = 0;
            const said = states
              .filter((state) => bucket.states.has(state))
              .map((state) => `${word('state', state)}: ${number(bucket.states.get(state) ?? 0)}`);
            return (
              <svg key={bucket.from} x={x} width={`${100 / buckets.length}%`} height={whole} overflow="visible">
                <title>{[named(bucket), ...said].join('\n')}</title>
                {/* All of its height says what it is to whoever points at it. */}
                <rect className="mp-hit" width="100%" height={foot} />
                {states.map((state) => {
                  const count = bucket.states.get(state) ?? 0;
                  if (count === 0) return null;
                  const from = below;
                  below += count;
                  return (
                    <rect
                      key={state}
                      className={`mp-fill mp-fill-${state}`}
                      x="12%"
                      width="76%"
                      y={y(below)}
                      height={y(from) - y(below)}
                    />
                  );
                })}
                {i % every === 0 && (
                  <text className="mp-axis" y={whole - rem / 3} x={i === 0 ? '0' : '50%'} textAnchor={i === 0 ? 'start' : 'middle'}>
                    {dayText(bucket.from, 'short')}
                  </text>
                )}
              </svg>
            );
          })}
        </svg>
      </div>
      <details className="mp-details">
        <summary>{t('chart.asTable')}</summary>
        <Table
          caption={t('statistics.days')}
          columns={[t('statistics.day'), t('statistics.builds'), ...states.map((state) => word('state', state))]}
          rows={buckets
            .filter(({ builds }) => builds > 0)
            .map((bucket) => ({
              key: bucket.from,
              name: named(bucket),
              cells: [number(bucket.builds), ...states.map((state) => number(bucket.states.get(state) ?? 0))],
            }))}
        />
      </details>
    </>
  );
}
