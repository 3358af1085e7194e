# shellcheck shell=sh
# Part of a rendered template: a kickstart from its %pre to where it fails.
set -eu
work='@WORK@'

happened get_ks/done
happened pre/init
happened pre/done
tell storage init 'Partitioning "/", /boot & swap' "$(cat "$work/storage.message")"
happened storage/done
send_log packages/done "$work/packages.log"
tell post init 'Post: Skript „%post“' "$(cat "$work/post.message")"
call_home failed "$work/install.post.log"
