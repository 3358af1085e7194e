// The workflows that are known, each with its plan to scale, and their change by those who may. The rule it protects: a plan is
// drawn as a build would be opened with it: in the order of priority, each step as long as it is expected to take.
import * as React from 'react';
import { Button, Card, CardBody, CardTitle } from '@patternfly/react-core';
import ListIcon from '@patternfly/react-icons/dist/esm/icons/list-icon';
import { deleteWorkflow, listSteps, listWorkflows, type Session, type Step, type Workflow } from '../api/client';
import { useAsked } from '../asked';
import { planOf, type Planned } from '../charts/plan';
import { cleanLine } from '../clean';
import { duration } from '../format';
import { useTitle } from '../hooks';
import { counted, t } from '../messages';
import type { Place } from '../place';
import { choose } from '../place';
import { Confirm, mayManage } from './form';
import { SHIPPED } from './steps';
import { Empty, Loading, Trouble } from './trouble';
import { WorkflowForm } from './workflow_form';
import './pages.css';

type Doing = { is: 'add' } | { is: 'change' | 'copy' | 'remove'; workflow: Workflow };

export default function Workflows({ place, session }: { place: Place; session: Session }): React.ReactElement {
  const { found, failure, again } = useAsked('workflows', async (signal) => {
    const [workflows, steps] = await Promise.all([listWorkflows(signal), listSteps(signal)]);
    return { workflows: workflows.results, steps: steps.results };
  });
  const [doing, setDoing] = React.useState<Doing>();
  const may = mayManage(session);
  const open = place.query.get('open') ?? undefined;
  useTitle(`${t('app.workflows')} · Milepost`);
  const done = () => {
    setDoing(undefined);
    again();
  };
  const close = () => setDoing(undefined);
  return (
    <>
      <div className="mp-head">
        <h1>{t('app.workflows')}</h1>
        <span className="mp-quiet" aria-live="polite">
          {found && counted('workflows.shown', found.workflows.length)}
        </span>
      </div>
      <p className="mp-about">{t('workflows.about')}</p>
      <div className="mp-tools">
        {may ? (
          <Button onClick={() => setDoing({ is: 'add' })}>{t('workflows.add')}</Button>
        ) : (
          <span className="mp-quiet">{t('form.mayNot', { scope: 'manage' })}</span>
        )}
      </div>
      {failure ? (
        <Trouble failure={failure} onRetry={again} />
      ) : !found ? (
        <Loading />
      ) : found.workflows.length === 0 ? (
        <Empty icon={ListIcon} title={t('workflows.empty')} text={t('workflows.about')} />
      ) : (
        <div className="mp-column">
          {found.workflows.map((workflow) => (
            <One
              key={workflow.name}
              workflow={workflow}
              steps={found.steps}
              isOpen={workflow.name === open}
              may={may}
              onDo={(is) => setDoing({ is, workflow })}
            />
          ))}
        </div>
      )}
      {found && doing && doing.is !== 'remove' && (
        <WorkflowForm
          workflow={doing.is === 'add' ? undefined : doing.workflow}
          isCopy={doing.is === 'copy'}
          steps={found.steps}
          onDone={done}
          onClose={close}
        />
      )}
      {doing?.is === 'remove' && (
        <Confirm
          title={t('workflows.remove', { name: cleanLine(doing.workflow.title) })}
          text={t('workflows.removeText')}
          verb={t('form.remove')}
          request={() => deleteWorkflow(doing.workflow.name, doing.workflow.owner)}
          onDone={done}
          onClose={close}
        />
      )}
    </>
  );
}

interface OneProps {
  workflow: Workflow;
  steps: Step[];
  isOpen: boolean;
  may: boolean;
  onDo: (what: 'change' | 'copy' | 'remove') => void;
}

function One({ workflow, steps, isOpen, may, onDo }: OneProps): React.ReactElement {
  const plan = planOf(workflow, steps);
  const whole = plan.reduce((sum, { weight }) => sum + weight, 0);
  const facts = [
    cleanLine(workflow.name),
    counted('steps.shown', plan.length),
    t('workflows.expected', { duration: duration(whole) }),
    workflow.registry && t(`workflows.registry.${workflow.registry === 'strict' ? 'strict' : 'loose'}`),
    workflow.expected_boots && workflow.expected_boots > 1 && counted('workflows.boots', workflow.expected_boots),
    t('workflows.owner', { owner: cleanLine(workflow.owner) }),
  ];
  return (
    <Card>
      <CardTitle component="h2">{cleanLine(workflow.title)}</CardTitle>
      <CardBody>
        <p className="mp-quiet">{facts.filter(Boolean).join(' · ')}</p>
        {workflow.description && <p>{cleanLine(workflow.description)}</p>}
        <Plan plan={plan} whole={whole} />
        <div className="mp-tools">
          <Button
            variant="link"
            isInline
            aria-expanded={isOpen}
            aria-label={t(isOpen ? 'workflows.hideOf' : 'workflows.showOf', { name: cleanLine(workflow.title) })}
            onClick={() => choose({ open: isOpen ? undefined : workflow.name })}
          >
            {t(isOpen ? 'workflows.hide' : 'workflows.show')}
          </Button>
          {may &&
            (['copy', 'change', 'remove'] as const)
              .filter((what) => what === 'copy' || workflow.owner !== SHIPPED)
              .map((what) => (
                <Button
                  key={what}
                  variant="link"
                  isInline
                  isDanger={what === 'remove'}
                  aria-label={t(`form.${what}It`, { name: workflow.name })}
                  onClick={() => onDo(what)}
                >
                  {t(`form.${what}`)}
                </Button>
              ))}
        </div>
        {isOpen && <PlanTable plan={plan} caption={cleanLine(workflow.title)} />}
      </CardBody>
    </Card>
  );
}

/** As long as each step is expected to take; what takes next to nothing keeps a sliver. */
function Plan({ plan, whole }: { plan: Planned[]; whole: number }): React.ReactElement {
  return (
    <ol className="mp-plan">
      {plan.map((step) => (
        <li
          key={step.label}
          className={step.optional ? 'mp-plan-optional' : undefined}
          style={{ flexGrow: Math.max(step.weight, whole / 100) }}
          title={`${cleanLine(step.name)}: ${duration(step.weight)}${step.optional ? `, ${t('workflows.optional')}` : ''}`}
        >
          <span>{cleanLine(step.name)}</span>
        </li>
      ))}
    </ol>
  );
}

function PlanTable({ plan, caption }: { plan: Planned[]; caption: string }): React.ReactElement {
  return (
    <table className="mp-list mp-list-cards">
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">{t('fleet.step')}</th>
          <th scope="col" className="mp-list-number">
            {t('steps.priority')}
          </th>
          <th scope="col" className="mp-list-number">
            {t('steps.weight')}
          </th>
          <th scope="col" className="mp-list-number">
            {t('steps.timeout')}
          </th>
          <th scope="col">{t('workflows.marks')}</th>
        </tr>
      </thead>
      <tbody>
        {plan.map((step) => (
          <tr key={step.label}>
            <th scope="row">
              {cleanLine(step.name)} <code className="mp-quiet">{step.label}</code>
            </th>
            <td data-is={t('steps.priority')} className="mp-list-number">
              {step.priority}
            </td>
            <td data-is={t('steps.weight')} className="mp-list-number">
              {duration(step.weight)}
            </td>
            <td data-is={t('steps.timeout')} className="mp-list-number">
              {duration(step.timeout)}
            </td>
            <td data-is={t('workflows.marks')}>
              {[step.entry && t('workflows.entry'), step.optional && t('workflows.optional')].filter(Boolean).join(', ')}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
