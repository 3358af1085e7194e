// A press that puts a text into the clipboard. The rule it protects: whether it worked is said where it was pressed.
import * as React from 'react';
import { Button } from '@patternfly/react-core';
import { t } from '../messages';
import { copy } from './save';

interface Props {
  text: () => string;
  variant: 'link' | 'secondary';
  label?: string;
}

export function Copy({ text, variant, label }: Props): React.ReactElement {
  const [isCopied, setCopied] = React.useState<boolean>();
  React.useEffect(() => {
    if (isCopied === undefined) return undefined;
    const timer = setTimeout(() => setCopied(undefined), 4000);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const press = () => {
    copy(text()).then(setCopied, () => setCopied(false));
  };
  return (
    <>
      <Button variant={variant} isInline={variant === 'link'} onClick={press}>
        {isCopied === undefined ? label || t('stream.copy') : t(isCopied ? 'stream.copied' : 'stream.notCopied')}
      </Button>
      <span className="mp-unseen" role="status">
        {isCopied === undefined ? '' : t(isCopied ? 'stream.copied' : 'stream.notCopied')}
      </span>
    </>
  );
}
