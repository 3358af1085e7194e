# shellcheck shell=sh
# Part of a rendered template: how a machine with GNU wget reports. Each line ends with success, within
# its time (-T bounds each wait, --tries the number of attempts), and says nothing; -q does that here.
url='@URL@'
token='@TOKEN@'
seconds='@SECONDS@'

happened() { # LABEL[/STATUS]
    wget -q -O /dev/null --no-proxy -T "$seconds" --tries 1 "$url/unattended/step/$token/$1" || :
}

tell() { # LABEL STATUS NAME MESSAGE
    wget -q -O /dev/null --no-proxy -T "$seconds" --tries 1 \
        --post-data "token=$token&label=$1&status=$2&name=$(encode "$3")&message=$(encode "$4")" \
        "$url/unattended/step" || :
}

send_log() { # LABEL/STATUS FILE
    wget -q -O /dev/null --no-proxy -T "$seconds" --tries 1 \
        --post-file "$2" "$url/unattended/step/$token/$1" || :
}

# The request of Foreman's snippet "built".
call_home() { # ENDPOINT FILE
    wget -q -O /dev/null --no-proxy -T "$seconds" --tries 1 --method POST \
        --header 'Content-Type: text/plain' --body-file="$2" "$url/unattended/$1?token=$token" || :
}
