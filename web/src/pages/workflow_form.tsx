// A workflow that is added or changed. The rule it protects: what is not shown here (which events mean its steps, and what it
// says of a step's priority and limits) is sent back as it came.
import * as React from 'react';
import { Button, Checkbox, FormSelect, FormSelectOption, TextInput } from '@patternfly/react-core';
import { putWorkflow, type Step, type Workflow, type WorkflowInput } from '../api/client';
import { cleanLine } from '../clean';
import { counted, t } from '../messages';
import { Dialog, Field, numberOf, TextField, useSending } from './form';
import { SHIPPED, SITE } from './steps';

interface Props {
  workflow: Workflow | undefined;
  isCopy: boolean;
  steps: Step[];
  onDone: () => void;
  onClose: () => void;
}

type Place = WorkflowInput['steps'][number];

export function WorkflowForm({ workflow, isCopy, steps, onDone, onClose }: Props): React.ReactElement {
  const isNew = !workflow || isCopy;
  const [name, setName] = React.useState(isNew ? '' : workflow.name);
  const [title, setTitle] = React.useState(workflow?.title ?? '');
  const [description, setDescription] = React.useState(workflow?.description ?? '');
  const [registry, setRegistry] = React.useState<string>(workflow?.registry ?? '');
  const [boots, setBoots] = React.useState(workflow?.expected_boots?.toString() ?? '');
  const [places, setPlaces] = React.useState<Place[]>(workflow?.steps ?? []);
  const owner = isNew || workflow.owner === SHIPPED ? SITE : workflow.owner;
  const sending = useSending(() => {
    const input = {
      title,
      description: description.trim() || undefined,
      registry: registry || undefined,
      expected_boots: numberOf(boots),
      steps: places,
      events: workflow?.events,
      owner,
    };
    return putWorkflow(name.trim() || '-', input as WorkflowInput);
  }, onDone);
  const { at } = sending;
  const left = steps.filter(({ label }) => !places.some((place) => place.label === label));
  const change = (index: number, part: Partial<Place>) =>
    setPlaces(places.map((place, i) => (i === index ? { ...place, ...part } : place)));
  return (
    <Dialog
      title={isNew ? t('workflows.add') : t('workflows.change', { name: cleanLine(workflow.title) })}
      sending={sending}
      verb={t('form.save')}
      onClose={onClose}
    >
      <div className="mp-form">
        <TextField
          id="workflow-name"
          label={t('workflows.name')}
          help={t('workflows.nameHelp')}
          error={at('name')}
          isRequired
          isDisabled={!isNew}
          value={name}
          onChange={setName}
        />
        <TextField id="workflow-title" label={t('workflows.title')} error={at('/title')} isRequired value={title} onChange={setTitle} />
        <TextField
          id="workflow-description"
          label={t('steps.description')}
          error={at('/description')}
          value={description}
          onChange={setDescription}
        />
        <Field id="workflow-registry" label={t('workflows.registry')} error={at('/registry')}>
          <FormSelect id="workflow-registry" value={registry} onChange={(_event, wanted) => setRegistry(wanted)}>
            <FormSelectOption value="" label={t('workflows.registry.service')} />
            <FormSelectOption value="strict" label={t('workflows.registry.strict')} />
            <FormSelectOption value="loose" label={t('workflows.registry.loose')} />
          </FormSelect>
        </Field>
        <TextField
          id="workflow-boots"
          label={t('workflows.expectedBoots')}
          help={t('workflows.expectedBootsHelp')}
          error={at('/expected_boots')}
          type="number"
          value={boots}
          onChange={setBoots}
        />
      </div>
      <fieldset className="mp-places">
        <legend>{t('host.steps')}</legend>
        <p className="mp-quiet">{t('workflows.stepsHelp')}</p>
        {at('/steps') && <p className="mp-wrong">{at('/steps')}</p>}
        <ol>
          {places.map((place, i) => {
            const wrong = ['label', 'weight_seconds', 'priority', 'timeout_seconds'].map((member) => at(`/steps/${i}/${member}`)).find(Boolean);
            const known = steps.find(({ label }) => label === place.label);
            const of = { name: place.label };
            return (
              <li key={place.label}>
                <span className="mp-places-name">
                  {cleanLine(known?.name ?? place.label)} <code className="mp-quiet">{place.label}</code>
                </span>
                <label className="mp-labelled">
                  {t('workflows.seconds')}
                  <TextInput
                    type="number"
                    aria-label={t('workflows.secondsOf', of)}
                    placeholder={known && String(known.weight_seconds)}
                    value={place.weight_seconds ?? ''}
                    onChange={(_event, text) => change(i, { weight_seconds: numberOf(text) })}
                  />
                </label>
                <Checkbox
                  id={`place-optional-${place.label}`}
                  label={t('workflows.optional')}
                  aria-label={t('workflows.optionalOf', of)}
                  isChecked={place.optional ?? false}
                  onChange={(_event, optional) => change(i, { optional })}
                />
                <Checkbox
                  id={`place-entry-${place.label}`}
                  label={t('workflows.entry')}
                  aria-label={t('workflows.entryOf', of)}
                  isChecked={place.entry ?? false}
                  onChange={(_event, entry) => change(i, { entry })}
                />
                <Button
                  variant="link"
                  isInline
                  isDanger
                  aria-label={t('form.removeIt', of)}
                  onClick={() => setPlaces(places.filter((_place, other) => other !== i))}
                >
                  {t('form.remove')}
                </Button>
                {wrong && <p className="mp-wrong">{wrong}</p>}
              </li>
            );
          })}
        </ol>
        <FormSelect
          aria-label={t('workflows.addStep')}
          value=""
          onChange={(_event, label) => label && setPlaces([...places, { label }])}
        >
          <FormSelectOption value="" label={t('workflows.addStep')} />
          {left.map(({ label, name: called }) => (
            <FormSelectOption key={label} value={label} label={`${cleanLine(called)} (${label})`} />
          ))}
        </FormSelect>
      </fieldset>
      {workflow && (workflow.events?.length ?? 0) > 0 && (
        <p className="mp-quiet">{counted('workflows.events', workflow.events?.length ?? 0)}</p>
      )}
    </Dialog>
  );
}
