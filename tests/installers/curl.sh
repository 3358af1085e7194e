# shellcheck shell=sh
# Part of a rendered template: how a machine with curl reports. Each line ends with success, within its
# time, and says nothing; --silent does that here, so nothing is redirected.
url='@URL@'
token='@TOKEN@'
seconds='@SECONDS@'

happened() { # LABEL[/STATUS]
    curl --silent --output /dev/null --noproxy \* --max-time "$seconds" "$url/unattended/step/$token/$1" || :
}

tell() { # LABEL STATUS NAME MESSAGE
    curl --silent --output /dev/null --noproxy \* --max-time "$seconds" \
        --data-urlencode "token=$token" --data-urlencode "label=$1" --data-urlencode "status=$2" \
        --data-urlencode "name=$3" --data-urlencode "message=$4" "$url/unattended/step" || :
}

send_log() { # LABEL/STATUS FILE
    curl --silent --output /dev/null --noproxy \* --max-time "$seconds" \
        --data-binary "@$2" "$url/unattended/step/$token/$1" || :
}

# The request of Foreman's snippet "built": --data drops the line ends of the file.
call_home() { # ENDPOINT FILE
    curl --silent --output /dev/null --noproxy \* --max-time "$seconds" \
        --header 'Content-Type: text/plain' --data "@$2" "$url/unattended/$1?token=$token" || :
}
