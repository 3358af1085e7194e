// What Foreman says of a host, and the builds it had. The rule it protects: a fact that is not known takes no room.
import * as React from 'react';
import { Card, CardBody, CardTitle, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from '@patternfly/react-core';
import { listHostBuilds, type Build, type Host } from '../api/client';
import { cleanLine } from '../clean';
import { duration } from '../format';
import { t } from '../messages';
import { hostHref } from '../place';
import { StateLabel } from '../widgets/state';
import { When } from '../widgets/when';

export function Facts({ host }: { host: Host }): React.ReactElement {
  const facts = [
    [t('host.location'), host.location],
    [t('host.organization'), host.organization],
    [t('host.hostgroup'), host.hostgroup],
    [t('host.operatingsystem'), host.operatingsystem],
    [t('host.model'), host.model],
    [t('host.mac'), host.mac],
    [t('host.ip'), host.ip],
    [t('host.foremanId'), host.foreman_id?.toString()],
  ] as const;
  return (
    <Card>
      <CardTitle component="h2">{t('host.facts')}</CardTitle>
      <CardBody>
        <DescriptionList isCompact isHorizontal columnModifier={{ default: '1Col', xl: '2Col' }}>
          {facts.map(
            ([name, value]) =>
              value && (
                <DescriptionListGroup key={name}>
                  <DescriptionListTerm>{name}</DescriptionListTerm>
                  <DescriptionListDescription>{cleanLine(value)}</DescriptionListDescription>
                </DescriptionListGroup>
              ),
          )}
        </DescriptionList>
      </CardBody>
    </Card>
  );
}

interface EarlierProps {
  host: string;
  /** When it is another, or in another state, the list is asked for anew. */
  latest: Build;
  shown: string;
  now: number;
}

export function Earlier({ host, latest, shown, now }: EarlierProps): React.ReactElement | null {
  const [builds, setBuilds] = React.useState<Build[]>([]);
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
  return (
    <Card>
      <CardTitle component="h2">{t('host.earlier')}</CardTitle>
      <CardBody>
        <ul className="mp-builds">
          {builds.map((build) => (
            <li key={build.id} aria-current={build.id === shown ? 'true' : undefined}>
              <a href={hostHref(host, { build: build.id === latest.id ? undefined : build.id })}>
                <When at={build.started_at} now={now} />
              </a>
              <StateLabel state={build.id === latest.id ? latest.state : build.state} isCompact />
              <span className="mp-quiet">
                {build.workflow}, {duration(build.elapsed_seconds)}
                {build.id === shown && ` · ${t('host.thisBuild')}`}
              </span>
            </li>
          ))}
        </ul>
      </CardBody>
    </Card>
  );
}
