// How fresh the page is. The rule it protects: what is old says so.
import * as React from 'react';
import { moment } from '../format';
import type { Liveness } from '../live';
import { t } from '../messages';

export function LiveMark({ liveness, now }: { liveness: Liveness; now: number }): React.ReactElement {
  const text =
    liveness.is === 'stale' ? t('live.stale', { time: moment(liveness.since, now) }) : t(`live.${liveness.is}`);
  const how = liveness.is === 'live' ? t(`live.by.${liveness.by}`) : 'failure' in liveness ? liveness.failure.message : undefined;
  return (
    <span title={how} className={`mp-live mp-live-${liveness.is}`} role="status">
      {text}
    </span>
  );
}
