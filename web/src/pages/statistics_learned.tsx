// How long steps usually take, as the service learned it from builds that completed. The rule it protects: it is said whose
// times they are, and whether there are enough of them to be used.
import * as React from 'react';
import { Card, CardBody, CardTitle, FormSelect, FormSelectOption } from '@patternfly/react-core';
import { listTimings } from '../api/client';
import { useAsked } from '../asked';
import { Table } from '../charts/table';
import { cleanLine } from '../clean';
import { duration } from '../format';
import { counted, spoken, t } from '../messages';

export function Learned(): React.ReactElement | null {
  const { found } = useAsked('timings', listTimings);
  const [wanted, setWanted] = React.useState<string>();
  // The rest of the page says it when the service cannot be reached.
  if (!found) return null;
  const shown = found.results.find(({ key }) => key === wanted) ?? found.results[0];
  return (
    <Card className="mp-learned">
      <CardTitle component="h2">{t('learned.title')}</CardTitle>
      <CardBody>
        <p className="mp-quiet">{t('learned.text')}</p>
        {!shown ? (
          <p>{t('learned.empty')}</p>
        ) : (
          <>
            <div className="mp-tools">
              <FormSelect aria-label={t('learned.whose')} value={shown.key} onChange={(_event, key) => setWanted(key)}>
                {found.results.map(({ key }) => (
                  <FormSelectOption key={key} value={key} label={cleanLine(key)} />
                ))}
              </FormSelect>
              <span className="mp-quiet">
                {counted('learned.builds', shown.builds)}
                {!shown.is_enough && ` · ${t('learned.few')}`}
              </span>
            </div>
            <Table
              caption={t('learned.title')}
              columns={[t('fleet.step'), t('statistics.median'), t('statistics.p90'), t('learned.share')]}
              bars={t('statistics.bars')}
              rows={shown.steps.map((step) => ({
                key: step.label,
                name: <code>{step.label}</code>,
                bar: { to: step.median_seconds, lighter: step.p90_seconds },
                cells: [
                  duration(step.median_seconds),
                  duration(step.p90_seconds),
                  step.share.toLocaleString(spoken(), { style: 'percent', maximumFractionDigits: 0 }),
                ],
              }))}
            />
          </>
        )}
      </CardBody>
    </Card>
  );
}
