// What people do with the page, done by Chromium; tests/browser starts the service and calls this.
//
//   MILEPOST_URL=http://127.0.0.1:8420 MILEPOST_LINK=.../sign-in?link=... REPORTS_TO=.../unattended/step/TOKEN \
//   PICTURES=/tmp node web/test/browser.mjs
//
// The service has the hosts that tests/browser/main.rs says. Whatever the page logs as an error is a fault.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { open } from './chromium.mjs';

const { MILEPOST_URL: url, MILEPOST_LINK: link, REPORTS_TO: reportsTo } = process.env;
assert(url && link && reportsTo, 'MILEPOST_URL, MILEPOST_LINK and REPORTS_TO are needed');
const HOST = 'web1.brno.example.com';
const { context, page, picture, forgive, isAccessible, fits, play } = await open((asked) => !asked.startsWith(`${url}/`));

const row = (text) => page.locator('.mp-rows-body .mp-row', { hasText: text });
const go = (hash) => page.goto(`${url}/${hash}`);

const acts = {
  async 'whoever is not signed in is led to where one signs in, and back to where one was'() {
    await go(`#/hosts/${HOST}?status=failed`);
    await page.waitForURL(`${url}/sign-in`);
    await isAccessible('where one signs in');
    await page.goto(link);
    await isAccessible('where a link leads');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: HOST }).waitFor();
    assert.match(page.url(), /#\/hosts\/.*status=failed/);
    // Chromium reports the 401 that led there.
    forgive(/ 401 /);
  },

  async 'the fleet shows every host, the failed one with what went wrong'() {
    await page.getByRole('link', { name: 'Milepost' }).click();
    await row(HOST).waitFor();
    assert.match(await row(HOST).innerText(), /failed[\s\S]*Package installation[\s\S]*no space left on device/);
    await page.getByText('44 builds').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    await isAccessible('the fleet');
    await picture('fleet');
  },

  async 'a count filters, a search narrows, and both are in the address'() {
    await page.getByRole('button', { name: '1 failed' }).click();
    await page.getByText('1 build', { exact: true }).waitFor();
    assert.match(page.url(), /state=failed/);
    await page.getByRole('button', { name: '1 failed' }).click();
    await page.keyboard.press('/');
    await page.keyboard.type('location = praha and node1');
    await page.keyboard.press('Enter');
    await page.getByText('10 builds').waitFor();
    await page.reload();
    await page.getByText('10 builds').waitFor();
    await page.getByRole('combobox', { name: 'Search' }).fill('stat = failed');
    await page.keyboard.press('Enter');
    await page.getByText("did you mean 'state'").waitFor();
    forgive(/ 4(00|22) /);
  },

  async 'a host shows its failed step, and the end of its log in place'() {
    await go('#/');
    await row(HOST).getByRole('link').click();
    await page.getByRole('heading', { level: 1, name: HOST }).waitFor();
    await page.getByRole('progressbar', { name: `Progress of ${HOST}` }).waitFor();
    await page.locator('.pf-v5-c-progress-stepper__step.pf-m-danger', { hasText: 'Package installation' }).waitFor();
    await page.locator('.mp-timeline [data-attempt="2"]').waitFor();
    await isAccessible('a host');
    await picture('host');
    // One press from the top of the page, and as well where the report stands.
    const log = page.locator('.mp-log pre');
    await page.getByRole('link', { name: 'Show what failed' }).click();
    await page.getByText('1 of 5').waitFor();
    await log.waitFor();
    await page.getByRole('button', { name: /^log,/ }).click();
    await log.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: /^log,/ }).click();
    await log.waitFor();
    assert.match(await log.innerText(), /the very last line/);
    const left = await log.evaluate((it) => it.scrollHeight - it.scrollTop - it.clientHeight);
    assert(left < 2, `the end of the log is in view, ${left} px are below`);
    await isAccessible('a log');
    await picture('log');
  },

  async 'what a machine sent is text, and nothing else'() {
    await page.getByRole('combobox', { name: 'Status' }).selectOption('');
    const message = page.locator('.mp-report-message', { hasText: 'onerror' }).first();
    assert.equal((await message.innerText()).trim(), '<img src=x onerror=alert(1)><b>bold</b>');
    assert.equal(await page.locator('#content img, #content b').count(), 0);
  },

  async 'what is reported while one looks appears by itself'() {
    const body = new URLSearchParams({ status: 'init', message: 'once more', percentage: '40' });
    assert.equal((await fetch(`${reportsTo}/packages`, { method: 'POST', body })).status, 200);
    await page.locator('.mp-report-message', { hasText: 'once more' }).waitFor();
    await page.locator('.mp-head .mp-state', { hasText: 'running' }).waitFor();
  },

  async 'it says so when the service goes away, and when it is back'() {
    await context.setOffline(true);
    await page.getByText('reconnecting').waitFor();
    await context.setOffline(false);
    await page.getByText('live', { exact: true }).waitFor();
    forgive(/ERR_INTERNET_DISCONNECTED/);
  },

  async 'it fits a phone, in the dark'() {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await fits('a host');
    await isAccessible('a host in the dark');
    await picture('host-phone');
    await go('#/');
    await row(HOST).waitFor();
    await fits('the fleet');
    await isAccessible('the fleet in the dark');
    await picture('fleet-phone');
  },

  async 'it speaks German'() {
    await page.getByRole('combobox', { name: 'Language' }).selectOption('de');
    await page.getByRole('heading', { name: 'Flotte' }).waitFor();
    await row(HOST).getByText('läuft').waitFor();
  },

  async 'below the path of a reverse proxy it works as well'() {
    const proxy = createServer((asked, answer) => {
      if (!asked.url.startsWith('/milepost/')) return answer.writeHead(404).end();
      const onward = request(`${url}${asked.url.slice('/milepost'.length)}`, { method: asked.method, headers: asked.headers });
      onward.on('error', () => answer.destroy());
      onward.on('response', (got) => got.pipe(answer.writeHead(got.statusCode, got.headers)));
      asked.pipe(onward);
      // Whoever leaves a stream leaves it for good; else it, and this test, would never end.
      answer.on('close', () => onward.destroy());
      return undefined;
    });
    await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const below = `http://127.0.0.1:${proxy.address().port}/milepost/`;
    const other = await context.newPage();
    await other.goto(`${below}#/hosts/${HOST}`);
    await other.getByRole('heading', { level: 1, name: HOST }).waitFor();
    await other.locator('.mp-report').first().waitFor();
    await other.close();
    proxy.close();
    proxy.closeAllConnections?.();
  },

  async 'whoever signs out is out'() {
    await page.getByRole('button', { name: 'Abmelden' }).click();
    await page.getByText('You are signed out').waitFor();
    await go('#/');
    await page.waitForURL(`${url}/sign-in`);
    forgive(/ 401 /);
  },
};

process.exitCode = await play(acts);
