// What the fleet asks the service for. The rule it protects: what was typed is one condition among ours, whatever is in it.
export interface Chosen {
  search: string;
  state: string;
  order: string;
  /** Builds that ended more than a day ago, too. */
  older: boolean;
}

export const ORDERS = {
  newest: 'started_at DESC',
  oldest: 'started_at ASC',
  report: 'last_report_at DESC',
  silent: 'last_report_at ASC',
  name: 'name ASC',
  state: 'state ASC',
  step: 'step ASC',
  location: 'location ASC',
} as const;
export type Order = keyof typeof ORDERS;

export const isOrder = (text: string): text is Order => Object.keys(ORDERS).includes(text);

const RECENT = '(null? ended_at or ended_at > "24 hours ago")';

export function queryOf({ search, state, order, older }: Chosen): { search: string; order: string } {
  const conditions = [search.trim() && `(${search.trim()})`, state && `state = ${state}`, older ? '' : RECENT];
  return {
    search: conditions.filter(Boolean).join(' and '),
    order: isOrder(order) ? ORDERS[order] : ORDERS.newest,
  };
}
