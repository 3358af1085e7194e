// The frame of all pages: who one is, where one can go. The rule it protects: nothing is asked for, and nothing shown, before
// it is known who looks.
import * as React from 'react';
import { Failure, getSession, type Session } from './api/client';
import { useLive } from './hooks';
import { LANGUAGES, t, type Key, type Language } from './messages';
import { Boundary } from './pages/boundary';
import { Fleet } from './pages/fleet';
import { Host } from './pages/host';
import { Loading, Trouble } from './pages/trouble';
import { fleetHref, PAGES, pageHref, usePlace, type Page, type Place } from './place';
import { goOn, toSignIn } from './sign_in';
import { chooseLanguage, chooseTheme, language, theme, THEMES, type Theme } from './taste';

// What one leaves open on the wall comes at once; the rest when somebody goes there.
const Statistics = React.lazy(() => import('./pages/statistics'));
const Workflows = React.lazy(() => import('./pages/workflows'));
const Steps = React.lazy(() => import('./pages/steps'));
const Audit = React.lazy(() => import('./pages/audit'));
const Tokens = React.lazy(() => import('./pages/tokens'));

/** The pages that everybody is led to; the others need the scope `admin`. */
const FOR_ALL: readonly Page[] = ['fleet', 'statistics', 'workflows', 'steps'];

function Content({ place, session }: { place: Place; session: Session }): React.ReactElement {
  if (place.host !== undefined) return <Host key={place.host} name={place.host} place={place} session={session} />;
  switch (place.page) {
    case 'fleet':
      return <Fleet place={place} />;
    case 'statistics':
      return <Statistics place={place} />;
    case 'workflows':
      return <Workflows place={place} session={session} />;
    case 'steps':
      return <Steps place={place} session={session} />;
    case 'audit':
      return <Audit place={place} />;
    case 'tokens':
      return <Tokens place={place} />;
  }
}

/** Asked once: that it ends is heard from whatever is asked next. */
function Gate({ children }: { children: (session: Session) => React.ReactElement }): React.ReactElement {
  const [session, setSession] = React.useState<Session>();
  const { liveness } = useLive(session ? undefined : 'session', async (signal) => {
    try {
      setSession(await getSession(signal));
    } catch (error) {
      if (error instanceof Failure && error.status === 401) toSignIn();
      throw error;
    }
    goOn();
  });
  if (session) return children(session);
  return 'failure' in liveness ? <Trouble isWhole failure={liveness.failure} onRetry={() => location.reload()} /> : <Loading />;
}

export function App(): React.ReactElement {
  const [spoken, setSpoken] = React.useState(language);
  const place = usePlace();
  return (
    <React.Fragment key={spoken}>
      <a className="mp-skip" href="#content" onClick={skip}>
        {t('app.skip')}
      </a>
      <Gate>
        {(session) => (
          <>
            <Masthead session={session} place={place} onLanguage={setSpoken} spoken={spoken} />
            <main id="content" tabIndex={-1}>
              <Boundary key={place.host ?? place.page}>
                <React.Suspense fallback={<Loading />}>
                  <Content place={place} session={session} />
                </React.Suspense>
              </Boundary>
            </main>
          </>
        )}
      </Gate>
    </React.Fragment>
  );
}

/** The address has its # already. */
function skip(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

interface MastheadProps {
  session: Session;
  place: Place;
  spoken: Language;
  onLanguage: (language: Language) => void;
}

function Masthead({ session, place, spoken, onLanguage }: MastheadProps): React.ReactElement {
  const [colours, setColours] = React.useState(theme);
  // A token's name carries its id, for the audit; here the name will do.
  const name = session.name.replace(/ \([0-9a-f-]{36}\)$/, '');
  return (
    <header className="mp-masthead">
      <a className="mp-brand" href={fleetHref()}>
        Milepost
      </a>
      <nav aria-label={t('app.pages')}>
        {PAGES.filter((page) => session.scope === 'admin' || FOR_ALL.includes(page)).map((page) => (
          <a key={page} href={pageHref(page)} aria-current={place.page === page && !place.host ? 'page' : undefined}>
            {t(`app.${page}`)}
          </a>
        ))}
        <a href="docs/">{t('app.api')}</a>
      </nav>
      <div className="mp-taste">
        <select
          aria-label={t('app.language')}
          value={spoken}
          onChange={({ target }) => {
            const wanted = target.value as Language;
            chooseLanguage(wanted);
            onLanguage(wanted);
          }}
        >
          {Object.entries(LANGUAGES).map(([code, name]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </select>
        <select
          aria-label={t('app.theme')}
          value={colours}
          onChange={({ target }) => {
            const wanted = target.value as Theme;
            chooseTheme(wanted);
            setColours(wanted);
          }}
        >
          {THEMES.map((theme) => (
            <option key={theme} value={theme}>
              {t(`app.theme.${theme}` as Key)}
            </option>
          ))}
        </select>
        <form method="post" action="sign-out">
          <button title={t('app.signedInAs', { name, scope: session.scope })}>{t('app.signOut')}</button>
        </form>
      </div>
    </header>
  );
}
