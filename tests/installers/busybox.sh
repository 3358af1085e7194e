# shellcheck shell=sh
# Part of a rendered template: how a machine reports with the wget of a full busybox, which can POST a form
# and a file but has no method and no limit of time of its own, and complains on standard error despite -q.
url='@URL@'
token='@TOKEN@'
seconds='@SECONDS@'

happened() { # LABEL[/STATUS]
    timeout "$seconds" busybox wget -q -O /dev/null -Y off "$url/unattended/step/$token/$1" 2>/dev/null || :
}

tell() { # LABEL STATUS NAME MESSAGE
    timeout "$seconds" busybox wget -q -O /dev/null -Y off \
        --post-data "token=$token&label=$1&status=$2&name=$(encode "$3")&message=$(encode "$4")" \
        "$url/unattended/step" 2>/dev/null || :
}

send_log() { # LABEL/STATUS FILE
    timeout "$seconds" busybox wget -q -O /dev/null -Y off \
        --post-file "$2" "$url/unattended/step/$token/$1" 2>/dev/null || :
}

# The request of Foreman's snippet "built" where there is neither curl nor GNU wget: a GET, without the file.
call_home() { # ENDPOINT FILE
    timeout "$seconds" busybox wget -q -O /dev/null -Y off --header 'Content-Type: text/plain' \
        "$url/unattended/$1?token=$token" 2>/dev/null || :
}
