// The steps of the current attempt, in their order. The rule it protects: what nobody reported and nobody waits for (skipped)
// does not hide what is; it is one press away.
import * as React from 'react';
import { Button, ProgressStep, ProgressStepper, type ProgressStepProps } from '@patternfly/react-core';
import type { StepProgress } from '../api/client';
import { cleanLine } from '../clean';
import { duration } from '../format';
import { counted, t, word } from '../messages';

const VARIANTS: { [state: string]: ProgressStepProps['variant'] } = {
  pending: 'pending',
  running: 'info',
  done: 'success',
  failed: 'danger',
  skipped: 'default',
};

interface Props {
  steps: StepProgress[];
  /** The label of the step that a person would name. */
  current?: string;
}

export function Stepper({ steps, current }: Props): React.ReactElement {
  const [all, setAll] = React.useState(false);
  const skipped = steps.filter((step) => step.state === 'skipped').length;
  const shown = all ? steps : steps.filter((step) => step.state !== 'skipped');
  return (
    <>
      <ProgressStepper isVertical aria-label={t('host.steps')}>
        {shown.map((step) => (
          <ProgressStep
            key={step.label}
            id={`step-${step.label}`}
            titleId={`step-${step.label}-title`}
            variant={VARIANTS[step.state] || 'default'}
            isCurrent={step.label === current}
            aria-label={`${cleanLine(step.name)}: ${word('step', step.state)}`}
            description={said(step)}
          >
            {cleanLine(step.name)}
          </ProgressStep>
        ))}
      </ProgressStepper>
      {skipped > 0 && (
        <Button variant="link" isInline onClick={() => setAll(!all)}>
          {all ? t('steps.hide') : counted('steps.skipped', skipped)}
        </Button>
      )}
    </>
  );
}

function said(step: StepProgress): string {
  const parts = [];
  if (step.state === 'skipped') parts.push(word('step', step.state));
  if (step.duration_seconds !== undefined) parts.push(duration(step.duration_seconds));
  const isAhead = step.state === 'pending' || step.state === 'running';
  if (isAhead && step.typical_seconds) parts.push(t('steps.usually', { duration: duration(step.typical_seconds) }));
  if (step.state === 'running' && step.percentage !== undefined) parts.push(`${step.percentage} %`);
  if (step.attempts > 1) parts.push(t('steps.runs', { n: step.attempts }));
  if (step.message && (step.state === 'running' || step.state === 'failed')) parts.push(cleanLine(step.message));
  return parts.join(' · ');
}
