"""The main job with the Python client that is generated from openapi/milepost.json: a host is installed, and somebody
watches. An installer is no user of a generated client, so it reports with urllib, as curl or wget would."""

import json
import os
import random
import sys
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import httpx

from milepost_client import AuthenticatedClient, Client
from milepost_client.api.builds import create_build, get_build, list_builds, update_build
from milepost_client.api.hosts import get_host_progress, list_host_builds, list_hosts
from milepost_client.api.installers import report_label_status
from milepost_client.api.registry import delete_step, list_steps, list_workflows, put_step
from milepost_client.api.reports import get_report_log, list_build_reports, list_host_reports
from milepost_client.api.service import get_status
from milepost_client.models import (
    Build,
    BuildInput,
    BuildList,
    BuildPatch,
    HostInput,
    HostList,
    HostProgress,
    Problem,
    RecordableState,
    Recorded,
    ReportList,
    ServiceStatus,
    Step,
    StepInput,
    StepList,
    WorkflowList,
)
from milepost_client.types import UNSET, Response, Unset

URL = os.environ["MILEPOST_URL"].rstrip("/")
MANAGE = os.environ["MILEPOST_TOKEN"]
READ = os.environ["MILEPOST_READ_TOKEN"]
TIMEOUT = httpx.Timeout(20)

T = TypeVar("T")


class Checks:
    """Counts what held, and says what did not."""

    passed = 0
    failed = 0

    def that(self, what: str, held: bool, said: str) -> None:
        if held:
            self.passed += 1
        else:
            self.failed += 1
            print(f"python: FAILED {what}: {said}", file=sys.stderr)

    def equal(self, what: str, expected: object, actual: object) -> None:
        self.that(what, expected == actual, f"expected {expected!r}, got {actual!r}")

    def finish(self) -> int:
        print(f"python: {self.passed} passed, {self.failed} failed")
        return 0 if self.passed and not self.failed else 1


check = Checks()


def client(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=URL, token=token, timeout=TIMEOUT, raise_on_unexpected_status=True)


def newer(data: Any) -> Any:
    """The answers of a version to come: members that this client has never heard of, and states as well."""
    if isinstance(data, dict):
        grown = {key: "of_a_version_to_come" if key == "state" else newer(value) for key, value in data.items()}
        return {**grown, "member_to_come": {"a": [1, None]}}
    if isinstance(data, list):
        return [newer(item) for item in data]
    return data


class NewerService(httpx.HTTPTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        answer.read()
        return httpx.Response(answer.status_code, json=newer(json.loads(answer.content)))


def expect(kind: type[T], answer: Response[Any], status: int = 200) -> T:
    """The parsed body; without it, nothing that follows makes sense."""
    if answer.status_code != status or not isinstance(answer.parsed, kind):
        sys.exit(f"python: expected {status} with a {kind.__name__}, got {answer.status_code}: {answer.content!r}")
    return answer.parsed


def problem(what: str, status: int, answer: Response[Any]) -> Problem:
    """The problem that an operation ends with, as the client's own type."""
    found = expect(Problem, answer, status)
    kind = answer.headers["Content-Type"].split(";")[0]
    check.equal(f"{what}: Content-Type", "application/problem+json", kind)
    check.equal(f"{what}: the status in the body", status, found.status)
    check.that(f"{what}: a detail", bool(found.detail), "expected a sentence, got none")
    check.equal(f"{what}: Foreman's error.message is the detail", found.detail, found.error.message)
    return found


def report(what: str, status: int, url: str, form: Mapping[str, str] | None = None) -> None:
    """What an installer does: it sends a line and reads a line."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=20) as answer:
        check.equal(f"{what}: status", status, answer.status)
        check.equal(f"{what}: answer", "recorded", answer.read().decode().strip())


def text(value: str | Unset) -> str:
    """What a client must have to go on."""
    if isinstance(value, Unset):
        sys.exit("python: expected a text, got nothing")
    return value


def main() -> int:
    manage, read = client(MANAGE), client(READ)

    # A host enters build mode, twice: the second build supersedes the first.
    unique = uuid.uuid4().hex[:12]
    name = f"py-{unique}.clients.example.com"
    foreman_id = random.randrange(1, 2**31 - 1)
    host = HostInput(
        name=name, foreman_id=foreman_id, location="brno", organization="acme", operatingsystem="RedHat 9.4"
    )
    expires_at = datetime.now(timezone.utc) + timedelta(hours=1)
    wanted = BuildInput(host=host, workflow="kickstart", expires_at=expires_at)
    # Members that the service has never heard of are ignored.
    wanted["member_to_come"] = "from a newer client"
    before = expect(Build, create_build.sync_detailed(client=manage, body=wanted), 201)
    build = expect(Build, create_build.sync_detailed(client=manage, body=wanted), 201)
    report_url, token = text(build.report_url), text(build.token)
    check.equal("the build: state", "pending", build.state)
    check.equal("the build: workflow", "kickstart", build.workflow)
    check.equal("the build: attempt", 1, build.attempt)
    check.equal(
        "the build: host",
        (name, foreman_id, "brno"),
        (build.host.name, build.host.foreman_id, build.host.location),
    )
    check.that("the build: ids are UUIDs", isinstance(build.id, uuid.UUID), repr(build.id))
    check.equal("the build: expires_at", expires_at, build.expires_at)
    check.that("the build: report_url ends with the token", report_url.endswith(token), report_url)
    check.equal(
        "the build: what it has not is absent, not null",
        [UNSET] * 5,
        [build.current_step, build.last_message, build.installed_at, build.ended_at, build.host.model],
    )
    superseded = expect(Build, get_build.sync_detailed(before.id, client=read))
    check.equal("the build before: state", "superseded", superseded.state)
    seen = expect(Build, get_build.sync_detailed(build.id, client=read))
    check.equal(
        "a build that is read shows no token", [UNSET] * 3, [seen.token, seen.report_url, seen.report_urls]
    )

    # The installer reports.
    report("GET get_ks/done", 200, f"{report_url}/get_ks/done")
    message = {"status": "init", "message": "412 packages", "logs": "one\ntwo é\n"}
    report("POST packages", 200, f"{report_url}/packages", message)

    # The host page: by name, by Foreman's id and by ours.
    progress = expect(HostProgress, get_host_progress.sync_detailed(name, client=read))
    for what in (str(foreman_id), str(build.host.id)):
        also = expect(HostProgress, get_host_progress.sync_detailed(what, client=read))
        check.equal(f"progress: by {what}", build.id, also.build.id)
    check.equal("progress: build", build.id, progress.build.id)
    check.equal("progress: state", "running", progress.state)
    percent = progress.percent
    check.that("progress: percent", isinstance(percent, int) and 1 <= percent <= 98, f"1 to 98, got {percent!r}")
    current = progress.current_step
    check.equal(
        "progress: current_step",
        ("packages", "running"),
        None if isinstance(current, Unset) else (current.label, current.state),
    )
    check.equal("progress: last_message", "412 packages", progress.last_message)
    check.that(
        "progress: last_report_at", isinstance(progress.last_report_at, datetime), repr(progress.last_report_at)
    )
    check.equal("progress: signals", [], progress.signals)
    steps = {step.label: step for step in progress.steps}
    check.equal(
        "step get_ks",
        ("Kickstart download", "done", 1),
        (steps["get_ks"].name, steps["get_ks"].state, steps["get_ks"].attempts),
    )
    check.that("step get_ks: finished", isinstance(steps["get_ks"].finished_at, datetime), "expected a time")
    check.equal(
        "step packages",
        ("running", "412 packages", UNSET),
        (steps["packages"].state, steps["packages"].message, steps["packages"].finished_at),
    )
    last = steps["first_boot"]
    check.equal(
        "step first_boot",
        ("pending", 0, UNSET, UNSET, UNSET),
        (last.state, last.attempts, last.started_at, last.percentage, last.message),
    )
    order = [step.priority for step in progress.steps if not isinstance(step.priority, Unset)]
    check.equal("steps: in their order", sorted(order), order)

    # A version to come may say more, and other words.
    future = AuthenticatedClient(base_url=URL, token=READ, timeout=TIMEOUT, httpx_args={"transport": NewerService()})
    later = expect(HostProgress, get_host_progress.sync_detailed(name, client=future))
    check.equal("a newer service: unknown words are passed on", "of_a_version_to_come", later.state)
    check.equal("a newer service: the rest is as before", (build.id, "412 packages"), (later.build.id, later.last_message))
    check.equal("a newer service: what is new can be read", {"a": [1, None]}, later["member_to_come"])
    workflows = expect(WorkflowList, list_workflows.sync_detailed(client=future))
    kickstart = [one for one in workflows.results if one.name == "kickstart" and one.steps]
    check.equal("a newer service: workflows", 1, len(kickstart))

    # Lists: a search, page by page, newest first.
    search = f'name = "{name}"'
    pages = [
        expect(BuildList, list_builds.sync_detailed(client=read, search=search, page=page, per_page="1"))
        for page in (1, 2, 3)
    ]
    ids = [[one.id for one in page.results] for page in pages]
    check.equal("builds: pages of one", [[build.id], [before.id], []], ids)
    second = pages[1]
    check.equal(
        "builds: envelope", (2, 2, 1, search), (second.subtotal, second.page, second.per_page, second.search)
    )
    check.that("builds: total", second.total >= 2, f"expected 2 or more, got {second.total}")
    running = f"{search} and state = running"
    found = expect(BuildList, list_builds.sync_detailed(client=read, search=running, order="started_at ASC"))
    check.equal("builds: search by name and state", [build.id], [one.id for one in found.results])
    check.equal("builds: sort", ("started_at", "ASC"), (found.sort.by, found.sort.order))
    check.equal(
        "builds of the host", 2, expect(BuildList, list_host_builds.sync_detailed(name, client=read)).subtotal
    )
    listed = expect(HostList, list_hosts.sync_detailed(client=read, search=search))
    check.equal("hosts", [name], [one.host.name for one in listed.results])

    # The stream of reports: all, then what came since.
    stream = expect(ReportList, list_host_reports.sync_detailed(str(foreman_id), client=read))
    check.equal(
        "reports",
        [(1, "get_ks", "done", UNSET), (2, "packages", "init", "412 packages")],
        [(one.position, one.label, one.status, one.message) for one in stream.results],
    )
    log = expect(str, get_report_log.sync_detailed(build.id, stream.results[1].id, client=read))
    check.equal("reports: the log of packages", "one\ntwo é\n", log)
    report("GET packages/done", 200, f"{report_url}/packages/done")
    since = expect(ReportList, list_build_reports.sync_detailed(build.id, client=read, after=stream.cursor))
    check.equal(
        "reports after the cursor",
        [(3, "packages", "done")],
        [(one.position, one.label, one.status) for one in since.results],
    )

    # Errors, as the client's own type.
    what = "an unknown workflow"
    nowhere = BuildInput(host=host, workflow="no_such_workflow")
    unknown = problem(what, 422, create_build.sync_detailed(client=manage, body=nowhere))
    check.equal(f"{what}: code", "invalid", unknown.code)
    fields = [] if isinstance(unknown.errors, Unset) else unknown.errors
    check.equal(f"{what}: errors", ["/workflow"], [one.pointer for one in fields])
    by_field = [] if isinstance(unknown.error.errors, Unset) else unknown.error.errors.additional_keys
    check.equal(f"{what}: Foreman's errors", ["workflow"], by_field)
    sentences = [] if isinstance(unknown.error.full_messages, Unset) else unknown.error.full_messages
    check.equal(f"{what}: Foreman's full_messages", 1, len(sentences))
    what = "an unknown host"
    missing = problem(what, 404, get_host_progress.sync_detailed(f"no-{name}", client=read))
    check.equal(f"{what}: code", "not_found", missing.code)
    check.equal(f"{what}: no errors", [UNSET, UNSET], [missing.errors, missing.error.errors])
    what = "a bad token"
    stranger = problem(what, 401, get_host_progress.sync_detailed(name, client=client("bad")))
    check.equal(f"{what}: code", "unauthenticated", stranger.code)
    what = "a read token that opens a build"
    reader = problem(what, 403, create_build.sync_detailed(client=read, body=wanted))
    check.equal(f"{what}: code", "forbidden", reader.code)

    # The registry is strict: an unknown step is refused, and shown. The operations of installers answer with a line of
    # text, unless JSON is asked for; this client asks for nothing by itself.
    installer = Client(base_url=URL, timeout=TIMEOUT, headers={"Accept": "application/json"})
    what = "an unknown step"
    refused = problem(
        what, 422, report_label_status.sync_detailed(token, "no_such_step", "done", client=installer)
    )
    check.equal(f"{what}: code", "unknown_step", refused.code)
    shown = expect(HostProgress, get_host_progress.sync_detailed(name, client=read))
    check.equal(f"{what}: the signal", ["rejected_reports"], [one.kind for one in shown.signals])

    # A step of the site's own.
    label = f"clients_py_{unique}"
    own = StepInput(name="Join the domain", priority=470, weight_seconds=30)
    step = expect(Step, put_step.sync_detailed(label, client=manage, body=own))
    check.equal(
        "PUT of a step",
        (label, "Join the domain", 470, "site", UNSET),
        (step.label, step.name, step.priority, step.owner, step.description),
    )
    known = expect(StepList, list_steps.sync_detailed(client=manage, search=f"label = {label}"))
    check.equal("the step is listed", [label], [one.label for one in known.results])
    check.equal("DELETE of the step", label, expect(Step, delete_step.sync_detailed(label, client=manage)).label)
    problem("DELETE of a step that is gone", 404, delete_step.sync_detailed(label, client=manage))

    # The installer is done, the machine boots its own system.
    urls = build.report_urls
    report("POST built", 201, "" if isinstance(urls, Unset) else urls.built, {})
    installed = expect(HostProgress, get_host_progress.sync_detailed(name, client=read))
    check.equal("after built: state", "installed", installed.state)
    check.that(
        "after built: installed_at", isinstance(installed.build.installed_at, datetime), repr(installed.build)
    )
    percent = installed.percent
    check.that("after built: percent", isinstance(percent, int) and percent < 100, f"less than 100, got {percent!r}")
    done = expect(Recorded, report_label_status.sync_detailed(token, "first_boot", "done", client=installer))
    check.equal("first_boot with the generated operation", "recorded", done.result)
    answer = get_host_progress.sync_detailed(name, client=read)
    completed = expect(HostProgress, answer)
    check.equal("after first_boot", ("completed", 100), (completed.state, completed.percent))
    check.that("after first_boot: ended_at", isinstance(completed.build.ended_at, datetime), repr(completed.build))
    again = get_host_progress.sync_detailed(name, client=read, if_none_match=answer.headers["ETag"])
    check.equal("nothing has changed: status", 304, int(again.status_code))

    # A change of a build, with an enum in the request.
    preseed = BuildInput(host=HostInput(name=f"other-{name}"), workflow="preseed")
    other = expect(Build, create_build.sync_detailed(client=manage, body=preseed), 201)
    patch = BuildPatch(state=RecordableState.CANCELED)
    canceled = expect(Build, update_build.sync_detailed(other.id, client=manage, body=patch))
    check.equal("PATCH of a build", "canceled", canceled.state)
    service = expect(ServiceStatus, get_status.sync_detailed(client=read))
    counted = sum(one.count for one in service.builds)
    check.that("the service: builds", counted >= 3, f"expected 3 or more to be counted, got {counted}")

    return check.finish()


sys.exit(main())
