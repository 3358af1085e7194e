// A host, seen whole: what is typical, what it was before, what there is to copy, to print, and to decide.
//
//   MILEPOST_URL=... MILEPOST_LINK=.../sign-in?link=... MILEPOST_TOKEN=... REPORTS_TO=.../unattended/step/TOKEN \
//   PICTURES=/tmp node web/test/host.mjs
//
// tests/browser/main.rs says what the service has seen.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { open } from './chromium.mjs';

const { MILEPOST_URL: url, MILEPOST_LINK: link, MILEPOST_TOKEN: token, REPORTS_TO: reportsTo } = process.env;
assert(url && link && token && reportsTo, 'MILEPOST_URL, MILEPOST_LINK, MILEPOST_TOKEN and REPORTS_TO are needed');
const HOST = 'web1.brno.example.com';
const { context, page, picture, forgive, signIn, isAccessible, fits, play } = await open((asked) => !asked.startsWith(`${url}/`));
await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
const state = (word) => page.locator('.mp-head .mp-state', { hasText: word }).waitFor();
const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
const focused = () => page.evaluate(() => document.activeElement?.textContent);
/** What is in focus, by its name. */
function nameOf() {
  const it = document.activeElement;
  const label = document.getElementById(it?.getAttribute('aria-labelledby') ?? '');
  return it?.getAttribute('aria-label') || (label ?? it)?.textContent.trim();
}
const whole = { fullPage: true };

async function judge(id, word) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/v2/builds/${id}`, { method: 'PATCH', headers, body: JSON.stringify({ state: word }) });
  assert.equal(answer.status, 200);
}

const acts = {
  async 'it says how long is left and from what that is known, and draws what is typical'() {
    await signIn(link);
    await page.goto(`${url}/#/hosts/${HOST}`);
    await state('running');
    await page.getByText('What is left is estimated from the last 6 builds').or(page.getByText('What is left is estimated from 6 builds')).waitFor();
    await page.getByText('The pale box behind a step is how long it usually takes.').waitFor();
    await page.locator('.mp-steps', { hasText: 'usually 10 min' }).waitFor();
    // To scale: what usually takes ten minutes is ten times as wide as what takes one.
    const widths = await page.locator('.mp-typical').evaluateAll((boxes) => boxes.map((box) => box.getBoundingClientRect().width));
    assert.equal(widths.length, 2);
    assert(Math.abs(widths[1] / widths[0] - 640 / 60) < 1, `${widths}`);
    await isAccessible('a host with history');
    await picture('host-typical', whole);
  },

  async 'its builds stand side by side, step by step'() {
    const builds = page.getByRole('region', { name: 'Builds of this host' });
    assert.equal(await builds.getByRole('row').count(), 4);
    await page.getByRole('button', { name: 'Compare their steps' }).click();
    const steps = page.getByRole('region', { name: 'side by side' });
    const packages = steps.getByRole('row', { name: 'Package installation' });
    await packages.getByText('10 min 30 s').waitFor();
    await packages.getByText('30 min').waitFor();
    await packages.getByText('failed').waitFor();
    await isAccessible('builds side by side');
    await picture('builds', whole);
  },

  async 'what is shown can be copied, saved and sent'() {
    await page.getByRole('combobox', { name: 'Step' }).selectOption('packages');
    await page.getByText('1 of 2').waitFor();
    await page.getByRole('button', { name: 'Copy', exact: true }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    assert.match(await clipboard(), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\t1\tpackages\tinit\t412 packages$/);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    assert.match(await readFile(await (await download).path(), 'utf8'), /\tpackages\tinit\t412 packages\n$/);
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.locator('.mp-actions').getByRole('button', { name: 'Copied' }).waitFor();
    assert.equal(await clipboard(), `${url}/#/hosts/${HOST}?step=packages`);
    await page.getByRole('combobox', { name: 'Step' }).selectOption('');
  },

  async 'without TLS, where a browser has no clipboard for a page, too'() {
    await page.locator('.mp-actions').getByRole('button', { name: 'Copy link' }).waitFor();
    await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { configurable: true, value: undefined }));
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.locator('.mp-actions').getByRole('button', { name: 'Copied' }).waitFor();
    await page.evaluate(() => delete navigator.clipboard);
    assert.equal(await clipboard(), page.url());
  },

  async 'by keyboard alone one gets everywhere'() {
    await page.reload();
    await state('running');
    await page.getByRole('button', { name: 'Compare their steps' }).waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'Skip to the content');
    await page.keyboard.press('Enter');
    const reached = [];
    while (reached.length < 60 && reached.at(-1) !== 'Compare their steps') {
      await page.keyboard.press('Tab');
      reached.push(await page.evaluate(nameOf));
    }
    const wanted = ['Copy link', 'Mark completed', 'Cancel build', 'Show 9 skipped steps', 'Step', 'Status', 'Text', 'Follow'];
    for (const name of [...wanted, 'Copy', 'Download', 'Reports', 'Builds of this host', 'Compare their steps']) {
      assert(reached.includes(name), `${name} is out of reach; within it are ${reached.join(', ')}`);
    }
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'side by side' }).waitFor();
  },

  async 'on paper there is all to read and nothing to press, in black on white'() {
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await page.locator('.mp-tools').waitFor({ state: 'hidden' });
    assert.deepEqual(await page.getByRole('button').evaluateAll((buttons) => buttons.map((it) => it.outerHTML)), []);
    assert.equal(await page.locator('html.pf-v5-theme-dark').count(), 0);
    await picture('host-print', whole);
    await page.emulateMedia({ media: 'screen', colorScheme: 'dark' });
    await page.locator('html.pf-v5-theme-dark').waitFor();
  },

  async 'a decision is asked about, by keyboard, in the dark, on a phone'() {
    await page.setViewportSize({ width: 360, height: 740 });
    await fits('a host with history');
    await isAccessible('a host with history in the dark');
    await page.getByRole('button', { name: 'Cancel build' }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: `Cancel the build of ${HOST}?` });
    await dialog.waitFor();
    await fits('a question');
    await isAccessible('a question');
    await picture('question');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await focused(), 'Cancel build', 'one is back where one was');
    await state('running');
  },

  async 'what the service refuses is said where it was asked for'() {
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.emulateMedia({ colorScheme: 'light' });
    const shown = await fetch(`${url}/api/v2/hosts/${HOST}/progress`, { headers: { authorization: `Bearer ${token}` } });
    const { build } = await shown.json();
    await page.getByRole('button', { name: 'Cancel build' }).click();
    const dialog = page.getByRole('dialog');
    await judge(build.id, 'installed');
    await state('installed');
    await dialog.getByRole('button', { name: 'Cancel build' }).click();
    await dialog.getByText('That was not done').waitFor();
    await isAccessible('a refusal');
    await picture('refusal');
    await dialog.getByRole('button', { name: 'Leave it as it is' }).click();
    forgive(/ 409 /);
  },

  async 'whoever works on a host mutes it, says why, and ends that'() {
    await page.getByRole('button', { name: 'Mute', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: `Mute ${HOST}` });
    await dialog.getByRole('button', { name: 'Mute', exact: true }).click();
    await dialog.locator('#mute-reason-help.pf-m-error, #mute-reason-help .pf-m-error').waitFor();
    forgive(/ 422 /);
    await isAccessible('a mute without a reason');
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('new firmware <b>now</b>');
    await picture('mute');
    await dialog.getByRole('button', { name: 'Mute', exact: true }).click();
    const end = page.getByRole('button', { name: 'End the mute' });
    await end.waitFor();
    await end.click();
    const question = page.getByRole('dialog', { name: `End the mute of ${HOST}?` });
    await question.getByText('new firmware <b>now</b>').waitFor();
    await question.getByRole('button', { name: 'End the mute' }).click();
    await page.getByRole('button', { name: 'Mute', exact: true }).waitFor();
  },

  async 'a build is marked completed, and then there is nothing left to decide'() {
    assert.equal(await page.getByRole('button', { name: 'Cancel build' }).count(), 0, 'an installed host is not called off');
    await page.getByRole('button', { name: 'Mark completed' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Mark completed' }).click();
    await state('completed');
    assert.equal(await page.getByRole('button', { name: 'Mark completed' }).count(), 0);
  },

  async 'it speaks German'() {
    await page.getByRole('combobox', { name: 'Language' }).selectOption('de');
    await page.getByRole('button', { name: 'Link kopieren' }).waitFor();
    await page.getByRole('heading', { name: 'Installationen dieses Hosts' }).waitFor();
    await isAccessible('a host in German');
  },
};

process.exitCode = await play(acts);
