# shellcheck shell=sh
# Part of a rendered template: what curl's --data-urlencode does, for a sender that cannot. Every byte
# becomes %XX, so no locale matters and nothing is left to quote.

encode() { # TEXT
    printf %s "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'
}
