#!/bin/sh
# Tells Milepost how the installation of this machine is going. Source it and call `milepost`, or run it with the
# same arguments; `milepost help` says which, docs/helper.md says more.
#
# The rule it protects: a report never stops an installation. Whatever becomes of it, the exit status is 0 (of `run`:
# the command's), standard output stays empty, and nobody waits longer than the limits below. What cannot be sent is
# kept, in order, and goes with the next report that can.
#
# It is read by dash, bash, busybox ash, ksh93, mksh and zsh, so: no `local`, no arrays; every verb runs in a subshell,
# which is what keeps the variables, options, traps and arguments of the caller as they are.
# shellcheck disable=SC2317,SC2030,SC2031 # The functions are called by name, and the subshells are meant.
# shellcheck disable=SC3040,SC3047 # What only some of them know is asked for only there.

# The service fills these two in when it hands this file out. MILEPOST_URL and MILEPOST_TOKEN win over them.
_milepost_url=''
_milepost_token=''

_milepost_help() {
    cat <<'END'
milepost step LABEL [init|done|failed] [-m MESSAGE] [-p PERCENT] [-l LOGFILE]
                               report a step; without a status: this happened
milepost run LABEL -- COMMAND  report init, run the command, report done or failed with the end of its output
milepost tail FILE             follow a log in the background and send what is added to it
milepost flush                 send what could not be sent before, without waiting for the next report
milepost help                  this

MILEPOST_URL, MILEPOST_TOKEN   where to report, and for which build; without either, nothing is done
MILEPOST_SPOOL                 the file in which reports wait for the network
MILEPOST_CA                    certificates to trust with https, a PEM file
MILEPOST_DEBUG                 when set, say on standard error what goes wrong
END
}

# The only function to call. The subshell is a wall: nothing in it reaches the caller but the exit status.
milepost() (
    case ${1-} in
        run)
            shift
            _milepost_run "$@"
            ;;
        '' | help | -h | --help) _milepost_help >&2 || : ;;
        *) _milepost_quietly "$@" || : ;;
    esac
)

# --- Limits -----------------------------------------------------------------------------------------------------------

_milepost_limits() {
    _mp_connect=3              # seconds to connect
    _mp_total=10               # seconds that a call may take
    _mp_backoff=30             # seconds after a failure in which reports go straight to the spool
    _mp_message_max=4000       # bytes of a message: what the service takes, with room to tell what was lost
    _mp_log_max=65535          # bytes of a log, its end: what the service keeps, and a line end
    _mp_query_max=6000         # bytes of a report that travels in a URL; proxies stop at 8 KiB
    _mp_batch_max=900000       # bytes of a request; the service stops at 1 MiB
    _mp_spool_max=2097152      # bytes of the spool
    _mp_tail_every=5           # seconds between two looks at a log that is followed
    _mp_tail_max=4194304       # bytes of such a log that are sent in all
    _mp_tail_life=21600        # seconds that a log is followed: six hours, as long as a token is good for
}

# --- The surroundings -------------------------------------------------------------------------------------------------

# Makes this subshell one whose ways are known, whatever its caller had set.
_milepost_settle() {
    set +e +u +f +v +a +C
    if [ -n "${ZSH_VERSION-}" ]; then emulate sh; fi
    case ${BASH_VERSION-} in ?*) trap - ERR DEBUG RETURN ;; esac
    case $(set +o) in *'-o pipefail'*) set +o pipefail ;; esac
    IFS=' 	
'
    LC_ALL=C
    export LC_ALL
    umask 077
    _milepost_limits
    _mp_spool='' _mp_chunk='' _mp_body=''
    _mp_url=${MILEPOST_URL:-$_milepost_url}
    _mp_token=${MILEPOST_TOKEN:-$_milepost_token}
    while case $_mp_url in */) ;; *) false ;; esac do _mp_url=${_mp_url%/}; done
}

# Runs a verb. Nobody reads standard output, so nothing can get there.
_milepost_quietly() (
    # Not in a function of its own: mksh would forget it with the end of that.
    { set +x; } 2>/dev/null
    _milepost_settle
    if [ -n "${MILEPOST_DEBUG-}" ]; then exec </dev/null >/dev/null; else exec </dev/null >/dev/null 2>&1; fi
    _milepost_is_configured || exit 0
    _mp_verb=$1
    shift
    case $_mp_verb in
        step) _milepost_step "$@" ;;
        tail) _milepost_tail "$@" ;;
        flush) _milepost_find_spool && _milepost_flush now ;;
        ended) _milepost_ended "$@" ;;
        *) _milepost_say "there is no verb '$_mp_verb'; milepost help lists them" ;;
    esac
    exit 0
)

_milepost_say() {
    if [ -n "${MILEPOST_DEBUG-}" ]; then _milepost_put "milepost: $1
" >&2; fi
}

# Nothing to do, quietly: a template that is only looked at has no token.
_milepost_is_configured() {
    case $_mp_token in '' | *[!A-Za-z0-9._~-]*) return 1 ;; esac
    case $_mp_url in *[!\[\]A-Za-z0-9._~:/%@-]*) return 1 ;; esac
    case $_mp_url in http://?* | https://?*) ;; *) return 1 ;; esac
}

_milepost_has() { command -v "$1" >/dev/null 2>&1; }

# Prints a text as it is. In mksh, printf is a program, and a program takes no long argument.
_milepost_put() {
    case ${KSH_VERSION-} in
        *MIRBSD* | *LEGACY*) print -rn -- "$1" ;;
        *) printf %s "$1" ;;
    esac
}

# The process that this is: $$ is that of the caller.
_milepost_pid() {
    _mp_pid=$$
    { read -r _mp_pid _mp_rest </proc/self/stat; } 2>/dev/null
}

# Sets _mp_now to seconds that only go forward. The clock of an installer jumps when it is set.
_milepost_clock() {
    _mp_now=
    { read -r _mp_now _mp_rest </proc/uptime; } 2>/dev/null
    _mp_now=${_mp_now%%.*}
    case $_mp_now in '' | *[!0-9]*) _mp_now=$(date +%s) ;; esac
}

# --- The spool --------------------------------------------------------------------------------------------------------
# One report a line, as a form. Beside the file: .seq, the number of the last report; .step, its label and status;
# .until, when to try again; .lost, how many did not fit; .out, what is being sent; .lock and .sender, directories that are
# held for a moment and while sending.

# Sets _mp_spool to a file that we may write, or fails: then reports are sent, but not kept.
_milepost_find_spool() {
    if [ -n "${MILEPOST_SPOOL-}" ]; then
        _mp_spool=$MILEPOST_SPOOL
        case $_mp_spool in /*) ;; *) _mp_spool=$PWD/$_mp_spool ;; esac
        _mp_dir=${_mp_spool%/*}
        [ -w "${_mp_dir:-/}" ] && [ ! -d "$_mp_spool" ] && return 0
    else
        # One for each token, so that what was kept for one build cannot get into another.
        _mp_name=$({ _milepost_put "$_mp_token" | cksum; } 2>/dev/null)
        for _mp_dir in /run/milepost "${TMPDIR:-/tmp}/milepost-$(id -u 2>/dev/null)"; do
            # Not through a link and not in a place of somebody else: where all may write, anything may lie.
            mkdir "$_mp_dir" 2>/dev/null
            if [ -d "$_mp_dir" ] && [ ! -h "$_mp_dir" ] && [ -O "$_mp_dir" ] && [ -w "$_mp_dir" ]; then
                _mp_spool=$_mp_dir/spool.${_mp_name%%[!0-9]*}
                return 0
            fi
        done
    fi
    _mp_spool=
    _milepost_say 'no place for a spool: what cannot be sent is lost; name one with MILEPOST_SPOOL'
    return 1
}

# _milepost_lock NAME TENTHS: whether it is ours; waits that long for whoever holds it, unless they are gone.
_milepost_lock() {
    _mp_waited=0
    until mkdir "$_mp_spool.$1" 2>/dev/null; do
        [ -d "$_mp_spool.$1" ] || return 1
        _mp_owner=
        { read -r _mp_owner <"$_mp_spool.$1/pid"; } 2>/dev/null
        if [ -n "$_mp_owner" ] && [ -d /proc/self ] && [ ! -d "/proc/$_mp_owner" ]; then
            rm -rf "$_mp_spool.$1"
            continue
        fi
        [ "$_mp_waited" -lt "$2" ] || return 1
        if sleep 0.1 2>/dev/null; then _mp_waited=$((_mp_waited + 1)); else
            sleep 1 || return 1
            _mp_waited=$((_mp_waited + 10))
        fi
    done
    _milepost_pid
    echo "$_mp_pid" >"$_mp_spool.$1/pid"
}

_milepost_unlock() { rm -rf "$_mp_spool.$1"; }

_milepost_size() {
    _mp_size=0
    [ ! -f "$1" ] || _mp_size=$(($(wc -c <"$1")))
}

# Sets _mp_seq. What says the order of one boot is the time since it, so that the installer and the chroot in which it
# ends, which see different files, count as one; the file makes it grow by one at least.
_milepost_next_seq() {
    _mp_last=0
    _mp_seq=
    { read -r _mp_seq _mp_rest </proc/uptime; } 2>/dev/null
    _mp_seq=${_mp_seq%%.*}${_mp_seq#*.}
    while case $_mp_seq in 0?*) ;; *) false ;; esac do _mp_seq=${_mp_seq#0}; done
    case $_mp_seq in '' | *[!0-9]*) _mp_seq=0 ;; esac
    if [ -n "$_mp_spool" ]; then { read -r _mp_last <"$_mp_spool.seq"; } 2>/dev/null; fi
    case $_mp_last in '' | *[!0-9]*) _mp_last=0 ;; esac
    if [ "$_mp_seq" -le "$_mp_last" ]; then _mp_seq=$((_mp_last + 1)); fi
}

# Keeps the spool within its bound: the oldest logs go first, then the other logs, then the oldest reports, of which .lost
# has the number, for the next report to tell.
_milepost_bound() {
    for _mp_less in '1,HALFs/&logs=.*//' 's/&logs=.*//' '1,HALFd' '1,HALFd'; do
        _milepost_size "$_mp_spool"
        [ "$_mp_size" -gt "$_mp_spool_max" ] || return 0
        _mp_half=$((($(wc -l <"$_mp_spool") + 1) / 2))
        case $_mp_less in
            1,HALFd)
                _milepost_count_lost
                echo "$((_mp_lost + _mp_half))" >"$_mp_spool.lost"
                ;;
        esac
        case $_mp_less in *HALF*) _mp_less=1,$_mp_half${_mp_less#*HALF} ;; esac
        sed "$_mp_less" "$_mp_spool" >"$_mp_spool.new" && mv "$_mp_spool.new" "$_mp_spool"
        _milepost_say 'the spool is full; the oldest in it is dropped'
    done
}

# Sets _mp_lost to how many reports were dropped that no report has told of yet.
_milepost_count_lost() {
    _mp_lost=0
    { read -r _mp_lost <"$_mp_spool.lost"; } 2>/dev/null
    case $_mp_lost in '' | *[!0-9]*) _mp_lost=0 ;; esac
}

# Writes the report down, with its number. Only then it is sent.
_milepost_keep() {
    _milepost_lock lock 30 || return 1
    _milepost_next_seq
    echo "$_mp_seq" >"$_mp_spool.seq"
    if [ -n "$_mp_again" ]; then
        # A piece of a log is of the step that was reported last, and changes nothing about it.
        { read -r _mp_head _mp_rest <"$_mp_spool.step"; } 2>/dev/null
    else
        echo "$_mp_head" >"$_mp_spool.step"
        _milepost_count_lost
        if [ "$_mp_lost" -gt 0 ]; then
            _mp_more="&message=$_mp_lost+reports+before+this+one+are+lost,+the+spool+was+full"
            case $_mp_text in
                '&message='*) _mp_text="$_mp_more.+${_mp_text#*=}" ;;
                *) _mp_text=$_mp_more$_mp_text ;;
            esac
            rm -f "$_mp_spool.lost"
        fi
    fi
    _mp_line=$_mp_head$_mp_facts
    if [ -n "$_mp_head" ] && _milepost_put "$_mp_line&seq=$_mp_seq$_mp_text
" >>"$_mp_spool"; then
        _milepost_bound
        _mp_kept=0
    else
        _mp_kept=1
    fi
    _milepost_unlock lock
    return "$_mp_kept"
}

# --- Reports ----------------------------------------------------------------------------------------------------------

# Makes the script with which sed percent-encodes. Every installer has sed; od is missing in one, awk in another.
_milepost_make_table() {
    set --
    for _mp_h in 0 1 7 8 9 a b c d e f; do
        for _mp_l in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
            case $_mp_h$_mp_l in 00 | 0a | 7[0-9a-e]) continue ;; esac
            _mp_i=$((0x$_mp_h$_mp_l))
            set -- "$@" "\\0$((_mp_i / 64))$((_mp_i / 8 % 8))$((_mp_i % 8))" "$_mp_h$_mp_l"
        done
    done
    # shellcheck disable=SC2016
    _mp_table='s/%/%25/g;s/+/%2b/g;s/ /+/g;s/!/%21/g;s/"/%22/g;s/#/%23/g;s/[$]/%24/g;s/&/%26/g
s/[(]/%28/g;s/)/%29/g;s/[*]/%2a/g;s/;/%3b/g;s/</%3c/g;s/=/%3d/g;s/>/%3e/g;s/?/%3f/g;s/@/%40/g
s/\[/%5b/g;s/\\/%5c/g;s/]/%5d/g;s/\^/%5e/g;s/`/%60/g;s/{/%7b/g;s/|/%7c/g;s/}/%7d/g
'"s/'/%27/g
$(printf 's/%b/%%%s/g\n' "$@")
s/\$/%0a/"
}

# Percent-encodes standard input.
_milepost_encode() { tr -d '\000' | sed "$_mp_table" | tr -d '\n'; }

# Leaves of an encoded text what is UTF-8, and a question mark for each byte that is not; = marks what is right.
_milepost_as_utf8() {
    sed 's/%\(c[2-9a-f]\)%\([89ab].\)/=\1=\2/g;s/%\(d.\)%\([89ab].\)/=\1=\2/g
s/%e0%\([ab].\)%\([89ab].\)/=e0=\1=\2/g;s/%ed%\([89].\)%\([89ab].\)/=ed=\1=\2/g
s/%\(e[1-9a-cef]\)%\([89ab].\)%\([89ab].\)/=\1=\2=\3/g;s/%f0%\([9ab].\)%\([89ab].\)%\([89ab].\)/=f0=\1=\2=\3/g
s/%\(f[1-3]\)%\([89ab].\)%\([89ab].\)%\([89ab].\)/=\1=\2=\3=\4/g;s/%f4%\(8.\)%\([89ab].\)%\([89ab].\)/=f4=\1=\2=\3/g
s/%[89a-f]./?/g;s/?/%3f/g;s/=/%/g'
}

_milepost_step() {
    if [ $# -eq 0 ]; then
        _milepost_say 'step needs a label: milepost step packages init'
        return
    fi
    _mp_label=$1 _mp_status='' _mp_message='' _mp_percent='' _mp_log=''
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            -m | -p | -l)
                if [ $# -eq 1 ]; then
                    _milepost_say "$1 needs a value"
                    break
                fi
                case $1 in
                    -m) _mp_message=$2 ;;
                    -p) _mp_percent=${2%\%} ;;
                    -l) _mp_log=$2 ;;
                esac
                shift
                ;;
            *) _mp_status=$1 ;;
        esac
        shift
    done
    _milepost_make_table
    _mp_again=
    _mp_head=label=$(_milepost_put "$_mp_label" | _milepost_encode)
    _mp_head=${_mp_head%\%0a}
    if [ -n "$_mp_status" ]; then
        _mp_head="$_mp_head&status=$(_milepost_put "$_mp_status" | _milepost_encode)"
        _mp_head=${_mp_head%\%0a}
    fi
    _milepost_report
}

# Sends the report of _mp_head, _mp_percent, _mp_message and the file _mp_log.
_milepost_report() {
    _mp_facts=
    if [ -n "$_mp_percent" ]; then
        _mp_facts="&percentage=$(_milepost_put "$_mp_percent" | _milepost_encode)"
        _mp_facts=${_mp_facts%\%0a}
    fi
    _mp_word=
    { read -r _mp_word </proc/sys/kernel/random/boot_id; } 2>/dev/null
    [ -z "$_mp_word" ] || _mp_facts="$_mp_facts&boot_id=$_mp_word"
    _mp_time=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    _mp_word=
    { read -r _mp_word </proc/sys/kernel/random/uuid; } 2>/dev/null
    _milepost_pid
    _mp_facts="$_mp_facts&id=${_mp_word:-$_mp_time.$_mp_pid}"
    [ -z "$_mp_time" ] || _mp_facts="$_mp_facts&reported_at=$_mp_time"

    _mp_text=
    if [ -n "$_mp_message" ]; then
        _mp_text=$(_milepost_put "$_mp_message" | head -c "$_mp_message_max" | _milepost_encode | _milepost_as_utf8)
        _mp_text="&message=${_mp_text%\%0a}"
    fi
    # A file, and no pipe or device: those may never end.
    if [ -n "$_mp_log" ] && [ -f "$_mp_log" ] && [ -s "$_mp_log" ]; then
        _mp_text="$_mp_text&logs=$(tail -c "$_mp_log_max" <"$_mp_log" | _milepost_encode)"
    fi

    if _milepost_find_spool && _milepost_keep; then
        _milepost_flush
    elif [ -n "$_mp_head" ]; then
        _milepost_next_seq
        _mp_line=$_mp_head$_mp_facts
        _milepost_send_now "$_mp_line&seq=$_mp_seq$_mp_text"
    fi
}

# For want of a spool: sends the report, and that is that.
_milepost_send_now() {
    _milepost_choose || return 0
    _mp_chunk='' _mp_body=$1
    _milepost_clock
    _mp_deadline=$((_mp_now + _mp_total))
    _milepost_send step
    _milepost_say "the report was answered ${_mp_code:-not at all}"
}

# --- Sending ----------------------------------------------------------------------------------------------------------

# _milepost_flush [now]: sends what lies in the spool, unless that failed a moment ago.
_milepost_flush() {
    [ -s "$_mp_spool" ] || [ -s "$_mp_spool.out" ] || return 0
    _milepost_clock
    _mp_deadline=$((_mp_now + _mp_total))
    _mp_result=0
    if [ "${1-}" != now ] && _milepost_backs_off; then return 0; fi
    _milepost_choose || return 0
    # Somebody else who is sending takes ours along, or keeps it as we would.
    _milepost_lock sender $((_mp_total * 10)) || return 0
    if [ "${1-}" != now ] && _milepost_backs_off; then
        _milepost_unlock sender
        return 0
    fi
    while [ -s "$_mp_spool" ] || [ -s "$_mp_spool.out" ]; do
        # .out is there before us only where a sender was killed.
        if ! _milepost_lock lock 30; then
            _mp_result=2
            break
        fi
        _milepost_join "$_mp_spool" "$_mp_spool.out"
        _milepost_unlock lock
        _milepost_drain
        _mp_result=$?
        [ "$_mp_result" -ne 0 ] || continue
        if _milepost_lock lock 30; then
            _milepost_join "$_mp_spool" "$_mp_spool.out" && mv "$_mp_spool.out" "$_mp_spool"
            _milepost_bound
            _milepost_unlock lock
        fi
        if [ "$_mp_result" -eq 1 ]; then
            _milepost_clock
            echo "$((_mp_now + _mp_backoff))" >"$_mp_spool.until"
        fi
        break
    done
    [ "$_mp_result" -ne 0 ] || rm -f "$_mp_spool.until"
    _milepost_unlock sender
}

# Whether sending failed a moment ago. What another boot wrote there is of no use: its time is another one.
_milepost_backs_off() {
    _mp_until=0
    { read -r _mp_until <"$_mp_spool.until"; } 2>/dev/null
    case $_mp_until in '' | *[!0-9]*) _mp_until=0 ;; esac
    _milepost_clock
    [ "$_mp_now" -lt "$_mp_until" ] && [ "$_mp_until" -le $((_mp_now + _mp_backoff)) ]
}

# Appends the one to the other.
_milepost_join() {
    if [ ! -s "$1" ]; then return 0; fi
    if [ -e "$2" ]; then cat "$1" >>"$2" && rm -f "$1"; else mv "$1" "$2"; fi
}

# Sends what is in .out, in order. 0: nothing is left; 1: the service could not be reached; 2: the time is over.
_milepost_drain() {
    _mp_lines=$(($(wc -l <"$_mp_spool.out")))
    _mp_chunk=$_mp_spool.chunk
    _mp_at=1
    _mp_many=500
    [ "$_mp_posts" = yes ] || _mp_many=1
    _mp_result=0
    while [ "$_mp_at" -le "$_mp_lines" ]; do
        _mp_to=$((_mp_at + _mp_many - 1))
        [ "$_mp_to" -le "$_mp_lines" ] || _mp_to=$_mp_lines
        sed -n "$_mp_at,${_mp_to}p;${_mp_to}q" "$_mp_spool.out" >"$_mp_chunk"
        _milepost_size "$_mp_chunk"
        if [ "$_mp_size" -gt "$_mp_batch_max" ] && [ "$_mp_to" -gt "$_mp_at" ]; then
            _mp_many=$(((_mp_to - _mp_at + 1) / 2))
            continue
        fi
        if [ "$_mp_to" -gt "$_mp_at" ]; then _milepost_send batch; else _milepost_send step; fi
        case $_mp_code in
            200 | 201) ;;
            400 | 413 | 415 | 422)
                # One of them is at fault: find it.
                if [ "$_mp_to" -gt "$_mp_at" ]; then
                    _mp_many=1
                    continue
                fi
                _milepost_say "the service refuses a report ($_mp_code); it is dropped"
                ;;
            401)
                _milepost_say 'the token is unknown or has run out; the reports are dropped'
                break
                ;;
            *)
                _milepost_say "the service was not reached (${_mp_code:-no answer}); the report is kept"
                _mp_result=1
                break
                ;;
        esac
        _mp_at=$((_mp_to + 1))
        _milepost_clock
        if [ "$_mp_at" -le "$_mp_lines" ] && [ "$_mp_now" -ge "$_mp_deadline" ]; then
            _mp_result=2
            break
        fi
    done
    rm -f "$_mp_chunk"
    if [ "$_mp_result" -eq 0 ]; then
        rm -f "$_mp_spool.out"
    elif [ "$_mp_at" -gt 1 ]; then
        sed "1,$((_mp_at - 1))d" "$_mp_spool.out" >"$_mp_spool.new" && mv "$_mp_spool.new" "$_mp_spool.out"
    fi
    return "$_mp_result"
}

# Sets _mp_sender to the best way there is, and _mp_posts to whether it can POST.
_milepost_choose() {
    _mp_tls=
    case $_mp_url in https:*) _mp_tls=yes ;; esac
    _mp_posts=yes
    _mp_wget=
    if _milepost_has wget; then
        case $(wget --version 2>/dev/null) in
            *'GNU Wget'*) _mp_wget=gnu ;;
            *) _mp_wget=$(wget --help 2>&1) ;;
        esac
    fi
    if _milepost_has curl; then
        _mp_sender=curl
    elif [ "$_mp_wget" = gnu ]; then
        _mp_sender=wget
    elif _milepost_has python3 && { [ -z "$_mp_tls" ] || python3 -c 'import ssl'; } 2>/dev/null; then
        _mp_sender=python
    elif _milepost_has perl && { [ -z "$_mp_tls" ] || perl -MIO::Socket::SSL -e 1; } 2>/dev/null; then
        _mp_sender=perl
    elif [ -n "$_mp_tls" ]; then
        # The wget of busybox checks no certificate, and the rest knows no TLS.
        _milepost_say 'https needs curl, GNU wget, python3 or perl with IO::Socket::SSL; the report is kept'
        return 1
    elif _milepost_has bash && _milepost_bash_connects; then
        _mp_sender=bash
    elif _milepost_has nc; then
        _mp_sender=nc
    elif [ -n "$_mp_wget" ]; then
        _mp_sender=busybox
        _milepost_say 'the wget of busybox takes the token only where ps shows it'
        case $_mp_wget in *--post-file*) ;; *) _mp_posts='' ;; esac
    else
        _milepost_say 'there is no curl, wget, python3, perl, bash or nc; the report is kept'
        return 1
    fi
}

# A bash that was built without it looks for a file of that name.
_milepost_bash_connects() {
    case $(bash -c 'exec 3<>/dev/tcp/0/x' 2>&1) in
        *'No such file'*) return 1 ;;
        *) return 0 ;;
    esac
}

# _milepost_send step|batch: sends _mp_chunk, or _mp_body where there is no file, and sets _mp_code to the status of
# the answer, empty when none came.
_milepost_send() {
    _milepost_clock
    _mp_left=$((_mp_deadline - _mp_now))
    [ "$_mp_left" -ge 1 ] || _mp_left=1
    [ "$_mp_left" -le "$_mp_total" ] || _mp_left=$_mp_total
    _mp_target=$_mp_url/unattended/$1
    _mp_answer=$("_milepost_by_$_mp_sender")
    # The first status is the service's own, even where a redirect was followed.
    _mp_code=
    case $_mp_answer in
        *HTTP/*)
            _mp_code=${_mp_answer#*HTTP/}
            _mp_code=${_mp_code#* }
            _mp_code=${_mp_code%%[!0-9]*}
            ;;
    esac
    [ "$_mp_code" != 000 ] || _mp_code=
}

_milepost_content() {
    if [ -n "$_mp_chunk" ]; then cat "$_mp_chunk"; else _milepost_put "$_mp_body"; fi
}

# Waits for the program that was started last, and ends it when its time is over.
_milepost_wait() {
    _mp_it=$!
    (
        trap 'kill "$_mp_nap"; exit' TERM
        sleep "$_mp_left" &
        _mp_nap=$!
        wait "$_mp_nap" && kill "$_mp_it"
    ) >/dev/null 2>&1 &
    _mp_watch=$!
    wait "$_mp_it"
    _mp_ended=$?
    kill "$_mp_watch"
    return "$_mp_ended"
} 2>/dev/null

_milepost_by_curl() {
    {
        printf 'url = "%s"\nheader = "Authorization: Bearer %s"\nheader = "Expect:"\n' "$_mp_target" "$_mp_token"
        if [ -z "$_mp_chunk" ]; then
            printf 'data = "'
            _milepost_content
            echo '"'
        fi
    } | curl -q -g -s -o /dev/null -w 'HTTP/1 %{http_code} ' --noproxy '*' --connect-timeout "$_mp_connect" \
        --max-time "$_mp_left" ${MILEPOST_CA:+--cacert "$MILEPOST_CA"} \
        ${_mp_chunk:+--data-binary "@$_mp_chunk"} -K - 2>/dev/null &
    _milepost_wait
}

_milepost_by_wget() {
    # The token is in the URL, and the URL comes by standard input, out of sight. Without -o it would write a wget-log;
    # and a chroot need not have a /dev/stderr.
    if [ -n "$_mp_chunk" ]; then
        _milepost_put "$_mp_target?token=$_mp_token"
    else
        _milepost_query
        _milepost_put "$_mp_target?$_mp_query"
    fi | wget -q -S -O /dev/null -o - --no-proxy -t 1 --max-redirect=0 --dns-timeout="$_mp_connect" \
        --connect-timeout="$_mp_connect" --read-timeout="$_mp_left" ${MILEPOST_CA:+--ca-certificate="$MILEPOST_CA"} \
        ${_mp_chunk:+--post-file="$_mp_chunk"} -i - 2>&1 &
    _milepost_wait
}

_milepost_by_busybox() {
    _mp_server=
    case $_mp_wget in *-cqS* | *'[-S'*) _mp_server=-S ;; esac
    if [ -n "$_mp_posts" ] && [ -n "$_mp_chunk" ]; then
        wget -q $_mp_server -O /dev/null -Y off --post-file "$_mp_chunk" "$_mp_target?token=$_mp_token" 2>&1 &
    else
        _mp_body=$(_milepost_content)
        _milepost_query
        wget -q $_mp_server -O /dev/null -Y off "$_mp_target?$_mp_query" 2>&1 &
    fi
    _milepost_wait && echo ' HTTP/1 200 '
}

# Sets _mp_query to the report as a query: its log, then its message, cut to what a URL may hold.
_milepost_query() {
    _mp_query="token=$_mp_token&$_mp_body"
    [ "${#_mp_query}" -gt "$_mp_query_max" ] || return 0
    _mp_rest=${_mp_query%%"&logs="*}
    if [ "$_mp_rest" != "$_mp_query" ] && [ "${#_mp_rest}" -lt "$_mp_query_max" ]; then
        # The end of the log, from the first character that is whole.
        _mp_log=$(_milepost_put "${_mp_query#*"&logs="}" | tail -c $((_mp_query_max - ${#_mp_rest})) | sed 's/^[^%]*//')
        _mp_query="$_mp_rest&logs=$_mp_log"
    else
        # The beginning, to the last character that is whole.
        _mp_query=$(_milepost_put "$_mp_rest" | head -c "$_mp_query_max" |
            sed 's/%.\{0,1\}$//;s/%[c-f].\(%[89ab].\)\{0,3\}$//')
    fi
}

# --- HTTP by hand, for what can only open a connection ---------------------------------------------------------------

# Sets _mp_host and _mp_port.
_milepost_split() {
    _mp_host=${_mp_url#*://}
    _mp_host=${_mp_host%%/*}
    _mp_host=${_mp_host##*@}
    _mp_authority=$_mp_host
    _mp_port=80
    [ -z "$_mp_tls" ] || _mp_port=443
    case $_mp_host in
        \[*\]:*) _mp_port=${_mp_host##*:} ;;
        \[*) ;;
        *:*) _mp_port=${_mp_host##*:} ;;
    esac
    case $_mp_host in
        \[*) _mp_host=${_mp_host#\[} _mp_host=${_mp_host%%\]*} ;;
        *) _mp_host=${_mp_host%%:*} ;;
    esac
}

_milepost_request() {
    _mp_path=${_mp_target#*://}
    if [ -n "$_mp_chunk" ]; then _milepost_size "$_mp_chunk"; else _mp_size=${#_mp_body}; fi
    printf '%s\r\n' "POST /${_mp_path#*/} HTTP/1.1" "Host: $_mp_authority" "Authorization: Bearer $_mp_token" \
        'Content-Type: application/x-www-form-urlencoded' "Content-Length: $_mp_size" 'Connection: close' ''
    _milepost_content
}

_milepost_by_python() {
    _milepost_split
    _milepost_request | python3 -c '
import socket, sys
host, port, tls, ca, connect, total = sys.argv[1:]
connection = socket.create_connection((host, int(port)), float(connect))
connection.settimeout(float(total))
if tls:
    import ssl
    connection = ssl.create_default_context(cafile=ca or None).wrap_socket(connection, server_hostname=host)
connection.sendall(sys.stdin.buffer.read())
print(connection.makefile("rb").readline().decode("latin-1"))
' "$_mp_host" "$_mp_port" "$_mp_tls" "${MILEPOST_CA-}" "$_mp_connect" "$_mp_left" 2>/dev/null &
    _milepost_wait
}

_milepost_by_perl() {
    _milepost_split
    # shellcheck disable=SC2016 # These are variables of perl.
    _milepost_request | perl -e '
my ($host, $port, $tls, $ca, $connect) = @ARGV;
my @to = (PeerHost => $host, PeerPort => $port, Proto => "tcp", Timeout => $connect);
my $connection;
if ($tls) {
    require IO::Socket::SSL;
    $connection = IO::Socket::SSL->new(@to, SSL_verify_mode => 1, $ca ? (SSL_ca_file => $ca) : ());
} else {
    my $kind = eval { require IO::Socket::IP } ? "IO::Socket::IP" : do { require IO::Socket::INET; "IO::Socket::INET" };
    $connection = $kind->new(@to);
}
exit 1 unless $connection;
local $SIG{PIPE} = "IGNORE";
print $connection do { local $/; <STDIN> };
$connection->flush;
print scalar <$connection>;
' "$_mp_host" "$_mp_port" "$_mp_tls" "${MILEPOST_CA-}" "$_mp_connect" 2>/dev/null &
    _milepost_wait
}

_milepost_by_bash() {
    _milepost_split
    # What writes is bash itself: a child would be left behind when this is ended.
    # shellcheck disable=SC2016 # These are variables of the other bash.
    _milepost_request | bash -c '
trap "" PIPE
request=$(cat && echo .)
(sleep "$3" && kill $$) >/dev/null 2>&1 &
exec 3<>"/dev/tcp/$1/$2" || exit
kill $!
printf %s "${request%.}" >&3
read -r answer <&3
echo "$answer"
' bash "$_mp_host" "$_mp_port" "$_mp_connect" 2>/dev/null &
    _milepost_wait
}

_milepost_by_nc() {
    _milepost_split
    _milepost_request | nc -w "$_mp_connect" "$_mp_host" "$_mp_port" 2>/dev/null &
    _milepost_wait
}

# --- A command and its output -----------------------------------------------------------------------------------------

# _milepost_run LABEL [--] COMMAND...: the caller's options hold here, because they are to hold for the command.
_milepost_run() {
    if [ $# -lt 2 ]; then
        _milepost_help >&2 || :
        return 0
    fi
    _mp_label=$1
    shift
    if [ "$1" = -- ]; then shift; fi
    case $- in *e*) _mp_errexit=-e ;; *) _mp_errexit=+e ;; esac
    set +e
    _milepost_quietly step "$_mp_label" init
    _mp_pipes=$(_milepost_pipes)
    if [ -z "$_mp_pipes" ]; then
        (
            set "$_mp_errexit"
            "$@"
        )
        _mp_ended=$?
        _milepost_quietly ended "$_mp_label" "$_mp_ended" ''
        return "$_mp_ended"
    fi
    # The log is held open until both streams have ended. Who is killed below is the one who waits, not the one who
    # copies: a service that the command left running still has somewhere to write.
    (tail -c 65536 <"$_mp_pipes/log" >"$_mp_pipes/end" 2>/dev/null & wait "$!") </dev/null >/dev/null 2>&1 &
    _mp_tail=$!
    (
        exec 8>"$_mp_pipes/log"
        _milepost_tee <"$_mp_pipes/out" &
        _mp_out=$!
        _milepost_tee <"$_mp_pipes/err" >&2 &
        wait "$_mp_out"
        wait "$!"
    ) &
    _mp_copy=$!
    (
        set "$_mp_errexit"
        "$@"
    ) >"$_mp_pipes/out" 2>"$_mp_pipes/err"
    _mp_ended=$?
    (sleep 2 && kill "$_mp_copy" "$_mp_tail") </dev/null >/dev/null 2>&1 &
    _mp_watch=$!
    wait "$_mp_copy" 2>/dev/null
    wait "$_mp_tail" 2>/dev/null
    kill "$_mp_watch" 2>/dev/null
    _milepost_quietly ended "$_mp_label" "$_mp_ended" "$_mp_pipes"
    return "$_mp_ended"
}

# Copies standard input to standard output and to 8, as it comes.
_milepost_tee() {
    if _milepost_has tee; then
        tee "$_mp_pipes/log"
    else
        while IFS= read -r _mp_line; do
            _milepost_put "$_mp_line
"
            _milepost_put "$_mp_line
" >&8
        done
        _milepost_put "$_mp_line"
        _milepost_put "$_mp_line" >&8
    fi
}

# Prints the directory with the pipes of a run, or nothing where there can be none.
_milepost_pipes() {
    { set +x; } 2>/dev/null
    _milepost_settle
    exec 2>/dev/null </dev/null
    _milepost_is_configured && _milepost_find_spool && _milepost_has tail || return 0
    _milepost_pid
    _mp_pipes=$_mp_spool.run.$_mp_pid
    rm -rf "$_mp_pipes"
    mkdir "$_mp_pipes" || return 0
    for _mp_name in out err log; do
        mkfifo "$_mp_pipes/$_mp_name" || mknod "$_mp_pipes/$_mp_name" p || {
            rm -rf "$_mp_pipes"
            return 0
        }
    done
    _milepost_put "$_mp_pipes"
}

# _milepost_ended LABEL STATUS DIRECTORY
_milepost_ended() {
    if [ "$2" -eq 0 ]; then
        _milepost_step "$1" 'done' ${3:+-l "$3/end"}
    else
        _milepost_step "$1" failed -m "exit status $2" ${3:+-l "$3/end"}
    fi
    [ -z "$3" ] || rm -rf "$3"
}

# --- A log that is followed -------------------------------------------------------------------------------------------

_milepost_tail() {
    if [ $# -ne 1 ]; then
        _milepost_say 'tail needs a file: milepost tail /var/log/syslog'
        return
    fi
    _mp_file=$1
    case $_mp_file in /*) ;; *) _mp_file=$PWD/$_mp_file ;; esac
    _milepost_find_spool || return 0
    # It outlives its caller, so it holds none of what that has open: a pipe to an installer that waits for its end, a
    # directory that is to be unmounted.
    (
        cd / || exit
        trap '' HUP
        exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
        _milepost_follow
    ) &
}

_milepost_follow() {
    _milepost_make_table
    _milepost_pid
    _milepost_clock
    _mp_end=$((_mp_now + _mp_tail_life))
    _mp_sent=0
    _mp_seen=0
    _mp_piece=$_mp_spool.tail.$_mp_pid
    # Who removes this file ends it.
    : >"$_mp_piece"
    while [ -e "$_mp_piece" ] && [ "$_mp_now" -lt "$_mp_end" ] && [ "$_mp_sent" -lt "$_mp_tail_max" ]; do
        _milepost_size "$_mp_file"
        # It was begun anew.
        [ "$_mp_size" -ge "$_mp_seen" ] || _mp_seen=0
        if [ "$_mp_size" -gt "$_mp_seen" ] && [ -s "$_mp_spool.step" ]; then
            _mp_new=$((_mp_size - _mp_seen))
            [ "$_mp_new" -le "$_mp_log_max" ] || _mp_new=$_mp_log_max
            tail -c "+$((_mp_size - _mp_new + 1))" <"$_mp_file" | head -c "$_mp_new" >"$_mp_piece"
            _mp_seen=$_mp_size
            _mp_sent=$((_mp_sent + _mp_new))
            _mp_again=yes _mp_head='' _mp_percent='' _mp_message='' _mp_log=$_mp_piece
            _mp_code=
            _milepost_report
            [ "$_mp_code" != 401 ] || break
        fi
        sleep "$_mp_tail_every" || break
        _milepost_clock
    done
    rm -f "$_mp_piece"
}

# --- Run, not sourced -------------------------------------------------------------------------------------------------

# zsh puts the name of the file into $0 for both.
case ${ZSH_EVAL_CONTEXT-}:${0##*/} in
    *:file*) ;;
    *:milepost.sh | *:milepost)
        milepost "$@"
        exit
        ;;
esac
