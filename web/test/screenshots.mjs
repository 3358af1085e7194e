// The pictures of README and docs, taken of a fleet that `milepost demo` plays; tests/browser/pictures.rs starts both and calls
// this (make screenshots). The rule it protects: what is shown is what there is; a picture is taken when what it is about is seen.
import assert from 'node:assert/strict';
import { open } from './chromium.mjs';

const { MILEPOST_URL: url, MILEPOST_LINK: link } = process.env;
assert(url && link, 'MILEPOST_URL and MILEPOST_LINK are needed');
const { page, picture, signIn, play } = await open((asked) => !asked.startsWith(`${url}/`), { viewport: { width: 1440, height: 860 } });

const go = (hash) => page.goto(`${url}/#/${hash}`);
const failed = page.locator('.mp-rows-body .mp-row-failed');
const rows = page.locator('.mp-rows-body .mp-row a');
/** Nothing moves and nothing is pointed at. */
const still = async () => {
  await page.mouse.move(0, 0);
  await page.evaluate(() => document.fonts.ready);
};

const acts = {
  async 'the fleet, while some are under way and one has failed'() {
    await signIn(link);
    // It takes a while until one has failed and another has got through.
    await failed.first().waitFor({ timeout: 120_000 });
    await page.locator('.mp-rows-body .mp-row-completed').first().waitFor({ timeout: 120_000 });
    await still();
    await picture('fleet');
  },

  async 'the same in the dark, on a phone'() {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await rows.first().waitFor();
    await still();
    await picture('phone');
    await page.setViewportSize({ width: 1440, height: 860 });
  },

  async 'the fleet in the dark, by location'() {
    await go('?order=location');
    await page.getByRole('rowheader', { name: 'brno' }).waitFor();
    await still();
    await picture('dark');
    await page.emulateMedia({ colorScheme: 'light' });
  },

  async 'a host that failed, with the end of its log'() {
    await go('?state=failed&search=demo');
    await failed.first().getByRole('link').click();
    await page.getByRole('button', { name: /^log,/ }).last().click();
    await page.locator('.mp-log pre').waitFor();
    await page.evaluate(() => scrollTo(0, 0));
    await still();
    await picture('host', { fullPage: true });
  },

  async 'a month in numbers'() {
    await go('statistics');
    await page.getByRole('img', { name: /builds from/ }).waitFor();
    await page.getByRole('heading', { name: 'How long steps usually take' }).waitFor();
    await still();
    await picture('statistics', { clip: { x: 0, y: 0, width: 1440, height: 1100 }, fullPage: true });
  },

  async 'the plans of the workflows'() {
    await go('workflows');
    await page.locator('.mp-plan').first().waitFor();
    await still();
    await picture('workflows');
  },
};

process.exitCode = await play(acts);
