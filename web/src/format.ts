// Times, durations and sizes as people read them. The rule it protects: times are in the viewer's zone, and UTC is at hand.
import { spoken } from './messages';

/** Seconds in the two units that matter: `8 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pair = (big: number, unit: string, small: number, part: string) =>
    small > 0 ? `${big} ${unit} ${small} ${part}` : `${big} ${unit}`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 86_400) return pair(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min');
  return pair(Math.floor(whole / 86_400), 'd', Math.floor((whole % 86_400) / 3600), 'h');
}

/** The same in one unit, for a column. */
export function age(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  return whole < 86_400 ? `${Math.floor(whole / 3600)} h` : `${Math.floor(whole / 86_400)} d`;
}

/** The time of day; with the date when that is another than today's. */
export function moment(at: number, now: number): string {
  const isToday = new Date(at).toDateString() === new Date(now).toDateString();
  const style: Intl.DateTimeFormatOptions = isToday ? { timeStyle: 'medium' } : { dateStyle: 'medium', timeStyle: 'short' };
  return new Intl.DateTimeFormat(region(), { ...style, hourCycle: 'h23' }).format(at);
}

/** The language that is spoken, as it is written where the viewer is. */
export const region = (): string => navigator.languages.find((wish) => wish.startsWith(spoken())) ?? spoken();

export const utc = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

export function bytes(n: number): string {
  const units: [number, string][] = [
    [1024 * 1024, 'MiB'],
    [1024, 'KiB'],
  ];
  const [size, unit] = units.find(([size]) => n >= size) ?? [1, 'B'];
  return `${(n / size).toLocaleString(spoken(), { maximumFractionDigits: 1 })} ${unit}`;
}
