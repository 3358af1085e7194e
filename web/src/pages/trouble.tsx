// What is shown instead of what was asked for. The rule it protects: it says what happened and what to do next.
import * as React from 'react';
import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, EmptyStateHeader, EmptyStateIcon, Spinner } from '@patternfly/react-core';
import BanIcon from '@patternfly/react-icons/dist/esm/icons/ban-icon';
import DisconnectedIcon from '@patternfly/react-icons/dist/esm/icons/disconnected-icon';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import LockIcon from '@patternfly/react-icons/dist/esm/icons/lock-icon';
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon';
import type { Failure } from '../api/client';
import { t, type Key } from '../messages';
import { fleetHref } from '../place';
import { toSignIn } from '../sign_in';

interface Props {
  failure: Failure;
  /** What a 404 is about. */
  missing?: Key;
  /** There is nothing else on the page, so its heading is the first one. */
  isWhole?: boolean;
  onRetry: () => void;
}

export function Trouble({ failure, missing = 'trouble.missing', isWhole, onRetry }: Props): React.ReactElement {
  const { status, message } = failure;
  const [icon, title, text]: [React.ComponentType, Key, string] =
    status === 401
      ? [LockIcon, 'trouble.signIn', t('trouble.signInText')]
      : status === 403
        ? [BanIcon, 'trouble.forbidden', message]
        : status === 404
          ? [SearchIcon, missing, t('trouble.missingText')]
          : status === 400 || status === 422
            ? [SearchIcon, 'trouble.search', message]
            : status === 0
              ? [DisconnectedIcon, 'trouble.away', message]
              : [ExclamationCircleIcon, 'trouble.other', message];
  const action =
    status === 401 ? (
      <Button onClick={toSignIn}>{t('trouble.signInDo')}</Button>
    ) : status === 403 ? (
      // Nothing is lost by it: a session is what is signed out of.
      <form method="post" action="sign-out">
        <Button type="submit" variant="link">
          {t('trouble.asSomebodyElse')}
        </Button>
      </form>
    ) : status === 404 ? (
      <Button variant="link" component="a" href={fleetHref()}>
        {t('trouble.back')}
      </Button>
    ) : status === 400 || status === 422 ? null : (
      <Button variant="secondary" onClick={onRetry}>
        {t('trouble.retry')}
      </Button>
    );
  return <Empty icon={icon} title={t(title)} text={text} action={action} isWhole={isWhole} />;
}

interface EmptyProps {
  icon: React.ComponentType;
  title: string;
  text: string;
  action?: React.ReactNode;
  isWhole?: boolean;
}

export function Empty({ icon, title, text, action, isWhole }: EmptyProps): React.ReactElement {
  return (
    <EmptyState>
      <EmptyStateHeader titleText={title} headingLevel={isWhole ? 'h1' : 'h2'} icon={<EmptyStateIcon icon={icon} />} />
      <EmptyStateBody>{text}</EmptyStateBody>
      {action && (
        <EmptyStateFooter>
          <EmptyStateActions>{action}</EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

export function Loading(): React.ReactElement {
  return (
    <div className="mp-loading">
      <Spinner aria-label={t('loading')} />
    </div>
  );
}
