#!/bin/sh
# Installs the Flask reference into a virtual environment.
#
#   tests/bench/references/flask/install.sh DIRECTORY
#
# Made once, and again when what it holds has changed or the Python that it was made with has gone.
set -eu

[ $# -eq 1 ] || { echo "usage: install.sh DIRECTORY" >&2; exit 64; }
venv=$1
requirements=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)/requirements.txt

if cmp -s "$requirements" "$venv/made-from" && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi
rm -rf "$venv"
mkdir -p "$(dirname -- "$venv")"
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
cp "$requirements" "$venv/made-from"
