// The time line of a build, to scale. The rule it protects: equal widths are equal times, in every lane.
import * as React from 'react';
import type { Report } from '../api/client';
import { cleanLine } from '../clean';
import { duration, moment } from '../format';
import { counted, t, word } from '../messages';
import { lanesOf, ticks } from './lanes';

const LANE = 44;
const BOX = 26;
const AXIS = 26;

interface Props {
  reports: Report[];
  /** When the build was opened, and up to when it is drawn; milliseconds. */
  from: number;
  to: number;
}

export function Timeline({ reports, from, to }: Props): React.ReactElement {
  const lanes = lanesOf(reports, from, to);
  if (lanes.length === 0) return <p className="mp-quiet">{t('timeline.empty')}</p>;
  const last = Math.max(to, ...lanes.map(({ boxes }) => Math.max(...boxes.map((box) => box.to))));
  const whole = Math.max(last - from, 1000);
  const x = (at: number) => `${(((at - from) / whole) * 100).toFixed(3)}%`;
  const share = (box: { from: number; to: number }) => (box.to - box.from) / whole;
  const height = lanes.length * LANE + AXIS;
  const label = counted('timeline.label', lanes.length, { duration: duration(whole / 1000) });
  return (
    <svg className="mp-timeline" role="img" aria-label={label} width="100%" height={height}>
      {ticks(whole / 1000, 6).map((second) => (
        <g key={second}>
          <line className="mp-tick" x1={x(from + second * 1000)} x2={x(from + second * 1000)} y1={0} y2={height - AXIS + 6} />
          <svg x={x(from + second * 1000)} y={height - AXIS} overflow="visible">
            {/* The last stays within the drawing. */}
            <text className="mp-axis" y={20} textAnchor={second * 1000 > whole * 0.85 ? 'end' : 'start'}>
              {second === 0 ? moment(from, to) : `+${duration(second)}`}
            </text>
          </svg>
        </g>
      ))}
      {lanes.map((lane, i) => (
        <g key={lane.attempt} data-attempt={lane.attempt}>
          <text className="mp-axis" x={0} y={i * LANE + 11}>
            {t('timeline.attempt', { n: lane.attempt })}
          </text>
          {lane.boxes.map((box) => (
            <svg
              key={`${box.label} ${box.from}`}
              x={x(box.from)}
              y={i * LANE + 15}
              width={`${Math.max(share(box) * 100, 0.3).toFixed(3)}%`}
              height={BOX}
            >
              <title>
                {`${cleanLine(box.name)}: ${word('step', box.state)}\n${moment(box.from, to)}, ${duration((box.to - box.from) / 1000)}`}
              </title>
              <rect className={`mp-box mp-box-${box.state}`} width="100%" height={BOX} rx={2} />
              {/* HTML, since SVG cannot shorten a text to its box. */}
              <foreignObject className="mp-box-text" width="100%" height={BOX}>
                <span>{cleanLine(box.name)}</span>
              </foreignObject>
            </svg>
          ))}
        </g>
      ))}
    </svg>
  );
}
