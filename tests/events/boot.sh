#!/bin/sh
# Runs boot.py with the distribution's cloud-init.
#
#   tests/events/boot.sh ENDPOINT PHONE_HOME TOKEN LOG
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)

cd "$root"
mkdir -p "${CARGO_TARGET_DIR:-target}"
venv=$(CDPATH='' cd -- "${CARGO_TARGET_DIR:-target}" && pwd)/venv-events

# Tests run side by side, and one of them makes this.
exec 9>"$venv.lock"
flock 9
if ! cmp -s "$here/requirements.txt" "$venv/made-from" || ! "$venv/bin/python" -c '' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/made-from"
fi
exec 9>&-

package=$("$root/tests/cloud-init.sh")
library=$(find "${package:?the package of cloud-init cannot be had; target/cloud-init.log says why}" -type d -name cloudinit -path '*-packages/*' | head -n 1)
PYTHONPATH=${library%/*} exec "$venv/bin/python" -B "$here/boot.py" "$@"
