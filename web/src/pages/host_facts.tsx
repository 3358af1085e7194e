// What Foreman says of a host. The rule it protects: a fact that is not known takes no room.
import * as React from 'react';
import { Card, CardBody, CardTitle, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from '@patternfly/react-core';
import type { Host } from '../api/client';
import { cleanLine } from '../clean';
import { t } from '../messages';

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
