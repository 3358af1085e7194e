"""Checks what the container files promise beyond their form, and the dependencies against deny.toml."""

import http.server
import json
import re
import subprocess
import sys
import threading
import traceback
from pathlib import Path

from ruamel.yaml import YAML

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


def dockerfile_instructions():
    """The (name, arguments) of every instruction, lines joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    for line in joined.splitlines():
        if line.strip():
            name, _, arguments = line.strip().partition(" ")
            yield name, arguments.strip()


def final_stage():
    stage = []
    for name, arguments in dockerfile_instructions():
        if name == "FROM":
            stage = []
        stage.append((name, arguments))
    return stage


def one(stage, wanted):
    found = [arguments for name, arguments in stage if name == wanted]
    assert len(found) == 1, f"Dockerfile: the final stage has {len(found)} {wanted}, not one"
    return found[0]


def check_image():
    stage = final_stage()
    assert "rust" not in one(stage, "FROM"), "Dockerfile: the final stage is built on a toolchain"
    assert one(stage, "USER") == "10001:10001"
    assert one(stage, "EXPOSE") == "8420"
    assert one(stage, "VOLUME") == "/var/lib/milepost"
    assert json.loads(one(stage, "ENTRYPOINT")) == ["milepost"]
    assert json.loads(one(stage, "CMD")) == ["serve", "--listen", "0.0.0.0:8420"]
    packages = re.search(r"apt-get install -y --no-install-recommends ([^&]*)", one(stage, "RUN")).group(1).split()
    assert packages == ["ca-certificates", "libpq5"], f"Dockerfile: the image has {packages}"
    for _, arguments in stage:
        assert "cargo" not in arguments, "Dockerfile: the final stage calls cargo"


def check_build_context():
    """Each file that the build copies by name, and each member of the workspace, reaches it."""
    ignored = [line.strip() for line in (ROOT / ".dockerignore").read_text().splitlines()]
    ignored = [line for line in ignored if line and not line.startswith("#")]
    for needed in ("Cargo.toml", "Cargo.lock", "LICENSE", "crates", "tests", "migrations", "openapi", "integrations"):
        assert needed not in ignored, f".dockerignore: {needed} is left out, and the build reads it"
    for unwanted in (".git", ".env", "target", "rust-toolchain.toml"):
        assert unwanted in ignored, f".dockerignore: {unwanted} goes into the build"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(self.server.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


def check_health_check():
    """The image's health check, run here: healthy on 200 and on nothing else."""
    arguments = one(final_stage(), "HEALTHCHECK")
    command = json.loads(arguments.partition("CMD ")[2])
    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    here = [part.replace("/127.0.0.1/8420", f"/127.0.0.1/{port}") for part in command]
    assert here != command, "Dockerfile: the health check does not ask port 8420"

    def healthy():
        return subprocess.run(here, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=10).returncode == 0

    for status, expected in ((200, True), (500, False), (404, False)):
        server.status = status
        assert healthy() is expected, f"Dockerfile: the health check takes {status} wrongly"
    server.shutdown()
    server.server_close()
    assert not healthy(), "Dockerfile: the health check is content with a closed port"


def check_compose():
    compose = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())
    service, database = compose["services"]["milepost"], compose["services"]["db"]
    assert service["depends_on"]["db"]["condition"] == "service_healthy"
    assert service["ports"] == ["127.0.0.1:8420:8420"], "docker-compose.yml: the port is open to others"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "ports" not in database, "docker-compose.yml: the database is open to others"
    assert "pg_isready" in database["healthcheck"]["test"]
    paths = [volume.partition(":")[2] for volume in service["volumes"]]
    assert paths == [one(final_stage(), "VOLUME")], "docker-compose.yml: the data is not on the image's volume"
    for name, part in compose["services"].items():
        for volume in part["volumes"]:
            assert volume.partition(":")[0] in compose["volumes"], f"docker-compose.yml: {name} has an unknown volume"
        for network in part["networks"]:
            assert network in compose["networks"], f"docker-compose.yml: {name} has an unknown network"
    for password in (service["environment"]["PGPASSWORD"], database["environment"]["POSTGRES_PASSWORD"]):
        assert password.startswith("${MILEPOST_DB_PASSWORD:?"), "docker-compose.yml: it starts without a password"


def licence_is_allowed(expression, allowed):
    """Evaluates an SPDX expression: WITH binds first, then AND, then OR. A slash is what older crates wrote for OR."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either():
        result = both()
        while words and words[0] == "OR":
            words.pop(0)
            result = both() or result
        return result

    def both():
        result = single()
        while words and words[0] == "AND":
            words.pop(0)
            result = single() and result
        return result

    def single():
        word = words.pop(0)
        if word == "(":
            result = either()
            assert words.pop(0) == ")", expression
            return result
        if words and words[0] == "WITH":
            words.pop(0)
            word = f"{word} WITH {words.pop(0)}"
        return word in allowed

    result = either()
    assert not words, f"not an SPDX expression: {expression}"
    return result


def check_the_evaluator():
    for expression, expected in (
        ("MIT", True),
        ("GPL-3.0", False),
        ("GPL-3.0 OR MIT", True),
        ("MIT AND GPL-3.0", False),
        ("MIT/GPL-3.0", True),
        ("(GPL-3.0 OR MIT) AND MIT", True),
        ("MIT AND GPL-3.0 OR GPL-2.0", False),
        ("Apache-2.0 WITH LLVM-exception", False),
    ):
        assert licence_is_allowed(expression, {"MIT", "Apache-2.0"}) is expected, expression


def check_dependencies():
    check_the_evaluator()
    deny = tomllib.loads((ROOT / "deny.toml").read_text())
    allowed = set(deny["licenses"]["allow"])
    banned = {ban["crate"] for ban in deny["bans"]["deny"]}
    command = ["cargo", "metadata", "--locked", "--format-version=1"]
    command += [f"--filter-platform={target}" for target in deny["graph"]["targets"]]
    packages = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    sources = {package["source"] for package in packages if package["source"]}
    wrong = [f"{source}: not the default registry" for source in sources if not source.startswith("registry+")]
    if len(sources) > 1:
        wrong.append(f"more than one source: {sorted(sources)}")
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if package["name"] in banned:
            wrong.append(f"{name}: is banned")
        if not package["license"] or not licence_is_allowed(package["license"], allowed):
            wrong.append(f"{name}: its licence is {package['license']}")
    assert not wrong, "deny.toml forbids:\n  " + "\n  ".join(sorted(wrong))
    return f"{len(packages)} dependencies"


def check_licence():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text


def main():
    failed = False
    for name, check in (
        ("the image is what it says", check_image),
        ("the build context has what the build reads", check_build_context),
        ("the image's health check tells 200 from the rest", check_health_check),
        ("docker-compose.yml is closed to the outside", check_compose),
        ("the licences, bans and sources of deny.toml hold", check_dependencies),
        ("LICENSE is Apache-2.0", check_licence),
    ):
        try:
            detail = check()
        except AssertionError as error:
            failed = True
            where = traceback.extract_tb(error.__traceback__)[-1].line
            print(f"FAIL {name}: {str(error) or where}", file=sys.stderr)
        else:
            print(f"ok   {name}" + (f" ({detail})" if detail else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
