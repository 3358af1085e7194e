"""Takes the scripts out of what an installer fetches, in the order in which the installer runs them.

    scripts.py RENDERED OUTPUT ROOT

Each goes to OUTPUT/DOCUMENT/NN-HOOK.sh. Places of the installer, such as /tmp and /usr/lib, become places below ROOT, so that
the scripts can be run on any machine.
"""

import json
import re
import shlex
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import rjsonnet
import yaml

YAST = {"y": "http://www.suse.com/1.0/yast2ns"}
# As words of their own, not within a URL or behind a variable.
PLACES = re.compile(r"(?<![\w/.$}:])/(tmp|run|root|mnt|lib|usr/lib|var/log)(?=[/ ;\n]|$)", re.MULTILINE)


def kickstart(text):
    """Sections, before the packages and after them; what runs on an error comes last."""
    found = re.findall(r"^%(pre-install|pre|post|onerror|traceback)\b([^\n]*)\n(.*?)^%end", text, re.MULTILINE | re.DOTALL)
    order = ["pre", "pre-install", "post", "onerror", "traceback"]
    for kind, options, body in sorted(found, key=lambda section: order.index(section[0])):
        yield kind + ("-nochroot" if "--nochroot" in options else ""), body


def preseed(text):
    """The early command; it is one line to the installer."""
    for command in re.findall(r"^d-i preseed/early_command string (.*)", text.replace("\\\n", ""), re.MULTILINE):
        # The commands of the installer that it may begin with are not here.
        yield "early_command", command.replace("/bin/killall.sh; /bin/netcfg;", "")


def autoinstall(text):
    """Early commands and error commands; the rest are the installer's own."""
    mapping = yaml.safe_load(text)["autoinstall"]
    for key in ("early-commands", "error-commands"):
        for command in mapping.get(key, []):
            yield key, command


def autoyast(text):
    """Every list in the order in which YaST comes to it."""
    scripts = ET.fromstring(text.strip().encode()).find("y:scripts", YAST)
    for name in ("pre-scripts", "postpartitioning-scripts", "chroot-scripts", "init-scripts"):
        for script in scripts.findall(f"y:{name}/y:script/y:source", YAST):
            yield name, script.text


def agama(text):
    """What Jsonnet makes of the profile."""
    scripts = json.loads(rjsonnet.evaluate_snippet("agama.jsonnet", text))["scripts"]
    for name in ("pre", "postPartitioning", "post"):
        for script in scripts.get(name, []):
            yield name, script["content"]


def cloud_config(text):
    """The boot command is run by itself; of runcmd, cloud-init makes one script."""
    config = yaml.safe_load(text)
    for command in config.get("bootcmd", []):
        yield "bootcmd", command[-1]
    lines = [item if isinstance(item, str) else shlex.join(item) for item in config["runcmd"] or []]
    yield "runcmd", "\n".join(lines)


def whole(text):
    yield "script", text


READERS = {
    "kickstart.ks": kickstart,
    "preseed.cfg": preseed,
    "finish.sh": whole,
    "autoinstall.yaml": autoinstall,
    "autoyast.xml": autoyast,
    "agama.jsonnet": agama,
    "cloud-config.yaml": cloud_config,
    "freebsd.sh": whole,
    "freebsd-finish.sh": whole,
}


def main():
    rendered, output, root = (Path(argument) for argument in sys.argv[1:])
    for name, reader in READERS.items():
        directory = output / name
        directory.mkdir(parents=True)
        for number, (hook, text) in enumerate(reader((rendered / name).read_text()), 1):
            moved = PLACES.sub(rf"{root}/\1", text)
            # The installer of the first boot takes a root; in a template it is the machine's own.
            moved = re.sub(r"^( *milepost_first_boot '[^']*') ''", rf"\1 '{root}'", moved, flags=re.MULTILINE)
            (directory / f"{number:02}-{hook}.sh").write_text(moved + "\n")


if __name__ == "__main__":
    main()
