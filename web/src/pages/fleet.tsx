// The fleet: what is under way and what ended within the last day, a row each. The rule it protects: ten thousand rows cost
// what fits on the screen, in the browser and at the service.
import * as React from 'react';
import { FormSelect, FormSelectOption, Switch, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import CubesIcon from '@patternfly/react-icons/dist/esm/icons/cubes-icon';
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon';
import { getStatus, type ServiceStatus } from '../api/client';
import { useLive, useNow, useTitle } from '../hooks';
import { counted, spoken, t, word, type Key } from '../messages';
import { choose, type Place } from '../place';
import { StateIcon } from '../widgets/state';
import { ORDERS, queryOf, type Chosen } from './fleet_query';
import { Rows, useRows } from './fleet_rows';
import { LiveMark } from './live_mark';
import { SearchField } from './search_field';
import { Empty, Loading, Trouble } from './trouble';

export function Fleet({ place }: { place: Place }): React.ReactElement {
  const { query } = place;
  const chosen: Chosen = {
    search: query.get('search') ?? '',
    state: query.get('state') ?? '',
    order: query.get('order') ?? '',
    older: query.get('older') === '1',
  };
  const asked = queryOf(chosen);
  const key = JSON.stringify(asked);
  const [status, setStatus] = React.useState<ServiceStatus>();
  const rows = useRows(asked, key);
  const now = useNow();
  const look = async (signal: AbortSignal) => {
    const [counts] = await Promise.all([getStatus(signal), rows.refresh(signal)]);
    setStatus(counts);
  };
  // A row changes at once; what comes in between the rows, and the counts, within two seconds.
  const { liveness, soon } = useLive(key, look, { wanted: { search: asked.search }, changed: rows.take, pause: 2000 });
  React.useEffect(soon, [rows.wanted, soon]);

  const counts = (status?.builds ?? []).filter(({ count, state }) => count > 0 || state === chosen.state);
  const failed = counts.find(({ state }) => state === 'failed')?.count ?? 0;
  useTitle(failed > 0 ? `(${failed}) Milepost` : 'Milepost');

  const failure = liveness.is === 'stopped' || rows.count === undefined ? 'failure' in liveness && liveness.failure : false;
  const isFiltered = Boolean(chosen.search || chosen.state);
  return (
    <>
      <div className="mp-head">
        <h1>{t('app.fleet')}</h1>
        <LiveMark liveness={liveness} now={now} />
      </div>
      <div className="mp-tools">
        <ToggleGroup aria-label={t('fleet.counts')} className="mp-counts">
          {counts.map(({ state, count }) => (
            <ToggleGroupItem
              key={state}
              buttonId={`state-${state}`}
              className={`mp-count-${state}`}
              icon={<StateIcon state={state} />}
              text={`${count.toLocaleString(spoken())} ${word('state', state)}`}
              isSelected={chosen.state === state}
              onChange={(_event, on) => choose({ state: on ? state : undefined })}
            />
          ))}
        </ToggleGroup>
      </div>
      <div className="mp-tools">
        <SearchField key={chosen.search} search={chosen.search} />
        <FormSelect
          className="mp-sort"
          aria-label={t('fleet.sort')}
          value={chosen.order || 'newest'}
          onChange={(_event, order) => choose({ order: order === 'newest' ? undefined : order })}
        >
          {Object.keys(ORDERS).map((order) => (
            <FormSelectOption key={order} value={order} label={t(`fleet.sort.${order}` as Key)} />
          ))}
        </FormSelect>
        <Switch
          id="fleet-older"
          label={t('fleet.older')}
          isChecked={chosen.older}
          onChange={(_event, on) => choose({ older: on ? '1' : undefined })}
        />
        <span className="mp-quiet" aria-live="polite">
          {rows.count !== undefined && counted('fleet.shown', rows.count)}
        </span>
      </div>
      {failure ? (
        <Trouble failure={failure} onRetry={() => location.reload()} />
      ) : rows.count === undefined ? (
        <Loading />
      ) : rows.count === 0 ? (
        <Empty
          icon={isFiltered ? SearchIcon : CubesIcon}
          title={t(isFiltered ? 'fleet.noMatch' : 'fleet.empty')}
          text={t(isFiltered ? 'fleet.noMatchText' : 'fleet.emptyText')}
        />
      ) : (
        <Rows rows={rows} now={now} isGrouped={chosen.order === 'location'} />
      )}
    </>
  );
}
