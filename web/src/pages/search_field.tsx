// Where a search is written, in Foreman's language, with what can follow. The rule it protects: half a condition is none, so
// Enter applies it; what is applied is in the address; nothing is taken that nobody chose.
import * as React from 'react';
import { Button, InputGroup, InputGroupItem, TextInputGroup, TextInputGroupMain, TextInputGroupUtilities } from '@patternfly/react-core';
import ArrowRightIcon from '@patternfly/react-icons/dist/esm/icons/arrow-right-icon';
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon';
import TimesIcon from '@patternfly/react-icons/dist/esm/icons/times-icon';
import { getSearchFields, type SearchField as Field } from '../api/client';
import { counted, t, word } from '../messages';
import { choose } from '../place';
import { complete, type Offer } from '../search/complete';
import '../search/search.css';

interface Props {
  search: string;
  /** An example, and what can be searched for; by themselves, those of builds, which are completed. */
  hint?: string;
  help?: string;
}

const NONE: Field[] = [];

/** What can be completed, asked for when somebody begins to write. */
function useFields(): [Field[], () => void] {
  const [fields, setFields] = React.useState(NONE);
  const ask = () => {
    // Without it one writes without help; the page says it when the service cannot be reached.
    getSearchFields().then(({ fields: known }) => setFields(known), () => undefined);
  };
  return [fields, ask];
}

export function SearchField({ search, hint, help }: Props): React.ReactElement {
  const [typed, setTyped] = React.useState(search);
  /** Where the caret is, while something is offered there. */
  const [at, setAt] = React.useState<number>();
  const [chosen, setChosen] = React.useState(-1);
  const [fields, askFields] = useFields();
  const isCompleted = hint === undefined;
  const input = React.useRef<HTMLInputElement>(null);
  const list = React.useRef<HTMLUListElement>(null);
  /** Where the caret goes with the text that was taken. */
  const moved = React.useRef<number>();
  const id = React.useId();
  const offers = React.useMemo(
    () => (isCompleted && at !== undefined ? complete(typed, at, fields) : []),
    [isCompleted, at, typed, fields],
  );

  React.useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const inField = event.target instanceof HTMLElement && /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key !== '/' || inField || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', pressed);
    // PatternFly's field does not pass it on.
    if (isCompleted) input.current?.setAttribute('aria-autocomplete', 'list');
    return () => removeEventListener('keydown', pressed);
  }, [isCompleted]);

  React.useEffect(() => {
    list.current?.children[chosen]?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);

  // As soon as what was taken stands there, and before the next key is heard.
  React.useLayoutEffect(() => {
    const caret = moved.current;
    moved.current = undefined;
    if (caret !== undefined) input.current?.setSelectionRange(caret, caret);
  }, [typed]);

  const close = () => {
    setAt(undefined);
    setChosen(-1);
  };
  const open = (caret: number) => {
    setAt(caret);
    setChosen(-1);
  };
  const apply = (text: string) => {
    close();
    choose({ search: text.trim() || undefined, page: undefined });
  };
  const take = ({ whole, caret }: Offer) => {
    setTyped(whole);
    open(caret);
    input.current?.focus();
    moved.current = caret;
  };
  const pressed = (event: React.KeyboardEvent) => {
    const offer = offers[chosen];
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Enter') {
      if (offer) take(offer);
      else apply(typed);
    } else if (event.key === 'Escape' && offers.length > 0) {
      close();
    } else if (move && offers.length > 0) {
      // Beyond the ends stands the text itself.
      setChosen(((chosen + 1 + move + offers.length + 1) % (offers.length + 1)) - 1);
    } else if (event.key === 'ArrowDown') {
      open(input.current?.selectionStart ?? typed.length);
    } else {
      return;
    }
    event.preventDefault();
  };

  return (
    <div className="mp-search" title={offers.length > 0 ? undefined : (help ?? t('fleet.searchHelp'))}>
      <InputGroup>
        <InputGroupItem isFill>
          <TextInputGroup>
            <TextInputGroupMain
              icon={<SearchIcon />}
              innerRef={input}
              aria-label={t('fleet.search')}
              placeholder={hint ?? t('fleet.searchHint')}
              value={typed}
              role={isCompleted ? 'combobox' : 'searchbox'}
              isExpanded={isCompleted ? offers.length > 0 : undefined}
              aria-controls={offers.length > 0 ? `${id}-offers` : undefined}
              aria-activedescendant={chosen >= 0 ? `${id}-${chosen}` : undefined}
              onFocus={isCompleted && fields.length === 0 ? askFields : undefined}
              onBlur={close}
              onKeyDown={pressed}
              onChange={(event, text) => {
                setTyped(text);
                open(event.currentTarget.selectionStart ?? text.length);
              }}
            />
            {typed && (
              <TextInputGroupUtilities>
                <Button
                  variant="plain"
                  aria-label={t('fleet.clear')}
                  onClick={() => {
                    setTyped('');
                    apply('');
                  }}
                >
                  <TimesIcon />
                </Button>
              </TextInputGroupUtilities>
            )}
          </TextInputGroup>
        </InputGroupItem>
        <InputGroupItem>
          <Button variant="control" aria-label={t('fleet.searchDo')} onClick={() => apply(typed)}>
            <ArrowRightIcon />
          </Button>
        </InputGroupItem>
      </InputGroup>
      {offers.length > 0 && (
        <ul ref={list} id={`${id}-offers`} role="listbox" aria-label={t('search.offers')} className="mp-offers">
          {offers.map((offer, i) => (
            <li
              key={offer.text}
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === chosen}
              // The field keeps the focus.
              onMouseDown={(event) => {
                event.preventDefault();
                take(offer);
              }}
            >
              {offer.text} <span className="mp-quiet">{offer.kind === 'operator' ? word('operator', offer.text) : t(`search.${offer.kind}`)}</span>
            </li>
          ))}
        </ul>
      )}
      {isCompleted && (
        <span className="mp-heard" role="status">
          {offers.length > 0 && counted('search.count', offers.length)}
        </span>
      )}
    </div>
  );
}
