// What somebody may do to a build: say what Milepost cannot know. The rule it protects: nothing is done by one press, and
// what the service answers to it is said where it was asked for.
import * as React from 'react';
import { Alert, Button, Modal, ModalVariant } from '@patternfly/react-core';
import { judgeBuild, type Build, type Judgement, type Session } from '../api/client';
import { cleanLine } from '../clean';
import { t, type Key } from '../messages';

/** From which states there is a way; docs/states.md has all of them. */
const POSSIBLE: Record<Judgement, string[]> = {
  completed: ['pending', 'running', 'failed', 'installed', 'expired'],
  canceled: ['pending', 'running', 'failed'],
};

interface Props {
  build: Build;
  session: Session;
  /** Has the page look again. */
  onDone: () => void;
}

export function Actions({ build, session, onDone }: Props): React.ReactElement | null {
  const [asked, setAsked] = React.useState<Judgement>();
  if (session.scope === 'read') return null;
  const possible = (Object.keys(POSSIBLE) as Judgement[]).filter((judgement) => POSSIBLE[judgement].includes(build.state));
  // While a question is open it stays, whatever becomes of the build meanwhile: the answer says so.
  if (possible.length === 0 && !asked) return null;
  return (
    <>
      {possible.map((judgement) => (
        <Button
          key={judgement}
          variant="secondary"
          isDanger={judgement === 'canceled'}
          onClick={() => setAsked(judgement)}
        >
          {t(`host.${judgement}` as Key)}
        </Button>
      ))}
      {asked && <Question key={asked} build={build} judgement={asked} onDone={onDone} onClose={() => setAsked(undefined)} />}
    </>
  );
}

interface QuestionProps {
  build: Build;
  judgement: Judgement;
  onDone: () => void;
  onClose: () => void;
}

function Question({ build, judgement, onDone, onClose }: QuestionProps): React.ReactElement {
  const [isUnderWay, setUnderWay] = React.useState(false);
  const [failure, setFailure] = React.useState<string>();
  const judge = () => {
    setUnderWay(true);
    setFailure(undefined);
    judgeBuild(build.id, judgement).then(
      () => {
        onClose();
        onDone();
      },
      (error: unknown) => {
        setUnderWay(false);
        setFailure(error instanceof Error ? error.message : String(error));
      },
    );
  };
  return (
    <Modal
      isOpen
      variant={ModalVariant.small}
      title={t(`host.${judgement}.ask` as Key, { name: cleanLine(build.host.name) })}
      onClose={onClose}
      actions={[
        <Button key="do" variant={judgement === 'canceled' ? 'danger' : 'primary'} isLoading={isUnderWay} isDisabled={isUnderWay} onClick={judge}>
          {t(`host.${judgement}` as Key)}
        </Button>,
        <Button key="leave" variant="link" onClick={onClose}>
          {t('host.leave')}
        </Button>,
      ]}
    >
      <p>{t(`host.${judgement}.text` as Key)}</p>
      {failure !== undefined && <Alert isInline variant="danger" component="h2" title={t('host.refused')}>{failure}</Alert>}
    </Modal>
  );
}
