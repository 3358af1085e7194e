// Behind nginx, configured as docs/web.md has it: below a path, streams not held back, people signed in by the proxy.
//
//   MILEPOST_BIN=target/debug/milepost PICTURES=/tmp node web/test/nginx.mjs
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { open } from './chromium.mjs';
import { freePort, service } from './service.mjs';

const HOST = 'web1.brno.example.com';
const TOLD = 'The service tells of every change.';

const program = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/local/bin/nginx'].find((path) => existsSync(path));
assert(program, 'no nginx is here: install it (scripts/deps.sh test)');
const written = await readFile(new URL('../../docs/web.md', import.meta.url), 'utf8');
const [location, signsIn, badges, ...more] = [...written.matchAll(/```nginx\n(.*?)```/gs)].map(([, text]) => text);
assert.equal(more.length, 0, 'docs/web.md has three pieces of configuration');

const ports = [await freePort(), await freePort()];
const [plain, named] = ports.map((port) => `http://127.0.0.1:${port}/milepost/`);
const it = await service(
  ...['--public-url', plain.slice(0, -1), '--trust-proxies', '127.0.0.1/32'],
  ...['--trust-user-header', 'X-Remote-User', '--trust-user-scope', 'manage'],
);
const place = await mkdtemp('/var/tmp/mp-nginx-');
await chmod(place, 0o755);
await writeFile(`${place}/users`, 'carol:{PLAIN}correct horse\n');

/** As it is written, but for what is this machine's own. */
const here = (text) => text.replaceAll('127.0.0.1:8420', `127.0.0.1:${it.port}`).replace('/etc/nginx/milepost.users', `${place}/users`);
const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `${what}_temp_path ${place}/${what};`);
const server = (port, text) => `server { listen 127.0.0.1:${port}; ${here(text)} }`;
const configuration = `
daemon off; pid ${place}/pid; error_log stderr warn; worker_processes 1;
events {}
http { access_log off; gzip on; ${temporary.join(' ')}
${server(ports[0], `${location}${badges.replace('TOKEN', await it.token('read'))}`)}
${server(ports[1], location.replace('{\n', `{\n${signsIn}`))}
}`;
await writeFile(`${place}/nginx.conf`, configuration);
const nginx = spawn(program, ['-p', place, '-c', `${place}/nginx.conf`], { stdio: ['ignore', 'inherit', 'inherit'] });
const isListening = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('connect', () => socket.destroy()).on('error', () => resolve(false));
  });
while (!(await isListening(ports[1]))) assert.equal(nginx.exitCode, null, 'nginx does not start; it says why above');

const elsewhere = (url) => !url.startsWith(plain) && !url.startsWith(named);
const { context, page, play, forgive, picture } = await open(elsewhere);
const live = () => page.locator('.mp-live-live').and(page.getByTitle(TOLD)).waitFor();

/** That changes of a host that is new are told as they come, and shown. */
async function follows(host) {
  await live();
  const build = await it.build(host);
  await page.getByRole('link', { name: host }).click();
  await page.locator('.mp-head .mp-state', { hasText: 'pending' }).waitFor();
  await live();
  await build.report('packages/init', { message: 'through nginx' });
  await page.locator('.mp-report', { hasText: 'through nginx' }).waitFor();
}

const acts = {
  async 'below a path one signs in, looks, and is told of changes'() {
    const link = await it.link('read');
    await page.goto(`${plain}#/`);
    await page.waitForURL(`${plain}sign-in`);
    forgive(/ 401 /);
    await page.goto(`${plain}${link.slice(link.indexOf('sign-in'))}`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor();
    assert(page.url().startsWith(plain), page.url());
    await follows(HOST);
    const bare = await fetch(plain.slice(0, -1), { redirect: 'manual' });
    assert.deepEqual([bare.status, bare.headers.get('location')], [301, plain]);
  },

  async 'a badge is seen by whoever is not signed in, and nothing else is'() {
    const badge = await fetch(`${plain}api/v2/hosts/${HOST}/badge.svg`);
    assert.deepEqual([badge.status, badge.headers.get('content-type')], [200, 'image/svg+xml']);
    assert.match(await badge.text(), /<title>web1\.brno\.example\.com: running/);
    assert.equal((await fetch(`${plain}api/v2/hosts/${HOST}/progress`)).status, 401);
    const other = await context.newPage();
    await other.setContent(`<h1>A wiki</h1><p>The first web server: <img src="${plain}api/v2/hosts/${HOST}/badge.svg"></p>`);
    await other.waitForFunction(() => document.images[0].naturalWidth > 0);
    await other.screenshot({ path: `${process.env.PICTURES}/badge.png`, clip: { x: 0, y: 0, width: 500, height: 120 } });
    await other.close();
  },

  async 'whom the proxy knows is signed in, by the name that the proxy says'() {
    await context.clearCookies();
    assert.equal((await fetch(named)).status, 401, 'the proxy asks who it is');
    const authorization = `Basic ${Buffer.from('carol:correct horse').toString('base64')}`;
    const session = await fetch(`${named}api/v2/session`, { headers: { authorization, 'x-remote-user': 'root' } });
    assert.match((await session.json()).name, /carol/);
    const address = new URL(named);
    [address.username, address.password] = ['carol', 'correct horse'];
    await page.goto(address.href);
    await page.goto(named);
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor();
    await page.getByTitle(/^Signed in as .*carol.* \(manage\)$/).waitFor();
    await follows('web2.brno.example.com');
    await picture('nginx');
    forgive(/carol:correct/);
  },
};

const failed = await play(acts);
nginx.kill('SIGTERM');
await it.end();
await rm(place, { recursive: true, force: true });
process.exitCode = failed;
