#!/bin/sh
# Renders the provisioning templates as Foreman would, and reads them as installers would.
#
#   tests/templates/run.sh check                      for the hosts of hosts.json, with the installers' own tools
#   tests/templates/run.sh scripts HOST.json OUT ROOT   the scripts of one host, to be run below ROOT (see scripts.py)
#
# What is installed goes below target/templates, and is made anew only when what it is made from has changed.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)

die() {
    echo "templates: $*" >&2
    exit 1
}

cd "$root"
mkdir -p "${CARGO_TARGET_DIR:-target}/templates"
work=$(CDPATH='' cd -- "${CARGO_TARGET_DIR:-target}/templates" && pwd)
venv=$work/venv

# Tests run side by side, and one of them makes this.
exec 9>"$work/lock"
flock 9
if ! cmp -s "$here/requirements.txt" "$venv/made-from" || ! "$venv/bin/python" -c '' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/made-from"
fi
exec 9>&-

case ${1:-} in
    check)
        rendered=$(mktemp -d)
        trap 'rm -rf "$rendered"' EXIT
        mkdir "$rendered/hosts" "$rendered/documents" "$rendered/scripts"
        ruby -rjson -e 'JSON.parse(File.read(ARGV[0])).each { |name, host| File.write(File.join(ARGV[1], name), host.to_json) }' \
            "$here/hosts.json" "$rendered/hosts"
        for host in "$rendered"/hosts/*; do
            said=$(ruby "$here/render.rb" "$rendered/documents/${host##*/}" "$root" "$host" 2>&1) || die "${host##*/}: $said"
            case ${host##*/}:$said in
                *hostile-url:*'not a plain http'* | *hostile-second-line:*'not a plain http'* | *:) ;;
                *) die "${host##*/}: this was said: $said" ;;
            esac
        done
        package=$("$root/tests/cloud-init.sh")
        schema=${package:+$(find "$package" -name schema-cloud-config-v1.json)}
        "$venv/bin/python" -B "$here/check.py" "$rendered/documents" "$rendered/scripts" ${schema:+"$schema"}
        ruby "$here/safe_mode_test.rb"
        ruby "$here/first_boot.rb" "$root"
        ;;
    scripts)
        [ $# -eq 4 ] || die 'usage: run.sh scripts HOST.json OUT ROOT'
        ruby "$here/render.rb" "$3/rendered" "$root" "$2"
        "$venv/bin/python" -B "$here/scripts.py" "$3/rendered" "$3/scripts" "$4"
        ;;
    *) die 'usage: run.sh check | scripts HOST.json OUT ROOT' ;;
esac
