// Saying that somebody works on a host. The rule it protects: nothing is hidden by it; what needs a person is still
// shown, marked with who does not want to hear of it, why, and until when.
import * as React from 'react';
import { Button, FormSelect, FormSelectOption } from '@patternfly/react-core';
import { createMute, deleteMute, type Muted, type Session } from '../api/client';
import { cleanLine } from '../clean';
import { duration } from '../format';
import { t } from '../messages';
import { Confirm, Dialog, Field, TextField, useSending } from './form';

/** For how long, in seconds: a look, a shift's half, a day, a week. */
const SPANS = [3_600, 14_400, 86_400, 604_800];

interface Props {
  /** The name of the host. */
  name: string;
  muted: Muted | undefined;
  session: Session;
  /** Has the page look again. */
  onDone: () => void;
}

export function Mute({ name, muted, session, onDone }: Props): React.ReactElement | null {
  const [isOpen, setOpen] = React.useState(false);
  if (session.scope === 'read') return null;
  const close = () => setOpen(false);
  const done = () => {
    close();
    onDone();
  };
  return (
    <>
      <Button variant="secondary" onClick={() => setOpen(true)}>
        {muted ? t('mute.end') : t('mute.do')}
      </Button>
      {isOpen && muted && (
        <Confirm
          title={t('mute.end.ask', { name: cleanLine(name) })}
          text={t('mute.end.text', { reason: cleanLine(muted.reason), by: cleanLine(muted.by) })}
          verb={t('mute.end')}
          request={() => deleteMute(muted.id)}
          onDone={done}
          onClose={close}
        />
      )}
      {isOpen && !muted && <Form name={name} onDone={done} onClose={close} />}
    </>
  );
}

function Form({ name, onDone, onClose }: { name: string; onDone: () => void; onClose: () => void }): React.ReactElement {
  const [reason, setReason] = React.useState('');
  const [seconds, setSeconds] = React.useState(SPANS[1]);
  const sending = useSending(() => createMute({ host: name, reason, for_seconds: seconds }), onDone);
  return (
    <Dialog title={t('mute.ask', { name: cleanLine(name) })} sending={sending} verb={t('mute.do')} onClose={onClose}>
      <p>{t('mute.text')}</p>
      <div className="mp-form">
        <TextField
          id="mute-reason"
          label={t('mute.reason')}
          help={t('mute.reasonHelp')}
          error={sending.at('/reason')}
          isRequired
          value={reason}
          onChange={setReason}
        />
        <Field id="mute-for" label={t('mute.for')} error={sending.at('/for_seconds')}>
          <FormSelect id="mute-for" value={seconds} onChange={(_event, wanted) => setSeconds(Number(wanted))}>
            {SPANS.map((span) => (
              <FormSelectOption key={span} value={span} label={duration(span)} />
            ))}
          </FormSelect>
        </Field>
      </div>
    </Dialog>
  );
}
