# shellcheck shell=sh
# Part of a rendered template: how a machine reports with the wget of a small busybox, as in Debian's
# installer: short options only, so no POST, no header, and no log leaves the machine.
url='@URL@'
token='@TOKEN@'
seconds='@SECONDS@'

happened() { # LABEL[/STATUS]
    timeout "$seconds" busybox wget -q -O /dev/null -Y off "$url/unattended/step/$token/$1" 2>/dev/null || :
}

tell() { # LABEL STATUS NAME MESSAGE
    query="token=$token&label=$1&status=$2&name=$(encode "$3")&message=$(encode "$4")"
    timeout "$seconds" busybox wget -q -O /dev/null -Y off "$url/unattended/step?$query" 2>/dev/null || :
}

send_log() { # LABEL/STATUS FILE
    happened "$1"
}

call_home() { # ENDPOINT FILE
    timeout "$seconds" busybox wget -q -O /dev/null -Y off "$url/unattended/$1?token=$token" 2>/dev/null || :
}
