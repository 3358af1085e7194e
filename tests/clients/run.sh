#!/bin/sh
# Makes clients of the published document, openapi/milepost.json, in Ruby, Python and TypeScript, and does the main job with
# each: a host is installed, and somebody watches.
#
#   MILEPOST_URL=http://127.0.0.1:8420 MILEPOST_TOKEN=... MILEPOST_READ_TOKEN=... tests/clients/run.sh
#
# The tokens are of the scopes manage and read; the service must be a strict one. What is installed and generated goes below
# target/clients, and is made anew only when what it is made from has changed.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
document=$root/openapi/milepost.json

say() { echo "clients: $*" >&2; }
die() {
    say "$*"
    exit 1
}

for name in MILEPOST_URL MILEPOST_TOKEN MILEPOST_READ_TOKEN; do
    eval "value=\${$name:-}"
    [ -n "$value" ] || die "$name is not set: this needs a running service, with a token of each scope (see the head of $0)"
done

# The service is on this machine: no proxy for it.
host=${MILEPOST_URL#*://}
host=${host%%[:/]*}
export no_proxy="$host,localhost,127.0.0.1${no_proxy:+,$no_proxy}"
export NO_PROXY="$no_proxy"

cd "$root"
mkdir -p "${CARGO_TARGET_DIR:-target}/clients"
work=$(CDPATH='' cd -- "${CARGO_TARGET_DIR:-target}/clients" && pwd)
venv=$work/venv
# Two runs at once would make the same things.
exec 9>"$work/lock"
flock 9

# quietly <log> <command...>: what it said is shown only when it has failed.
quietly() {
    log=$work/$1.log
    shift
    "$@" >"$log" 2>&1 </dev/null 9>&- || {
        cat "$log" >&2
        die "this failed: $*"
    }
}

# made <directory> <file...>: is it there, and made from these?
made() {
    [ "$(cat "$1/made-from" 2>/dev/null)" = "$(shift && cksum "$@")" ]
}

# note_made <directory> <file...>: comes last, so that what was interrupted is made again.
note_made() {
    into=$1
    shift
    cksum "$@" >"$into/made-from"
}

# --- Tools ------------------------------------------------------------------------------------------------------------

set -- "$here/requirements.txt"
if ! made "$venv" "$@" || ! "$venv/bin/python" -c '' 2>/dev/null; then
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die 'the generator of the Python client needs Python 3.11'
    rm -rf "$venv"
    quietly venv python3 -m venv "$venv"
    quietly pip "$venv/bin/python" -m pip install --disable-pip-version-check --requirement "$1"
    note_made "$venv" "$@"
fi

node=$work/node
set -- "$here/package.json" "$here/package-lock.json"
if ! made "$node" "$@"; then
    rm -rf "$node"
    mkdir "$node"
    cp "$@" "$node"
    quietly npm npm ci --prefix "$node" --ignore-scripts --no-audit --no-fund
    note_made "$node" "$@"
fi

# --- Clients ----------------------------------------------------------------------------------------------------------

# The generator's two libraries for HTTP: Foreman's own clients use the first.
for library in faraday typhoeus; do
    ruby=$work/ruby-$library
    set -- "$document" "$here/requirements.txt" "$here/run.sh"
    if ! made "$ruby" "$@"; then
        rm -rf "$ruby"
        quietly "ruby-$library" "$venv/bin/openapi-generator-cli" generate -i "$document" -g ruby --library "$library" \
            -o "$ruby" --additional-properties=gemName=milepost_client,moduleName=MilepostClient \
            --global-property=apiDocs=false,modelDocs=false,apiTests=false,modelTests=false
        # shellcheck disable=SC2016 # It is Ruby's.
        quietly "ruby-$library-compiled" ruby -e \
            'Dir["#{ARGV.fetch(0)}/**/*.rb"].each { |file| RubyVM::InstructionSequence.compile_file(file) }' "$ruby/lib"
        note_made "$ruby" "$@"
    fi
done

python=$work/python
set -- "$document" "$here/requirements.txt" "$here/openapi-python-client.yaml" "$here/main_job.py" "$here/run.sh"
if ! made "$python" "$@"; then
    rm -rf "$python"
    mkdir "$python"
    quietly python "$venv/bin/openapi-python-client" generate --path "$document" --config "$3" --meta none \
        --output-path "$python/milepost_client"
    sed -n 's/^WARNING parsing \(.*\) within.*/python: the generator cannot make all of \1/p' "$work/python.log"
    quietly python-types env MYPYPATH="$python" "$venv/bin/mypy" --strict --cache-dir "$work/mypy" \
        "$python/milepost_client" "$here/main_job.py"
    note_made "$python" "$@"
fi

typescript=$work/typescript
set -- "$document" "$here/package-lock.json" "$here/tsconfig.json" "$here/main_job.ts" "$here/run.sh"
if ! made "$typescript" "$@"; then
    rm -rf "$typescript"
    mkdir "$typescript"
    cp "$here/package.json" "$here/tsconfig.json" "$here/main_job.ts" "$typescript"
    ln -s "$node/node_modules" "$typescript/node_modules"
    quietly typescript "$node/node_modules/.bin/openapi-typescript" "$document" -o "$typescript/schema.ts"
    quietly typescript-compiled "$node/node_modules/.bin/tsc" --project "$typescript"
    note_made "$typescript" "$@"
fi

# --- The main job -----------------------------------------------------------------------------------------------------

status=0
for library in faraday typhoeus; do
    ruby -I "$work/ruby-$library/lib" "$here/main_job.rb" "ruby-$library" || status=1
done
PYTHONPATH=$python "$venv/bin/python" -B "$here/main_job.py" || status=1
node "$typescript/out/main_job.js" || status=1
exit "$status"
