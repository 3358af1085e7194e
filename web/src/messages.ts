// Every word that the page says, in each language. The rule it protects: a language that lacks a sentence does not compile;
// what machines and the service say is shown as it came.
import { czech } from './words/czech';
import { english } from './words/english';
import { german } from './words/german';

/** A sentence for each kind of number that a language tells apart, as `Intl.PluralRules` names them. */
export type Forms = { [form in Intl.LDMLPluralRule]?: string } & { other: string };
type English = typeof english;
/** What a language has to say. */
export type Words = { [K in keyof English]: English[K] extends string ? string : Forms };
export type Key = { [K in keyof English]: English[K] extends string ? K : never }[keyof English];
type Counted = Exclude<keyof English, Key>;

export const LANGUAGES = { en: 'English', de: 'Deutsch', cs: 'Čeština' } as const;
export type Language = keyof typeof LANGUAGES;
export const CATALOGUE: Record<Language, Words> = { en: english, de: german, cs: czech };

let language: Language = 'en';

export const speak = (wanted: Language): void => {
  language = wanted;
};
export const spoken = (): Language => language;

/** The first of these that the catalogue has; English otherwise. */
export const preferred = (wishes: readonly string[]): Language => {
  const known = wishes.map((wish) => wish.slice(0, 2).toLowerCase()).find((wish) => wish in CATALOGUE);
  return (known as Language | undefined) ?? 'en';
};

type Values = Record<string, string | number>;

const filled = (sentence: string, values: Values): string =>
  sentence.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));

/** The sentence, with its `{values}`. */
export const t = (key: Key, values: Values = {}): string => filled(CATALOGUE[language][key], values);

/** The sentence for that many. */
export function counted(key: Counted, n: number, values: Values = {}): string {
  const forms: Forms = CATALOGUE[language][key];
  const form = new Intl.PluralRules(language).select(n);
  return filled(forms[form] ?? forms.other, { n: n.toLocaleString(language), ...values });
}

/** A word that the service may have learned since: as it came, where the catalogue lacks it. */
export function word(kind: 'state' | 'step' | 'status' | 'signal' | 'operator', value: string): string {
  const key = `${kind}.${value}`;
  return key in english ? t(key as Key) : value.replace(/_/g, ' ');
}
