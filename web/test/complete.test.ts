// What a search is completed with.
import { expect, test } from 'vitest';
import type { SearchField } from '../src/api/client';
import { complete } from '../src/search/complete';

const TEXT = ['=', '!=', '~', '!~', '^', '!^'];
const field = (name: string, more: Partial<SearchField> = {}): SearchField => ({
  name,
  aliases: [],
  kind: 'text',
  operators: TEXT,
  values: [],
  sortable: true,
  ...more,
});
const FIELDS = [
  field('name', { aliases: ['host'] }),
  field('state', { kind: 'choice', aliases: ['status'], values: ['pending', 'running', 'failed'] }),
  field('location', { values: ['brno', 'Praha 1', 'say "hi"', 'and'] }),
  field('attempt', { kind: 'number', operators: ['=', '<', '>'] }),
  field('started_at', { kind: 'time', operators: ['=', '<', '>'] }),
];
/** `|` is the caret. */
const offers = (text: string) => complete(text.replace('|', ''), text.indexOf('|'), FIELDS);
const texts = (text: string) => offers(text).map((offer) => offer.text);

test.each([
  ['|', ['name', 'state', 'location', 'attempt', 'started_at', 'not', 'has', 'null?']],
  ['sta|', ['state', 'started_at']],
  ['STAT|', ['state']],
  ['not st|', ['state', 'started_at']],
  // Those that begin with it come first.
  ['has at|', ['attempt', 'state', 'location', 'started_at']],
  ['state |', TEXT],
  ['status |', TEXT],
  ['attempt |', ['=', '<', '>']],
  ['state = |', ['pending', 'running', 'failed']],
  ['state =|', ['pending', 'running', 'failed']],
  ['state = fa|', ['failed']],
  ['state ^ |', ['(']],
  ['state ^ (|', ['pending', 'running', 'failed']],
  ['state ^ (failed, ru|', ['running']],
  ['state ^ (failed, running) |', ['and', 'or']],
  ['(state = failed) a|', ['and']],
  ['location = |', ['brno', '"Praha 1"', '"say \\"hi\\""', '"and"']],
  ['location = "pr|', ['"Praha 1"']],
  ['started_at > |', ['today', 'yesterday', '"1 hour ago"', '"24 hours ago"', '"7 days ago"']],
  ['web1 |', ['and', 'or']],
  ['state = failed |', ['and', 'or']],
  ['state = failed and |', ['name', 'state', 'location', 'attempt', 'started_at', 'not', 'has', 'null?']],
  // Only the writer knows.
  ['name = w|', []],
  ['name = "web 1"|', []],
  ['= |', []],
])('%s is completed', (text, wanted) => {
  expect(texts(text)).toEqual(wanted);
});

test('what is taken stands where it was written, and the rest stays', () => {
  const taken = (text: string, word: string) => {
    const offer = offers(text).find((known) => known.text === word);
    return offer && `${offer.whole.slice(0, offer.caret)}|${offer.whole.slice(offer.caret)}`;
  };
  expect(taken('sta|', 'state')).toBe('state |');
  expect(taken('state =|', 'failed')).toBe('state = failed |');
  expect(taken('state = fa| and web', 'failed')).toBe('state = failed |and web');
  expect(taken('state ^ (|', 'failed')).toBe('state ^ (failed |');
  expect(taken('location = "pr|', '"Praha 1"')).toBe('location = "Praha 1" |');
});
