#!/bin/sh
# Installs what Milepost needs from the operating system, and only what is missing.
#
#   scripts/deps.sh run     to build it and to run it
#   scripts/deps.sh test    that, and what its tests call
#   scripts/deps.sh bench   to build and to run it, and what measures it
#   scripts/deps.sh e2e     to build and to run it, and the machines that boot for it (Debian and Ubuntu only)
#   scripts/deps.sh list run|test|bench|e2e    prints the missing packages and changes nothing
#
# Where nothing is missing, it asks no package manager anything and is done in a second or two. Rust itself is not
# installed here: it says how to get it.
set -eu

usage() {
    echo "usage: scripts/deps.sh run|test|bench|e2e
       scripts/deps.sh list run|test|bench|e2e" >&2
    exit 64
}

say() { echo "deps: $*" >&2; }
die() {
    say "$*"
    exit 1
}

list_only=
if [ "${1:-}" = list ]; then
    list_only=yes
    shift
fi
[ $# -eq 1 ] || usage
case $1 in
    run | test | bench | e2e) wanted=$1 ;;
    *) usage ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

# --- What is there? ---------------------------------------------------------------------------------------------------

has() { command -v "$1" >/dev/null 2>&1; }

# A linker without the C library's start files is there, and links nothing: so link something.
has_c_compiler() {
    has cc || return 1
    out=$(mktemp) || return 1
    status=0
    echo 'int main(void) { return 0; }' | cc -x c -o "$out" - >/dev/null 2>&1 || status=1
    rm -f "$out"
    return "$status"
}

has_libpq() {
    if has pkg-config && pkg-config --exists libpq; then
        return 0
    fi
    has pg_config && [ -e "$(pg_config --includedir)/libpq-fe.h" ]
}

# has_pg <program...>: whether one directory has all of them. Debian keeps the server's programs out of PATH, so that
# several versions can live together. The places are those where the service looks (crates/cluster/src/binaries.rs).
has_pg() {
    lacks=
    for program in "$@"; do
        has "$program" || lacks=yes
    done
    [ -n "$lacks" ] || return 0
    for dir in ${MILEPOST_PG_BIN:+"$MILEPOST_PG_BIN"} /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/bin; do
        lacks=
        for program in "$@"; do
            [ -x "$dir/$program" ] || lacks=yes
        done
        [ -n "$lacks" ] || return 0
    done
    return 1
}
has_postgresql() { has_pg postgres initdb; }
has_pgbench() { has_pg pgbench; }

# Ubuntu has it in a package for each kernel, and nothing that is measured needs it: there, whoever wants it knows more.
has_perf() { has perf || grep -qs '^ID=ubuntu' /etc/os-release; }

# Ubuntu has it as a snap alone, which no script should bring along: there, CHROMIUM names the one to test with.
has_chromium() {
    has chromium || has chromium-browser || has google-chrome || [ -n "${CHROMIUM:-}" ] || grep -qs '^ID=ubuntu' /etc/os-release
}

has_java() { has java && java -version >/dev/null 2>&1; }
has_gem() { has ruby && ruby -e 'require ARGV.fetch(0)' "$1" >/dev/null 2>&1; }
has_python() { has python3 && python3 -c '' >/dev/null 2>&1; }
has_venv() { has python3 && python3 -c 'import venv, ensurepip' >/dev/null 2>&1; }

# Debian keeps programs for root out of a user's PATH.
has_for_root() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1; }
has_file() {
    for file in "$@"; do
        [ ! -e "$file" ] || return 0
    done
    return 1
}

# need <Debian package> <Fedora package> <check...>: notes both names when the check fails.
debian=
fedora=
need() {
    debian_name=$1
    fedora_name=$2
    shift 2
    if ! "$@"; then
        debian="$debian $debian_name"
        fedora="$fedora $fedora_name"
    fi
}

look() {
    debian=
    fedora=
    need 'gcc libc6-dev' gcc has_c_compiler
    need pkg-config pkgconf-pkg-config has pkg-config
    need libpq-dev libpq-devel has_libpq
    # Of jemalloc, which has a build of its own.
    need make make has make
    need postgresql postgresql-server has_postgresql
    need curl curl has curl
    # Node and npm, which build the page, are not among them: without them the Makefile builds a service without its page.
    case $wanted in
        test) look_for_tests ;;
        bench) look_for_bench ;;
        e2e) look_for_e2e ;;
    esac
}

look_for_bench() {
    need wrk wrk has wrk
    need postgresql-contrib postgresql-contrib has_pgbench
    # Only for whoever wants to know where the time goes.
    need linux-perf perf has_perf
    need python3 python3 has_python
    need python3-venv python3 has_venv
}

# Only Debian has a package of its installer; with dnf, this is not reached.
look_for_e2e() {
    need qemu-system-x86 qemu-system-x86-core has qemu-system-x86_64
    need ipxe-qemu ipxe-roms-qemu has_file /usr/lib/ipxe/qemu/efi-virtio.rom
    need debian-installer-12-netboot-amd64 - \
        has_file /usr/lib/debian-installer/images/*/amd64/text/debian-installer/amd64/initrd.gz
    need grub-common grub2-tools has_for_root grub-mkimage
    need grub-pc-bin grub2-pc-modules has_file /usr/lib/grub/i386-pc/http.mod
    need debootstrap debootstrap has_for_root debootstrap
    need dnsmasq-base dnsmasq has_for_root dnsmasq
    need iproute2 iproute has_for_root ip
    need e2fsprogs e2fsprogs has_for_root debugfs
    need cpio cpio has cpio
    need jq jq has jq
    need ruby ruby has ruby
    need python3 python3 has_python
}

look_for_tests() {
    need wget wget has wget
    need busybox busybox has busybox
    need dash dash has dash
    need bash bash has bash
    need ksh ksh has ksh93
    need mksh mksh has mksh
    need zsh zsh has zsh
    need netcat-openbsd netcat has nc
    need perl perl has perl
    need shellcheck ShellCheck has shellcheck
    need openssl openssl has openssl
    need libxml2-utils libxml2 has xmllint
    need default-jre-headless java-headless has_java
    need ruby ruby has ruby
    need ruby-faraday rubygem-faraday has_gem faraday
    need ruby-jwt rubygem-jwt has_gem jwt
    need ruby-marcel rubygem-marcel has_gem marcel
    need ruby-typhoeus rubygem-typhoeus has_gem typhoeus
    need python3 python3 has_python
    need python3-venv python3 has_venv
    need nodejs nodejs has node
    need npm npm has npm
    need chromium chromium has_chromium
    need prometheus golang-github-prometheus has promtool
    need nginx nginx has_for_root nginx
}

# --- How to get it? ---------------------------------------------------------------------------------------------------

# The tools decide, not /etc/os-release: a derivative that has the tool has, nearly always, the names as well.
find_manager() {
    if has apt-get; then
        manager=apt
    elif has dnf; then
        manager=dnf
    else
        manager=
    fi
}

find_root() {
    if [ "$(id -u)" -eq 0 ]; then
        sudo=
    elif has sudo; then
        sudo=sudo
    else
        sudo=none
    fi
}

as_root() {
    # shellcheck disable=SC2086 # Empty or one word.
    $sudo "$@" </dev/null
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# Debian makes a cluster, and starts it, as soon as a server is installed. Milepost has its own and would leave that one
# idle, so it is not made. Where somebody has set this already, their word stands.
no_idle_cluster() {
    conf=/etc/postgresql-common/createcluster.conf
    if grep -Eqs '^[[:space:]]*create_main_cluster[[:space:]]*=' "$conf"; then
        return 0
    fi
    # shellcheck disable=SC2016 # The shell of root expands it.
    as_root sh -c 'mkdir -p "${1%/*}" && echo "create_main_cluster = false" >>"$1"' sh "$conf"
}

# Debian starts a Prometheus as soon as its package is installed. Only its promtool is wanted, so only that is unpacked.
unpack_promtool() {
    has dpkg-deb && has tar || return 0
    dir=$(mktemp -d) || return 1
    status=0
    (cd "$dir" && apt-get download prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool) || status=1
    as_root install -m 755 "$dir/usr/bin/promtool" /usr/local/bin/promtool || status=1
    rm -rf "$dir"
    return "$status"
}

install_with_apt() {
    apt update
    case " $* " in
        *' postgresql '*)
            apt install --no-install-recommends postgresql-common
            no_idle_cluster
            ;;
    esac
    for package in "$@"; do
        shift
        if [ "$package" = prometheus ]; then
            unpack_promtool
        else
            set -- "$@" "$package"
        fi
    done
    [ $# -eq 0 ] || apt install --no-install-recommends "$@"
}

install_with_dnf() {
    if ! as_root dnf -y install --setopt=install_weak_deps=False "$@"; then
        die 'dnf could not install all of them; on an enterprise Linux some are in EPEL: dnf install epel-release, then try again'
    fi
}

# The command for a person to run who has what we lack: root.
explain() {
    case $manager in
        apt) echo "  apt-get update && apt-get install --no-install-recommends$debian" ;;
        dnf) echo "  dnf install$fedora" ;;
        *)
            echo "  Debian's names:$debian"
            echo "  Fedora's names:$fedora"
            ;;
    esac >&2
}

# --- Rust -------------------------------------------------------------------------------------------------------------

check_rust() {
    if ! has cargo; then
        say 'Rust is missing (no cargo in PATH). Its installer, rustup, is explained at https://rustup.rs; in short:'
        say "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
        exit 1
    fi
    # In the repository, so that rustup reads rust-toolchain.toml and fetches what that names.
    cd "$root"
    minimum=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' Cargo.toml)
    version=$(cargo --version | sed -n 's/^cargo \([0-9]*\.[0-9]*\).*/\1/p')
    [ -n "$version" ] || die 'cargo is there, but "cargo --version" does not work: look at what it says'
    if [ -n "$minimum" ] && [ "$(printf '%s\n%s\n' "$minimum" "$version" | sort -t. -k1,1n -k2,2n | head -n 1)" != "$minimum" ]; then
        die "Rust $version is too old, Milepost needs $minimum or newer: rustup update (https://rustup.rs)"
    fi
    if [ "$wanted" = test ]; then
        for part in fmt clippy; do
            cargo "$part" --version >/dev/null 2>&1 || die "cargo $part is missing: rustup component add rustfmt clippy"
        done
    fi
}

# --- Go ---------------------------------------------------------------------------------------------------------------

find_manager
if [ "$wanted" = e2e ] && [ "$manager" = dnf ]; then
    die 'the machines that boot are those of Debian, whose installer comes in a package of Debian alone'
fi
look

if [ -n "$list_only" ]; then
    case $manager in
        dnf) missing=$fedora ;;
        *) missing=$debian ;;
    esac
    for package in $missing; do
        echo "$package"
    done
    exit 0
fi

if [ -n "$debian" ]; then
    find_root
    if [ -z "$manager" ]; then
        say 'this system has neither apt-get nor dnf; install these and try again:'
        explain
        exit 1
    fi
    if [ "$sudo" = none ]; then
        say 'packages are missing, and this is neither root nor is there a sudo; run as root:'
        explain
        exit 1
    fi
    case $manager in
        apt)
            say "installing$debian"
            # shellcheck disable=SC2086 # A list of words.
            set -- $debian
            install_with_apt "$@"
            ;;
        dnf)
            say "installing$fedora"
            # shellcheck disable=SC2086 # A list of words.
            set -- $fedora
            install_with_dnf "$@"
            ;;
    esac
    look
    if [ -n "$debian" ]; then
        say 'these were installed, and what they bring is still not found; is another program of the same name first in PATH?'
        explain
        exit 1
    fi
fi

check_rust
