// How far a build is. The rule it protects: a percentage that is not known is not drawn as one.
import * as React from 'react';
import { Progress, ProgressMeasureLocation, ProgressVariant } from '@patternfly/react-core';
import { t } from '../messages';

interface Props {
  /** Whose. */
  name: string;
  state: string;
  percent?: number;
  isLarge?: boolean;
}

const VARIANTS: { [state: string]: ProgressVariant | undefined } = {
  failed: ProgressVariant.danger,
  completed: ProgressVariant.success,
};

export function Bar({ name, state, percent, isLarge }: Props): React.ReactElement {
  const label = t('bar.label', { name });
  if (percent === undefined) return <span className="mp-quiet">{t('bar.none')}</span>;
  return (
    <Progress
      className={`mp-bar mp-bar-${isLarge ? 'large' : 'row'} mp-is-${state}`}
      aria-label={label}
      value={percent}
      size={isLarge ? 'lg' : 'sm'}
      variant={VARIANTS[state]}
      measureLocation={ProgressMeasureLocation.outside}
    />
  );
}
