// What people do with the page, done by Chromium; tests/browser starts the service and calls this.
//
//   MILEPOST_URL=http://127.0.0.1:8420 MILEPOST_LINK=.../sign-in?link=... REPORTS_TO=.../unattended/step/TOKEN \
//   PICTURES=/tmp node web/test/browser.mjs
//
// The service has the hosts that tests/browser/main.rs says. Whatever the page logs as an error is a fault.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const { MILEPOST_URL: url, MILEPOST_LINK: link, REPORTS_TO: reportsTo, PICTURES: pictures } = process.env;
assert(url && link && reportsTo && pictures, 'MILEPOST_URL, MILEPOST_LINK, REPORTS_TO and PICTURES are needed');
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const HOST = 'web1.brno.example.com';

const known = ['chromium', 'chromium-browser', 'google-chrome'].map((name) => `/usr/bin/${name}`);
const executablePath = process.env.CHROMIUM || known.find((path) => existsSync(path));
assert(executablePath, 'no Chromium is here: install it (scripts/deps.sh test), or set CHROMIUM to where one is');
const quiet = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...quiet] });
// The Content-Security-Policy holds: axe comes by the debugger's way, which it does not govern.
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/Prague' });
context.setDefaultTimeout(15_000);
const page = await context.newPage();
const faults = [];
page.on('pageerror', (error) => faults.push(error.message));
page.on('console', (message) => message.type() === 'error' && faults.push(`${message.text()} ${message.location().url}`));
page.on('dialog', (dialog) => faults.push(`a dialog: ${dialog.message()}`));
page.on('request', (asked) => asked.url().startsWith('http') && !asked.url().startsWith(`${url}/`) && faults.push(`asked elsewhere: ${asked.url()}`));

const row = (text) => page.locator('.mp-rows-body .mp-row', { hasText: text });
const go = (hash) => page.goto(`${url}/${hash}`);
const picture = (name) => page.screenshot({ path: `${pictures}/${name}.png` });

async function isAccessible(where) {
  await page.evaluate(axe);
  // WCAG 2.2 A and AA, and what axe calls best practice.
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const said = serious.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join('\n    ')}`);
  assert.deepEqual(said, [], `${where}: axe-core finds`);
}

async function fits(where) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert(over <= 0, `${where} is ${over} px wider than the window`);
}

const acts = {
  async 'whoever is not signed in is led to where one signs in, and back to where one was'() {
    await go(`#/hosts/${HOST}?status=failed`);
    await page.waitForURL(`${url}/sign-in`);
    await page.goto(link);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: HOST }).waitFor();
    assert.match(page.url(), /#\/hosts\/.*status=failed/);
    // Chromium reports the 401 that led there; it looks for an icon of the sign-in page, too.
    faults.splice(0, faults.length, ...faults.filter((fault) => !/ 401 |favicon\.ico/.test(fault)));
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
    faults.splice(0, faults.length, ...faults.filter((fault) => !/ 4(00|22) /.test(fault)));
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
    await page.getByRole('combobox', { name: 'Status' }).selectOption('failed');
    await page.getByText('1 of 5').waitFor();
    await page.getByRole('button', { name: /^log,/ }).click();
    const log = page.locator('.mp-log pre');
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
    faults.splice(0, faults.length, ...faults.filter((fault) => !/ERR_INTERNET_DISCONNECTED/.test(fault)));
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
      onward.on('response', (got) => got.pipe(answer.writeHead(got.statusCode, got.headers)));
      asked.pipe(onward);
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
    faults.splice(0, faults.length, ...faults.filter((fault) => !/ 401 |favicon\.ico/.test(fault)));
  },
};

let failed = 0;
for (const [name, act] of Object.entries(acts)) {
  const began = Date.now();
  try {
    await act();
    assert.deepEqual(faults.splice(0), [], 'nothing is wrong in the console');
    console.log(`ok ${name} (${Date.now() - began} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`not ok ${name}\n${error.stack}`);
    await picture('failed');
    // What follows builds on this.
    break;
  }
}
await browser.close();
process.exitCode = failed;
