#!/bin/sh
# Sends what Schemathesis makes of the published document, openapi/milepost.json, to a running service: no 5xx, no status
# that is not described, no body that breaks its schema.
#
#   MILEPOST_URL=http://127.0.0.1:8420 MILEPOST_TOKEN=... MILEPOST_BUILD_TOKEN=... tests/schemathesis/run.sh
#
# The first token is an admin's, the second a build's. SCHEMATHESIS_EXAMPLES says how many examples each operation gets at
# most, besides those that cover each value's borders. What is installed goes below target/schemathesis.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)

for name in MILEPOST_URL MILEPOST_TOKEN MILEPOST_BUILD_TOKEN; do
    eval "value=\${$name:-}"
    [ -n "$value" ] || {
        echo "schemathesis: $name is not set: this needs a running service (see the head of $0)" >&2
        exit 1
    }
done

cd "$root"
mkdir -p "${CARGO_TARGET_DIR:-target}/schemathesis"
work=$(CDPATH='' cd -- "${CARGO_TARGET_DIR:-target}/schemathesis" && pwd)
venv=$work/venv
# Two runs at once would make the same things.
exec 9>"$work/lock"
flock 9

if ! cmp -s "$here/requirements.txt" "$venv/made-from" || ! "$venv/bin/python" -c '' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/made-from"
fi

# check <what> <paths> <token>: the same seed each time, so that a failure comes back.
check() {
    status=0
    (cd "$work" && NO_PROXY='*' "$venv/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$root/openapi/milepost.json" \
        --url "$MILEPOST_URL" --include-path-regex "$2" --header "Authorization: Bearer $3" \
        --seed 8420 --max-examples "${SCHEMATHESIS_EXAMPLES:-10}" --no-color) >"$work/$1.log" 2>&1 9>&- || status=$?
    if [ "$status" -ne 0 ]; then
        cat "$work/$1.log" >&2
        echo "schemathesis: $1 does not keep to the document" >&2
        exit 1
    fi
    sed -n 's/^ *\([0-9][0-9,]* generated.*\)/'"$1"': \1/p' "$work/$1.log"
}

# The stream of events has no end: tests/api/live.rs reads it.
check api '^/(api/(?!v2/events)|healthz|readyz|metrics)' "$MILEPOST_TOKEN"
check installers '^/unattended/' "$MILEPOST_BUILD_TOKEN"
