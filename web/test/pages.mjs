// What people do on the pages beside the fleet and its hosts, done by Chromium; tests/browser/pages.rs starts the service with a
// month of installations and calls this. MILEPOST_LINK signs in with the scope admin, READ_LINK with read.
import assert from 'node:assert/strict';
import { open } from './chromium.mjs';

const { MILEPOST_URL: url, MILEPOST_LINK: link, READ_LINK: readLink } = process.env;
assert(url && link && readLink, 'MILEPOST_URL, MILEPOST_LINK and READ_LINK are needed');
const { context, page, picture, forgive, signIn, isAccessible, fits, play } = await open((asked) => !asked.startsWith(`${url}/`));

const PAGES = ['', 'statistics', 'workflows?open=kickstart', 'steps', 'audit', 'tokens'];
const go = (hash) => page.goto(`${url}/#/${hash}`);
/** Goes there, and waits for what it is there for. */
async function show(hash) {
  await go(hash);
  await page.locator('main h1').waitFor();
  await page.locator('.mp-rows-body .mp-row a, .mp-list tbody tr:visible, .pf-v5-c-empty-state, .mp-plan').first().waitFor();
}
const link_ = (name) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name });
const button = (name) => page.getByRole('button', { name, exact: true });
const dialog = page.getByRole('dialog');
const heading = (name) => page.getByRole('heading', { level: 1, name });
const row = (text) => page.locator('.mp-list tbody tr', { hasText: text });
const search = page.getByRole('combobox', { name: 'Search' });
/** The number beside what it counts. */
const figure = (name) => page.locator('.mp-numbers > div', { hasText: name }).locator('dd');

async function seek(text) {
  await search.fill(text);
  await page.keyboard.press('Enter');
}

const acts = {
  async 'whoever signs in finds every page from every page'() {
    await signIn(link);
    for (const name of ['Statistics', 'Workflows', 'Steps', 'Audit', 'Tokens', 'Fleet']) {
      await link_(name).click();
      await heading(name).waitFor();
      assert.equal(await link_(name).getAttribute('aria-current'), 'page');
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
    }
  },

  async 'a month is counted by day, and the numbers are in a table behind the columns'() {
    await show('statistics');
    const [, all] = /^([\d,]+)/.exec(await figure('Builds opened').innerText());
    await page.getByRole('img', { name: new RegExp(`^${all} builds from`) }).waitFor();
    assert.equal(await page.locator('.mp-columns svg svg').count(), 30);
    await page.getByText('As a table').click();
    const cells = await page.locator('.mp-details tbody tr td:nth-child(2)').allInnerTexts();
    assert.equal(cells.reduce((sum, cell) => sum + Number(cell), 0), Number(all));
    for (const title of ['How long installing takes', 'Slowest steps', 'Where builds fail', 'Which hosts fail', 'How long steps usually take']) {
      await page.getByRole('heading', { level: 2, name: title }).waitFor();
      assert(await page.getByRole('table', { name: title }).locator('tbody tr').count(), `${title} has rows`);
    }
    await row('Package installation').first().waitFor();
    await isAccessible('statistics');
    await picture('statistics', { fullPage: true });
  },

  async 'days and a search change what is counted, and are in the address'() {
    const all = await figure('Builds opened').innerText();
    await page.getByRole('combobox', { name: 'Days' }).selectOption('7');
    await page.waitForFunction((before) => document.querySelector('.mp-numbers dd')?.textContent !== before, all);
    assert.match(page.url(), /days=7/);
    await seek('location = ostrava');
    await page.waitForURL(/search=location/);
    await page.getByRole('img', { name: /builds? from/ }).waitFor();
    const some = await figure('Builds opened').innerText();
    assert(Number(some) < Number(all), `${some} of ${all}`);
    await page.reload();
    await page.getByRole('img', { name: /builds? from/ }).waitFor();
    assert.equal(await figure('Builds opened').innerText(), some);
    await page.getByRole('combobox', { name: 'Days' }).selectOption('own');
    await page.getByRole('textbox', { name: 'From' }).fill('2019-01-01');
    await page.getByText('is not 1 to 400 days').waitFor();
    await page.getByRole('textbox', { name: 'Until' }).fill('2019-01-31');
    await page.getByText('In these days, the search leaves no build').waitFor();
    await isAccessible('statistics of nothing');
    await seek('locatoin = ostrava');
    await page.getByText("did you mean 'location'").waitFor();
    forgive(/ 400 /);
  },

  async 'what fails leads to the builds that it is about'() {
    await show('statistics');
    await page.getByRole('table', { name: 'Where builds fail' }).getByRole('link').first().click();
    await heading('Fleet').waitFor();
    assert.match(decodeURIComponent(page.url()), /workflow.*and.*step/);
    await page.locator('.mp-rows-body .mp-row a').first().waitFor();
  },

  async 'a search is completed by the keyboard: field, operator, value'() {
    await show('');
    const all = await page.getByText(/^\d+ builds$/).innerText();
    await page.keyboard.press('/');
    await page.keyboard.type('loc');
    await page.getByRole('option', { name: 'location field' }).waitFor();
    assert.equal(await search.getAttribute('aria-expanded'), 'true');
    await page.keyboard.press('ArrowDown');
    const active = await search.getAttribute('aria-activedescendant');
    assert.equal(await page.locator(`[id="${active}"]`).getAttribute('aria-selected'), 'true');
    await isAccessible('an open completion');
    await picture('completion');
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: '= is', exact: true }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.keyboard.type('br');
    await page.getByRole('option', { name: 'brno value' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await search.inputValue(), 'location = brno ');
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('listbox').count(), 0);
    assert.doesNotMatch(page.url(), /search=/);
    await page.keyboard.press('Enter');
    await page.waitForURL(/search=location/);
    await page.getByText(all).waitFor({ state: 'detached' });
    await page.locator('.mp-rows-body .mp-row', { hasText: 'brno' }).first().waitFor();
    assert.equal(await page.locator('.mp-rows-body .mp-row a', { hasText: 'praha' }).count(), 0);
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByText(all).waitFor();
  },

  async 'the fleet is grouped by location, each of which says so where it begins'() {
    await page.getByRole('combobox', { name: 'Sort by' }).selectOption('location');
    await page.waitForURL(/order=location/);
    await page.getByRole('rowheader', { name: 'brno' }).waitFor();
    await isAccessible('a grouped fleet');
    await picture('fleet-grouped');
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.locator('.mp-rows-body .mp-row a', { hasText: 'praha' }).first().waitFor();
    // Every row that is there stands below the heading of its location.
    const read = await page.locator('.mp-rows-body [role=row]').evaluateAll((rows) =>
      rows
        .map((row) => [row.getBoundingClientRect().top, row.querySelector('[role=rowheader]')?.textContent, row.querySelector('a')?.textContent])
        .sort((a, b) => a[0] - b[0]),
    );
    let place;
    for (const [, location, host] of read) {
      place = location ?? place;
      if (host && place) assert(host.includes(place), `${host} stands below ${place}`);
    }
  },

  async 'a workflow is drawn to scale, copied, changed and removed'() {
    await show('workflows');
    const plan = page.locator('.pf-v5-c-card', { hasText: 'Kickstart (RHEL family)' }).locator('.mp-plan li');
    const widths = await plan.evaluateAll((steps) => steps.map((step) => [step.textContent, step.getBoundingClientRect().width]));
    const width = Object.fromEntries(widths);
    assert(width['Package installation'] > 2 * width['Partitioning'], JSON.stringify(width));
    await button('Show its steps: Kickstart (RHEL family)').click();
    await page.getByRole('table', { name: 'Kickstart (RHEL family)' }).getByText('first phase').first().waitFor();
    assert.match(page.url(), /open=kickstart/);
    await isAccessible('workflows');
    await picture('workflows');
    await button('Copy kickstart').click();
    await isAccessible('the form of a workflow');
    await dialog.getByLabel('Name').fill('Not A Label');
    await dialog.getByLabel('Title').fill('');
    await dialog.getByRole('button', { name: 'Save' }).click();
    // The service says what is wrong, at each field.
    await page.locator('#workflow-name-help', { hasText: /label/i }).waitFor();
    await page.locator('#workflow-title-help', { hasText: 'empty' }).waitFor();
    await picture('workflow-form');
    forgive(/ 422 /);
    await dialog.getByLabel('Name').fill('our_appliance');
    await dialog.getByLabel('Title').fill('Our appliance');
    await dialog.getByLabel('Seconds: packages').fill('42');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { level: 2, name: 'Our appliance' }).waitFor();
    await button('Show its steps: Our appliance').click();
    await page.getByRole('table', { name: 'Our appliance' }).locator('tr', { hasText: 'Package installation' }).getByText('42 s').waitFor();
    await button('Change our_appliance').click();
    await dialog.getByLabel('Title').fill('Our own appliance');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { level: 2, name: 'Our own appliance' }).waitFor();
    // What Milepost ships is not offered for change.
    assert.equal(await button('Change kickstart').count(), 0);
  },

  async 'a step is added, changed, kept while a workflow names it, and removed'() {
    await show('steps');
    await button('Add a step').click();
    await isAccessible('the form of a step');
    await dialog.getByLabel('Label').fill('burn_in');
    await dialog.getByLabel('Priority').fill('99999');
    await dialog.getByLabel('Expected seconds').fill('-1');
    await dialog.getByLabel('Name').fill('Burn-in');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.locator('#step-priority-help', { hasText: 'must be from 0 to 10000' }).waitFor();
    await page.locator('#step-weight-help', { hasText: 'must be from 0' }).waitFor();
    await dialog.getByText('What is wrong stands at its field.').waitFor();
    await isAccessible('a refused form');
    await picture('step-form');
    forgive(/ 422 /);
    await dialog.getByLabel('Priority').fill('850');
    await dialog.getByLabel('Expected seconds').fill('600');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await row('burn_in').getByText('10 min').waitFor();
    await button('Change burn_in').click();
    await dialog.getByLabel('Name').fill('Burn-in of a night');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await row('Burn-in of a night').waitFor();

    await show('workflows');
    await button('Change our_appliance').click();
    await dialog.getByLabel('Add a step…').selectOption('burn_in');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await show('steps?text=burn');
    await button('Remove burn_in').click();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await dialog.getByText('our_appliance').waitFor();
    await isAccessible('a refused removal');
    forgive(/ 409 /);
    await dialog.getByRole('button', { name: 'Cancel' }).click();

    await show('workflows');
    await button('Remove our_appliance').click();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('heading', { level: 2, name: 'Our own appliance' }).waitFor({ state: 'detached' });
    await show('steps?text=burn');
    await button('Remove burn_in').click();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('No step is like that').waitFor();
    await isAccessible('no step');
  },

  async 'the trail says who did that, page by page, and is searched'() {
    await show('audit');
    await row('delete_step').getByText('step burn_in').waitFor();
    assert.equal(await page.locator('.mp-list tbody tr').count(), 50);
    await isAccessible('the trail');
    await picture('audit');
    await button('Older').click();
    await page.getByText('Page 2 of 2').waitFor();
    await row('create_build').first().waitFor();
    assert.match(page.url(), /page=2/);
    await page.keyboard.press('/');
    await page.keyboard.type('action = put_workflow');
    await page.keyboard.press('Enter');
    await page.getByText('3 entries').waitFor();
    assert.doesNotMatch(page.url(), /page=/);
    // A time says UTC to whoever points at it.
    assert.match(await page.locator('.mp-list-when time').first().getAttribute('title'), /UTC$/);
  },

  async 'a token is made, shown once, and revoked'() {
    await show('tokens');
    await isAccessible('no token');
    await button('Make a token').click();
    await dialog.getByLabel('Name').fill('wall screen');
    await dialog.getByLabel('Valid for days').fill('0');
    await dialog.getByRole('button', { name: 'Make' }).click();
    await page.locator('#token-days-help', { hasText: 'must be from 1' }).waitFor();
    forgive(/ 422 /);
    await dialog.getByLabel('Valid for days').fill('7');
    await dialog.getByLabel('Locations').fill('brno, praha');
    await isAccessible('the form of a token');
    await dialog.getByRole('button', { name: 'Make' }).click();
    const token = await page.getByRole('textbox', { name: 'The token' }).inputValue();
    const answer = await fetch(`${url}/api/v2/session`, { headers: { authorization: `Bearer ${token}` } });
    assert.deepEqual((await answer.json()).locations, ['brno', 'praha']);
    await row('wall screen').getByText('brno, praha').waitFor();
    await isAccessible('a token that was made');
    await picture('tokens');
    await button('Revoke wall screen').click();
    await dialog.getByRole('button', { name: 'Revoke' }).click();
    await row('wall screen').waitFor({ state: 'detached' });
    assert.equal(await page.getByRole('textbox', { name: 'The token' }).count(), 0);
    const after = await fetch(`${url}/api/v2/session`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(after.status, 401);
    await page.getByLabel('Revoked ones too').check();
    await row('wall screen').getByText('revoked').waitFor();
  },

  async 'with the keyboard alone one gets everywhere'() {
    // Anew, so that nothing has the focus.
    await page.goto(`${url}/?keyboard#/`);
    await page.locator('.mp-rows-body .mp-row a').first().waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the content');
    const focused = async (name) => {
      for (let i = 0; i < 40; i += 1) {
        await page.keyboard.press('Tab');
        if ((await page.evaluate(() => document.activeElement?.textContent)) === name) return;
      }
      assert.fail(`Tab does not lead to ${name}`);
    };
    await focused('Steps');
    await page.keyboard.press('Enter');
    await heading('Steps').waitFor();
    await focused('Add a step');
    await page.keyboard.press('Enter');
    await dialog.waitFor();
    // What is open keeps the focus, and gives it back.
    for (let i = 0; i < 15; i += 1) {
      await page.keyboard.press('Tab');
      assert(await page.evaluate(() => document.activeElement?.closest('[role=dialog]') !== null), 'the focus stays in the dialog');
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Add a step');
  },

  async 'every page fits a phone in the dark, and a wall of 4K'() {
    for (const [name, width, height, colorScheme] of [['phone', 360, 740, 'dark'], ['wall', 3840, 2160, 'light']]) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      for (const hash of PAGES) {
        await show(hash);
        await fits(`${hash || 'the fleet'} on a ${name}`);
        // On a wall it is the same but for its size.
        if (name === 'phone') await isAccessible(`${hash || 'the fleet'} on a ${name}`);
        await picture(`${hash.split('?')[0] || 'fleet'}-${name}`);
      }
    }
    await page.setViewportSize({ width: 360, height: 740 });
    await show('steps');
    await button('Add a step').click();
    await fits('a form on a phone');
    await isAccessible('a form on a phone');
    await picture('step-form-phone');
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: 1440, height: 900 });
  },

  async 'every page speaks German and Czech'() {
    const said = {
      de: ['Sprache', ['Flotte', 'Statistik', 'Abläufe', 'Schritte', 'Protokoll', 'Tokens']],
      cs: ['Jazyk', ['Přehled', 'Statistika', 'Postupy', 'Kroky', 'Protokol', 'Tokeny']],
    };
    let language = 'Language';
    for (const [code, [called, headings]] of Object.entries(said)) {
      await page.getByRole('combobox', { name: language, exact: true }).selectOption(code);
      language = called;
      for (const [i, hash] of PAGES.entries()) {
        await show(hash);
        await heading(headings[i]).waitFor();
        assert.equal(await page.locator('html').getAttribute('lang'), code);
        await page.setViewportSize({ width: 360, height: 740 });
        await fits(`${hash || 'the fleet'} in ${code} on a phone`);
        await page.setViewportSize({ width: 1440, height: 900 });
      }
    }
    await picture('tokens-czech');
    await page.getByRole('combobox', { name: 'Jazyk', exact: true }).selectOption('en');
  },

  async 'a page that cannot be had says so, and what helps'() {
    await context.setOffline(true);
    await go('workflows');
    await page.getByText('The service does not answer').waitFor();
    await isAccessible('a page without its service');
    await context.setOffline(false);
    await button('Try again').click();
    await page.getByRole('heading', { level: 2, name: 'Kickstart (RHEL family)' }).waitFor();
    forgive(/ERR_INTERNET_DISCONNECTED/);
    // As when the service was updated after the page was opened.
    await page.route('**/assets/statistics*', (route) => route.abort());
    await page.goto(`${url}/?again#/steps`);
    await heading('Steps').waitFor();
    await link_('Statistics').click();
    await page.getByText('A part of the page could not be loaded').waitFor();
    await isAccessible('a page that could not be loaded');
    await page.unroute('**/assets/statistics*');
    await button('Try again').click();
    await heading('Statistics').waitFor();
    forgive(/ERR_FAILED|dynamically imported|Statistics|above error|Boundary/i);
  },

  async 'whoever may only look is offered nothing else, and told what it takes'() {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out').waitFor();
    await signIn(readLink);
    assert.deepEqual(await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allInnerTexts(), [
      'Fleet',
      'Statistics',
      'Workflows',
      'Steps',
      'API',
    ]);
    await show('steps');
    await page.getByText('needs a credential with the scope "manage"').waitFor();
    assert.equal(await button('Add a step').count(), 0);
    for (const hash of ['audit', 'tokens']) {
      await go(hash);
      await page.getByText("this needs 'admin'").waitFor();
      await isAccessible(`${hash}, which is forbidden`);
      await picture(`${hash}-forbidden`);
    }
    forgive(/ 403 /);
    await button('Sign in as somebody else').click();
    await page.getByText('You are signed out').waitFor();
    forgive(/favicon\.ico/);
  },
};

process.exitCode = await play(acts);
