// What is shown where a page cannot be drawn. The rule it protects: never a blank page; what helps is said, and is one press away.
import * as React from 'react';
import { Failure } from '../api/client';
import { t } from '../messages';
import { Trouble } from './trouble';

interface Props {
  children: React.ReactNode;
}

/** Mostly a part of the page that is gone, since the service was updated after the page was opened. */
export class Boundary extends React.Component<Props, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError(): { hasFailed: boolean } {
    return { hasFailed: true };
  }

  override render(): React.ReactNode {
    if (!this.state.hasFailed) return this.props.children;
    return <Trouble isWhole failure={new Failure(500, t('trouble.updated'))} onRetry={() => location.reload()} />;
  }
}
