"""Has cloud-init's own code report a boot, and phone home. Its package is in PYTHONPATH.

    boot.py ENDPOINT PHONE_HOME TOKEN LOG

An ENDPOINT that does not name the TOKEN gets it by OAuth. LOG is sent along with the last event. Prints what cloud-init
warned of, a line each.
"""

import logging
import sys
import types

from cloudinit import reporting
from cloudinit.config import cc_phone_home
from cloudinit.reporting.events import ReportEventStack, report_finish_event, status

ENDPOINT, PHONE_HOME, TOKEN, LOG = sys.argv[1:]

STAGES = {
    "init-network": ["migrator", "seed_random", "bootcmd", "write_files", "growpart", "resizefs", "disk_setup", "mounts",
                     "set_hostname", "update_etc_hosts", "ca_certs", "rsyslog", "users_groups", "ssh"],
    "modules-config": ["keyboard", "locale", "set_passwords", "grub_dpkg", "apt_configure", "ntp", "timezone", "runcmd"],
    "modules-final": ["package_update_upgrade_install", "write_files_deferred", "puppet", "chef", "salt_minion",
                      "scripts_per_once", "scripts_per_boot", "scripts_per_instance", "scripts_user", "ssh_authkey_fingerprints",
                      "keys_to_console", "phone_home", "final_message"],
}


class Warned(logging.Handler):
    """What would make `cloud-init status` say "degraded"."""

    def emit(self, record):
        print(record.getMessage())


class Cloud:
    """The little of a cloud that a phone call asks for."""

    paths = None

    def get_instance_id(self):
        return "iid-9f2c"

    def get_hostname(self, fqdn=False):
        return types.SimpleNamespace(hostname="web1.brno.example.com" if fqdn else "web1")


def phone_home():
    cloud = Cloud()
    config = {"phone_home": {"url": PHONE_HOME, "post": "all", "tries": 1}}
    # Newer versions have no logger among the arguments.
    log = logging.getLogger("phone_home")
    names = cc_phone_home.handle.__code__.co_varnames[: cc_phone_home.handle.__code__.co_argcount]
    given = {"name": "phone_home", "cfg": config, "cloud": cloud, "log": log, "args": []}
    cc_phone_home.handle(*(given[name] for name in names))


def main():
    # It reads client certificates of the machine, of which there are none.
    cc_phone_home.util.fetch_ssl_details = lambda paths=None: {}
    logging.getLogger("cloudinit").addHandler(Warned(logging.WARNING))
    webhook = {"type": "webhook", "endpoint": ENDPOINT, "timeout": 5, "retries": 1}
    if TOKEN not in ENDPOINT:
        webhook |= {"consumer_key": "milepost", "token_key": "milepost", "token_secret": TOKEN}
    reporting.update_configuration({"logging": None, "milepost": webhook})
    for stage, modules in STAGES.items():
        files = [LOG, "/nowhere"] if stage == "modules-final" else []
        whole = ReportEventStack(stage, f"running modules for {stage}", post_files=files)
        if stage == "init-network":
            # The reporter is set up within this stage, after it has started.
            whole.fullname = stage
        else:
            whole.__enter__()
        for module in modules:
            with ReportEventStack(f"config-{module}", f"running config-{module} with frequency once", parent=whole) as one:
                if module == "phone_home":
                    reporting.flush_events()
                    phone_home()
                if module == "keyboard":
                    one.result = status.WARN
        if stage == "init-network":
            report_finish_event(stage, "searching for network datasources")
        else:
            whole.__exit__(None, None, None)
        reporting.flush_events()


main()
