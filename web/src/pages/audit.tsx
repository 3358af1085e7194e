// Who did what: the audit trail, newest first. The rule it protects: what is shown is what the service keeps, whole; what was
// searched for can be sent.
import * as React from 'react';
import HistoryIcon from '@patternfly/react-icons/dist/esm/icons/history-icon';
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon';
import { listAudit, serverNow } from '../api/client';
import { useAsked } from '../asked';
import { cleanLine } from '../clean';
import { useTitle } from '../hooks';
import { counted, t } from '../messages';
import type { Place } from '../place';
import { When } from '../widgets/when';
import { pageOf, Pager, PER_PAGE } from './pager';
import { SearchField } from './search_field';
import { Empty, Loading, Trouble } from './trouble';
import './pages.css';

export default function Audit({ place }: { place: Place }): React.ReactElement {
  const search = place.query.get('search') ?? '';
  const page = pageOf(place.query);
  const asked = { search: search || undefined, page, per_page: String(PER_PAGE) };
  const { found, failure, again } = useAsked(JSON.stringify(asked), (signal) => listAudit(asked, signal));
  const now = serverNow();
  useTitle(`${t('app.audit')} · Milepost`);
  return (
    <>
      <div className="mp-head">
        <h1>{t('app.audit')}</h1>
      </div>
      <p className="mp-about">{t('audit.about')}</p>
      {failure?.status !== 403 && (
        <div className="mp-tools">
          <SearchField key={search} search={search} hint={t('audit.hint')} help={t('audit.help')} />
          <span className="mp-quiet" aria-live="polite">
            {found && counted('audit.shown', found.subtotal)}
          </span>
        </div>
      )}
      {failure ? (
        <Trouble failure={failure} onRetry={again} />
      ) : !found ? (
        <Loading />
      ) : found.results.length === 0 ? (
        <Empty
          icon={search ? SearchIcon : HistoryIcon}
          title={t(search ? 'audit.noMatch' : 'audit.empty')}
          text={t(search ? 'audit.noMatchText' : 'audit.about')}
        />
      ) : (
        <>
          <div className="mp-sheet">
            <table className="mp-list mp-list-cards">
              <caption>{t('app.audit')}</caption>
              <thead>
                <tr>
                  {(['at', 'actor', 'action', 'target', 'detail', 'address'] as const).map((column) => (
                    <th key={column} scope="col">
                      {t(`audit.${column}`)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {found.results.map((entry) => (
                  <tr key={entry.id} title={t('audit.request', { id: entry.request_id })}>
                    <td data-is={t('audit.at')} className="mp-list-when">
                      <When at={entry.at} now={now} />
                    </td>
                    <th scope="row" data-is={t('audit.actor')}>
                      {cleanLine(entry.actor)}
                    </th>
                    <td data-is={t('audit.action')}>
                      <code>{cleanLine(entry.action)}</code>
                    </td>
                    <td data-is={t('audit.target')}>{cleanLine(entry.target)}</td>
                    <td data-is={t('audit.detail')}>{entry.detail && cleanLine(entry.detail)}</td>
                    <td data-is={t('audit.address')}>{entry.address && cleanLine(entry.address)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <Pager page={page} count={found.subtotal} />
        </>
      )}
    </>
  );
}
