// What is chosen, in the address and in the search.
import { expect, test } from 'vitest';
import { queryOf } from '../src/pages/fleet_query';
import { fleetHref, hostHref, pageHref, PAGES, parse } from '../src/place';

test('an address reads back as what was chosen', () => {
  const place = parse(hostHref('web1.example.com', { text: 'a b&c=d?#', step: undefined }));
  expect(place.host).toBe('web1.example.com');
  expect(Object.fromEntries(place.query)).toEqual({ text: 'a b&c=d?#' });
  expect(parse(fleetHref({ search: 'os = "RedHat 9.4"' })).query.get('search')).toBe('os = "RedHat 9.4"');
});

test('every page has an address of its own, and leads to no host', () => {
  for (const page of PAGES) {
    const place = parse(pageHref(page, { search: 'state = failed' }));
    expect([place.page, place.host, place.query.get('search')]).toEqual([page, undefined, 'state = failed']);
  }
  expect(new Set(PAGES.map((page) => pageHref(page))).size).toBe(PAGES.length);
});

test('an address that nobody made leads to the fleet', () => {
  for (const hash of ['', '#', '#/', '#/nowhere', '#/hosts/', '#/hosts/%E0%A4%A']) expect(parse(hash).host).toBeUndefined();
});

test('what was typed is one condition, so that an `or` in it takes nothing of ours along', () => {
  const { search, order } = queryOf({ search: ' brno or praha ', state: 'failed', order: 'silent', older: false });
  expect(search).toBe('(brno or praha) and state = failed and (null? ended_at or ended_at > "24 hours ago")');
  expect(order).toBe('last_report_at ASC');
  expect(queryOf({ search: '', state: '', order: 'toString', older: true })).toEqual({ search: '', order: 'started_at DESC' });
});
