// Fields of the forms that change something, and how they are sent. The rule it protects: what the service does not like is said
// at the field that it is about, and what was typed stays.
import * as React from 'react';
import { Alert, Button, FormGroup, FormHelperText, HelperText, HelperTextItem, Modal, ModalVariant, TextInput } from '@patternfly/react-core';
import { Failure, type Session } from '../api/client';
import { t } from '../messages';

/** Whether the viewer may change what everybody shares: the registry takes `manage`, not bound to a part of the hosts. */
export const mayManage = ({ scope, organizations, locations }: Session): boolean =>
  (scope === 'manage' || scope === 'admin') && organizations.length === 0 && locations.length === 0;

export interface Sending {
  failure: Failure | undefined;
  isSending: boolean;
  send: () => void;
  /** What is wrong at a place of what was sent, as a JSON pointer; whoever asks, shows it. */
  at: (pointer: string) => string | undefined;
  /** What is wrong besides, in sentences. */
  others: () => string[];
}

/** Sends once at a time; `done` when it was taken. */
export function useSending<T>(request: () => Promise<T>, done: (answer: T) => void): Sending {
  const [failure, setFailure] = React.useState<Failure>();
  const [isSending, setSending] = React.useState(false);
  const send = () => {
    if (isSending) return;
    setSending(true);
    setFailure(undefined);
    request().then(
      (answer) => {
        setSending(false);
        done(answer);
      },
      (error: unknown) => {
        setSending(false);
        setFailure(error instanceof Failure ? error : new Failure(0, String(error)));
      },
    );
  };
  const shown = new Set<string>();
  const at = (pointer: string) => {
    shown.add(pointer);
    return failure?.errors.find((fault) => fault.pointer === pointer)?.detail;
  };
  const others = () => {
    if (!failure) return [];
    if (failure.errors.length === 0) return [failure.message];
    return failure.errors.filter(({ pointer }) => !shown.has(pointer)).map(({ pointer, detail }) => `${pointer}: ${detail}`);
  };
  return { failure, isSending, send, at, others };
}

interface FieldProps {
  id: string;
  label: string;
  help?: string;
  error?: string;
  isRequired?: boolean;
  children?: React.ReactNode;
}

/** A label, what belongs below it, and what is wrong with it. */
export function Field({ id, label, help, error, isRequired, children }: FieldProps): React.ReactElement {
  return (
    <FormGroup label={label} fieldId={id} isRequired={isRequired}>
      {children}
      {(error ?? help) && (
        <FormHelperText>
          <HelperText id={`${id}-help`}>
            <HelperTextItem variant={error ? 'error' : 'default'} hasIcon={Boolean(error)}>
              {error ?? help}
            </HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}

interface TextProps extends Omit<FieldProps, 'children'> {
  value: string;
  onChange: (text: string) => void;
  type?: 'text' | 'number' | 'date';
  isDisabled?: boolean;
}

export function TextField({ value, onChange, type = 'text', isDisabled, ...field }: TextProps): React.ReactElement {
  const { id, error, help, isRequired } = field;
  return (
    <Field {...field}>
      <TextInput
        id={id}
        type={type}
        value={value}
        isRequired={isRequired}
        isDisabled={isDisabled}
        validated={error ? 'error' : 'default'}
        aria-describedby={error || help ? `${id}-help` : undefined}
        onChange={(_event, text) => onChange(text)}
      />
    </Field>
  );
}

/** A number as it is sent; nothing written goes as nothing, and the service says where it needs one. */
export const numberOf = (text: string): number | undefined => (text.trim() === '' ? undefined : Number(text));

interface DialogProps {
  title: string;
  sending: Sending;
  /** What the button says that sends. */
  verb: string;
  isDangerous?: boolean;
  onClose: () => void;
  children?: React.ReactNode;
}

/** What was not about a single field of `children` is said on top. */
export function Dialog({ title, sending, verb, isDangerous, onClose, children }: DialogProps): React.ReactElement {
  const { failure, isSending, send } = sending;
  const others = sending.others();
  return (
    <Modal
      isOpen
      variant={isDangerous ? ModalVariant.small : ModalVariant.medium}
      title={title}
      onClose={onClose}
      actions={[
        <Button key="send" variant={isDangerous ? 'danger' : 'primary'} isLoading={isSending} onClick={send}>
          {verb}
        </Button>,
        <Button key="cancel" variant="link" onClick={onClose}>
          {t('form.cancel')}
        </Button>,
      ]}
    >
      {failure && (
        <Alert isInline variant="danger" component="h2" title={t('form.refused')} className="mp-refused">
          {others.length > 0 ? others.map((fault) => <p key={fault}>{fault}</p>) : t('form.marked')}
        </Alert>
      )}
      {children}
    </Modal>
  );
}

/** Asks once more before something is gone. */
export function Confirm<T>(props: {
  title: string;
  text: string;
  verb: string;
  request: () => Promise<T>;
  onDone: () => void;
  onClose: () => void;
}): React.ReactElement {
  const sending = useSending(props.request, props.onDone);
  return (
    <Dialog title={props.title} sending={sending} verb={props.verb} isDangerous onClose={props.onClose}>
      <p>{props.text}</p>
    </Dialog>
  );
}
