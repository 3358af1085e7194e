// A host: how its build is going, and everything it said. The rule it protects: what a person needs first (state, failure,
// signals) comes first, on a phone as well.
import * as React from 'react';
import { Alert, Breadcrumb, BreadcrumbItem, Card, CardBody, CardTitle } from '@patternfly/react-core';
import { getBuild, getLog, getProgress, logUrl, type Build, type HostProgress, type Session } from '../api/client';
import { cleanLine } from '../clean';
import { duration, moment } from '../format';
import { useLive, useNow, useTitle } from '../hooks';
import { t, word } from '../messages';
import { choose, fleetHref, hostHref, type Place } from '../place';
import { Bar } from '../widgets/bar';
import { Copy } from '../widgets/copy';
import { Signals } from '../widgets/signals';
import { StateLabel } from '../widgets/state';
import { Stepper } from '../widgets/stepper';
import { Stream } from '../widgets/stream';
import { Timeline } from '../widgets/timeline';
import { When } from '../widgets/when';
import { Earlier } from './earlier';
import { Actions } from './host_actions';
import { Mute } from './host_mute';
import { Facts } from './host_facts';
import { LiveMark } from './live_mark';
import { useReports } from './reports';
import { Loading, Trouble } from './trouble';

interface Props {
  name: string;
  place: Place;
  session: Session;
}

export function Host({ name, place, session }: Props): React.ReactElement {
  const wanted = place.query.get('build') ?? undefined;
  const key = `${name} ${wanted ?? ''}`;
  const [seen, setSeen] = React.useState<{ key: string; etag?: string; page: HostProgress; old?: Build }>();
  const mine = seen?.key === key ? seen : undefined;
  const { reports, isCut, refresh } = useReports(key);
  const now = useNow();
  const look = async (signal: AbortSignal) => {
    const answer = await getProgress(name, mine?.etag, signal);
    const page = answer?.page ?? mine?.page;
    if (!page) return;
    const isOld = wanted !== undefined && wanted !== page.build.id;
    const old = isOld ? await getBuild(wanted, signal) : undefined;
    if (signal.aborted) return;
    setSeen({ key, page, etag: answer ? answer.etag : mine?.etag, old });
    await refresh((old ?? page.build).id, signal);
  };
  const { liveness, soon } = useLive(key, look, { wanted: { host: name }, pause: 250 });
  const stateNow = mine && word('state', (mine.old ?? mine.page.build).state);
  useTitle(`${stateNow ? `${stateNow}: ` : ''}${name} · Milepost`);

  const failure = liveness.is === 'stopped' || !mine ? 'failure' in liveness && liveness.failure : false;
  if (failure) return <Trouble isWhole failure={failure} onRetry={() => location.reload()} />;
  if (!mine) return <Loading />;

  const { page, old } = mine;
  const build = old ?? page.build;
  const { host } = page;
  const { query } = place;
  const filter = {
    step: query.get('step') ?? undefined,
    status: query.get('status') ?? undefined,
    text: query.get('text') ?? undefined,
  };
  // What has failed or ended takes no longer; the rest ticks between two looks.
  const began = Date.parse(build.started_at);
  const end = build.ended_at || build.state === 'failed' ? began + build.elapsed_seconds * 1000 : now;
  const failed = reports?.filter((report) => report.status === 'failed' && report.log_bytes > 0).pop();
  const chosen = Object.fromEntries(query);
  const typical = new Map(page.steps.map((step) => [step.label, step.typical_seconds ?? 0]));
  return (
    <>
      <Breadcrumb>
        <BreadcrumbItem to={fleetHref()}>{t('app.fleet')}</BreadcrumbItem>
        <BreadcrumbItem isActive>{cleanLine(host.name)}</BreadcrumbItem>
      </Breadcrumb>
      <div className="mp-head">
        <h1>{cleanLine(host.name)}</h1>
        <StateLabel state={build.state} />
        <LiveMark liveness={liveness} now={now} />
        <div className="mp-actions">
          <Copy variant="secondary" label={t('host.share')} text={() => location.href} />
          {!old && <Mute name={host.name} muted={page.muted} session={session} onDone={soon} />}
          <Actions build={build} session={session} onDone={soon} />
        </div>
      </div>
      {page.as_of && (
        <Alert isInline variant="warning" component="h2" title={t('live.asOf', { time: moment(Date.parse(page.as_of), now) })} />
      )}
      {old && (
        <Alert
          isInline
          variant="info"
          component="h2"
          title={t('host.old')}
          actionLinks={<a href={hostHref(host.name)}>{t('host.toLatest')}</a>}
        />
      )}
      <Card className="mp-hero">
        <CardBody>
          <Bar name={host.name} state={build.state} percent={build.percent} isLarge />
          <p className="mp-says">
            {build.current_step && <strong>{cleanLine(build.current_step.name)}</strong>}
            {build.last_message && <span>{cleanLine(build.last_message)}</span>}
            {build.state === 'failed' && (
              <a href={hostHref(name, { ...chosen, step: undefined, text: undefined, status: 'failed', log: failed?.id })}>
                {t('host.showFailed')}
              </a>
            )}
          </p>
          <dl className="mp-numbers">
            <div>
              <dt>{t('host.elapsed')}</dt>
              <dd>{duration((end - began) / 1000)}</dd>
            </div>
            {page.eta && !old && (
              <div>
                <dt>{t('host.left')}</dt>
                <dd>
                  {duration(page.eta.seconds)}{' '}
                  <span className="mp-quiet">
                    {t('host.leftRange', { low: duration(page.eta.low_seconds), high: duration(page.eta.high_seconds) })}
                  </span>
                </dd>
              </div>
            )}
            <div>
              <dt>{t('host.lastReport')}</dt>
              <dd>
                {build.last_report_at ? (
                  <When at={build.last_report_at} now={now}>
                    {t('host.ago', { duration: duration((now - Date.parse(build.last_report_at)) / 1000) })}
                  </When>
                ) : (
                  t('host.never')
                )}
              </dd>
            </div>
            <div>
              <dt>{t('host.started')}</dt>
              <dd>
                <When at={build.started_at} now={now} />
              </dd>
            </div>
            {build.ended_at && (
              <div>
                <dt>{t('host.ended')}</dt>
                <dd>
                  <When at={build.ended_at} now={now} />
                </dd>
              </div>
            )}
            <div>
              <dt>{t('host.attempt')}</dt>
              <dd>{build.attempt}</dd>
            </div>
            <div>
              <dt>{t('host.workflow')}</dt>
              <dd>{build.workflow}</dd>
            </div>
          </dl>
          {page.eta && !old && (
            <p className="mp-quiet">
              {page.eta.overdue &&
                `${t('host.overdue', { by: duration(page.eta.overdue.by_seconds), usual: duration(page.eta.overdue.usually_seconds) })} `}
              {t('host.basis', { basis: cleanLine(page.eta.basis) })}
            </p>
          )}
        </CardBody>
      </Card>
      {!old && <Signals signals={page.signals} now={now} />}
      <div className={old ? undefined : 'mp-split'}>
        {!old && (
          <Card className="mp-steps">
            <CardTitle component="h2">{t('host.steps')}</CardTitle>
            <CardBody>
              <Stepper steps={page.steps} current={page.current_step?.label} />
            </CardBody>
          </Card>
        )}
        <div className="mp-column">
          <Card>
            <CardTitle component="h2">{t('host.timeline')}</CardTitle>
            <CardBody>
              {reports ? <Timeline reports={reports} from={began} to={end} typical={typical} /> : <Loading />}
            </CardBody>
          </Card>
          <Card>
            <CardTitle component="h2">{t('host.stream')}</CardTitle>
            <CardBody>
              {reports ? (
                <Stream
                  key={build.id}
                  name={host.name}
                  reports={reports}
                  now={now}
                  filter={filter}
                  onFilter={({ step, status, text }) => choose({ step, status, text, log: undefined })}
                  isCut={isCut}
                  opened={query.get('log') ?? undefined}
                  loadLog={getLog}
                  logUrl={logUrl}
                />
              ) : (
                <Loading />
              )}
            </CardBody>
          </Card>
        </div>
      </div>
      <div className="mp-column mp-after">
        <Earlier host={host.name} latest={page.build} shown={build.id} now={now} />
        <Facts host={host} />
      </div>
    </>
  );
}
