"""Sends what Ubuntu's installer sends while it installs a machine, in its words and with its headers.

    replay.py ENDPOINT install|failure|repeats

Prints a line of JSON: how many were sent, and how often each answer came.
"""

import collections
import contextlib
import gzip
import http.client
import itertools
import json
import sys
import urllib.parse
import urllib.request

ENDPOINT, KIND = sys.argv[1:]
START = 1718200000.25


class Failure(Exception):
    """The installation ends here."""


class Context:
    """What nests in what; entering and leaving it are the events."""

    events = []
    clock = itertools.count()

    def __init__(self, name, description="", parent=None):
        self.name = f"{parent.name}/{name}" if parent else name
        self.description = description

    def child(self, name, description=""):
        return Context(name, description, self)

    def say(self, kind, level="INFO", description=None, **more):
        self.events.append({
            "name": self.name,
            "description": self.description if description is None else description,
            "event_type": kind,
            "origin": "curtin",
            "timestamp": START + next(self.clock) / 7,
            "level": level,
            **more,
        })

    def __enter__(self):
        self.say("start")
        return self

    def __exit__(self, kind, failure, _traceback):
        # Whatever nests around a failure ends as one.
        if failure is None:
            self.say("finish", result="SUCCESS")
        else:
            self.say("finish", "ERROR", result="FAIL")


def once(parent, *names):
    for name in names:
        with parent.child(name, name.replace("-", " ").replace("_", " ")):
            pass


@contextlib.contextmanager
def stage(install, name, description, command):
    """One run of curtin: of its stages Ubuntu's installer calls one after the other."""
    step = install.child("run_curtin_step", f"executing curtin install {name} step")
    with step, step.child("cmd-install", "curtin command install") as whole:
        if name == "initial":
            yield whole
            return
        with whole.child(f"stage-{name}", description) as part:
            with part.child("builtin", f"running 'curtin {command}'") as builtin:
                with builtin.child(f"cmd-{command}", f"curtin command {command}") as work:
                    yield work


def installation(fails):
    subiquity = Context("subiquity")
    for controller in ("Network", "Keyboard", "Source", "Mirror", "Filesystem", "Identity", "SSH", "SnapList", "Proxy", "Updates"):
        with subiquity.child(controller).child("apply_autoinstall_config") as apply:
            once(apply, "load", "wait")
            apply.say("info", description="nothing to do")
    with subiquity.child("Early").child("run") as early:
        once(early, "command_0", "command_1")
    with subiquity.child("Install").child("install") as install:
        with install.child("configure_apt", "configuring apt") as apt:
            once(apt, "curtin_apt_config")
            apt.say("warning", "WARNING", "the mirror is slow")
        with install.child("curtin_install", "installing system") as system:
            with stage(system, "initial", "", ""):
                pass
            with stage(system, "partitioning", "configuring storage", "block-meta") as work:
                once(work, "clear-holders")
                # Thirteen times in all, with the one that it stands in.
                for what in ("disk: disk-vda", "partition: 0", "format: 0", "partition: 1", "format: 1", "partition: 2",
                             "lvm_volgroup: 0", "lvm_partition: 0", "format: 2", "mount: 2", "mount: 1", "mount: 0"):
                    with Context(work.name, f"configuring {what}"):
                        pass
            with stage(system, "extract", "writing install sources to disk", "extract") as work:
                with Context(work.name, "acquiring and extracting image from cp:///tmp/tmp9/mount"):
                    if fails:
                        raise Failure
            with stage(system, "curthooks", "configuring installed system", "curthooks") as work:
                once(work, "writing-apt-config", "installing-missing-packages", "configuring-iscsi-service",
                     "configuring-mdadm-service", "installing-kernel", "setting-up-swap", "apply-networking-config",
                     "writing-etc-fstab", "configuring-multipath", "system-upgrade", "pollinate-user-agent",
                     "updating-initramfs-configuration", "configuring-bootloader")
                once(Context(work.name), "install-grub")
        with install.child("postinstall", "final system configuration") as after:
            once(after, "get_target_packages")
            for package in ("openssh-server", "qemu-guest-agent", "curl"):
                with after.child(f"install_{package}", f"installing {package}") as one:
                    # The first try fails, which is no failure of the installation.
                    retrieving = one.child("retrieving", f"retrieving {package}")
                    retrieving.say("start")
                    retrieving.say("finish", "ERROR", result="FAIL")
                    with retrieving:
                        once(retrieving, "cmd-system-install")
                    with one.child("unpacking", f"unpacking {package}") as unpacking:
                        once(unpacking, "cmd-system-install")
            once(after, "configure_cloud_init")
            with after.child("run_unattended_upgrades", "downloading and installing security updates") as updates:
                once(updates, "cmd-in-target")
            with after.child("restore_apt_config", "restoring apt configuration") as restore:
                restore.say("finish", "WARN", result="WARN")
    with subiquity.child("Late").child("run") as late:
        once(late, "command_0")
    subiquity.child("Shutdown").child("shutdown", "mode=REBOOT").say("start")


def post_as_curtin(event):
    """urllib, as curtin uses it: one connection for each."""
    headers = {"User-Agent": "Curtin/23.1", "Content-Type": "application/json"}
    request = urllib.request.Request(ENDPOINT, data=json.dumps(event).encode(), headers=headers)
    with urllib.request.urlopen(request) as answer:
        return answer.status, answer.read().decode().strip()


def post_as_cloud_init(event):
    """Text without a Content-Type, as requests sends it for cloud-init."""
    url = urllib.parse.urlsplit(ENDPOINT)
    connection = http.client.HTTPConnection(url.netloc)
    body = json.dumps({**event, "origin": "cloudinit"}).encode()
    connection.putrequest("POST", url.path, skip_accept_encoding=True)
    for name, value in (("User-Agent", "Cloud-Init/24.4"), ("Accept-Encoding", "gzip, deflate"), ("Accept", "*/*"),
                        ("Connection", "keep-alive"), ("Content-Length", str(len(body)))):
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    body = answer.read()
    if answer.getheader("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return answer.status, body.decode().strip()


def main():
    try:
        installation(KIND == "failure")
    except Failure:
        pass
    events = Context.events
    if KIND == "repeats":
        # The answer got lost, so the client sends the same again.
        answers = [post(event) for event in events[:3] for post in (post_as_cloud_init, post_as_cloud_init, post_as_curtin)]
    else:
        answers = [post_as_curtin(event) for event in events]
    count = collections.Counter(f"{status} {text}" for status, text in answers)
    print(json.dumps({"sent": len(answers), "answers": count, "block_meta": sum(
        event["event_type"] == "start" and event["name"].endswith("/cmd-block-meta") for event in events)}))


main()
