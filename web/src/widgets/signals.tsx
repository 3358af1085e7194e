// What needs a person, in its own sentences. The rule it protects: a kind that is new is shown all the same.
import * as React from 'react';
import { Alert } from '@patternfly/react-core';
import type { Signal } from '../api/client';
import { cleanLine, cleanText } from '../clean';
import { moment } from '../format';
import { t, word } from '../messages';
import { When } from './when';

const VARIANTS: Record<string, 'danger' | 'warning' | 'info' | undefined> = { critical: 'danger', warning: 'warning', info: 'info' };

interface Props {
  signals: Signal[];
  now: number;
}

export function Signals({ signals, now }: Props): React.ReactElement | null {
  if (signals.length === 0) return null;
  return (
    <div className="mp-signals">
      {signals.map((signal) => (
        <Alert key={signal.kind} isInline variant={VARIANTS[signal.severity] ?? 'warning'} component="h2" title={word('signal', signal.kind)}>
          <p>
            {cleanLine(signal.detail)} (
            <When at={signal.since} now={now}>{t('signal.since', { time: moment(Date.parse(signal.since), now) })}</When>)
          </p>
          {signal.remedy && <p>{cleanLine(signal.remedy)}</p>}
          {signal.log && (
            <pre className="mp-signal-log" tabIndex={0} aria-label={t('signal.log')}>
              {signal.log.is_cut && '…\n'}
              {cleanText(signal.log.text)}
            </pre>
          )}
          {signal.muted && (
            <p>{t('signal.muted', { time: moment(Date.parse(signal.muted.until), now), reason: cleanLine(signal.muted.reason), by: cleanLine(signal.muted.by) })}</p>
          )}
        </Alert>
      ))}
    </div>
  );
}
