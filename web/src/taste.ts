// The viewer's own choices, kept in the browser: language and colours. The rule it protects: without a choice, the system's.
import { preferred, speak, type Language } from './messages';

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const LANGUAGE = 'milepost.language';
const THEME = 'milepost.theme';
const DARK = 'pf-v5-theme-dark';

/** A browser may refuse to keep anything; then nothing is kept. */
function kept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // For this visit, then.
  }
}

export const language = (): Language => preferred([kept(LANGUAGE) ?? '', ...navigator.languages]);

export function applyLanguage(wanted: Language): void {
  speak(wanted);
  document.documentElement.lang = wanted;
}

export function chooseLanguage(wanted: Language): void {
  keep(LANGUAGE, wanted);
  applyLanguage(wanted);
}

export function theme(): Theme {
  const wanted = kept(THEME);
  return THEMES.find((theme) => theme === wanted) ?? 'auto';
}

const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
/** Paper is white. */
const isPrinted = matchMedia('print');

export function applyTheme(): void {
  const chosen = theme();
  const isDark = !isPrinted.matches && (chosen === 'dark' || (chosen === 'auto' && systemIsDark.matches));
  document.documentElement.classList.toggle(DARK, isDark);
  document.documentElement.style.colorScheme = isDark ? 'dark' : 'light';
}

export function chooseTheme(wanted: Theme): void {
  keep(THEME, wanted);
  applyTheme();
}

systemIsDark.addEventListener('change', applyTheme);
isPrinted.addEventListener('change', applyTheme);
