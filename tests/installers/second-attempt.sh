# shellcheck shell=sh
# Part of a rendered template: the same kickstart again, to its end.
set -eu
work='@WORK@'

happened get_ks/done
happened storage
happened packages/done
tell post 'done' 'Script für „web1“' 'Fertig ✓'
call_home built "$work/install.post.log"
