# shellcheck shell=sh
# Part of a rendered template: the unit that runs when the machine boots its own system.
set -eu

happened first_boot/done
