# shellcheck shell=sh
# Part of a rendered template: a site's own step that nobody has registered, in every form.
set -eu
work='@WORK@'

happened no_such_step/done
tell no_such_step init 'No such step' 'Nobody has registered this'
send_log no_such_step/done "$work/packages.log"
