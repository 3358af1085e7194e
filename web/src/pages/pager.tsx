// The pages of a list, one after the other. The rule it protects: which page it is stands in the address.
import * as React from 'react';
import { Button } from '@patternfly/react-core';
import { spoken, t } from '../messages';
import { choose } from '../place';

export const PER_PAGE = 50;

export const pageOf = (query: URLSearchParams): number => Math.max(1, Math.floor(Number(query.get('page'))) || 1);

const toPage = (page: number): void => {
  choose({ page: page > 1 ? String(page) : undefined });
  scrollTo(0, 0);
};

/** `count`: how many there are in all. */
export function Pager({ page, count }: { page: number; count: number }): React.ReactElement | null {
  const last = Math.max(1, Math.ceil(count / PER_PAGE));
  if (last === 1) return null;
  const number = (n: number) => n.toLocaleString(spoken());
  return (
    <nav className="mp-tools" aria-label={t('pager.label')}>
      <Button variant="secondary" isDisabled={page <= 1} onClick={() => toPage(page - 1)}>
        {t('pager.newer')}
      </Button>
      <span aria-live="polite">{t('pager.at', { page: number(page), last: number(last) })}</span>
      <Button variant="secondary" isDisabled={page >= last} onClick={() => toPage(page + 1)}>
        {t('pager.older')}
      </Button>
    </nav>
  );
}
