// Where a search is written, in Foreman's language. The rule it protects: half a condition is none, so Enter applies it; what
// is applied is in the address.
import * as React from 'react';
import { SearchInput } from '@patternfly/react-core';
import { t } from '../messages';
import { choose } from '../place';

/** Applied by Enter: half a condition is none. `/` leads here. */
interface Props {
  search: string;
  /** An example, and what can be searched for; by themselves, those of builds. */
  hint?: string;
  help?: string;
}

export function SearchField({ search, hint = t('fleet.searchHint'), help = t('fleet.searchHelp') }: Props): React.ReactElement {
  const [typed, setTyped] = React.useState(search);
  const input = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const inField = event.target instanceof HTMLElement && /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key !== '/' || inField || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
  return (
    <div className="mp-search" title={help}>
      <SearchInput
        ref={input}
        aria-label={t('fleet.search')}
        placeholder={hint}
        value={typed}
        onChange={(_event, text) => setTyped(text)}
        onSearch={() => choose({ search: typed.trim() || undefined, page: undefined })}
        onClear={() => {
          setTyped('');
          choose({ search: undefined, page: undefined });
        }}
        submitSearchButtonLabel={t('fleet.searchDo')}
        resetButtonLabel={t('fleet.clear')}
      />
    </div>
  );
}
