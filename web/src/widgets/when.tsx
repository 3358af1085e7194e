// A time. The rule it protects: it reads in the viewer's zone, and says UTC to whoever points at it.
import * as React from 'react';
import { moment, utc } from '../format';

interface Props {
  at: string;
  now: number;
  children?: React.ReactNode;
}

/** What stands there: its own text (an age, say), or the time of day. */
export function When({ at, now, children }: Props): React.ReactElement {
  const time = Date.parse(at);
  if (Number.isNaN(time)) return <span>{at}</span>;
  return (
    <time dateTime={at} title={`${moment(time, now)}\n${utc(time)}`}>
      {children || moment(time, now)}
    </time>
  );
}
