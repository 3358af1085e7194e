// What can stand at a place in a search, in Foreman's language. The rule it protects: fields, operators and values are the
// service's to name; what is offered here can be read by it.
import type { SearchField } from '../api/client';

export interface Offer {
  /** What the list shows; what it is, for those whom the word does not tell. */
  text: string;
  kind: 'field' | 'operator' | 'value' | 'keyword';
  /** The whole text when it is taken, and where the caret is then. */
  whole: string;
  caret: number;
}

interface Token {
  from: number;
  text: string;
}

const TOKEN = /"(?:\\.|[^"\\])*"?|[(),]|!=|<>|<=|>=|==|!~|!\^|[=~<>^!]|&&?|\|\|?|[^\s()",=!<>~^&|]+/g;
const OPERATOR = /^(?:=|==|!=|<>|<=|>=|<|>|~|!~|\^|!\^|at|after|before)$/i;
const PREFIX = /^(?:has|set\?|null\?)$/i;
const JOINT = /^(?:and|or|not|&|&&|\||\|\||!)$/i;
const TIMES = ['today', 'yesterday', '"1 hour ago"', '"24 hours ago"', '"7 days ago"'];
const OFFERS_MAX = 12;

/** As it must be written: a word may stand as it is unless something in it, or the whole, means something else. */
const written = (value: string): string =>
  /^[\p{L}\p{N}_.:/][\p{L}\p{N}_.:/-]*$/u.test(value) && !JOINT.test(value) && !PREFIX.test(value)
    ? value
    : `"${value.replace(/[\\"]/g, '\\$&')}"`;

type Expected = { is: 'condition' } | { is: 'field' } | { is: 'operator' | 'value' | 'list'; field: SearchField } | { is: 'joint' };

/** What the tokens so far lead to. */
function expected(tokens: readonly Token[], fields: readonly SearchField[]): Expected | undefined {
  const named = (word: string) => {
    const name = word.toLowerCase();
    return fields.find((field) => field.name === name || field.aliases.includes(name));
  };
  let now: Expected | undefined = { is: 'condition' };
  let isInList = false;
  for (const { text } of tokens) {
    if (!now) return undefined;
    if (isInList) {
      if (text === ')') [isInList, now] = [false, { is: 'joint' }];
      continue;
    }
    switch (now.is) {
      case 'list':
        if (text !== '(') return undefined;
        isInList = true;
        break;
      case 'value':
      case 'field':
        now = { is: 'joint' };
        break;
      case 'operator':
        if (OPERATOR.test(text)) {
          now = { is: text.endsWith('^') ? 'list' : 'value', field: now.field };
          break;
        }
        // The word was one to look for, and no field.
        now = next(text);
        break;
      case 'condition':
      case 'joint':
        now = next(text);
    }
  }
  // Within a list the values follow one another.
  return isInList && now?.is === 'list' ? { is: 'value', field: now.field } : now;

  function next(text: string): Expected | undefined {
    if (JOINT.test(text) || text === '(' || text === ',') return { is: 'condition' };
    if (text === ')') return { is: 'joint' };
    if (PREFIX.test(text)) return { is: 'field' };
    if (OPERATOR.test(text)) return undefined;
    const field = named(text);
    return field ? { is: 'operator', field } : { is: 'joint' };
  }
}

/** What is offered at the caret; nothing where only the writer can know. */
export function complete(text: string, caret: number, fields: readonly SearchField[]): Offer[] {
  const before = text.slice(0, caret);
  const tokens: Token[] = Array.from(before.matchAll(TOKEN), (found) => ({ from: found.index, text: found[0] }));
  const last = tokens[tokens.length - 1];
  // What touches the caret is still being written, unless it is a sign.
  const isOpen = last && last.from + last.text.length === caret && /^["\p{L}\p{N}_]/u.test(last.text);
  const partial = isOpen ? last.text.replace(/^"/, '').toLowerCase() : '';
  if (isOpen && last.text.length > 1 && last.text.endsWith('"')) return [];
  const place = expected(isOpen ? tokens.slice(0, -1) : tokens, fields);
  if (!place) return [];
  const from = isOpen ? last.from : caret;
  const needsSpace = !isOpen && caret > 0 && !/[\s(]$/.test(before);
  const offer = (word: string, kind: Offer['kind']): Offer => {
    const start = `${text.slice(0, from)}${needsSpace ? ' ' : ''}${word} `;
    return { text: word, kind, whole: start + text.slice(caret).trimStart(), caret: start.length };
  };
  const words = (list: readonly string[], kind: Offer['kind']) => list.map((word) => offer(word, kind));
  const offers = ((): Offer[] => {
    switch (place.is) {
      case 'condition':
        return [...words(fields.map(({ name }) => name), 'field'), ...words(['not', 'has', 'null?'], 'keyword')];
      case 'field':
        return words(fields.map(({ name }) => name), 'field');
      case 'operator':
        return words(place.field.operators, 'operator');
      case 'list':
        return [{ ...offer('(', 'keyword') }];
      case 'value':
        return words(place.field.kind === 'time' ? TIMES : place.field.kind === 'boolean' ? ['true', 'false'] : place.field.values.map(written), 'value');
      case 'joint':
        return words(['and', 'or'], 'keyword');
    }
  })();
  const plain = (word: string) => word.replace(/^"/, '').toLowerCase();
  const starts = offers.filter((known) => plain(known.text).startsWith(partial));
  const inside = partial ? offers.filter((known) => !starts.includes(known) && plain(known.text).includes(partial)) : [];
  // What stands there already needs no offer.
  const found = [...starts, ...inside].filter((known) => !isOpen || known.text !== last.text);
  // Of values the first few; fields and operators are few.
  return place.is === 'value' ? found.slice(0, OFFERS_MAX) : found;
}
