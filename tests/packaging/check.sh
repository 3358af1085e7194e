#!/bin/sh
# Checks the files that build, run and ship Milepost: the shell scripts, the Makefile, the container files, the licences.
# No container engine is needed, and none is used.
set -eu

cd -- "$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)"
here=tests/packaging
work=${CARGO_TARGET_DIR:-target}
venv=$work/venv-packaging

flask=tests/bench/references/flask/install.sh
helper=integrations/shell/milepost.sh
first_boot=integrations/first_boot/install.sh
shellcheck scripts/deps.sh .ci/run "$here/check.sh" "$here/deps-test.sh" "$flask" "$helper" "$first_boot" \
    tests/templates/run.sh tests/schemathesis/run.sh
shellcheck -x tests/e2e/*.sh
for shell in sh dash bash 'busybox sh'; do
    $shell -n scripts/deps.sh
    $shell -n "$flask"
    $shell -n "$helper"
    $shell -n "$first_boot"
    for file in tests/e2e/*.sh; do
        $shell -n "$file"
    done
done
# ksh93 also has advice, which would not be understood elsewhere.
for shell in ksh93 mksh zsh 'zsh --emulate sh'; do
    $shell -n "$helper" 2>/dev/null || $shell -n "$helper"
done
echo "ok   shell scripts"

sh "$here/deps-test.sh"

make --dry-run help build deps test openapi run bench bench-quick bench-eta fuzz e2e-debian e2e-pxe e2e-firstboot >/dev/null
for file in .ci/run scripts/deps.sh "$here/check.sh" "$flask" "$first_boot" tests/templates/run.sh \
    tests/e2e/debian.sh tests/e2e/pxe.sh tests/e2e/firstboot.sh; do
    [ -x "$file" ] || { echo "$file cannot be executed" >&2; exit 1; }
done
echo "ok   Makefile"

# Made once, and again when what it holds has changed or the Python that it was made with has gone.
if ! cmp -s "$here/requirements.txt" "$venv/made-from" || ! "$venv/bin/python" -c '' 2>/dev/null; then
    rm -rf "$venv"
    mkdir -p "$work"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/made-from"
fi

said=$("$venv/bin/check-jsonschema" --builtin-schema vendor.compose-spec docker-compose.yml 2>&1) || {
    echo "$said" >&2
    exit 1
}
echo "ok   docker-compose.yml has the form of a Compose file"
if [ -x "$venv/bin/hadolint" ]; then
    "$venv/bin/hadolint" Dockerfile
    echo "ok   Dockerfile has no lint"
else
    echo "skip Dockerfile lint: no linter for this machine"
fi

"$venv/bin/python" -B "$here/check.py"
