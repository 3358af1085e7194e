// The tokens of programs and people: listed, made, revoked. The rule it protects: a token is shown once, to whoever made it, and
// kept nowhere in the page.
import * as React from 'react';
import { Alert, Button, Checkbox, ClipboardCopy, FormSelect, FormSelectOption, Label } from '@patternfly/react-core';
import KeyIcon from '@patternfly/react-icons/dist/esm/icons/key-icon';
import { createToken, listTokens, revokeToken, serverNow, type Token, type TokenInput } from '../api/client';
import { useAsked } from '../asked';
import { cleanLine } from '../clean';
import { useTitle } from '../hooks';
import { counted, t } from '../messages';
import { choose, type Place } from '../place';
import { When } from '../widgets/when';
import { Confirm, Dialog, Field, numberOf, TextField, useSending } from './form';
import { pageOf, Pager, PER_PAGE } from './pager';
import { Empty, Loading, Trouble } from './trouble';
import './pages.css';

const DAY_SECONDS = 86_400;
type Doing = { is: 'add' } | { is: 'made'; token: Token } | { is: 'revoke'; token: Token };

export default function Tokens({ place }: { place: Place }): React.ReactElement {
  const page = pageOf(place.query);
  const all = place.query.get('all') === '1';
  const asked = { search: all ? undefined : 'revoked = false', page, per_page: String(PER_PAGE) };
  const { found, failure, again } = useAsked(JSON.stringify(asked), (signal) => listTokens(asked, signal));
  const [doing, setDoing] = React.useState<Doing>();
  const now = serverNow();
  useTitle(`${t('app.tokens')} · Milepost`);
  const close = () => setDoing(undefined);
  return (
    <>
      <div className="mp-head">
        <h1>{t('app.tokens')}</h1>
        <span className="mp-quiet" aria-live="polite">
          {found && counted('tokens.shown', found.subtotal)}
        </span>
      </div>
      <p className="mp-about">{t('tokens.about')}</p>
      {failure?.status !== 403 && (
        <div className="mp-tools">
          <Button onClick={() => setDoing({ is: 'add' })}>{t('tokens.add')}</Button>
          <Checkbox
            id="tokens-all"
            label={t('tokens.all')}
            isChecked={all}
            onChange={(_event, on) => choose({ all: on ? '1' : undefined, page: undefined })}
          />
        </div>
      )}
      {doing?.is === 'made' && doing.token.token && (
        <Alert isInline variant="success" component="h2" title={t('tokens.made', { name: cleanLine(doing.token.name) })} className="mp-made">
          <p>{t('tokens.madeText')}</p>
          <ClipboardCopy isReadOnly hoverTip={t('stream.copy')} clickTip={t('stream.copied')} textAriaLabel={t('tokens.token')}>
            {doing.token.token}
          </ClipboardCopy>
        </Alert>
      )}
      {failure ? (
        <Trouble failure={failure} onRetry={again} />
      ) : !found ? (
        <Loading />
      ) : found.results.length === 0 ? (
        <Empty icon={KeyIcon} title={t('tokens.empty')} text={t('tokens.emptyText')} />
      ) : (
        <>
          <div className="mp-sheet">
            <table className="mp-list mp-list-cards">
              <caption>{t('app.tokens')}</caption>
              <thead>
                <tr>
                  {(['name', 'scope', 'bounds', 'created', 'expires'] as const).map((column) => (
                    <th key={column} scope="col">
                      {t(`tokens.${column}`)}
                    </th>
                  ))}
                  <th scope="col">{t('form.actions')}</th>
                </tr>
              </thead>
              <tbody>
                {found.results.map((token) => (
                  <tr key={token.id}>
                    <th scope="row">
                      {cleanLine(token.name) || '–'}
                      <span className="mp-quiet mp-below">{token.id}</span>
                    </th>
                    <td data-is={t('tokens.scope')}>{token.scope ?? '–'}</td>
                    <td data-is={t('tokens.bounds')}>
                      {[...token.organizations, ...token.locations].map(cleanLine).join(', ') || t('tokens.unbound')}
                    </td>
                    <td data-is={t('tokens.created')}>
                      <When at={token.created_at} now={now} />
                      <span className="mp-quiet mp-below">{cleanLine(token.created_by)}</span>
                    </td>
                    <td data-is={t('tokens.expires')}>
                      {token.expires_at ? <When at={token.expires_at} now={now} /> : t('tokens.never')}
                    </td>
                    <td className="mp-list-actions">
                      {token.revoked_at ? (
                        <Label isCompact>{t('tokens.revoked')}</Label>
                      ) : (
                        <Button
                          variant="link"
                          isInline
                          isDanger
                          aria-label={t('tokens.revokeIt', { name: cleanLine(token.name) || token.id })}
                          onClick={() => setDoing({ is: 'revoke', token })}
                        >
                          {t('tokens.revoke')}
                        </Button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <Pager page={page} count={found.subtotal} />
        </>
      )}
      {doing?.is === 'add' && (
        <TokenForm
          onDone={(token) => {
            setDoing({ is: 'made', token });
            again();
          }}
          onClose={close}
        />
      )}
      {doing?.is === 'revoke' && (
        <Confirm
          title={t('tokens.revokeTitle', { name: cleanLine(doing.token.name) || doing.token.id })}
          text={t('tokens.revokeText')}
          verb={t('tokens.revoke')}
          request={() => revokeToken(doing.token.id)}
          onDone={() => {
            close();
            again();
          }}
          onClose={close}
        />
      )}
    </>
  );
}

const titles = (text: string): string[] => text.split(',').map((title) => title.trim()).filter(Boolean);

function TokenForm({ onDone, onClose }: { onDone: (token: Token) => void; onClose: () => void }): React.ReactElement {
  const [name, setName] = React.useState('');
  const [scope, setScope] = React.useState('read');
  const [days, setDays] = React.useState('30');
  const [organizations, setOrganizations] = React.useState('');
  const [locations, setLocations] = React.useState('');
  const sending = useSending(() => {
    const valid = numberOf(days);
    const input: TokenInput = {
      name,
      scope,
      expires_in: valid === undefined ? undefined : Math.round(valid * DAY_SECONDS),
      organizations: titles(organizations),
      locations: titles(locations),
    };
    return createToken(input);
  }, onDone);
  const { at } = sending;
  /** Of the list, or of the first of its entries that is at fault. */
  const within = (member: string, list: string) =>
    [`/${member}`, ...titles(list).map((_title, i) => `/${member}/${i}`)].map(at).find(Boolean);
  return (
    <Dialog title={t('tokens.add')} sending={sending} verb={t('tokens.make')} onClose={onClose}>
      <div className="mp-form">
        <TextField id="token-name" label={t('tokens.name')} help={t('tokens.nameHelp')} error={at('/name')} value={name} onChange={setName} />
        <Field id="token-scope" label={t('tokens.scope')} error={at('/scope')}>
          <FormSelect id="token-scope" value={scope} onChange={(_event, wanted) => setScope(wanted)}>
            {(['read', 'manage', 'admin'] as const).map((known) => (
              <FormSelectOption key={known} value={known} label={t(`tokens.scope.${known}`)} />
            ))}
          </FormSelect>
        </Field>
        <TextField
          id="token-days"
          label={t('tokens.days')}
          help={t('tokens.daysHelp')}
          error={at('/expires_in')}
          type="number"
          value={days}
          onChange={setDays}
        />
        <TextField
          id="token-organizations"
          label={t('tokens.organizations')}
          help={t('tokens.boundsHelp')}
          error={within('organizations', organizations)}
          value={organizations}
          onChange={setOrganizations}
        />
        <TextField
          id="token-locations"
          label={t('tokens.locations')}
          help={t('tokens.boundsHelp')}
          error={within('locations', locations)}
          value={locations}
          onChange={setLocations}
        />
      </div>
    </Dialog>
  );
}
