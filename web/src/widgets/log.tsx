// The log that came with a report, opened in place. The rule it protects: its end is in view, since that is where it failed.
import * as React from 'react';
import type { Report } from '../api/client';
import { cleanLine, cleanText } from '../clean';
import { t } from '../messages';
import { Copy } from './copy';

interface Props {
  report: Report;
  load: (report: Report) => Promise<string>;
  /** Where it is as it came, for a download. */
  url: string;
}

export function Log({ report, load, url }: Props): React.ReactElement {
  const [text, setText] = React.useState<string>();
  const [failure, setFailure] = React.useState<string>();
  const pre = React.useRef<HTMLPreElement>(null);

  React.useEffect(() => {
    let isHere = true;
    load(report).then(
      (log) => isHere && setText(cleanText(log)),
      (error: unknown) => isHere && setFailure(error instanceof Error ? error.message : String(error)),
    );
    return () => {
      isHere = false;
    };
    // A log never changes.
  }, [report.id]);

  React.useEffect(() => {
    if (pre.current) {
      pre.current.scrollTop = pre.current.scrollHeight;
      if (pre.current.scrollIntoView) pre.current.scrollIntoView({ block: 'nearest' });
    }
  }, [text]);

  if (failure !== undefined) return <p className="mp-log-failed">{t('stream.logFailed', { detail: failure })}</p>;
  if (text === undefined) return <p className="mp-quiet">{t('stream.logLoading')}</p>;
  return (
    <div className="mp-log">
      <div className="mp-log-tools">
        <Copy variant="link" text={() => text} />
        <a href={url} download={`${report.label}.log`}>
          {t('stream.download')}
        </a>
      </div>
      <pre role="region" tabIndex={0} ref={pre} aria-label={t('stream.logOf', { step: cleanLine(report.name || report.label) })}>
        {text}
      </pre>
    </div>
  );
}
