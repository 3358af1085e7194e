// The frame of all pages: who one is, where one can go. The rule it protects: nothing is asked for, and nothing shown, before
// it is known who looks.
import * as React from 'react';
import { Failure, getSession, type Session } from './api/client';
import { useLive } from './hooks';
import { LANGUAGES, t, type Key, type Language } from './messages';
import { Fleet } from './pages/fleet';
import { Host } from './pages/host';
import { Loading, Trouble } from './pages/trouble';
import { fleetHref, usePlace } from './place';
import { goOn, toSignIn } from './sign_in';
import { chooseLanguage, chooseTheme, language, theme, THEMES, type Theme } from './taste';

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
  return 'failure' in liveness ? <Trouble failure={liveness.failure} onRetry={() => location.reload()} /> : <Loading />;
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
            <Masthead session={session} onLanguage={setSpoken} spoken={spoken} />
            <main id="content" tabIndex={-1}>
              {place.host === undefined ? <Fleet place={place} /> : <Host key={place.host} name={place.host} place={place} session={session} />}
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
  spoken: Language;
  onLanguage: (language: Language) => void;
}

function Masthead({ session, spoken, onLanguage }: MastheadProps): React.ReactElement {
  const [colours, setColours] = React.useState(theme);
  // A token's name carries its id, for the audit; here the name will do.
  const name = session.name.replace(/ \([0-9a-f-]{36}\)$/, '');
  return (
    <header className="mp-masthead">
      <a className="mp-brand" href={fleetHref()}>
        Milepost
      </a>
      <nav>
        <a href={fleetHref()}>{t('app.fleet')}</a>
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
