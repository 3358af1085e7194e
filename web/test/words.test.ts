// The languages, held to each other where the compiler cannot: the numbers they tell apart, and what is filled in.
import { expect, test } from 'vitest';
import { CATALOGUE, counted, speak, t, type Forms, type Language } from '../src/messages';

const languages = Object.keys(CATALOGUE) as Language[];
const sentences = (words: string | Forms): string[] => (typeof words === 'string' ? [words] : Object.values(words));
const places = (sentence: string): string[] => (sentence.match(/\{\w+\}/g) ?? []).sort();

test.each(languages)('%s has a form for every number, and none that no number has', (language) => {
  const rules = new Intl.PluralRules(language);
  const needed = [...new Set([...Array.from({ length: 200 }, (_, n) => rules.select(n)), 'other'])].sort();
  for (const [key, words] of Object.entries(CATALOGUE[language])) {
    if (typeof words !== 'string') expect(Object.keys(words).sort(), key).toEqual(needed);
  }
});

test.each(languages)('%s fills in what English does', (language) => {
  for (const [key, words] of Object.entries(CATALOGUE[language])) {
    const wanted = places(sentences(CATALOGUE.en[key as keyof typeof CATALOGUE.en])[0] ?? '');
    for (const sentence of sentences(words)) expect(places(sentence), `${key}: ${sentence}`).toEqual(wanted);
  }
});

test.each(languages)('%s says something for every key', (language) => {
  for (const [key, words] of Object.entries(CATALOGUE[language])) {
    for (const sentence of sentences(words)) expect(sentence.trim(), key).not.toBe('');
  }
});

test('numbers take the form of their language', () => {
  const said = (language: Language) => {
    speak(language);
    return [1, 2, 5, 1234].map((n) => counted('fleet.shown', n));
  };
  expect(said('en')).toEqual(['1 build', '2 builds', '5 builds', '1,234 builds']);
  expect(said('de')).toEqual(['1 Installation', '2 Installationen', '5 Installationen', '1.234 Installationen']);
  expect(said('cs')).toEqual(['1 instalace', '2 instalace', '5 instalací', '1\u00a0234 instalací']);
  speak('en');
  expect(t('host.leftRange', { low: '1', high: '{low}' })).toBe('1 to {low}');
});
