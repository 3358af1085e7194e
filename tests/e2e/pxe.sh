#!/bin/sh
# Has machines report that boot over the network: iPXE first, then the installer that it fetched; and GRUB.
#
#   tests/e2e/pxe.sh     (make e2e-pxe; service.sh has the settings)
#
# The machine, dnsmasq (DHCP and TFTP, no DNS), the files and the service live in a network namespace that has nothing but
# a loopback and the machine's own wire. The ROM of the emulated card is iPXE; it gets our iPXE template by TFTP, and by
# that the kernel and the initrd by HTTP. A second machine gets GRUB instead, and by TFTP our GRUB template.

# shellcheck source=tests/e2e/service.sh
. "$(dirname -- "$0")/service.sh"
# shellcheck source=tests/e2e/machine.sh
. "$(dirname -- "$0")/machine.sh"

find_installer

namespace=milepost-e2e-$$
wire=e2e0
server=192.0.2.1
mac=52:54:00:e2:e0:01
grub_mac=52:54:00:e2:e0:02
undo() { ip netns delete "$namespace" 2>/dev/null || :; }
ip netns add "$namespace"
inside="ip netns exec $namespace"
$inside ip link set lo up
$inside ip tuntap add dev "$wire" mode tap
$inside ip address add "$server/24" dev "$wire"
$inside ip link set "$wire" up

serve "$server"
mkdir "$work/files" "$work/tftp"
ln -s "$installer/linux" "$installer/initrd.gz" "$work/files"
publish "$work/files" "$server"
files=http://$server:$files_port

arguments="auto=true priority=critical url=$files/preseed.cfg hostname=pxe domain=example.test console=ttyS0 \
DEBIAN_FRONTEND=text --- console=ttyS0"
host=pxe1.example.test
open_build "$host" preseed
render "$host" "$url" "$files" "$arguments"
cp "$work/$host/preseed.cfg" "$work/files/"
# iPXE knows its scripts by their first line.
sed '1{/^$/d}' "$work/$host/boot.ipxe" >"$work/tftp/boot.ipxe"
grub-mkimage --format=i386-pc-pxe --output="$work/tftp/grub.pxe" --prefix='(pxe)/grub' pxe tftp http net normal configfile \
    linux cat test echo
mkdir "$work/tftp/grub"
chmod -R a+rX "$work/tftp"
# The installer would ask for a name server that it is not given. There is none, and nothing here has a name.
start dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface="$wire" --bind-interfaces \
    --pid-file= --dhcp-leasefile="$work/leases" --dhcp-range=192.0.2.100,192.0.2.150,1h \
    --dhcp-host="$mac,192.0.2.100" --dhcp-host="$grub_mac,set:grub,192.0.2.101" \
    --dhcp-option="option:dns-server,$server" --dhcp-boot=boot.ipxe --dhcp-boot=tag:grub,grub.pxe \
    --enable-tftp --tftp-root="$work/tftp" --log-dhcp --log-facility=-
dhcp=$work/dnsmasq.log

emulate pxe -netdev "tap,id=n0,ifname=$wire,script=no,downscript=no" -boot n \
    -device "virtio-net-pci,netdev=n0,mac=$mac"
await "$seconds" 'iPXE fetches its script by TFTP' has_line "$dhcp" 'sent .*/boot.ipxe'
say 'iPXE has its script'
await "$seconds" 'iPXE reports the boot files' heard_begins 'boot_files init
boot_files done'
say 'iPXE has the kernel and the initrd, and has reported'
await "$seconds" 'the early command reports' heard_is 'boot_files init
boot_files done
get_preseed done
pre init'
say 'the early command has reported'
step_is "$host" boot_files 'done' || die 'the boot files do not show as done'
step_is "$host" pre running || die 'the start of the installer does not show as running'
state_is running || die 'the build is not running'
end "$machine"

echo '--- DHCP and TFTP'
grep -E 'DHCP(DISCOVER|OFFER|REQUEST|ACK)|user class|bootfile-name .* boot|tftp.*: sent' "$dhcp" |
    sed 's/^dnsmasq-\([a-z]*\)[^:]*:/\1:/;s, [^ ]*/boot.ipxe, boot.ipxe,' | head -n 16
echo '--- console'
plain <"$console" | grep -oE '^iPXE .* -- |^(tftp|http)://.*|Linux version [^ ]+|Run /init.*|Configuring the network.*' |
    sed 's,/step/.*,/step/...,' | cut -c1-100
show "$host"

# --- GRUB -------------------------------------------------------------------------------------------------------------

host=grub1.example.test
open_build "$host" preseed
render "$host" "$url" "$files" "$arguments"
cp "$work/$host/grub.cfg" "$work/tftp/grub/"
emulate grub -netdev "tap,id=n0,ifname=$wire,script=no,downscript=no" -boot n \
    -device "virtio-net-pci,netdev=n0,mac=$grub_mac"
await "$seconds" 'GRUB reports the boot files' heard_is 'boot_files init
boot_files done'
say 'GRUB has the kernel and the initrd, and has reported'
await "$seconds" 'the kernel starts' has_line "$console" 'Linux version'
step_is "$host" boot_files 'done' || die 'the boot files of GRUB do not show as done'
end "$machine"
echo '--- DHCP and TFTP'
grep -E 'tftp.*: sent .*grub' "$dhcp" | sed 's/^dnsmasq-\([a-z]*\)[^:]*:/\1:/;s,/[^ ]*/tftp/,,'
echo '--- console'
plain <"$console" | grep -oE 'Welcome to GRUB!|^recorded$|Linux version [^ ]+'
echo '--- the files that it asked for'
sed -n 's/^192\.0\.2\.101 .* \([0-9:]*\)\] "\(GET [^ ]*\) .*/\1 \2/p' "$work/files.log"
show "$host"
status
say 'all is as it should be'
