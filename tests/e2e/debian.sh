#!/bin/sh
# Has Debian's own installer report: booted in an emulated machine as far as it gets, and the rest of it in a chroot.
#
#   tests/e2e/debian.sh     (make e2e-debian; service.sh has the settings)
#
# 1. The kernel and the initrd of Debian's network installation boot in QEMU with our preseed file; the early command
#    reports from there. The clock of that machine is six years slow, as that of an installer may well be.
# 2. What comes later, the installer fetches as .udeb from a mirror. So its hooks and its late command are run in its own
#    initrd, by its own busybox and wget, with a Debian of debootstrap as /target.
# shellcheck source=tests/e2e/service.sh
. "$(dirname -- "$0")/service.sh"
# shellcheck source=tests/e2e/machine.sh
. "$(dirname -- "$0")/machine.sh"

find_installer
make_tree
serve 127.0.0.1
mkdir "$work/files"
publish "$work/files" 127.0.0.1

# --- 1. The installer in a machine ------------------------------------------------------------------------------------

host=debian1.example.test
open_build "$host" preseed
# 10.0.2.2 is the loopback of this machine, seen from the emulated one.
render "$host" "http://10.0.2.2:$port" "http://10.0.2.2:$files_port"
cp "$work/$host/preseed.cfg" "$work/files/"
emulate installer -rtc base=2020-02-02T02:02:02 -netdev user,id=n0 -device virtio-net-pci,netdev=n0 \
    -kernel "$installer/linux" -initrd "$installer/initrd.gz" -append "auto=true priority=critical \
url=http://10.0.2.2:$files_port/preseed.cfg hostname=debian1 domain=example.test \
console=ttyS0 DEBIAN_FRONTEND=text --- console=ttyS0"
await "$seconds" 'the early command reports' heard_is 'get_preseed done
pre init'
say 'the early command has reported'
own=$(cat /proc/sys/kernel/random/boot_id)
has_all "(.boot_id | length == 36 and . != \"$own\")" || die 'a report does not say which boot it is of'
has_all '(.seq > 0)' || die 'a report has no number'
has_all '(.reported_at | startswith("2020-02-02T02:"))' || die "a report has not the machine's own time"
step_is "$host" get_preseed 'done' || die 'the download of the preseed file does not show as done'
step_is "$host" pre running || die 'the start of the installer does not show as running'
await "$seconds" 'the installer goes on after the early command' has_line "$work/files.log" 'GET /debian/dists/'
end "$machine"
echo '--- console'
plain <"$console" | grep -oE 'Linux version [^ ]+|Run /init.*|(Detecting|Configuring) .*network.*|Checking the .*' | cut -c1-100
show "$host"

# --- 2. What comes after ----------------------------------------------------------------------------------------------

host=debian2.example.test
open_build "$host" preseed
render "$host" "$url" "http://127.0.0.1:$files_port"
cp "$work/$host/finish.sh" "$work/files/"
di=$work/di
mkdir "$di"
(cd "$di" && gzip -dc "$installer/initrd.gz" | cpio --extract --make-directories --quiet)
cp -a "$tree" "$di/target"
# What the installer's own does, without what needs a running debconf.
cat >"$di/bin/in-target" <<'END'
#!/bin/sh
mount --bind /run /target/run
got=0
chroot /target "$@" || got=$?
umount /target/run
exit "$got"
END
for link in fd:fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do
    ln -sf "/proc/self/${link#*:}" "$di/dev/${link%%:*}"
done

# A value of debconf, as the installer reads it.
value() { sed -e ':more' -e '/\\$/{N;s/\\\n//;b more' -e '}' "$work/$host/preseed.cfg" | sed -n "s,^d-i $1 string ,,p"; }
for command in early_command late_command; do
    value "preseed/$command" >"$di/$command"
    [ -s "$di/$command" ] || die "the preseed file has no $command"
done
cat >"$di/rest.sh" <<'END'
set -e
sh -c "$(cat /early_command)"
for hook in /lib/partman/init.d /usr/lib/base-installer.d /usr/lib/post-base-installer.d /usr/lib/pre-pkgsel.d \
    /usr/lib/finish-install.d; do
    for part in "$hook"/*milepost; do
        echo "$part"
        "$part"
    done
done
sh -c "$(cat /late_command)"
END
# In a mount namespace of its own, so that nothing has to be unmounted.
# shellcheck disable=SC2016
unshare --mount sh -euc '
    mount -t proc proc "$1/proc"
    mount -t proc proc "$1/target/proc"
    mount -t tmpfs tmpfs "$1/run"
    chroot "$1" /bin/sh /rest.sh
    find "$1/run" "$1/target/tmp" -name "*milepost*" ! -name "*.seq" ! -name "*.step"
' sh "$di" >"$work/rest.log" 2>&1
say 'the hooks and the late command have run'

echo '--- what they said'
cat "$work/rest.log"
heard_is 'get_preseed done
pre init
pre done
storage init
storage done
base_system init
base_system done
packages init
packages done
bootloader done
post init
post done
built done' || die "these were heard: $(heard)"
has_all "(.boot_id == \"$own\")" || die 'the chroot and the installer are not of one boot'
state_is installed || die 'the build is not installed'
step_is "$host" storage 'done' || die 'partitioning does not show as done'
[ "$(stat -c %a "$di/target/etc/milepost/credential")" = 600 ] || die 'the credential is for all to read'
[ -L "$di/target/etc/systemd/system/multi-user.target.wants/milepost-first-boot.service" ] || die 'the first boot would not report'
show "$host"
status
say 'all is as it should be'
