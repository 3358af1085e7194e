// The time line of a build, to scale. The rule it protects: equal widths are equal times, in every lane.
import * as React from 'react';
import type { Report } from '../api/client';
import { cleanLine } from '../clean';
import { duration, moment } from '../format';
import { counted, t, word } from '../messages';
import { lanesOf, ticks, type Box } from './lanes';

const LANE = 48;
const BOX = 26;
const AXIS = 26;

interface Props {
  reports: Report[];
  /** When the build was opened, and up to when it is drawn; milliseconds. */
  from: number;
  to: number;
  /** How long steps usually take, in seconds, by their labels. */
  typical: ReadonlyMap<string, number>;
}

export function Timeline({ reports, from, to, typical }: Props): React.ReactElement {
  const lanes = lanesOf(reports, from, to);
  if (lanes.length === 0) return <p className="mp-quiet">{t('timeline.empty')}</p>;
  const usually = ({ label }: { label: string }) => (typical.get(label) || 0) * 1000;
  // What is under way has room for what it usually takes.
  const end = (box: Box) => (box.state === 'running' ? Math.max(box.to, box.from + usually(box)) : box.to);
  const last = Math.max(to, ...lanes.map(({ boxes }) => Math.max(...boxes.map(end))));
  const whole = Math.max(last - from, 1000);
  const x = (at: number) => `${(((at - from) / whole) * 100).toFixed(3)}%`;
  const width = (ms: number) => `${Math.max((ms / whole) * 100, 0.3).toFixed(3)}%`;
  const says = (box: Box) => {
    const usual = usually(box) > 0 ? ` (${t('steps.usually', { duration: duration(usually(box) / 1000) })})` : '';
    const took = duration((box.to - box.from) / 1000);
    return `${cleanLine(box.name)}: ${word('step', box.state)}\n${moment(box.from, to)}, ${took}${usual}`;
  };
  const isCompared = lanes.some(({ boxes }) => boxes.some((box) => usually(box) > 0));
  const height = lanes.length * LANE + AXIS;
  const label = counted('timeline.label', lanes.length, { duration: duration(whole / 1000) });
  return (
    <>
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
            {lane.boxes.map((box) =>
              usually(box) > 0 ? (
                <rect
                  key={`usually ${box.label} ${box.from}`}
                  className="mp-typical"
                  x={x(box.from)}
                  y={i * LANE + 16}
                  width={width(Math.min(usually(box), last - box.from))}
                  height={BOX + 4}
                  rx={3}
                />
              ) : null,
            )}
            {lane.boxes.map((box) => (
              <svg
                key={`${box.label} ${box.from}`}
                x={x(box.from)}
                y={i * LANE + 18}
                width={width(box.to - box.from)}
                height={BOX}
              >
                <title>{says(box)}</title>
                <rect className={`mp-box mp-box-${box.state}`} width="100%" height={BOX} rx={2} />
                {/* HTML, since SVG cannot shorten a text to its box. */}
                <foreignObject width="100%" height={BOX}>
                  <div className="mp-box-text">
                    <span>{cleanLine(box.name)}</span>
                  </div>
                </foreignObject>
              </svg>
            ))}
          </g>
        ))}
      </svg>
      {isCompared && <p className="mp-quiet">{t('timeline.typical')}</p>}
    </>
  );
}
