// Numbers in a table, with a bar in each row where lengths say more. The rule it protects: the chart is the table, so that
// nobody is shown less than others; all bars of a table have one scale.
import * as React from 'react';

export interface Row {
  key: string;
  name: React.ReactNode;
  /** One for each column after the first. */
  cells: React.ReactNode[];
  /** How long the bar is, and up to where it goes on lighter. */
  bar?: { to: number; lighter?: number; look?: 'failed' };
}

interface Props {
  caption: string;
  /** What the columns are: of the name, then of the cells. */
  columns: string[];
  /** What the bars are; none without it. */
  bars?: string;
  rows: Row[];
}

export function Table({ caption, columns, bars, rows }: Props): React.ReactElement {
  const whole = Math.max(...rows.map(({ bar }) => Math.max(bar?.to ?? 0, bar?.lighter ?? 0)), Number.MIN_VALUE);
  const share = (n: number) => `${Math.min((n / whole) * 100, 100).toFixed(2)}%`;
  const [first, ...others] = columns;
  return (
    <table className="mp-list">
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">{first}</th>
          {bars !== undefined && (
            <th scope="col" className="mp-list-bar">
              {bars}
            </th>
          )}
          {others.map((column) => (
            <th key={column} scope="col" className="mp-list-number">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ key, name, bar, cells }) => (
          <tr key={key}>
            <th scope="row">{name}</th>
            {bars !== undefined && (
              <td className="mp-list-bar">
                {bar && (
                  <svg width="100%" height="0.85em" aria-hidden="true">
                    {bar.lighter !== undefined && <rect className="mp-lighter" width={share(bar.lighter)} height="100%" rx="2" />}
                    <rect className={bar.look === 'failed' ? 'mp-fill-failed' : 'mp-span'} width={share(bar.to)} height="100%" rx="2" />
                  </svg>
                )}
              </td>
            )}
            {cells.map((cell, i) => (
              <td key={others[i]} className="mp-list-number">
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
