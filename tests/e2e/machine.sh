# shellcheck shell=sh disable=SC2034,SC2154 # What the scripts that source this read, and what service.sh sets.
# Emulated machines, and a Debian for them. To be sourced after service.sh.
#
# One at a time, with one processor, and without KVM: so they are the same everywhere, only slow.

# The kernel and the initrd with which Debian's own installer is booted over the network.
find_installer() {
    installer=
    for place in /usr/lib/debian-installer/images/*/amd64/text/debian-installer/amd64; do
        [ ! -e "$place/initrd.gz" ] || installer=$place
    done
    [ -n "$installer" ] || die 'there is no Debian installer here: scripts/deps.sh e2e'
}

# emulate NAME ARGUMENTS OF QEMU...: starts a machine whose serial console is NAME.console; sets $machine.
emulate() {
    console=$work/$1.console
    name=$1
    shift
    start "$name" qemu-system-x86_64 -accel tcg -smp 1 -m 1024 -nographic -no-reboot -monitor none \
        -serial "file:$console" "$@"
    machine=$pid
    say "a machine boots ($name)"
}

# Makes $tree: what debootstrap makes of Debian, with a kernel. Once; it is taken again until what it holds changes.
packages=systemd,systemd-sysv,udev,dbus,iproute2,curl,wget,linux-image-cloud-amd64
make_tree() {
    tree=$cache/tree
    if [ "$(cat "$tree.made-from" 2>/dev/null)" != "$packages" ]; then
        say 'debootstrap makes a Debian (once)'
        rm -rf "$tree" "$tree.new"
        mkdir -p "$cache"
        debootstrap --variant=minbase --include="$packages" "${E2E_SUITE:-bookworm}" "$tree.new" \
            "${E2E_MIRROR:-http://deb.debian.org/debian}" >"$work/debootstrap.log" 2>&1
        rm -rf "$tree.new"/var/cache/apt/archives/*.deb
        mv "$tree.new" "$tree"
        echo "$packages" >"$tree.made-from"
    fi
}
