# SPDX-License-Identifier: MIT
# bash completion for rauc

_rauc_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_rauc_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_rauc_slots() {
    # Slots of this device, where its configuration can be read.
    rauc status --output-format=shell 2>/dev/null | sed -n "s/^RAUC_SYSTEM_SLOTS='\(.*\)'$/\1/p"
}

_rauc() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb='' word i
    local global="--conf --confopt --mount --debug --version --help"
    local verbs="bundle extract info install service status write-slot"
    local access="--tls-cert --tls-key --tls-ca --tls-no-verify --http-header"

    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        [[ " $verbs " == *" $word "* ]] && verb=$word && break
    done

    # "--option=value" arrives as three words.
    [[ $prev == "=" ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
    [[ $cur == "=" ]] && prev=${COMP_WORDS[COMP_CWORD - 1]} cur=''
    case $prev in
    --output-format)
        if [[ $verb == status ]]; then
            _rauc_words "readable shell json json-pretty" "$cur"
        else
            _rauc_words "readable shell json json-pretty json-2" "$cur"
        fi
        return
        ;;
    --conf | -c | --mount | --cert | --key | --intermediate | --keyring | --signing-keyring | \
        --tls-cert | --tls-key | --tls-ca)
        _rauc_files "$cur"
        return
        ;;
    --confopt | -C | --http-header | -H | --mksquashfs-args | --transaction-id | \
        --require-manifest-hash | --handler-args | --override-boot-slot)
        return
        ;;
    --image-type | -t)
        _rauc_words "raw ext4 vfat squashfs tar emptyfs" "$cur"
        return
        ;;
    mark-good | mark-bad | mark-active)
        _rauc_words "booted other $(_rauc_slots)" "$cur"
        return
        ;;
    esac

    if [[ $cur == -* ]]; then
        case $verb in
        bundle) _rauc_words "$global --mksquashfs-args --cert --key --intermediate --signing-keyring" "$cur" ;;
        extract) _rauc_words "$global --key --keyring --trust-environment" "$cur" ;;
        info) _rauc_words "$global --keyring --no-verify --no-check-time --key --output-format --dump-cert --dump-recipients $access" "$cur" ;;
        install) _rauc_words "$global --ignore-compatible --ignore-version-limit --transaction-id --require-manifest-hash --progress --output-format --handler-args --keyring --override-boot-slot $access" "$cur" ;;
        service) _rauc_words "$global --handler-args --keyring --override-boot-slot" "$cur" ;;
        status) _rauc_words "$global --detailed --output-format --override-boot-slot" "$cur" ;;
        write-slot) _rauc_words "$global --image-type" "$cur" ;;
        *) _rauc_words "$global" "$cur" ;;
        esac
        return
    fi
    case $verb in
    "") _rauc_words "$verbs" "$cur" ;;
    status) _rauc_words "mark-good mark-bad mark-active" "$cur" ;;
    write-slot)
        if [[ $prev == write-slot ]]; then
            _rauc_words "$(_rauc_slots)" "$cur"
        else
            _rauc_files "$cur"
        fi
        ;;
    service) ;;
    *) _rauc_files "$cur" ;;
    esac
}

complete -F _rauc rauc
