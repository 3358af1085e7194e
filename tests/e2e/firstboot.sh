#!/bin/sh
# Boots a new system for the first time, and again, and looks at what it reports.
#
#   tests/e2e/firstboot.sh     (make e2e-firstboot; service.sh has the settings)
#
# integrations/first_boot/install.sh writes into a Debian of debootstrap, offline as from an installer; that becomes an image,
# which boots with its own kernel and its own systemd in QEMU.

# shellcheck source=tests/e2e/service.sh
. "$(dirname -- "$0")/service.sh"
# shellcheck source=tests/e2e/machine.sh
. "$(dirname -- "$0")/machine.sh"

unit=etc/systemd/system/milepost-first-boot.service

# install_system: makes $work/disk, a system that is to report to $build at its first boot and powers itself off at the end.
# Files of first-boot.d are in $work/first-boot.d.
install_system() {
    disk=$work/disk
    new=$work/system
    rm -rf "$disk" "$new"
    cp -a "$tree" "$new"
    # 10.0.2.2 is the loopback of this machine, seen from the emulated one.
    integrations/first_boot/install.sh "http://10.0.2.2:$port/unattended/step/$credential" "$new"
    [ "$(stat -c %a "$new/etc/milepost/credential")" = 600 ] || die 'the credential is for all to read'
    cp "$work/first-boot.d"/* "$new/etc/milepost/first-boot.d/"
    printf '[Match]\nName=e*\n[Network]\nDHCP=yes\n' >"$new/etc/systemd/network/e2e.network"
    cat >"$new/etc/systemd/system/e2e-end.service" <<'END'
[Unit]
After=multi-user.target milepost-first-boot.service
[Service]
Type=oneshot
StandardOutput=journal+console
ExecStart=sh -c 'echo "failed units: $$(systemctl --failed --plain --no-legend | cut -d" " -f1 | tr "\n" " ")"'
ExecStart=sh -c 'echo "first boot unit: $$(systemctl is-enabled milepost-first-boot.service 2>&1)"'
ExecStart=systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
END
    chroot "$new" systemctl --quiet enable systemd-networkd.service e2e-end.service
    mke2fs -q -t ext4 -d "$new" "$disk" 1200M >"$work/mke2fs.log" 2>&1
    rm -rf "$new"
}

# boot NAME: boots $work/disk until it has powered itself off.
boot() {
    emulate "$1" -netdev user,id=n0 -device virtio-net-pci,netdev=n0,romfile= \
        -drive "file=$work/disk,format=raw,if=virtio" -kernel "$kernel" -initrd "$initrd" \
        -append 'root=/dev/vda rw console=ttyS0 systemd.show_status=yes'
    await "$seconds" 'the machine powers itself off' ended "$machine"
    has_line "$console" 'reboot: Power down' || die 'the machine ended, but not by itself'
    say 'it has powered itself off'
    echo '--- console'
    plain <"$console" | sed 's/^vm login: //;s/sh\[[0-9]*\]: //' |
        grep -oE 'Linux version [^ ]+|.*(Reached|Stopped) target multi-user.*|.*milepost-firs[^ ]*….*|.*(failed units|first boot unit|Power down).*' |
        cut -c1-110
}

# is_gone PATH...: whether the disk has none of these any more.
is_gone() {
    for path in "$@"; do
        case $(debugfs -R "stat /$path" "$work/disk" 2>&1) in
            *'File not found'*) ;;
            *) die "/$path is still there" ;;
        esac
    done
}
has_cleaned_up() {
    is_gone etc/milepost/credential "$unit" usr/local/sbin/milepost-first-boot \
        etc/systemd/system/multi-user.target.wants/milepost-first-boot.service
}

make_tree
kernel=$(echo "$tree"/boot/vmlinuz-*)
initrd=$(echo "$tree"/boot/initrd.img-*)
serve 127.0.0.1
mkdir "$work/first-boot.d"

# --- 1. Something fails -----------------------------------------------------------------------------------------------

host=failing.example.test
open_build "$host" preseed
printf '#!/bin/sh\nuname -a\n' >"$work/first-boot.d/10-agent"
printf '#!/bin/sh\necho "no such licence server" >&2\nexit 3\n' >"$work/first-boot.d/20-licence"
chmod 755 "$work/first-boot.d"/*
install_system
boot failing
heard_is 'first_boot init
first_boot -
first_boot -
first_boot failed' || die "these were heard: $(heard)"
state_is failed || die 'the build is not failed'
has_all '(.seq > 0)' || die 'a report has no number'
has_all '(.reported_at and (.boot_id | length == 36))' || die 'a report does not say which boot it is of, or when'
step_is "$host" first_boot failed || die 'the first boot does not show as failed'
last=$(api "/api/v2/builds/$build/reports?per_page=all" | jq -r '.results[-1] | .id + " " + .message')
[ "${last#* }" = 'failed: 20-licence' ] || die "this was said of the failure: ${last#* }"
log=$(api "/api/v2/builds/$build/reports/${last%% *}/log")
[ "$log" = 'no such licence server' ] || die "this is the log: $log"
has_line "$console" 'failed units: milepost-first-boot.service' || die 'systemd does not show the unit as failed'
has_cleaned_up
show "$host"

# --- 2. All goes well, and the machine boots again --------------------------------------------------------------------

host=web1.example.test
open_build "$host" preseed
rm "$work/first-boot.d/20-licence"
install_system
boot first
expected='first_boot init
first_boot -
first_boot done'
heard_is "$expected" || die "these were heard: $(heard)"
state_is completed || die 'the build is not completed'
step_is "$host" first_boot 'done' || die 'the first boot does not show as done'
! has_line "$console" 'failed units: milepost' || die 'systemd shows the unit as failed'
has_cleaned_up

boot second
heard_is "$expected" || die "the second boot reported: $(heard)"
show "$host"
status
say 'all is as it should be'
