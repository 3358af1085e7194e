// The builds that a host had, side by side. The rule it protects: equal lengths are equal times, and what is compared is what
// the machines reported, nothing that was guessed.
import * as React from 'react';
import { Button, Card, CardBody, CardTitle } from '@patternfly/react-core';
import { listHostBuilds, listReports, REPORTS_PER_PAGE, type Build, type Report } from '../api/client';
import { cleanLine } from '../clean';
import { duration } from '../format';
import { t, word } from '../messages';
import { hostHref } from '../place';
import { lanesOf, type Box } from '../widgets/lanes';
import { StateLabel } from '../widgets/state';
import { When } from '../widgets/when';
import { Loading } from './trouble';

/** So many columns fit beside each other. */
const COMPARED = 4;
/** Of a build that said more, the first: its steps are told early. */
const PAGES_MAX = 5;

interface Props {
  host: string;
  /** When it is another, or in another state, the list is asked for anew. */
  latest: Build;
  shown: string;
  now: number;
}

export function Earlier({ host, latest, shown, now }: Props): React.ReactElement | null {
  const [builds, setBuilds] = React.useState<Build[]>([]);
  const [isComparing, setComparing] = React.useState(false);
  React.useEffect(() => {
    const request = new AbortController();
    listHostBuilds(host, { order: 'started_at DESC', per_page: '20' }, request.signal).then(
      ({ results }) => setBuilds(results),
      // The rest of the page says it when the service cannot be reached.
      () => undefined,
    );
    return () => request.abort();
  }, [host, latest.id, latest.state]);
  if (builds.length === 0) return null;
  const current = builds.map((build) => (build.id === latest.id ? latest : build));
  const longest = Math.max(1, ...current.map((build) => build.elapsed_seconds));
  return (
    <Card>
      <CardTitle component="h2">{t('host.earlier')}</CardTitle>
      <CardBody>
        <div className="mp-scroll" role="region" tabIndex={0} aria-label={t('host.earlier')}>
          <table className="mp-table">
            <thead>
              <tr>
                <th scope="col">{t('host.started')}</th>
                <th scope="col">{t('fleet.state')}</th>
                <th scope="col" className="mp-wide">
                  {t('host.elapsed')}
                </th>
                <th scope="col">{t('host.attempt')}</th>
                <th scope="col">{t('host.stream')}</th>
                <th scope="col">{t('host.workflow')}</th>
              </tr>
            </thead>
            <tbody>
              {current.map((build) => (
                <tr key={build.id} aria-current={build.id === shown ? 'true' : undefined}>
                  <td>
                    <a href={hostHref(host, { build: build.id === latest.id ? undefined : build.id })}>
                      <When at={build.started_at} now={now} />
                    </a>
                    {build.id === shown && <span className="mp-quiet"> {t('host.thisBuild')}</span>}
                  </td>
                  <td>
                    <StateLabel state={build.state} isCompact />
                  </td>
                  <td>
                    <svg className="mp-length" width="100%" height="8" aria-hidden="true">
                      <rect
                        className={`mp-length-${build.state}`}
                        width={`${((build.elapsed_seconds / longest) * 100).toFixed(2)}%`}
                        height="8"
                        rx="2"
                      />
                    </svg>
                    {duration(build.elapsed_seconds)}
                  </td>
                  <td className="mp-number">{build.attempt}</td>
                  <td className="mp-number">{build.reports.toLocaleString()}</td>
                  <td>{build.workflow}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {current.length > 1 && (
          <Button variant="link" isInline aria-expanded={isComparing} onClick={() => setComparing(!isComparing)}>
            {t(isComparing ? 'earlier.hide' : 'earlier.compare')}
          </Button>
        )}
        {isComparing && <Steps builds={compared(current, shown)} now={now} />}
      </CardBody>
    </Card>
  );
}

/** The one that is shown, and the newest beside it. */
function compared(builds: Build[], shown: string): Build[] {
  const others = builds.filter(({ id }) => id !== shown).slice(0, COMPARED - 1);
  return builds.filter((build) => build.id === shown || others.includes(build));
}

async function reportsOf(build: Build, signal: AbortSignal): Promise<Report[]> {
  const all: Report[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await listReports(build.id, cursor, signal);
    all.push(...answer.results);
    cursor = answer.cursor ?? cursor;
    if (answer.results.length < REPORTS_PER_PAGE) break;
  }
  return all;
}

interface Column {
  build: Build;
  /** The runs of its last attempt, by step. */
  boxes: Map<string, Box>;
}

function columnOf(build: Build, reports: Report[]): Column {
  const began = Date.parse(build.started_at);
  const lanes = lanesOf(reports, began, began + build.elapsed_seconds * 1000);
  const boxes = new Map((lanes[lanes.length - 1]?.boxes ?? []).map((box) => [box.label, box]));
  return { build, boxes };
}

function Steps({ builds, now }: { builds: Build[]; now: number }): React.ReactElement {
  const [columns, setColumns] = React.useState<Column[]>();
  const [failure, setFailure] = React.useState<string>();
  const key = builds.map(({ id, reports, state }) => `${id} ${reports} ${state}`).join();
  React.useEffect(() => {
    const request = new AbortController();
    const all = builds.map(async (build) => columnOf(build, await reportsOf(build, request.signal)));
    Promise.all(all).then(
      (found) => {
        setColumns(found);
        setFailure(undefined);
      },
      (error: unknown) => {
        if (!request.signal.aborted) setFailure(error instanceof Error ? error.message : String(error));
      },
    );
    return () => request.abort();
    // The builds that are meant, by what they said.
  }, [key]);
  if (failure !== undefined) return <p>{t('earlier.failed', { detail: failure })}</p>;
  if (!columns) return <Loading />;
  const names = new Map(columns.flatMap(({ boxes }) => Array.from(boxes.values(), ({ label, name }) => [label, name] as const)));
  const longest = Math.max(1, ...columns.flatMap(({ boxes }) => Array.from(boxes.values(), ({ from, to }) => to - from)));
  return (
    <div className="mp-scroll" role="region" tabIndex={0} aria-label={t('earlier.steps')}>
      <table className="mp-table">
        <caption className="mp-quiet">{t('earlier.caption')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('stream.step')}</th>
            {columns.map(({ build }) => (
              <th scope="col" key={build.id}>
                <When at={build.started_at} now={now} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from(names, ([label, name]) => (
            <tr key={label}>
              <th scope="row">{cleanLine(name)}</th>
              {columns.map(({ build, boxes }) => {
                const box = boxes.get(label);
                return (
                  <td key={build.id}>
                    {box ? (
                      <>
                        <svg className="mp-length" width="100%" height="8" aria-hidden="true">
                          <rect className={`mp-box-${box.state}`} width={`${Math.max(((box.to - box.from) / longest) * 100, 0.5).toFixed(2)}%`} height="8" rx="2" />
                        </svg>
                        {duration((box.to - box.from) / 1000)}
                        {box.state !== 'done' && ` · ${word('step', box.state)}`}
                      </>
                    ) : (
                      <span className="mp-quiet">{t('earlier.none')}</span>
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
