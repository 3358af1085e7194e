// The state of a build as a label. The rule it protects: colour never says it alone; a state that is new is shown as text.
import * as React from 'react';
import { Label, type LabelProps } from '@patternfly/react-core';
import BanIcon from '@patternfly/react-icons/dist/esm/icons/ban-icon';
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import HddIcon from '@patternfly/react-icons/dist/esm/icons/hdd-icon';
import HistoryIcon from '@patternfly/react-icons/dist/esm/icons/history-icon';
import InProgressIcon from '@patternfly/react-icons/dist/esm/icons/in-progress-icon';
import PendingIcon from '@patternfly/react-icons/dist/esm/icons/pending-icon';
import { word } from '../messages';

type Look = [LabelProps['color'], React.ComponentType];

const LOOKS: { [state: string]: Look | undefined } = {
  pending: ['grey', PendingIcon],
  running: ['blue', InProgressIcon],
  failed: ['red', ExclamationCircleIcon],
  installed: ['cyan', HddIcon],
  completed: ['green', CheckCircleIcon],
  canceled: ['grey', BanIcon],
  superseded: ['grey', HistoryIcon],
  expired: ['orange', HistoryIcon],
};

export function StateIcon({ state }: { state: string }): React.ReactElement {
  const [, Icon] = LOOKS[state] || (['grey', PendingIcon] as Look);
  return <Icon />;
}

interface Props {
  state: string;
  isCompact?: boolean;
}

export function StateLabel({ state, isCompact }: Props): React.ReactElement {
  const [color] = LOOKS[state] || (['grey', PendingIcon] as Look);
  return (
    <Label color={color} icon={<StateIcon state={state} />} isCompact={isCompact} className="mp-state">
      {word('state', state)}
    </Label>
  );
}
