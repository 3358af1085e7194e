// How long the fleet of ten thousand takes in the browser, by a trace of Chromium; tests/browser/pictures.rs starts the service
// and calls this (make web-measure). RESULTS is the document between whose marks the figures are written.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { open } from './chromium.mjs';

const { MILEPOST_URL: url, MILEPOST_LINK: link, REPORTS_TO: reportsTo, RESULTS: results, HOSTS: hosts } = process.env;
assert(url && link && reportsTo && results && hosts, 'MILEPOST_URL, MILEPOST_LINK, REPORTS_TO, HOSTS and RESULTS are needed');
const { context, page, signIn, play } = await open((asked) => !asked.startsWith(`${url}/`));
const browser = context.browser();
const urls = reportsTo.split(' ');

const CATEGORIES = ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline'];
const quantile = (numbers, share) => [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))] ?? 0;
const ms = (n) => `${n < 10 ? n.toFixed(1) : Math.round(n)} ms`;

/** What the page's thread did while `act` was done: its tasks by length, in milliseconds. */
async function traced(act) {
  await browser.startTracing(page, { categories: CATEGORIES });
  const answer = await act();
  const { traceEvents: events } = JSON.parse((await browser.stopTracing()).toString());
  const main = new Set(
    events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`),
  );
  // The page's own process is the one that lays out most.
  const busy = new Map();
  for (const { name, pid, tid, dur } of events) {
    if (/RunTask$/.test(name) && dur && main.has(`${pid} ${tid}`)) {
      busy.set(pid, [...(busy.get(pid) ?? []), dur / 1000]);
    }
  }
  const sum = (tasks) => tasks.reduce((all, task) => all + task, 0);
  const tasks = [...busy.values()].sort((a, b) => sum(b) - sum(a))[0] ?? [];
  assert(tasks.length > 0, 'the trace has tasks of the page');
  return { answer, tasks, busy: sum(tasks) };
}

const figures = [];
const acts = {
  async 'first render'() {
    await signIn(link);
    const seen = [];
    const paints = [];
    const busy = [];
    for (let i = 0; i < 7; i += 1) {
      const load = await traced(async () => {
        await page.goto('about:blank');
        await page.goto(`${url}/`);
        await page.locator('.mp-rows-body .mp-row a').first().waitFor();
        return page.evaluate(() => ({
          row: performance.now(),
          paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
        }));
      });
      seen.push(load.answer.row);
      paints.push(load.answer.paint);
      busy.push(load.busy);
    }
    figures.push(['First contentful paint', ms(quantile(paints, 0.5)), ms(Math.max(...paints))]);
    figures.push(['First row on the screen, of ten thousand', ms(quantile(seen, 0.5)), ms(Math.max(...seen))]);
    figures.push(['Work of the page for it, with what follows at once', ms(quantile(busy, 0.5)), ms(Math.max(...busy))]);
  },

  async 'a row that changes'() {
    const shown = [];
    const { tasks, busy } = await traced(async () => {
      for (let i = 0; i < 20; i += 1) {
        const message = `package ${i} of 412`;
        const began = Date.now();
        const answer = await fetch(`${urls[i % urls.length]}/packages`, { method: 'POST', body: new URLSearchParams({ status: 'init', message }) });
        assert.equal(answer.status, 200);
        await page.locator('.mp-cell-message', { hasText: message }).waitFor();
        shown.push(Date.now() - began);
      }
    });
    figures.push(['From a report to the changed row', ms(quantile(shown, 0.5)), ms(Math.max(...shown))]);
    figures.push(['Work of the page between two of them; its longest task', ms(busy / 20), ms(Math.max(...tasks))]);
  },

  async 'scrolling through all of them'() {
    const { answer: frames, tasks } = await traced(async () => {
      const counting = page.evaluate(
        () =>
          new Promise((done) => {
            const gaps = [];
            let before = performance.now();
            const until = before + 5000;
            const frame = (now) => {
              gaps.push(now - before);
              before = now;
              if (now < until) requestAnimationFrame(frame);
              else done(gaps.slice(1));
            };
            requestAnimationFrame(frame);
          }),
      );
      const end = Date.now() + 4800;
      while (Date.now() < end) await page.mouse.wheel(0, 600);
      return counting;
    });
    figures.push(['Frame while scrolling', ms(quantile(frames, 0.5)), `${ms(quantile(frames, 0.95))} (95 %)`]);
    figures.push(['Task while scrolling', ms(quantile(tasks.filter((task) => task > 0.5), 0.5)), ms(Math.max(...tasks))]);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.locator('.mp-rows-body .mp-row a').last().waitFor();
  },
};

const failed = await play(acts);
if (failed === 0) {
  const count = Number(hosts).toLocaleString('en');
  const table = [
    `With ${count} builds under way, in Chromium ${browser.version()} without a screen or a graphics card, a debug build of the`,
    `service beside it, on ${cpus().length} cores of which ${loadavg()[0].toFixed(0)} programs wanted one:`,
    '',
    '| what | usually (median) | longest |',
    '| --- | --- | --- |',
    ...figures.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n');
  const document = await readFile(results, 'utf8');
  const written = document.replace(/(<!-- generated: measured -->\n)[^]*?(\n<!-- \/generated -->)/, `$1\n${table}\n$2`);
  assert.notEqual(written, document, `${results} has the place for it`);
  await writeFile(results, written);
  console.log(table);
}
process.exitCode = failed;
