"""Reads what was rendered for many hosts as the installers would, with their own tools where those can be had.

    check.py RENDERED WORK [CLOUD_INIT_SCHEMA]

RENDERED has a directory for each host of hosts.json. In those whose name begins with `silent` nothing may name Milepost's
address or send anything.
"""

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import rjsonnet
import tree_sitter_batch
import tree_sitter_powershell
import yaml
from tree_sitter import Language, Parser

from scripts import READERS

HERE = Path(__file__).parent
SHELLS = (["dash"], ["bash"], ["busybox", "sh"])
VERSIONS = {"RedHat 9": "RHEL9", "CentOS 7": "RHEL7", "Fedora 40": "F40"}


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout}"
    return done.stdout


class OneKeyOnce(yaml.SafeLoader):
    """A key that stands twice in a mapping would hide the first."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice among {keys}"
        return super().construct_mapping(node, deep)


def read_yaml(path):
    return yaml.load(path.read_text(), OneKeyOnce)


def check_kickstart(path, host):
    version = VERSIONS[f"{host.get('os', 'RedHat')} {host.get('major', 9)}"]
    run(Path(sys.executable).with_name("ksvalidator"), "-v", version, path)
    # ksvalidator knows the sections of all versions; the Anaconda of EL 7 does not, and stops.
    sections = re.findall(r"^%(pre-install|onerror|traceback)\b", path.read_text(), re.MULTILINE)
    expected = ["traceback"] if version == "RHEL7" else ["pre-install", "onerror"]
    assert sections in ([], expected), sections


def check_preseed(path, _host):
    # Debian's own; where it is not, the file is at least run (journeys.rs).
    if shutil.which("debconf-set-selections"):
        said = run("debconf-set-selections", "-c", path)
        assert not said, said
    commands = re.findall(r"^d-i preseed/early_command", path.read_text(), re.MULTILINE)
    assert len(commands) <= 1


def check_autoinstall(path, _host):
    mapping = read_yaml(path)["autoinstall"]
    for name in ("early-commands", "late-commands", "error-commands"):
        for command in mapping.get(name, []):
            assert isinstance(command, str), f"{name}: {command}"
    for reporter in mapping.get("reporting", {}).values():
        # An integer in `retries` would silently lose every event of curtin.
        assert set(reporter) == {"type", "endpoint", "level"} and reporter["type"] == "webhook"


def check_autoyast(path, _host):
    run("xmllint", "--noout", path)
    ET.fromstring(path.read_text().strip().encode())


def check_agama(path, _host):
    json.loads(rjsonnet.evaluate_snippet(path.name, path.read_text()))


def check_cloud_config(path, _host):
    config = read_yaml(path)
    if SCHEMA:
        # cloud-init takes an absent list for an empty one.
        if config["runcmd"] is None:
            del config["runcmd"]
        jsonschema.Draft4Validator(SCHEMA).validate(config)


def check_ipxe(path, _host):
    lines = path.read_text().splitlines()
    assert lines[0] == "#!ipxe"
    for line in lines:
        if "imgfetch" in line:
            assert line.endswith(" && imgfree milepost ||") and "--timeout 5000" in line, line


def check_grub(path, _host):
    # GRUB's own; in a package of its own, as that of debconf is.
    if shutil.which("grub-script-check"):
        run("grub-script-check", path)
    for line in path.read_text().splitlines():
        if "cat " in line:
            assert re.search(r"cat \(http,[\w.:-]+\)/[\w./-]+; ", line), line


def read_with(grammar, text):
    """Reads a script with a grammar of its language; whatever the grammar cannot place is a mistake."""
    nodes = [Parser(Language(grammar.language())).parse(text.encode()).root_node]
    for node in nodes:
        assert node.type != "ERROR" and not node.is_missing, f"line {node.start_point.row + 1}: {text}"
        nodes.extend(node.children)


def check_powershell(path, _host):
    read_with(tree_sitter_powershell, path.read_text())


def check_batch(path, _host):
    read_with(tree_sitter_batch, path.read_text())
    written = []
    for line in path.read_text().splitlines():
        if "%MILEPOST_PS1%\" echo" in line:
            # What is written is what stands there: nothing in it means anything to the shell.
            text = line.partition("echo ")[2]
            assert not re.search(r"[&|<>^%]", text), line
            written.append(text)
    if written:
        read_with(tree_sitter_powershell, "\n".join(written))
    for line in path.read_text().splitlines():
        if "wget64" in line:
            # Only these characters are safe without a thought about quoting.
            send = r"wget(?:64)?\.exe -q -T 5 -t 1 -O NUL [\w:/.\[\]-]+ >NUL 2>&1"
            assert re.fullmatch(rf"{send} \|\| {send} & ver >NUL", line), line


CHECKS = {
    "kickstart.ks": check_kickstart,
    "preseed.cfg": check_preseed,
    "autoinstall.yaml": check_autoinstall,
    "autoyast.xml": check_autoyast,
    "agama.jsonnet": check_agama,
    "cloud-config.yaml": check_cloud_config,
    "boot.ipxe": check_ipxe,
    "grub.cfg": check_grub,
    "windows.cmd": check_batch,
    "windows-finish.cmd": check_batch,
    "windows.ps1": check_powershell,
}
SCHEMA = json.loads(Path(sys.argv[3]).read_text()) if len(sys.argv) > 3 else None


def is_silent(case, path, host):
    """Whether a document says nothing: GRUB knows neither https nor addresses in brackets."""
    plain = re.match(r"\s*http://\w", host.get("parameters", {}).get("milepost_url", ""))
    return case.startswith("silent") or path.name == "grub.cfg" and not plain


def check_scripts(path, work):
    for number, (hook, text) in enumerate(READERS[path.name](path.read_text())):
        script = work / f"{path.name}-{number}-{hook}.sh"
        script.write_text(text)
        for shell in SHELLS:
            run(*shell, "-n", script)
        run("shellcheck", "-s", "sh", "-S", "warning", "-e", "SC1010,SC1090,SC1091", script)


def main():
    rendered, work = Path(sys.argv[1]), Path(sys.argv[2])
    hosts = json.loads((HERE / "hosts.json").read_text())
    count = 0
    for case, host in hosts.items():
        for path in sorted((rendered / case).iterdir()):
            try:
                CHECKS.get(path.name, lambda *_: None)(path, host)
                if path.name in READERS:
                    check_scripts(path, work)
                spoken = re.search(r"milepost\.example|2001:db8|192\.0\.2\.8|owned|reboot\)", path.read_text())
                assert bool(spoken) != is_silent(case, path, host), f"spoken of: {spoken}"
            except Exception as error:
                raise SystemExit(f"{case}/{path.name}: {error}") from error
            count += 1
    print(f"ok   {count} documents for {len(hosts)} hosts" + ("" if SCHEMA else "; skip the schema of cloud-init"))


if __name__ == "__main__":
    main()
