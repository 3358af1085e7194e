// What the installations of some days came to: how many, how long, and where they fail. The rule it protects: which days and
// which hosts are counted is in the address and on the screen, so that a number can be sent without a word.
import * as React from 'react';
import { Button, Card, CardBody, CardTitle, FormSelect, FormSelectOption, TextInput } from '@patternfly/react-core';
import ChartLineIcon from '@patternfly/react-icons/dist/esm/icons/chart-line-icon';
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon';
import { getStatistics, serverNow, type Statistics } from '../api/client';
import { useAsked } from '../asked';
import { bucketsOf, dayOf } from '../charts/buckets';
import { Columns } from '../charts/columns';
import { Table } from '../charts/table';
import { cleanLine } from '../clean';
import { duration, moment } from '../format';
import { useTitle } from '../hooks';
import { spoken, t } from '../messages';
import { choose, fleetHref, hostHref, type Place } from '../place';
import { When } from '../widgets/when';
import { SearchField } from './search_field';
import { Learned } from './statistics_learned';
import { Empty, Loading, Trouble } from './trouble';
import './pages.css';

const DAY_MS = 86_400_000;
const SPANS = [7, 30, 90, 365] as const;
const USUAL = '30';

const number = (n: number): string => n.toLocaleString(spoken());
const percent = (part: number, whole: number): string =>
  (whole > 0 ? part / whole : 0).toLocaleString(spoken(), { style: 'percent', maximumFractionDigits: 1 });
const seconds = (n: number | undefined): string => (n === undefined ? '–' : duration(n));

export default function StatisticsPage({ place }: { place: Place }): React.ReactElement {
  const { query } = place;
  const own = { from: query.get('from') ?? undefined, until: query.get('until') ?? undefined };
  const isOwn = Boolean(own.from || own.until);
  const days = SPANS.map(String).find((span) => span === query.get('days')) ?? USUAL;
  const search = query.get('search') ?? '';
  const asked = isOwn ? own : { from: dayOf(serverNow() - (Number(days) - 1) * DAY_MS) };
  const key = JSON.stringify([asked, search]);
  const { found, failure, at, again } = useAsked(key, (signal) => getStatistics({ ...asked, search: search || undefined }, signal));
  useTitle(`${t('app.statistics')} · Milepost`);
  return (
    <>
      <div className="mp-head">
        <h1>{t('app.statistics')}</h1>
        {found && (
          <span className="mp-quiet">
            <When at={new Date(at).toISOString()} now={serverNow()}>
              {t('statistics.asOf', { time: moment(at, serverNow()) })}
            </When>{' '}
            <Button variant="link" isInline onClick={again}>
              {t('statistics.again')}
            </Button>
          </span>
        )}
      </div>
      <div className="mp-tools">
        <FormSelect
          aria-label={t('statistics.span')}
          value={isOwn ? 'own' : days}
          onChange={(_event, span) =>
            choose(
              span === 'own'
                ? { days: undefined, from: found?.from, until: found?.until }
                : { days: span === USUAL ? undefined : span, from: undefined, until: undefined },
            )
          }
        >
          {SPANS.map((span) => (
            <FormSelectOption key={span} value={span} label={t('statistics.lastDays', { n: span })} />
          ))}
          <FormSelectOption value="own" label={t('statistics.own')} />
        </FormSelect>
        {isOwn && (
          <>
            <Day label={t('statistics.from')} value={own.from ?? ''} onChange={(from) => choose({ from })} />
            <Day label={t('statistics.until')} value={own.until ?? ''} onChange={(until) => choose({ until })} />
          </>
        )}
        <SearchField key={search} search={search} />
      </div>
      {failure ? (
        <Trouble failure={failure} onRetry={again} />
      ) : !found ? (
        <Loading />
      ) : found.builds === 0 ? (
        <Empty
          icon={search ? SearchIcon : ChartLineIcon}
          title={t(search ? 'fleet.noMatch' : 'statistics.empty')}
          text={t(search ? 'statistics.noMatchText' : 'statistics.emptyText')}
        />
      ) : (
        <Counted found={found} />
      )}
      <Learned />
    </>
  );
}

/** A day that can be written as well as picked; it counts when it is whole. */
function Day({ label, value, onChange }: { label: string; value: string; onChange: (day: string) => void }): React.ReactElement {
  return (
    <label className="mp-labelled">
      {label}
      <TextInput type="date" value={value} aria-label={label} onChange={(_event, day) => day && onChange(day)} />
    </label>
  );
}

function Section({ title, children }: { title: string; children: React.ReactNode }): React.ReactElement {
  return (
    <Card>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>{children}</CardBody>
    </Card>
  );
}

function Counted({ found }: { found: Statistics }): React.ReactElement {
  const sum = (of: 'installed' | 'failed') => found.workflows.reduce((all, workflow) => all + workflow[of], 0);
  const [installed, failed] = [sum('installed'), sum('failed')];
  const times = [t('statistics.median'), t('statistics.p90'), t('statistics.builds')];
  const ofTimes = (row: { median_seconds?: number; p90_seconds?: number }) =>
    row.median_seconds === undefined ? undefined : { to: row.median_seconds, lighter: row.p90_seconds };
  return (
    <div className="mp-cards">
      <Card className="mp-full">
        <CardBody>
          <dl className="mp-numbers">
            {(
              [
                [t('statistics.opened'), number(found.builds)],
                [t('statistics.installed'), `${number(installed)} (${percent(installed, found.builds)})`],
                [t('statistics.failed'), `${number(failed)} (${percent(failed, found.builds)})`],
              ] as const
            ).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </CardBody>
      </Card>
      <Card className="mp-full">
        <CardTitle component="h2">{t('statistics.days')}</CardTitle>
        <CardBody>
          <Columns buckets={bucketsOf(found.days, found.from, found.until)} />
        </CardBody>
      </Card>
      <div className="mp-stack">
        <Section title={t('statistics.durations')}>
          <p className="mp-quiet">{t('statistics.durationsText')}</p>
          <Table
            caption={t('statistics.durations')}
            columns={[t('host.workflow'), ...times]}
            bars={t('statistics.bars')}
            rows={found.workflows.map((row) => ({
              key: row.workflow,
              name: cleanLine(row.workflow),
              bar: ofTimes(row),
              cells: [seconds(row.median_seconds), seconds(row.p90_seconds), number(row.builds)],
            }))}
          />
        </Section>
        <Section title={t('statistics.failingSteps')}>
          <p className="mp-quiet">{t('statistics.failingStepsText')}</p>
          {found.failing_steps.length === 0 ? (
            <p>{t('statistics.noneFailed')}</p>
          ) : (
            <Table
              caption={t('statistics.failingSteps')}
              columns={[t('fleet.step'), t('statistics.failed'), t('statistics.builds')]}
              bars={t('statistics.share')}
              rows={found.failing_steps.map((row) => ({
                key: `${row.workflow} ${row.label}`,
                name: <StepName {...row} />,
                bar: { to: row.failed / Math.max(row.builds, 1), look: 'failed' },
                cells: [`${number(row.failed)} (${percent(row.failed, row.builds)})`, number(row.builds)],
              }))}
            />
          )}
        </Section>
        <Section title={t('statistics.failingHosts')}>
          <p className="mp-quiet">{t('statistics.failingHostsText')}</p>
          {found.failing_hosts.length === 0 ? (
            <p>{t('statistics.noneFailed')}</p>
          ) : (
            <Table
              caption={t('statistics.failingHosts')}
              columns={[t('fleet.host'), t('statistics.failed'), t('statistics.builds'), t('statistics.lastFailed')]}
              rows={found.failing_hosts.map((row) => ({
                key: row.id,
                name: <a href={hostHref(row.name)}>{cleanLine(row.name)}</a>,
                cells: [
                  number(row.failed),
                  number(row.builds),
                  row.last_failed_at ? <When at={row.last_failed_at} now={serverNow()} /> : '–',
                ],
              }))}
            />
          )}
        </Section>
      </div>
      <div className="mp-stack">
        <Section title={t('statistics.slow')}>
          <p className="mp-quiet">{t('statistics.slowText')}</p>
          {found.slowest_steps.length === 0 ? (
            <p>{t('statistics.none')}</p>
          ) : (
            <Table
              caption={t('statistics.slow')}
              columns={[t('fleet.step'), ...times]}
              bars={t('statistics.bars')}
              rows={found.slowest_steps.map((row) => ({
                key: `${row.workflow} ${row.label}`,
                name: <StepName {...row} />,
                bar: ofTimes(row),
                cells: [seconds(row.median_seconds), seconds(row.p90_seconds), number(row.builds)],
              }))}
            />
          )}
        </Section>
      </div>
    </div>
  );
}

/** Leads to the builds that are at it now. */
function StepName({ workflow, label, name }: { workflow: string; label: string; name?: string }): React.ReactElement {
  return (
    <>
      <a href={fleetHref({ search: `workflow = "${workflow}" and step = "${label}"`, older: '1' })}>{cleanLine(name ?? label)}</a>{' '}
      <span className="mp-quiet">{cleanLine(workflow)}</span>
    </>
  );
}
