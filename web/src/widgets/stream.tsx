// The reports of a build, as one reads syslog. The rule it protects: the newest is in view until somebody scrolls away, and
// nothing that a machine sent is more than text.
import * as React from 'react';
import { Button, FormSelect, FormSelectOption, Switch, TextInput } from '@patternfly/react-core';
import type { Report } from '../api/client';
import { cleanLine } from '../clean';
import { bytes, moment, utc } from '../format';
import { t, word } from '../messages';
import { Copy } from './copy';
import { Log } from './log';
import { save } from './save';
import { When } from './when';

const HOUR = 3_600_000;

export interface Filter {
  step?: string;
  status?: string;
  text?: string;
}

interface Props {
  /** What a download is called. */
  name: string;
  reports: Report[];
  now: number;
  filter: Filter;
  onFilter: (filter: Filter) => void;
  /** That there were more, which are no longer here. */
  isCut: boolean;
  /** The id of the report whose log is to be seen. */
  opened?: string;
  loadLog: (report: Report) => Promise<string>;
  logUrl: (report: Report) => string;
}

export const matches = (report: Report, { step, status, text }: Filter): boolean =>
  (!step || report.label === step) &&
  (!status || (report.status || 'none') === status) &&
  (!text || `${report.name || ''} ${report.label} ${report.message || ''}`.toLowerCase().includes(text.toLowerCase()));

const line = (report: Report): string =>
  [
    utc(Date.parse(report.received_at)),
    `${report.attempt}`,
    report.label,
    report.status || '-',
    cleanLine(report.message || ''),
  ].join('\t');

export function Stream(props: Props): React.ReactElement {
  const { reports, now, filter, onFilter, isCut } = props;
  const [isFollowing, setFollowing] = React.useState(true);
  const view = React.useRef<HTMLDivElement>(null);
  const shown = reports.filter((report) => matches(report, filter));
  const newest = shown.length > 0 ? shown[shown.length - 1]?.id : undefined;

  React.useEffect(() => {
    const toNewest = () => {
      if (isFollowing && view.current) view.current.scrollTop = view.current.scrollHeight;
    };
    toNewest();
    // A phone that is turned shows other lines.
    window.addEventListener('resize', toNewest);
    return () => window.removeEventListener('resize', toNewest);
  }, [isFollowing, newest]);

  const scrolled = () => {
    const at = view.current;
    if (at) setFollowing(at.scrollHeight - at.scrollTop - at.clientHeight < 8);
  };
  const hour = Math.floor(now / HOUR) * HOUR;
  const names = new Map(reports.map((report) => [report.label, report.name || report.label] as const));
  const statuses = ['init', 'done', 'failed', 'none'];
  const count = t('stream.shown', { shown: shown.length, n: reports.length });

  return (
    <>
      <div className="mp-tools">
        <FormSelect
          aria-label={t('stream.step')}
          value={filter.step || ''}
          onChange={(_event, step) => onFilter({ ...filter, step })}
        >
          <FormSelectOption value="" label={`${t('stream.step')}: ${t('stream.any')}`} />
          {Array.from(names, ([label, name]) => (
            <FormSelectOption key={label} value={label} label={cleanLine(name)} />
          ))}
        </FormSelect>
        <FormSelect
          aria-label={t('stream.status')}
          value={filter.status || ''}
          onChange={(_event, status) => onFilter({ ...filter, status })}
        >
          <FormSelectOption value="" label={`${t('stream.status')}: ${t('stream.any')}`} />
          {statuses.map((status) => (
            <FormSelectOption key={status} value={status} label={word('status', status)} />
          ))}
        </FormSelect>
        <TextInput
          type="search"
          aria-label={t('stream.text')}
          placeholder={t('stream.text')}
          value={filter.text || ''}
          onChange={(_event, text) => onFilter({ ...filter, text })}
        />
        <span className="mp-quiet" aria-live="polite">
          {count}
        </span>
        <Switch id="stream-follow" label={t('stream.follow')} isChecked={isFollowing} onChange={(_event, on) => setFollowing(on)} />
        <Copy variant="secondary" text={() => shown.map(line).join('\n')} />
        <Button variant="secondary" onClick={() => save(`${props.name}.reports.txt`, shown.map(line).join('\n'))}>
          {t('stream.download')}
        </Button>
      </div>
      {isCut && <p className="mp-quiet">{t('stream.dropped', { n: reports.length })}</p>}
      {/* What scrolls must be within reach of the keyboard. */}
      <div className="mp-stream" role="region" aria-label={t('host.stream')} tabIndex={0} ref={view} onScroll={scrolled}>
        {shown.length === 0 && <p className="mp-quiet">{t(reports.length ? 'stream.noMatch' : 'stream.empty')}</p>}
        <ol>
          {shown.map((report) => (
            <Line
              key={report.id}
              report={report}
              isAsked={report.id === props.opened}
              hour={hour}
              load={props.loadLog}
              logUrl={props.logUrl}
            />
          ))}
        </ol>
      </div>
    </>
  );
}

interface LineProps {
  report: Report;
  /** That its log is to be seen. */
  isAsked: boolean;
  /** Now, but only by the hour, so that a line is not drawn anew each second. */
  hour: number;
  load: (report: Report) => Promise<string>;
  logUrl: (report: Report) => string;
}

const Line = React.memo(function Line({ report, isAsked, hour, load, logUrl }: LineProps): React.ReactElement {
  const [isOpen, setOpen] = React.useState(isAsked);
  React.useEffect(() => {
    if (isAsked) setOpen(true);
  }, [isAsked]);
  const at = Date.parse(report.received_at);
  const isRecent = Math.abs(hour - at) < 20 * HOUR;
  return (
    <li className={`mp-report mp-report-${report.status || 'none'}`}>
      <span className="mp-report-at">
        <When at={report.received_at} now={hour}>
          {isRecent ? new Date(at).toTimeString().slice(0, 8) : moment(at, hour)}
        </When>
      </span>
      <span className="mp-report-step">{cleanLine(report.name || report.label)}</span>
      <span className="mp-report-status">{word('status', report.status || 'none')}</span>
      <span className="mp-report-message">
        {report.message && cleanLine(report.message)}
        {report.percentage !== undefined && <span className="mp-quiet"> {Math.round(report.percentage)} %</span>}{' '}
        {report.log_bytes > 0 && (
          <Button variant="link" isInline aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {t('stream.log', { size: bytes(report.log_bytes) })}
          </Button>
        )}
      </span>
      {isOpen && <Log report={report} load={load} url={logUrl(report)} />}
    </li>
  );
});
