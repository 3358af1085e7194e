// Every word that the page says, in each language. The rule it protects: a language that lacks a sentence does not compile;
// what machines and the service say is shown as it came.

const english = {
  'app.skip': 'Skip to the content',
  'app.fleet': 'Fleet',
  'app.api': 'API',
  'app.language': 'Language',
  'app.theme': 'Colours',
  'app.theme.auto': 'As the system',
  'app.theme.light': 'Light',
  'app.theme.dark': 'Dark',
  'app.signOut': 'Sign out',
  'app.signedInAs': 'Signed in as {name} ({scope})',

  'live.connecting': 'connecting',
  'live.live': 'live',
  'live.reconnecting': 'reconnecting',
  'live.stale': 'stale since {time}',
  'live.stopped': 'stopped',
  'live.asOf': 'The database cannot be reached. This is how it was at {time}.',

  'state.pending': 'pending',
  'state.running': 'running',
  'state.failed': 'failed',
  'state.installed': 'installed',
  'state.completed': 'completed',
  'state.canceled': 'canceled',
  'state.superseded': 'superseded',
  'state.expired': 'expired',

  'step.pending': 'to come',
  'step.running': 'running',
  'step.done': 'done',
  'step.failed': 'failed',
  'step.skipped': 'skipped',

  'status.init': 'started',
  'status.done': 'done',
  'status.failed': 'failed',
  'status.none': 'happened',

  'fleet.counts': 'Builds by state',
  'fleet.all': 'all',
  'fleet.search': 'Search',
  'fleet.searchHint': 'web and location = brno',
  'fleet.searchHelp': 'The search language of Foreman: state = failed and started_at > "2 hours ago". Press / to get here.',
  'fleet.searchDo': 'Search',
  'fleet.clear': 'Clear',
  'fleet.older': 'Older builds too',
  'fleet.sort': 'Sort by',
  'fleet.sort.newest': 'Newest first',
  'fleet.sort.oldest': 'Oldest first',
  'fleet.sort.report': 'Last report first',
  'fleet.sort.silent': 'Longest silence first',
  'fleet.sort.name': 'Host',
  'fleet.sort.state': 'State',
  'fleet.sort.step': 'Step',
  'fleet.shown.one': '{n} build',
  'fleet.shown.other': '{n} builds',
  'fleet.host': 'Host',
  'fleet.state': 'State',
  'fleet.step': 'Step',
  'fleet.progress': 'Progress',
  'fleet.message': 'Last message',
  'fleet.age': 'Heard',
  'fleet.signals': 'Signals',
  'fleet.unheard': 'not yet',
  'fleet.attempt': 'attempt {n}',
  'fleet.empty': 'Nothing is being installed',
  'fleet.emptyText': 'Builds that are under way or ended within the last day are shown here. Foreman opens one when a host enters build mode.',
  'fleet.noMatch': 'No build is like that',
  'fleet.noMatchText': 'The search and the filters leave none of them.',

  'bar.label': 'Progress of {name}',
  'bar.none': 'no percentage',
  'host.elapsed': 'Elapsed',
  'host.left': 'Left',
  'host.leftRange': '{low} to {high}',
  'host.lastReport': 'Last report',
  'host.started': 'Started',
  'host.ended': 'Ended',
  'host.attempt': 'Attempt',
  'host.workflow': 'Workflow',
  'host.location': 'Location',
  'host.organization': 'Organization',
  'host.hostgroup': 'Host group',
  'host.operatingsystem': 'Operating system',
  'host.model': 'Model',
  'host.mac': 'MAC address',
  'host.ip': 'IP address',
  'host.foremanId': 'Id in Foreman',
  'host.facts': 'Host',
  'host.steps': 'Steps',
  'host.timeline': 'Time line',
  'host.stream': 'Reports',
  'host.earlier': 'Builds of this host',
  'host.thisBuild': 'shown here',
  'host.latest': 'latest',
  'host.old': 'This is an earlier build.',
  'host.toLatest': 'Show the latest',
  'host.ago': '{duration} ago',
  'host.never': 'none yet',

  'steps.skipped.one': 'Show {n} skipped step',
  'steps.skipped.other': 'Show {n} skipped steps',
  'steps.hide': 'Hide skipped steps',
  'steps.runs': 'started {n} times',

  'timeline.attempt': 'Attempt {n}',
  'timeline.label.one': '{n} attempt, {duration} in all',
  'timeline.label.other': '{n} attempts, {duration} in all',
  'timeline.empty': 'Nothing has been reported yet.',

  'signal.stalled': 'Stalled',
  'signal.rejected_reports': 'Refused reports',
  'signal.flooding': 'Too many reports',
  'signal.boot_loop': 'Boot loop',
  'signal.overdue': 'Overdue',
  'signal.failed_step': 'Failed',
  'signal.credential_expiring': 'Token runs out',
  'signal.clock_skew': 'Clock is off',
  'signal.missing_reports': 'Reports are missing',
  'signal.log': 'The end of its log',
  'signal.muted': 'Muted until {time} by {by}: {reason}',
  'signal.since': 'since {time}',

  'stream.step': 'Step',
  'stream.status': 'Status',
  'stream.text': 'Text',
  'stream.any': 'all',
  'stream.follow': 'Follow',
  'stream.download': 'Download',
  'stream.log': 'log, {size}',
  'stream.logOf': 'Log of {step}',
  'stream.logLoading': 'Fetching the log…',
  'stream.logFailed': 'The log cannot be read: {detail}',
  'stream.copy': 'Copy',
  'stream.copied': 'Copied',
  'stream.notCopied': 'Not copied',
  'stream.empty': 'Nothing has been reported yet.',
  'stream.noMatch': 'No report is like that.',
  'stream.dropped': 'Only the last {n} reports are kept here; the API has all of them.',
  'stream.shown': '{shown} of {n}',

  'trouble.signIn': 'You are not signed in',
  'trouble.signInText': 'The session has ended, or there was none.',
  'trouble.signInDo': 'Sign in',
  'trouble.forbidden': 'This is not for you to see',
  'trouble.missing': 'There is no such host',
  'trouble.missingText': 'Milepost has never heard of it, or may not show it to you.',
  'trouble.search': 'This search cannot be read',
  'trouble.other': 'That did not work',
  'trouble.away': 'The service does not answer',
  'trouble.retry': 'Try again',
  'trouble.back': 'To the fleet',
  'loading': 'Loading…',
};

export type Key = keyof typeof english;
type Words = Record<Key, string>;
type Counted = { [K in Key]: K extends `${infer Stem}.one` ? Stem : never }[Key];

const german: Words = {
  'app.skip': 'Zum Inhalt springen',
  'app.fleet': 'Flotte',
  'app.api': 'API',
  'app.language': 'Sprache',
  'app.theme': 'Farben',
  'app.theme.auto': 'Wie das System',
  'app.theme.light': 'Hell',
  'app.theme.dark': 'Dunkel',
  'app.signOut': 'Abmelden',
  'app.signedInAs': 'Angemeldet als {name} ({scope})',

  'live.connecting': 'verbindet',
  'live.live': 'live',
  'live.reconnecting': 'verbindet neu',
  'live.stale': 'veraltet seit {time}',
  'live.stopped': 'angehalten',
  'live.asOf': 'Die Datenbank ist nicht erreichbar. So war es um {time}.',

  'state.pending': 'wartet',
  'state.running': 'läuft',
  'state.failed': 'fehlgeschlagen',
  'state.installed': 'installiert',
  'state.completed': 'fertig',
  'state.canceled': 'abgebrochen',
  'state.superseded': 'abgelöst',
  'state.expired': 'verfallen',

  'step.pending': 'steht aus',
  'step.running': 'läuft',
  'step.done': 'fertig',
  'step.failed': 'fehlgeschlagen',
  'step.skipped': 'übersprungen',

  'status.init': 'begonnen',
  'status.done': 'fertig',
  'status.failed': 'fehlgeschlagen',
  'status.none': 'geschehen',

  'fleet.counts': 'Installationen nach Zustand',
  'fleet.all': 'alle',
  'fleet.search': 'Suche',
  'fleet.searchHint': 'web and location = brno',
  'fleet.searchHelp': 'Die Suchsprache von Foreman: state = failed and started_at > "2 hours ago". Die Taste / führt hierher.',
  'fleet.searchDo': 'Suchen',
  'fleet.clear': 'Leeren',
  'fleet.older': 'Auch ältere',
  'fleet.sort': 'Sortieren nach',
  'fleet.sort.newest': 'Neueste zuerst',
  'fleet.sort.oldest': 'Älteste zuerst',
  'fleet.sort.report': 'Letzte Meldung zuerst',
  'fleet.sort.silent': 'Längstes Schweigen zuerst',
  'fleet.sort.name': 'Host',
  'fleet.sort.state': 'Zustand',
  'fleet.sort.step': 'Schritt',
  'fleet.shown.one': '{n} Installation',
  'fleet.shown.other': '{n} Installationen',
  'fleet.host': 'Host',
  'fleet.state': 'Zustand',
  'fleet.step': 'Schritt',
  'fleet.progress': 'Fortschritt',
  'fleet.message': 'Letzte Meldung',
  'fleet.age': 'Gehört',
  'fleet.signals': 'Signale',
  'fleet.unheard': 'noch nie',
  'fleet.attempt': 'Versuch {n}',
  'fleet.empty': 'Nichts wird installiert',
  'fleet.emptyText': 'Hier steht, was installiert wird oder am letzten Tag zu Ende ging. Foreman eröffnet es, wenn ein Host in den Build-Modus geht.',
  'fleet.noMatch': 'So eine Installation gibt es nicht',
  'fleet.noMatchText': 'Suche und Filter lassen keine übrig.',

  'bar.label': 'Fortschritt von {name}',
  'bar.none': 'ohne Prozentzahl',
  'host.elapsed': 'Vergangen',
  'host.left': 'Verbleibt',
  'host.leftRange': '{low} bis {high}',
  'host.lastReport': 'Letzte Meldung',
  'host.started': 'Begonnen',
  'host.ended': 'Geendet',
  'host.attempt': 'Versuch',
  'host.workflow': 'Ablauf',
  'host.location': 'Standort',
  'host.organization': 'Organisation',
  'host.hostgroup': 'Hostgruppe',
  'host.operatingsystem': 'Betriebssystem',
  'host.model': 'Modell',
  'host.mac': 'MAC-Adresse',
  'host.ip': 'IP-Adresse',
  'host.foremanId': 'Nummer in Foreman',
  'host.facts': 'Host',
  'host.steps': 'Schritte',
  'host.timeline': 'Zeitachse',
  'host.stream': 'Meldungen',
  'host.earlier': 'Installationen dieses Hosts',
  'host.thisBuild': 'hier gezeigt',
  'host.latest': 'letzte',
  'host.old': 'Dies ist eine frühere Installation.',
  'host.toLatest': 'Die letzte zeigen',
  'host.ago': 'vor {duration}',
  'host.never': 'noch keine',

  'steps.skipped.one': '{n} übersprungenen Schritt zeigen',
  'steps.skipped.other': '{n} übersprungene Schritte zeigen',
  'steps.hide': 'Übersprungene verbergen',
  'steps.runs': '{n}-mal begonnen',

  'timeline.attempt': 'Versuch {n}',
  'timeline.label.one': '{n} Versuch, insgesamt {duration}',
  'timeline.label.other': '{n} Versuche, insgesamt {duration}',
  'timeline.empty': 'Noch wurde nichts gemeldet.',

  'signal.stalled': 'Bleibt stehen',
  'signal.rejected_reports': 'Abgewiesene Meldungen',
  'signal.flooding': 'Zu viele Meldungen',
  'signal.boot_loop': 'Startet immer wieder',
  'signal.overdue': 'Überfällig',
  'signal.failed_step': 'Gescheitert',
  'signal.credential_expiring': 'Token läuft ab',
  'signal.clock_skew': 'Uhr geht falsch',
  'signal.missing_reports': 'Meldungen fehlen',
  'signal.log': 'Das Ende seines Protokolls',
  'signal.muted': 'Stumm bis {time}, von {by}: {reason}',
  'signal.since': 'seit {time}',

  'stream.step': 'Schritt',
  'stream.status': 'Status',
  'stream.text': 'Text',
  'stream.any': 'alle',
  'stream.follow': 'Mitlaufen',
  'stream.download': 'Herunterladen',
  'stream.log': 'Log, {size}',
  'stream.logOf': 'Log von {step}',
  'stream.logLoading': 'Das Log wird geholt …',
  'stream.logFailed': 'Das Log lässt sich nicht lesen: {detail}',
  'stream.copy': 'Kopieren',
  'stream.copied': 'Kopiert',
  'stream.notCopied': 'Nicht kopiert',
  'stream.empty': 'Noch wurde nichts gemeldet.',
  'stream.noMatch': 'So eine Meldung gibt es nicht.',
  'stream.dropped': 'Hier bleiben nur die letzten {n} Meldungen; die API hat alle.',
  'stream.shown': '{shown} von {n}',

  'trouble.signIn': 'Sie sind nicht angemeldet',
  'trouble.signInText': 'Die Sitzung ist zu Ende, oder es gab keine.',
  'trouble.signInDo': 'Anmelden',
  'trouble.forbidden': 'Das dürfen Sie nicht sehen',
  'trouble.missing': 'Diesen Host gibt es nicht',
  'trouble.missingText': 'Milepost hat nie von ihm gehört oder darf ihn Ihnen nicht zeigen.',
  'trouble.search': 'Diese Suche ist nicht zu lesen',
  'trouble.other': 'Das ging nicht',
  'trouble.away': 'Der Dienst antwortet nicht',
  'trouble.retry': 'Noch einmal',
  'trouble.back': 'Zur Flotte',
  loading: 'Lädt …',
};

export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof LANGUAGES;
const catalogue: Record<Language, Words> = { en: english, de: german };

let language: Language = 'en';

export const speak = (wanted: Language): void => {
  language = wanted;
};
export const spoken = (): Language => language;

/** The first of these that the catalogue has; English otherwise. */
export const preferred = (wishes: readonly string[]): Language => {
  const known = wishes.map((wish) => wish.slice(0, 2).toLowerCase()).find((wish) => wish in catalogue);
  return (known as Language | undefined) ?? 'en';
};

type Values = Record<string, string | number>;

/** The sentence, with its `{values}`. */
export function t(key: Key, values: Values = {}): string {
  return catalogue[language][key].replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? String(values[name]) : whole,
  );
}

/** The sentence for that many. */
export function counted(stem: Counted, n: number, values: Values = {}): string {
  const form = new Intl.PluralRules(language).select(n) === 'one' ? 'one' : 'other';
  return t(`${stem}.${form}` as Key, { n: n.toLocaleString(language), ...values });
}

/** A word that the service may have learned since: as it came, where the catalogue lacks it. */
export function word(kind: 'state' | 'step' | 'status' | 'signal', value: string): string {
  const key = `${kind}.${value}`;
  return key in english ? t(key as Key) : value.replace(/_/g, ' ');
}
