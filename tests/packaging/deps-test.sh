#!/bin/sh
# Tests of scripts/deps.sh in a bare PATH, with package managers that only write down how they were called.
set -eu

cd -- "$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fail() {
    echo "FAIL scripts/deps.sh: $1" >&2
    sed 's/^/    /' "$tmp/out" >&2
    exit 1
}

# bare <dir> <uid>: a PATH of what the script itself calls, and a user.
bare() {
    mkdir "$tmp/$1"
    for tool in sh env dirname mktemp rm sed sort head cat grep mkdir; do
        ln -s "$(command -v "$tool")" "$tmp/$1/$tool"
    done
    stub "$1" id "echo $2"
}
stub() {
    printf '#!/bin/sh\n%s\n' "$3" >"$tmp/$1/$2"
    chmod +x "$tmp/$1/$2"
}
# deps <dir> <expected exit code> <arguments...>
deps() {
    dir=$1
    expected=$2
    shift 2
    code=0
    : >"$tmp/calls"
    env -i PATH="$tmp/$dir" CALLS="$tmp/calls" /bin/sh scripts/deps.sh "$@" >"$tmp/out" 2>&1 </dev/null || code=$?
    [ "$code" -eq "$expected" ] || fail "$dir: deps.sh $* ended with $code, not $expected"
}
said() { grep -q -- "$1" "$tmp/out" || fail "$dir: did not say: $1"; }
called() { grep -q -- "$1" "$tmp/calls" || fail "$dir: did not call: $1; but: $(cat "$tmp/calls")"; }
called_nothing() { [ ! -s "$tmp/calls" ] || fail "$dir: called $(cat "$tmp/calls")"; }

# shellcheck disable=SC2016 # The stub expands it.
record='echo "${0##*/} $*" >>"$CALLS"'

bare nothing 0
deps nothing 64
deps nothing 64 everything
deps nothing 1 run
said 'neither apt-get nor dnf'
said 'libpq-dev'
said 'libpq-devel'

bare fedora 0
stub fedora dnf "$record"
deps fedora 0 list test
said '^ShellCheck$'
called_nothing
deps fedora 1 run
called '^dnf -y install .* gcc pkgconf-pkg-config libpq-devel .*curl'
said 'still not found'

deps fedora 0 list bench
said '^wrk$'
! grep -q ShellCheck "$tmp/out" || fail 'measuring needs no shellcheck'

deps fedora 1 e2e
said 'those of Debian'
called_nothing

bare debian 0
stub debian apt-get "$record"
deps debian 1 test
called '^apt-get -y .* update$'
called '^apt-get -y .* install --no-install-recommends .*gcc libc6-dev pkg-config libpq-dev .*ruby-typhoeus'

deps debian 1 bench
called '^apt-get -y .* install --no-install-recommends .*gcc libc6-dev .*wrk .*python3-venv'

deps debian 1 e2e
called '^apt-get -y .* install --no-install-recommends .*gcc libc6-dev .*qemu-system-x86 '
! grep -q 'install .*shellcheck' "$tmp/calls" || fail 'machines that boot need no shellcheck'

bare user 1000
stub user apt-get "$record"
deps user 1 run
said 'apt-get update && apt-get install --no-install-recommends gcc libc6-dev'
called_nothing

bare sudoer 1000
stub sudoer apt-get "$record"
# shellcheck disable=SC2016
stub sudoer sudo 'echo "sudo $*" >>"$CALLS"; exec "$@"'
deps sudoer 1 run
called '^sudo env DEBIAN_FRONTEND=noninteractive apt-get '
called '^apt-get '

# Here, after "make deps-test", nothing is missing; then no package manager is asked, whoever this is.
if [ -z "$(scripts/deps.sh list run)" ]; then
    mkdir "$tmp/here"
    stub here apt-get "$record"
    stub here dnf "$record"
    : >"$tmp/calls"
    dir=here
    PATH="$tmp/here:$PATH" CALLS="$tmp/calls" scripts/deps.sh run >"$tmp/out" 2>&1 || fail 'fails although nothing is missing'
    called_nothing
fi

echo "ok   scripts/deps.sh"
