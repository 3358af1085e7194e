// A service as its operator runs it: the binary, in a directory of its own, to be stopped and started again. The rule it
// protects: it ends with the test that started it.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const { MILEPOST_BIN: binary } = process.env;
assert(binary, 'MILEPOST_BIN is needed: cargo build -p milepost-cli makes it');

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A service on a free port, which it keeps. */
export async function service(...settings) {
  // A short path, for the socket's sake, which the database's user can reach too.
  const directory = await mkdtemp('/var/tmp/mp-');
  await chmod(directory, 0o755);
  const place = ['--data-dir', `${directory}/data`];
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { PATH, HOME, MILEPOST_PG_BIN } = process.env;
  const env = JSON.parse(JSON.stringify({ PATH, HOME, MILEPOST_PG_BIN }));
  let process_;

  const milepost = async (...words) => (await promisify(execFile)(binary, [...words, ...place], { env })).stdout.trim();

  async function start() {
    process_ = spawn(binary, ['serve', '--listen', `127.0.0.1:${port}`, ...settings, ...place], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const said = [];
    for await (const line of createInterface({ input: process_.stderr })) {
      said.push(line);
      if (line.includes('listening on ')) break;
    }
    assert(said.at(-1)?.includes('listening on '), `the service did not start: ${said.join('\n')}`);
    process_.stderr.resume();
  }

  async function stop() {
    const ended = new Promise((resolve) => process_.once('exit', resolve));
    process_.kill('SIGTERM');
    await ended;
  }

  await start();
  const token = await milepost('token', 'create', '--scope', 'manage');

  async function api(method, path, body) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${url}/api/v2/${path}`, { method, headers, body: body && JSON.stringify(body) });
    assert(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
    return answer.json();
  }

  /** Opens a build, and gives a way to report of it: `report('packages/done', {message})`. */
  async function build(name, facts = {}) {
    const opened = await api('POST', 'builds', { host: { name, ...facts }, workflow: 'kickstart' });
    const report = async (step, fields = {}) => {
      const answer = await fetch(`${url}/unattended/step/${opened.token}/${step}`, { method: 'POST', body: new URLSearchParams(fields) });
      assert.equal(answer.status, 200, await answer.text());
    };
    return { ...opened, report };
  }

  return {
    url,
    port,
    start,
    stop,
    api,
    build,
    link: (scope) => milepost('token', 'link', '--scope', scope),
    token: (scope) => milepost('token', 'create', '--scope', scope),
    async end() {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
