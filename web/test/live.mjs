// That the page is kept up to date, whatever lies between it and the service.
//
//   MILEPOST_BIN=target/debug/milepost PICTURES=/tmp node web/test/live.mjs
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { open } from './chromium.mjs';
import { service } from './service.mjs';

const HOST = 'web1.brno.example.com';
const OTHER = 'web2.brno.example.com';
const TOLD = 'The service tells of every change.';
const ASKED = /^Asked every two seconds/;

const it = await service();
const { page, play, forgive, signIn } = await open((url) => !url.startsWith('http://127.0.0.1:'));
const row = (text) => page.locator('.mp-rows-body .mp-row', { hasText: text });
const go = (hash) => page.goto(`${it.url}/${hash}`);
const state = (word) => page.locator('.mp-head .mp-state', { hasText: word }).waitFor();
const live = (title) => page.locator('.mp-live-live').and(page.getByTitle(title)).waitFor();
const messages = () => page.locator('.mp-report-message').allInnerTexts();

const STREAM = 'GET /api/v2/events';

/** A proxy that lets everything through but what a stream answers. */
async function buffering(port) {
  const sockets = new Set();
  const server = createServer((client) => {
    const onward = connect(port, '127.0.0.1');
    let isStream = false;
    for (const socket of [client, onward]) {
      sockets.add(socket);
      // Whichever side ends, so does the other; that it breaks off is what the test does.
      socket.on('close', () => [client, onward].forEach((other) => other.destroy()));
      socket.on('error', () => undefined);
    }
    client.on('data', (bytes) => {
      isStream ||= bytes.toString('latin1').startsWith(STREAM);
      onward.write(bytes);
    });
    onward.on('data', (bytes) => isStream || client.write(bytes));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, end: () => server.close(sockets.forEach((socket) => socket.destroy())) };
}

let build;

const acts = {
  async 'a build goes from pending to completed before ones eyes'() {
    await signIn(await it.link('read'));
    await live(TOLD);
    await page.evaluate(() => (globalThis.wasNotReloaded = true));
    build = await it.build(HOST);
    await row(HOST).getByText('pending').waitFor();
    await build.report('get_ks/done');
    await row(HOST).getByText('running').waitFor();
    await page.getByRole('button', { name: '1 running' }).waitFor();
    await row(HOST).getByRole('link').click();
    await live(TOLD);
    await build.report('packages/init', { message: '412 packages' });
    await page.locator('.mp-says', { hasText: '412 packages' }).waitFor();
    for (const step of ['packages', 'post', 'built']) await build.report(`${step}/done`);
    await state('installed');
    await it.api('PATCH', `builds/${build.id}`, { state: 'completed' });
    await state('completed');
    assert(await page.evaluate(() => globalThis.wasNotReloaded), 'all of it is one page');
  },

  async 'what is not filtered for any more goes'() {
    const other = await it.build(OTHER);
    await go('#/?state=pending');
    await row(OTHER).waitFor();
    await live(TOLD);
    await other.report('get_ks/done');
    await row(OTHER).waitFor({ state: 'detached' });
  },

  async 'a service that was away is found again, with every report, each once'() {
    await go(`#/hosts/${HOST}`);
    await live(TOLD);
    const steps = await it.build(HOST);
    await state('pending');
    await steps.report('get_ks/done', { message: 'first' });
    await steps.report('packages/init', { message: 'second' });
    await page.locator('.mp-report', { hasText: 'second' }).waitFor();
    await it.stop();
    await page.locator('.mp-live', { hasText: 'reconnecting' }).waitFor();
    await it.start();
    await steps.report('packages/done', { message: 'third' });
    await steps.report('post/done', { message: 'fourth' });
    await page.locator('.mp-report', { hasText: 'fourth' }).waitFor();
    await live(TOLD);
    await steps.report('built/done', { message: 'fifth' });
    await page.locator('.mp-report', { hasText: 'fifth' }).waitFor();
    const said = (await messages()).map((message) => message.trim());
    assert.deepEqual(said, ['first', 'second', 'third', 'fourth', 'fifth']);
    forgive(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/);
  },

  async 'where a proxy holds back what is told, it is asked'() {
    const proxy = await buffering(it.port);
    const held = await it.build(HOST);
    await page.goto(`${proxy.url}/#/hosts/${HOST}`);
    await state('pending');
    await live(ASKED);
    await held.report('get_ks/done', { message: 'by asking' });
    await page.locator('.mp-report', { hasText: 'by asking' }).waitFor();
    await state('running');
    await live(ASKED);
    await page.goto('about:blank');
    proxy.end();
  },

  async 'a page that nobody looks at holds no stream'() {
    await go(`#/hosts/${HOST}`);
    await live(TOLD);
    const ended = page.waitForEvent('requestfailed', (request) => request.url().includes('/events'));
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await ended;
    const begun = page.waitForRequest((request) => /events.*after=\d+/.test(request.url()));
    await page.evaluate(() => {
      // As the prototype has it.
      delete document.hidden;
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await begun;
    await live(TOLD);
  },
};

const failed = await play(acts);
await it.end();
process.exitCode = failed;
