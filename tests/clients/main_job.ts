// The main job with the TypeScript client that is generated from openapi/milepost.json: a host is installed, and somebody
// watches. An installer is no user of a generated client, so it reports with a plain fetch, as curl or wget would.

import { randomBytes, randomInt } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];
type BuildInput = components["schemas"]["BuildInput"];

let passed = 0;
let failed = 0;

function that(what: string, held: boolean, said: string): void {
  if (held) {
    passed += 1;
  } else {
    failed += 1;
    console.error(`typescript: FAILED ${what}: ${said}`);
  }
}

function equal(what: string, expected: unknown, actual: unknown): void {
  const said = `expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`;
  that(what, isDeepStrictEqual(actual, expected), said);
}

function env(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const url = env("MILEPOST_URL").replace(/\/+$/, "");

function client(token: string, fetch?: (request: Request) => Promise<Response>): Client<paths> {
  const headers = { Authorization: `Bearer ${token}` };
  return createClient<paths>({ baseUrl: url, headers, ...(fetch && { fetch }) });
}

/** The answers of a version to come: members that this client has never heard of, and states as well. */
function newer(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(newer);
  if (typeof data !== "object" || data === null) return data;
  const grown = Object.entries(data).map(([key, value]) => [
    key,
    key === "state" ? "of_a_version_to_come" : newer(value),
  ]);
  return { ...Object.fromEntries(grown), member_to_come: { a: [1, null] } };
}

async function newerService(request: Request): Promise<Response> {
  const answer = await fetch(request);
  return Response.json(newer(await answer.json()), { status: answer.status });
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The parsed body; without it, nothing that follows makes sense. */
async function expect<T>(answer: Promise<Answer<T>>, status = 200): Promise<NonNullable<T>> {
  const { data, error, response } = await answer;
  if (response.status !== status || data === undefined || data === null) {
    throw new Error(`expected ${status}, got ${response.status} from ${response.url}: ${JSON.stringify(error)}`);
  }
  return data;
}

/** The problem that an operation ends with, as the client's own type. */
async function problem(
  what: string,
  status: number,
  answer: Promise<{ error?: Problem | string; response: Response }>,
): Promise<Problem> {
  const { error, response } = await answer;
  equal(`${what}: status`, status, response.status);
  equal(`${what}: Content-Type`, "application/problem+json", response.headers.get("Content-Type")?.split(";")[0]);
  if (error === undefined || typeof error === "string") throw new Error(`${what}: expected a problem, got ${error}`);
  equal(`${what}: the status in the body`, status, error.status);
  that(`${what}: a detail`, error.detail !== "", "expected a sentence, got none");
  equal(`${what}: Foreman's error.message is the detail`, error.detail, error.error.message);
  return error;
}

/** What an installer does: it sends a line and reads a line. */
async function report(what: string, status: number, to: string, form?: Record<string, string>): Promise<void> {
  const init = form ? { method: "POST", body: new URLSearchParams(form) } : {};
  const answer = await fetch(to, { ...init, signal: AbortSignal.timeout(20_000) });
  equal(`${what}: status`, status, answer.status);
  equal(`${what}: answer`, "recorded", (await answer.text()).trim());
}

/** Which of the members are there at all: absent is not the same as null or undefined. */
function present(value: object, ...members: string[]): string[] {
  return members.filter((member) => member in value);
}

async function main(): Promise<void> {
  const manage = client(env("MILEPOST_TOKEN"));
  const read = client(env("MILEPOST_READ_TOKEN"));
  const progressOf = (host: string, by = read) =>
    by.GET("/api/v2/hosts/{host}/progress", { params: { path: { host } } });
  const open = (body: BuildInput, by = manage) => by.POST("/api/v2/builds", { body });
  const buildOf = (id: string) => read.GET("/api/v2/builds/{id}", { params: { path: { id } } });

  // A host enters build mode, twice: the second build supersedes the first.
  const unique = randomBytes(6).toString("hex");
  const name = `ts-${unique}.clients.example.com`;
  const foreman_id = randomInt(1, 2 ** 31 - 1);
  const host = { name, foreman_id, location: "brno", organization: "acme", operatingsystem: "RedHat 9.4" };
  const wanted: BuildInput = {
    host,
    workflow: "kickstart",
    expires_at: new Date(Date.now() + 3_600_000).toISOString(),
  };
  const before = await expect(open(wanted), 201);
  const build = await expect(open(wanted), 201);
  const { token = "", report_url = "" } = build;
  equal("the build: state", "pending", build.state);
  equal("the build: workflow", "kickstart", build.workflow);
  equal("the build: attempt", 1, build.attempt);
  equal("the build: host", [name, foreman_id, "brno"], [build.host.name, build.host.foreman_id, build.host.location]);
  that("the build: times can be read", !Number.isNaN(Date.parse(build.started_at)), build.started_at);
  that("the build: report_url ends with the token", token !== "" && report_url.endsWith(token), report_url);
  const late = ["current_step", "last_message", "installed_at", "ended_at"];
  equal("the build: what it has not is absent, not null", [], present(build, ...late));
  equal("the host: what it has not is absent, not null", [], present(build.host, "model", "hostgroup", "ip", "mac"));
  equal("the build before: state", "superseded", (await expect(buildOf(before.id))).state);
  const seen = await expect(buildOf(build.id));
  equal("a build that is read shows no token", [], present(seen, "token", "report_url", "report_urls"));

  // The installer reports.
  await report("GET get_ks/done", 200, `${report_url}/get_ks/done`);
  const message = { status: "init", message: "412 packages", logs: "one\ntwo é\n" };
  await report("POST packages", 200, `${report_url}/packages`, message);

  // The host page: by name, by Foreman's id and by ours.
  const progress = await expect(progressOf(name));
  equal("progress: by foreman_id", build.id, (await expect(progressOf(String(foreman_id)))).build.id);
  equal("progress: by id", build.id, (await expect(progressOf(build.host.id))).build.id);
  equal("progress: build", build.id, progress.build.id);
  equal("progress: state", "running", progress.state);
  const percent = progress.percent ?? -1;
  that("progress: percent", Number.isInteger(percent) && percent >= 1 && percent <= 98, `1 to 98, got ${percent}`);
  equal(
    "progress: current_step",
    ["packages", "running"],
    [progress.current_step?.label, progress.current_step?.state],
  );
  equal("progress: last_message", "412 packages", progress.last_message);
  that("progress: last_report_at", progress.last_report_at !== undefined, "expected a time");
  equal("progress: signals", [], progress.signals);
  const steps = new Map(progress.steps.map((step) => [step.label, step]));
  const [got, packages, boot] = [steps.get("get_ks"), steps.get("packages"), steps.get("first_boot")];
  equal("step get_ks", ["Kickstart download", "done", 1], [got?.name, got?.state, got?.attempts]);
  that("step get_ks: finished", got?.finished_at !== undefined, "expected a time");
  equal("step packages", ["running", "412 packages"], [packages?.state, packages?.message]);
  equal("step packages: not finished", [], present(packages ?? {}, "finished_at"));
  equal("step first_boot", ["pending", 0], [boot?.state, boot?.attempts]);
  equal("step first_boot: nothing more", [], present(boot ?? {}, "started_at", "percentage", "message"));
  const order = progress.steps.map((step) => step.priority ?? -1);
  equal("steps: in their order", [...order].sort((one, other) => one - other), order);

  // A version to come may say more, and other words.
  const future = client(env("MILEPOST_READ_TOKEN"), newerService);
  const later = await expect(progressOf(name, future));
  equal("a newer service: unknown words are passed on", "of_a_version_to_come", later.state);
  equal("a newer service: the rest is as before", [build.id, "412 packages"], [later.build.id, later.last_message]);
  const workflows = await expect(future.GET("/api/v2/workflows"));
  const kickstart = workflows.results.find((one) => one.name === "kickstart");
  that("a newer service: workflows", (kickstart?.steps.length ?? 0) > 0, "expected kickstart with steps");

  // Lists: a search, page by page, newest first.
  const search = `name = "${name}"`;
  const pages = [];
  for (const page of [1, 2, 3]) {
    pages.push(await expect(read.GET("/api/v2/builds", { params: { query: { search, page, per_page: "1" } } })));
  }
  const ids = pages.map((page) => page.results.map((one) => one.id));
  equal("builds: pages of one", [[build.id], [before.id], []], ids);
  equal(
    "builds: envelope",
    [2, 2, 1, search],
    [pages[1]?.subtotal, pages[1]?.page, pages[1]?.per_page, pages[1]?.search],
  );
  that("builds: total", (pages[0]?.total ?? 0) >= 2, `expected 2 or more, got ${pages[0]?.total}`);
  const query = { search: `${search} and state = running`, order: "started_at ASC" };
  const found = await expect(read.GET("/api/v2/builds", { params: { query } }));
  equal("builds: search by name and state", [build.id], found.results.map((one) => one.id));
  equal("builds: sort", ["started_at", "ASC"], [found.sort.by, found.sort.order]);
  const ofHost = await expect(read.GET("/api/v2/hosts/{host}/builds", { params: { path: { host: name } } }));
  equal("builds of the host", 2, ofHost.subtotal);
  const hosts = await expect(read.GET("/api/v2/hosts", { params: { query: { search } } }));
  equal("hosts", [build.id], hosts.results.map((one) => one.build?.id));

  // The stream of reports: all, then what came since.
  const path = { host: String(foreman_id) };
  const stream = await expect(read.GET("/api/v2/hosts/{host}/reports", { params: { path } }));
  equal(
    "reports",
    [
      [1, "get_ks", "done", undefined],
      [2, "packages", "init", "412 packages"],
    ],
    stream.results.map((one) => [one.position, one.label, one.status, one.message]),
  );
  const log = await expect(
    read.GET("/api/v2/builds/{id}/reports/{report}/log", {
      params: { path: { id: build.id, report: stream.results[1]?.id ?? "" } },
      parseAs: "text",
    }),
  );
  equal("reports: the log of packages", "one\ntwo é\n", log);
  await report("GET packages/done", 200, `${report_url}/packages/done`);
  const since = await expect(
    read.GET("/api/v2/builds/{id}/reports", {
      params: { path: { id: build.id }, query: { after: stream.cursor ?? "" } },
    }),
  );
  equal(
    "reports after the cursor",
    [[3, "packages", "done"]],
    since.results.map((one) => [one.position, one.label, one.status]),
  );

  // Errors, as the client's own type.
  let what = "an unknown workflow";
  const unknown = await problem(what, 422, open({ host, workflow: "no_such_workflow" }));
  equal(`${what}: code`, "invalid", unknown.code);
  equal(`${what}: errors`, ["/workflow"], unknown.errors?.map((one) => one.pointer));
  equal(`${what}: Foreman's errors`, ["workflow"], Object.keys(unknown.error.errors ?? {}));
  equal(`${what}: Foreman's full_messages`, 1, unknown.error.full_messages?.length);
  what = "an unknown host";
  const missing = await problem(what, 404, progressOf(`no-${name}`));
  equal(`${what}: code`, "not_found", missing.code);
  equal(`${what}: no errors`, [], [...present(missing, "errors"), ...present(missing.error, "errors")]);
  what = "a bad token";
  const stranger = await problem(what, 401, progressOf(name, client("bad")));
  equal(`${what}: code`, "unauthenticated", stranger.code);
  what = "a read token that opens a build";
  const reader = await problem(what, 403, open(wanted, read));
  equal(`${what}: code`, "forbidden", reader.code);

  // The registry is strict: an unknown step is refused, and shown. The operations of installers answer with a line of
  // text, unless JSON is asked for; this client asks for nothing by itself.
  const installer = createClient<paths>({ baseUrl: url, headers: { Accept: "application/json" } });
  const step = (of: string, status: string) =>
    installer.GET("/unattended/step/{token}/{label}/{status}", { params: { path: { token, label: of, status } } });
  what = "an unknown step";
  const refused = await problem(what, 422, step("no_such_step", "done"));
  equal(`${what}: code`, "unknown_step", refused.code);
  const signals = (await expect(progressOf(name))).signals.map((one) => one.kind);
  equal(`${what}: the signal`, ["rejected_reports"], signals);

  // A step of the site's own.
  const label = `clients_ts_${unique}`;
  const own = { name: "Join the domain", priority: 470, weight_seconds: 30 };
  const put = await expect(manage.PUT("/api/v2/steps/{label}", { params: { path: { label } }, body: own }));
  equal(
    "PUT of a step",
    [label, "Join the domain", 470, "site"],
    [put.label, put.name, put.priority, put.owner],
  );
  const known = await expect(read.GET("/api/v2/steps", { params: { query: { search: `label = ${label}` } } }));
  equal("the step is listed", [label], known.results.map((one) => one.label));
  const remove = () => manage.DELETE("/api/v2/steps/{label}", { params: { path: { label } } });
  equal("DELETE of the step", label, (await expect(remove())).label);
  await problem("DELETE of a step that is gone", 404, remove());

  // The installer is done, the machine boots its own system.
  await report("POST built", 201, build.report_urls?.built ?? "", {});
  const installed = await expect(progressOf(name));
  equal("after built: state", "installed", installed.state);
  that("after built: installed_at", installed.build.installed_at !== undefined, "expected a time");
  that("after built: percent", (installed.percent ?? 100) < 100, `less than 100, got ${installed.percent}`);
  const recorded = await expect(step("first_boot", "done"));
  equal("first_boot with the generated operation", { result: "recorded" }, recorded);
  const answer = progressOf(name);
  const completed = await expect(answer);
  equal("after first_boot", ["completed", 100], [completed.state, completed.percent]);
  that("after first_boot: ended_at", completed.build.ended_at !== undefined, "expected a time");
  const etag = (await answer).response.headers.get("ETag") ?? "";
  const again = await read.GET("/api/v2/hosts/{host}/progress", {
    params: { path: { host: name }, header: { "If-None-Match": etag } },
  });
  equal("nothing has changed: status", 304, again.response.status);

  // A change of a build, with an enum in the request.
  const other = await expect(open({ host: { name: `other-${name}` }, workflow: "preseed" }), 201);
  const canceled = await expect(
    manage.PATCH("/api/v2/builds/{id}", { params: { path: { id: other.id } }, body: { state: "canceled" } }),
  );
  equal("PATCH of a build", "canceled", canceled.state);
  const service = await expect(read.GET("/api/v2/status"));
  const counted = service.builds.reduce((sum, one) => sum + one.count, 0);
  that("the service: builds", counted >= 3, `expected 3 or more to be counted, got ${counted}`);
}

main()
  .catch((problem: unknown) => that("the job", false, String(problem)))
  .finally(() => {
    console.log(`typescript: ${passed} passed, ${failed} failed`);
    process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
  });
