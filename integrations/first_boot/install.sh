#!/bin/sh
# Has a machine that is being installed report its first boot to Milepost.
#
#   install.sh REPORT_URL [ROOT] [start]
#
# REPORT_URL is what Milepost calls report_url: http://HOST/unattended/step/TOKEN. It writes below ROOT (default: /) a
# script, the credential (mode 0600), and what starts the script at the next boot: a systemd unit, an rc.d script of
# FreeBSD, a cron job or a line of rc.local. Nothing is started now, unless `start` says that the system runs already.
#
# What the site puts into /etc/milepost/first-boot.d runs then, in the order of the names; how far that is shows on the
# step first_boot. When all is done or has failed, the credential is removed and the job takes itself off.
#
# The function below is the snippet integrations/templates/snippets/milepost_first_boot.erb as well; a test keeps both the
# same.
milepost_first_boot() (
  root=${2:-}
  script=$root/usr/local/sbin/milepost-first-boot
  umask 022
  exec >/dev/null 2>&1
  mkdir -p "$root/etc/milepost/first-boot.d" "$root/usr/local/sbin"
  chmod 700 "$root/etc/milepost"
  (umask 077 && echo "$1" >"$root/etc/milepost/credential")
  cat >"$script" <<'MILEPOST_SCRIPT'
#!/bin/sh
# Reports the first boot of this machine to Milepost, once. Written by Milepost's installer for the first boot.
root=${MILEPOST_ROOT:-}
credential=$root/etc/milepost/credential
[ -r "$credential" ] || exit 0
read -r url <"$credential"
work=$root/run/milepost-first-boot
[ -d "$root/run" ] || work=$root/var/tmp/milepost-first-boot
rm -rf "$work"
(umask 077 && mkdir -p "$work")

# Where there is no network, nothing waits for longer than this.
patience=${MILEPOST_PATIENCE:-120}

# Which boot a report is of, its place among the others, the time by this machine's clock, and an id: a report that is sent
# again, because its answer was lost, is the same report.
identify() {
  boot='' number='' id=''
  read -r boot </proc/sys/kernel/random/boot_id
  read -r id </proc/sys/kernel/random/uuid
  # Hundredths of a second since the boot, as Milepost's helper counts.
  read -r number rest </proc/uptime
  number=${number%%.*}${number#*.}
  facts="&reported_at=$(date -u +%Y-%m-%dT%H:%M:%SZ)${boot:+&boot_id=$boot}${number:+&seq=$number}${id:+&id=$id}"
} 2>/dev/null

# The address goes in by standard input or a file: a command line is for everybody to see.
send() ( # STATUS PERCENTAGE MESSAGE [LOG]; 0: taken, 1: not taken, 2: refused, never to be taken
  exec >/dev/null 2>&1
  : >"$work/log"
  [ -z "${4:-}" ] || tail -c 60000 "$4" >"$work/log"
  words=$(printf %s "$3" | tr ' ' + | tr -dc 'A-Za-z0-9+._:-')
  echo "$url/first_boot${1:+/$1}?message=$words${2:+&percentage=$2}$facts" >"$work/url"
  if command -v curl; then
    sed 's/.*/url = "&"/' "$work/url" | curl -K - -f -s -o /dev/null --connect-timeout 3 -m 10 \
      -H 'Content-Type: text/plain' --data-binary "@$work/log"
    case $? in 0) exit 0 ;; 22) exit 2 ;; *) exit 1 ;; esac
  fi
  if command -v wget && wget --help 2>&1 | grep -q post-file; then
    if wget --version | grep -q GNU; then
      wget -i "$work/url" -q -O /dev/null -T 5 -t 1 --header 'Content-Type: text/plain' --post-file "$work/log"
      case $? in 0) exit 0 ;; 8) exit 2 ;; *) exit 1 ;; esac
    fi
    set -- wget -q -O /dev/null --header 'Content-Type: text/plain' --post-file "$work/log"
  elif command -v wget; then
    set -- wget -q -O /dev/null
  else
    set -- fetch -q -o /dev/null
  fi
  "$@" "$(cat "$work/url")" &
  pid=$!
  (sleep 10; kill "$pid") &
  watch=$! got=0
  wait "$pid" || got=1
  kill "$watch"
  exit "$got"
)

# Until it is taken or refused, or the patience has come to an end: at first boot names do not resolve at once.
insist() {
  identify
  began=$(date +%s)
  while :; do
    send "$@"
    [ $? = 1 ] || return 0
    [ $(($(date +%s) - began)) -lt "$patience" ] || return 0
    sleep 2
  done
}

insist init '' 'waiting for the rest of the boot'

# An image is configured by cloud-init, which is part of the first boot; it gets half an hour.
waited=0
while [ -d "$root/run/cloud-init" ] && [ ! -e "$root/var/lib/cloud/instance/boot-finished" ] && [ "$waited" -lt 1800 ]; do
  sleep 2
  waited=$((waited + 2))
done

total=0
for part in "$root"/etc/milepost/first-boot.d/*; do
  [ ! -x "$part" ] || [ ! -f "$part" ] || total=$((total + 1))
done
count=0 failed='' output=
for part in "$root"/etc/milepost/first-boot.d/*; do
  [ -x "$part" ] && [ -f "$part" ] || continue
  name=${part##*/}
  identify
  send '' "$((count * 100 / total))" "running $name"
  count=$((count + 1))
  if "$part" >"$work/output.$count" 2>&1 </dev/null; then
    continue
  fi
  failed="$failed $name" output=$work/output.$count
done

if [ -n "$failed" ]; then
  insist failed '' "failed:$failed" "$output"
else
  insist done '' 'up and running'
fi

# Once is enough, whatever became of it.
rm -f "$credential"
rm -rf "$work"
rm -f "$root/etc/systemd/system/multi-user.target.wants/milepost-first-boot.service" \
  "$root/etc/systemd/system/milepost-first-boot.service" "$root/etc/cron.d/milepost-first-boot" \
  "$root/usr/local/etc/rc.d/milepost_first_boot"
local_rc=$root/etc/rc.local
if grep -qs milepost-first-boot "$local_rc"; then
  grep -v milepost-first-boot "$local_rc" >"$local_rc.new"
  cat "$local_rc.new" >"$local_rc"
  rm -f "$local_rc.new"
fi
rm -f "$root/usr/local/sbin/milepost-first-boot"
[ -z "$failed" ]
MILEPOST_SCRIPT
  chmod 755 "$script"
  if [ -d "$root/usr/lib/systemd/system" ] || [ -d "$root/lib/systemd/system" ]; then
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    cat >"$root/etc/systemd/system/milepost-first-boot.service" <<'MILEPOST_UNIT'
[Unit]
Description=Report the first boot to Milepost
Wants=network-online.target
# After the target that wants it: cloud-init may end after that too, and is waited for.
After=network-online.target multi-user.target
ConditionPathExists=/etc/milepost/credential

[Service]
Type=oneshot
ExecStart=/bin/sh /usr/local/sbin/milepost-first-boot
TimeoutStartSec=2h

[Install]
WantedBy=multi-user.target
MILEPOST_UNIT
    ln -sf ../milepost-first-boot.service "$root/etc/systemd/system/multi-user.target.wants/milepost-first-boot.service"
  elif [ -d "$root/etc/rc.d" ] && [ -e "$root/etc/defaults/rc.conf" ]; then
    mkdir -p "$root/usr/local/etc/rc.d"
    cat >"$root/usr/local/etc/rc.d/milepost_first_boot" <<'MILEPOST_RC'
#!/bin/sh
# PROVIDE: milepost_first_boot
# REQUIRE: NETWORKING LOGIN
# KEYWORD: firstboot
. /etc/rc.subr
name=milepost_first_boot
start_cmd="/usr/sbin/daemon -f /bin/sh /usr/local/sbin/milepost-first-boot"
stop_cmd=:
load_rc_config $name
run_rc_command "$1"
MILEPOST_RC
    chmod 755 "$root/usr/local/etc/rc.d/milepost_first_boot"
    : >"$root/firstboot"
  elif [ -d "$root/etc/cron.d" ]; then
    echo '@reboot root /bin/sh /usr/local/sbin/milepost-first-boot >/dev/null 2>&1' >"$root/etc/cron.d/milepost-first-boot"
  else
    local_rc=$root/etc/rc.local
    [ -e "$local_rc" ] || echo '#!/bin/sh' >"$local_rc"
    # Before an `exit` that may be there.
    { sed '1q' "$local_rc"
      echo '/bin/sh /usr/local/sbin/milepost-first-boot >/dev/null 2>&1 & # milepost-first-boot'
      sed '1d' "$local_rc"; } >"$local_rc.new"
    cat "$local_rc.new" >"$local_rc"
    rm -f "$local_rc.new"
    chmod 755 "$local_rc"
  fi
  if [ -z "$root" ]; then
    ! command -v restorecon || restorecon -R /etc/milepost /etc/systemd/system "$script"
    if [ "${3:-}" = start ] && [ -d /run/systemd/system ]; then
      systemctl daemon-reload
      systemctl start --no-block milepost-first-boot.service
    fi
  fi
  :
)

case ${1:-} in
  http*) milepost_first_boot "$@" ;;
  *)
    echo "usage: $0 REPORT_URL [ROOT] [start]" >&2
    exit 64
    ;;
esac
