#!/bin/sh
# SPDX-License-Identifier: MIT
# A whole backend of bootloader=custom, to begin with: its state is a folder of small files (STATE_DIR). Put your
# boot loader's variables in their place.
set -eu
state=${STATE_DIR:-/var/lib/boot-state}
slots="A B"

usage() {
    echo "$0: get-primary | set-primary SLOT | get-state SLOT | set-state SLOT good|bad | get-current" >&2
    exit 2
}

known() {
    for each in $slots; do
        [ "$each" = "$1" ] && return 0
    done
    echo "$0: no slot '$1'" >&2
    exit 2
}

# Old or new content, never half of it.
put() {
    mkdir -p "$state"
    printf '%s\n' "$2" > "$state/$1.new"
    sync "$state/$1.new"
    mv "$state/$1.new" "$state/$1"
    sync "$state"
}

get() {
    cat "$state/$1" 2> /dev/null || echo "$2"
}

case "$#:${1-}" in
1:get-primary)
    # The order of preference, without what is bad.
    for each in $(get order "$slots"); do
        if [ "$(get "$each" good)" = good ]; then
            echo "$each"
            exit 0
        fi
    done
    echo "$0: no slot is good" >&2
    exit 1
    ;;
2:set-primary)
    known "$2"
    order=$2
    for each in $slots; do
        [ "$each" = "$2" ] || order="$order $each"
    done
    put "$2" good
    put order "$order"
    ;;
2:get-state)
    known "$2"
    get "$2" good
    ;;
3:set-state)
    known "$2"
    case $3 in good | bad) put "$2" "$3" ;; *) usage ;; esac
    ;;
1:get-current)
    sed -n 's/.*\brauc\.slot=\([^ ]*\).*/\1/p' /proc/cmdline
    ;;
*) usage ;;
esac
