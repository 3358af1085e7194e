// The steps that are known, and their change by those who may. The rule it protects: who may change what is the service's to say;
// here only what would be refused for certain is not offered.
import * as React from 'react';
import { Button, TextInput } from '@patternfly/react-core';
import ListIcon from '@patternfly/react-icons/dist/esm/icons/list-icon';
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon';
import { deleteStep, listSteps, putStep, type Session, type Step, type StepInput } from '../api/client';
import { useAsked } from '../asked';
import { cleanLine } from '../clean';
import { duration } from '../format';
import { useTitle } from '../hooks';
import { counted, t } from '../messages';
import { choose, type Place } from '../place';
import { Confirm, Dialog, mayManage, numberOf, TextField, useSending } from './form';
import { Empty, Loading, Trouble } from './trouble';
import './pages.css';

/** What Milepost ships is nobody's to change. */
export const SHIPPED = 'milepost';
export const SITE = 'site';

type Doing = { is: 'add' } | { is: 'change' | 'remove'; step: Step };

export default function Steps({ place, session }: { place: Place; session: Session }): React.ReactElement {
  const { found, failure, again } = useAsked('steps', listSteps);
  const [doing, setDoing] = React.useState<Doing>();
  const text = place.query.get('text') ?? '';
  const may = mayManage(session);
  useTitle(`${t('app.steps')} · Milepost`);
  const shown = found?.results.filter(({ label, name, owner }) =>
    `${label} ${name} ${owner}`.toLowerCase().includes(text.trim().toLowerCase()),
  );
  const done = () => {
    setDoing(undefined);
    again();
  };
  return (
    <>
      <div className="mp-head">
        <h1>{t('app.steps')}</h1>
        <span className="mp-quiet" aria-live="polite">
          {shown && counted('steps.shown', shown.length)}
        </span>
      </div>
      <p className="mp-about">{t('steps.about')}</p>
      <div className="mp-tools">
        <TextInput
          type="search"
          aria-label={t('steps.find')}
          placeholder={t('steps.find')}
          value={text}
          onChange={(_event, wanted) => choose({ text: wanted })}
        />
        {may ? (
          <Button onClick={() => setDoing({ is: 'add' })}>{t('steps.add')}</Button>
        ) : (
          <span className="mp-quiet">{t('form.mayNot', { scope: 'manage' })}</span>
        )}
      </div>
      {failure ? (
        <Trouble failure={failure} onRetry={again} />
      ) : !shown ? (
        <Loading />
      ) : shown.length === 0 ? (
        <Empty icon={text ? SearchIcon : ListIcon} title={t('steps.noMatch')} text={t('steps.noMatchText')} />
      ) : (
        <div className="mp-sheet">
          <table className="mp-list mp-list-cards">
            <caption>{t('app.steps')}</caption>
            <thead>
              <tr>
                <th scope="col">{t('steps.label')}</th>
                <th scope="col">{t('steps.name')}</th>
                <th scope="col" className="mp-list-number">
                  {t('steps.priority')}
                </th>
                <th scope="col" className="mp-list-number">
                  {t('steps.weight')}
                </th>
                <th scope="col" className="mp-list-number">
                  {t('steps.timeout')}
                </th>
                <th scope="col">{t('steps.owner')}</th>
                {may && <th scope="col">{t('form.actions')}</th>}
              </tr>
            </thead>
            <tbody>
              {shown.map((step) => (
                <tr key={step.label}>
                  <th scope="row">
                    <code>{step.label}</code>
                  </th>
                  <td className="mp-list-name">
                    {cleanLine(step.name)}
                    {step.description && <span className="mp-quiet mp-below">{cleanLine(step.description)}</span>}
                  </td>
                  <td data-is={t('steps.priority')} className="mp-list-number">
                    {step.priority}
                  </td>
                  <td data-is={t('steps.weight')} className="mp-list-number">
                    {duration(step.weight_seconds)}
                  </td>
                  <td data-is={t('steps.timeout')} className="mp-list-number">
                    {duration(step.timeout_seconds)}
                  </td>
                  <td data-is={t('steps.owner')}>{cleanLine(step.owner)}</td>
                  {may && (
                    <td className="mp-list-actions">
                      {step.owner === SHIPPED ? (
                        <span className="mp-quiet">{t('form.shipped')}</span>
                      ) : (
                        <>
                          <Button
                            variant="link"
                            isInline
                            aria-label={t('form.changeIt', { name: step.label })}
                            onClick={() => setDoing({ is: 'change', step })}
                          >
                            {t('form.change')}
                          </Button>{' '}
                          <Button
                            variant="link"
                            isInline
                            isDanger
                            aria-label={t('form.removeIt', { name: step.label })}
                            onClick={() => setDoing({ is: 'remove', step })}
                          >
                            {t('form.remove')}
                          </Button>
                        </>
                      )}
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {(doing?.is === 'add' || doing?.is === 'change') && (
        <StepForm step={doing.is === 'change' ? doing.step : undefined} onDone={done} onClose={() => setDoing(undefined)} />
      )}
      {doing?.is === 'remove' && (
        <Confirm
          title={t('steps.remove', { name: cleanLine(doing.step.name) })}
          text={t('steps.removeText')}
          verb={t('form.remove')}
          request={() => deleteStep(doing.step.label, doing.step.owner)}
          onDone={done}
          onClose={() => setDoing(undefined)}
        />
      )}
    </>
  );
}

function StepForm({ step, onDone, onClose }: { step: Step | undefined; onDone: () => void; onClose: () => void }): React.ReactElement {
  const [label, setLabel] = React.useState(step?.label ?? '');
  const [name, setName] = React.useState(step?.name ?? '');
  const [description, setDescription] = React.useState(step?.description ?? '');
  const [priority, setPriority] = React.useState(step ? String(step.priority) : '');
  const [weight, setWeight] = React.useState(step ? String(step.weight_seconds) : '');
  const [timeout, setTimeout] = React.useState(step ? String(step.timeout_seconds) : '');
  const owner = step?.owner ?? SITE;
  const sending = useSending(() => {
    const input = {
      name,
      description: description.trim() || undefined,
      priority: numberOf(priority),
      weight_seconds: numberOf(weight),
      timeout_seconds: numberOf(timeout),
      owner,
    };
    // What is missing is the service's to say, at its field; without a label there is no address to ask.
    return putStep(label.trim() || '-', input as StepInput);
  }, onDone);
  const { at } = sending;
  return (
    <Dialog
      title={step ? t('steps.change', { name: cleanLine(step.name) }) : t('steps.add')}
      sending={sending}
      verb={t('form.save')}
      onClose={onClose}
    >
      <div className="mp-form">
        <TextField
          id="step-label"
          label={t('steps.label')}
          help={t('steps.labelHelp')}
          error={at('label')}
          isRequired
          isDisabled={Boolean(step)}
          value={label}
          onChange={setLabel}
        />
        <TextField id="step-name" label={t('steps.name')} error={at('/name')} isRequired value={name} onChange={setName} />
        <TextField
          id="step-description"
          label={t('steps.description')}
          error={at('/description')}
          value={description}
          onChange={setDescription}
        />
        <TextField
          id="step-priority"
          label={t('steps.priority')}
          help={t('steps.priorityHelp')}
          error={at('/priority')}
          isRequired
          type="number"
          value={priority}
          onChange={setPriority}
        />
        <TextField
          id="step-weight"
          label={t('steps.weightSeconds')}
          help={t('steps.weightHelp')}
          error={at('/weight_seconds')}
          isRequired
          type="number"
          value={weight}
          onChange={setWeight}
        />
        <TextField
          id="step-timeout"
          label={t('steps.timeoutSeconds')}
          help={t('steps.timeoutHelp')}
          error={at('/timeout_seconds')}
          type="number"
          value={timeout}
          onChange={setTimeout}
        />
      </div>
    </Dialog>
  );
}
