// Chromium as the tests of the page have it: one page, whose every error is a fault. The rule it protects: what is looked at
// is what a person would see, with the Content-Security-Policy in force.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const { PICTURES: pictures } = process.env;
assert(pictures, 'PICTURES is needed: where pictures go');
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const known = ['chromium', 'chromium-browser', 'google-chrome'].map((name) => `/usr/bin/${name}`);
const executablePath = process.env.CHROMIUM || known.find((path) => existsSync(path));
assert(executablePath, 'no Chromium is here: install it (scripts/deps.sh test), or set CHROMIUM to where one is');
const quiet = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** A browser with a page. `elsewhere` says of an address that is asked for whether it is none of the service's. */
export async function open(elsewhere, more = {}) {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...quiet] });
  // The Content-Security-Policy holds: axe comes by the debugger's way, which it does not govern.
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/Prague', ...more });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && faults.push(`${message.text()} ${message.location().url}`));
  page.on('dialog', (dialog) => faults.push(`a dialog: ${dialog.message()}`));
  page.on('request', (asked) => asked.url().startsWith('http') && elsewhere(asked.url()) && faults.push(`asked elsewhere: ${asked.url()}`));

  const picture = (name, options = {}) => page.screenshot({ path: `${pictures}/${name}.png`, ...options });
  /** What a test meant to provoke is no fault. */
  const forgive = (meant) => faults.splice(0, faults.length, ...faults.filter((fault) => !meant.test(fault)));

  async function isAccessible(where) {
    await page.evaluate(axe);
    // WCAG 2.2 A and AA, and what axe calls best practice.
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const said = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join('\n    ')}`);
    assert.deepEqual(said, [], `${where}: axe-core finds`);
  }

  async function fits(where) {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert(over <= 0, `${where} is ${over} px wider than the window`);
  }

  /** Signs in by a link, which shows the fleet. */
  async function signIn(link) {
    await page.goto(link);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor();
  }

  /** Does one act after another, up to the first that fails: what follows builds on it. Says how many failed. */
  async function play(acts) {
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
        break;
      }
    }
    await browser.close();
    return failed;
  }

  return { context, page, picture, forgive, signIn, isAccessible, fits, play };
}
