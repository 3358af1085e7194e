#!/bin/sh
# Unpacks the distribution's package of cloud-init and prints where: cloud-init itself has no business on the machine of a
# developer, where it would run at the next boot. Prints nothing where it cannot be had.
#
#   tests/cloud-init.sh
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
mkdir -p "${CARGO_TARGET_DIR:-target}"
work=$(CDPATH='' cd -- "${CARGO_TARGET_DIR:-target}" && pwd)/cloud-init

# Tests run side by side, and the first one fetches it.
exec 9>"$work.lock"
flock 9
if [ ! -e "$work/unpacked" ]; then
    rm -rf "$work"
    mkdir "$work"
    (
        cd "$work"
        if command -v apt-get >/dev/null; then
            apt-get download cloud-init
            dpkg-deb --extract cloud-init_*.deb .
            rm -f cloud-init_*.deb
        else
            dnf download cloud-init
            rpm2cpio cloud-init-*.rpm | cpio --extract --make-directories --quiet
            rm -f cloud-init-*.rpm
        fi
        touch unpacked
    ) >"$work.log" 2>&1 || exit 0
fi
echo "$work"
