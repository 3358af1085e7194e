# shellcheck shell=sh disable=SC2034 # What the scripts that source this read.
# A Milepost of its own for the scripts of this directory, and what they ask it. To be sourced.
#
# The rule it protects: nothing is left. Everything lies in $work, and whatever was started is ended by its id, also when
# the script fails.
#
#   MILEPOST_BIN    the program (default: target/release/milepost)
#   E2E_SECONDS     how long to wait for a machine to report (default: 900)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
bin=$(realpath -m -- "${MILEPOST_BIN:-$root/target/release/milepost}")
cd "$root"
cache=${CARGO_TARGET_DIR:-target}/e2e
seconds=${E2E_SECONDS:-900}
# What is put before each command that talks to the service, where it is in a network namespace.
inside=
started=
began=$(date +%s)

say() { echo "$(($(date +%s) - began)) s: $*"; }
die() {
    echo "e2e: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || die 'this makes chroots, images and network namespaces: it has to be root'
[ -x "$bin" ] || die "there is no $bin: make build, or name one with MILEPOST_BIN"

# PostgreSQL does not run as root, and its user has to get there.
work=$(mktemp -d)
chmod 755 "$work"

# What a script has to undo besides.
undo() { :; }
leave() {
    status=$?
    trap '' EXIT INT TERM
    if [ "$status" -ne 0 ]; then
        for log in "$work"/*.console "$work"/*.log; do
            [ ! -s "$log" ] || { echo "--- the end of ${log##*/}" && tail -n 25 "$log" | plain; } >&2
        done
    fi
    for pid in $started; do
        end "$pid"
    done
    undo
    rm -rf "$work"
    exit "$status"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start NAME COMMAND...: runs it in the background, with its output in NAME.log; sets $pid.
start() {
    name=$1
    shift
    # shellcheck disable=SC2086 # Empty or words.
    $inside "$@" >"$work/$name.log" 2>&1 </dev/null &
    pid=$!
    started="$pid $started"
}
# A process that has ended is there until somebody asks how.
ended() {
    case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) in
        '' | Z*) ;;
        *) return 1 ;;
    esac
}
end() {
    ended "$1" || kill "$1"
    # A PostgreSQL that is told to stop takes a moment.
    wait "$1" 2>/dev/null || :
}

# await SECONDS WHAT COMMAND...: until it succeeds.
await() {
    limit=$(($(date +%s) + $1)) what="$2 (within $1 s)"
    shift 2
    until "$@"; do
        [ "$(date +%s)" -lt "$limit" ] || die "did not happen: $what"
        sleep 1
    done
}
has_line() { grep -qs -- "$2" "$1"; }
# A console without what only a terminal understands.
plain() { tr -d '\r' | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g;s/\x1b[()][0-9A-Z]//g'; }

# --- The service ------------------------------------------------------------------------------------------------------

# serve ADDRESS: starts it there on a free port; sets $url and $port.
serve() {
    start milepost "$bin" serve --listen "$1:0" --data-dir "$work/data"
    await 120 'the service listens' has_line "$work/milepost.log" '^listening on '
    url=$(cat "$work/data/url")
    port=${url##*:}
    # shellcheck disable=SC2086
    token=$($inside "$bin" token create --scope manage --data-dir "$work/data")
    say "the service listens on $url"
}

# api PATH [CURL'S ARGUMENTS...]
api() {
    path=$1
    shift
    # shellcheck disable=SC2086
    $inside curl -sS --fail-with-body --max-time 30 -H "Authorization: Bearer $token" "$@" "$url$path"
}

# open_build HOST WORKFLOW: sets $build, and $credential to the token that the service issued for it.
open_build() {
    answer=$(api /api/v2/builds -H 'Content-Type: application/json' \
        -d "{\"host\":{\"name\":\"$1\",\"location\":\"lab\"},\"workflow\":\"$2\"}")
    build=$(echo "$answer" | jq -r .id)
    credential=$(echo "$answer" | jq -r .token)
    say "a build of $1 is open"
}

# What the service has of the build, each report as "label status", in order.
heard() { api "/api/v2/builds/$build/reports?per_page=all" | jq -r '.results[] | .label + " " + (.status // "-")'; }
heard_is() { [ "$(heard)" = "$1" ]; }
heard_begins() {
    case "$(heard)
" in "$1
"*) ;; *) return 1 ;; esac
}
# has_all FILTER: whether there are reports and the filter of jq holds for each.
has_all() {
    api "/api/v2/builds/$build/reports?per_page=all" |
        jq -e ".results | length > 0 and all(.[]; $1)" >/dev/null
}
state_is() { [ "$(api "/api/v2/builds/$build" | jq -r .state)" = "$1" ]; }
step_is() { # HOST LABEL STATE, as a page shows it
    api "/api/v2/hosts/$1/progress" |
        jq -e --arg step "$2" --arg state "$3" 'any(.steps[]; .label == $step and .state == $state)' >/dev/null
}

# What a person would look at: the reports, and the terminal.
show() {
    echo "--- reports of ${1:-the build}"
    api "/api/v2/builds/$build/reports?per_page=all" | jq -r '.results[] |
        [.label + " " + (.status // "-"), "seq " + (.seq // "-" | tostring), "boot " + (.boot_id // "-")[0:8],
         "said " + (.reported_at // "-"), "came " + .received_at[11:19], .message // ""] | join("  ")'
}
status() {
    echo '--- milepost status'
    # 1: a build that is shown has failed.
    # shellcheck disable=SC2086
    MILEPOST_TOKEN=$token $inside "$bin" status --url "$url" || [ $? = 1 ]
}

# render HOST MILEPOST_URL FILES_URL [KERNEL_ARGUMENTS]: what Foreman would make of our templates, in $work/HOST.
render() {
    jq -n --arg name "$1" --arg token "$credential" --arg url "$2" --arg files "$3" --arg kernel "${4:-}" '{name: $name,
        token: null, parameters: {milepost_url: $url, milepost_token: $token, files: $files, kernel_arguments: $kernel}}' \
        >"$work/host.json"
    ruby tests/templates/render.rb "$work/$1" "$root" "$work/host.json" "$root/tests/e2e/documents"
}

# publish DIRECTORY ADDRESS: serves it by HTTP; sets $files_port.
publish() {
    start files python3 -u -m http.server --bind "$2" --directory "$1" 0
    await 30 'files are served' has_line "$work/files.log" '^Serving HTTP'
    files_port=$(sed -n 's/^Serving HTTP on .* port \([0-9]*\) .*/\1/p' "$work/files.log")
}
