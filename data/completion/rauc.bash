# SPDX-License-Identifier: MIT
# bash completion for rauc. Verbs, options and arguments come from its help: what is offered is what
# the program that is there can do.

_rauc_help() {
    LC_ALL=C "${COMP_WORDS[0]}" "$@" --help 2>/dev/null </dev/null
}

_rauc_words() { # WORDS: those that begin with $cur
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_rauc_files() { # [PATTERN]: folders, and files (that match)
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(
        if [[ ${1-} ]]; then
            compgen -f -X "!$1" -- "$cur"
            compgen -d -- "$cur"
        else
            compgen -f -- "$cur"
        fi
    )
}

_rauc_folders() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$cur")
}

_rauc_slots() { # slots of this device; nothing where they cannot be told
    LC_ALL=C "${COMP_WORDS[0]}" "${conf[@]}" status --output-format=shell 2>/dev/null </dev/null |
        sed -n "s/^RAUC_SYSTEM_SLOTS='\(.*\)'$/\1/p"
}

# The line up to the cursor into `words`: bash takes it apart at '=' and ':'.
_rauc_join() {
    local i word last
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]} last=$((${#words[@]} - 1))
        if ((last >= 0)) && [[ $word == [=:]* || ${words[last]} == -*[=:] ]]; then
            words[last]+=$word
        else
            words+=("$word")
        fi
    done
}

_rauc_value_name() { # OPTION: what its help calls its value; nothing if it takes none
    if [[ $1 =~ ^--[a-z0-9-]+$ ]]; then
        sed -nE "s/^  (-., )?$1=([^ ]+) .*/\2/p" <<<"$help"
    elif [[ $1 =~ ^-[A-Za-z]$ ]]; then
        sed -nE "s/^  $1, --[a-z0-9-]+=([^ ]+) .*/\1/p" <<<"$help"
    fi
}

_rauc_value() { # OPTION NAME
    case $2 in
    FORMAT) _rauc_words "$(sed -nE "s/^  $1=.*\((.*)\)$/\1/p" <<<"$help" | tr -d ,)" ;;
    TYPE) _rauc_words "raw ext4 vfat squashfs tar emptyfs" ;;
    FILENAME | PEMFILE* | PATH) _rauc_files ;;
    esac
}

_rauc_argument() { # NUMBER: the verb's argument, counted from 0
    local -a names
    if [[ $verb == status ]]; then
        (($1 == 0)) && _rauc_words "mark-good mark-bad mark-active"
        (($1 == 1)) && _rauc_words "booted other $(_rauc_slots)"
        return
    fi
    if [[ $verb == keyring ]]; then
        if (($1 == 0)); then _rauc_words status; else _rauc_files '*.raucb'; fi
        return
    fi
    mapfile -t names < <(sed -n 's/^  rauc \[.*\] //p' <<<"$help" | grep -o '<[A-Z]*>')
    case ${names[$1]-} in
    *BUNDLE*) _rauc_files '*.raucb' ;;
    *DIR\>) _rauc_folders ;;
    \<SLOTNAME\>) _rauc_words "$(_rauc_slots)" ;;
    ?*) _rauc_files ;;
    esac
}

_rauc() {
    local help verbs verb='' cur='' prev='' word kind n=-1
    local -a words=() conf=()

    COMPREPLY=()
    _rauc_join
    cur=${words[-1]}
    help=$(_rauc_help)
    verbs=$(sed -n '/^List of rauc commands:/,/^$/ s/^  \([a-z-]*\) .*/\1/p' <<<"$help")
    for word in "${words[@]:0:${#words[@]}-1}"; do
        case $prev in -c | --conf) conf=("--conf=$word") ;; esac
        [[ $word == --conf=* ]] && conf=("$word")
        if [[ -z $verb && " ${verbs//$'\n'/ } " == *" $word "* ]]; then
            verb=$word
            help=$(_rauc_help "$verb")
        fi
        [[ $verb && $word != -* && -z $(_rauc_value_name "$prev") ]] && n=$((n + 1))
        prev=$word
    done

    kind=$(_rauc_value_name "$prev")
    if [[ $cur == --*=* ]]; then
        word=${cur%%=*} cur=${cur#*=}
        _rauc_value "$word" "$(_rauc_value_name "$word")"
    elif [[ $kind ]]; then
        _rauc_value "$prev" "$kind"
    elif [[ $cur == -* ]]; then
        _rauc_words "$(sed -nE 's/^  (-., )?(--[a-z0-9-]+).*/\2/p' <<<"$help")"
    elif [[ $verb ]]; then
        _rauc_argument "$n"
    else
        _rauc_words "$verbs"
    fi
}

complete -F _rauc rauc
