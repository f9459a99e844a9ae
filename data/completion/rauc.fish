# SPDX-License-Identifier: MIT
# fish completion for rauc. Verbs, options and arguments come from its help: what is offered is what
# the program that is there can do.

function __rauc_help --no-scope-shadowing # [VERB]
    LC_ALL=C $program $argv --help 2>/dev/null </dev/null
end

function __rauc_verbs # HELP-LINE...: each with its summary
    set -l inside 0
    for line in $argv
        if string match -q 'List of rauc commands:' -- $line
            set inside 1
        else if test -z "$line"
            set inside 0
        else if test $inside = 1
            string replace -rf '^  ([a-z-]+) +(.*)$' '$1\t$2' -- $line
        end
    end
end

function __rauc_slots # PROGRAM [--conf=FILE]: slots of this device; nothing where they cannot be told
    LC_ALL=C $argv status --output-format=shell 2>/dev/null </dev/null | string replace -rf "^RAUC_SYSTEM_SLOTS='(.*)'\$" '$1' | string split -n ' '
end

function __rauc_value_name # OPTION HELP-LINE...: what the help calls its value
    set -l option $argv[1]
    if string match -qr '^--[a-z0-9-]+$' -- $argv[1]
        string replace -rf "^  (?:-., )?$option=(\S+) .*" '$1' -- $argv[2..]
    else if string match -qr '^-[A-Za-z]$' -- $argv[1]
        string replace -rf "^  $option, --[a-z0-9-]+=(\S+) .*" '$1' -- $argv[2..]
    end
end

function __rauc_value # NAME OPTION BEFORE TOKEN HELP-LINE...
    switch $argv[1]
        case FORMAT
            printf "$argv[3]%s\n" (string replace -rf "^  $argv[2]=.*\((.*)\)\$" '$1' -- $argv[5..] | string split ', ')
        case TYPE
            printf "$argv[3]%s\n" raw ext4 vfat squashfs tar emptyfs
        case FILENAME 'PEMFILE*' PATH IMAGE '*SIG'
            printf "$argv[3]%s\n" (__fish_complete_path $argv[4])
        case '*DIR'
            printf "$argv[3]%s\n" (__fish_complete_directories $argv[4])
        case '*BUNDLE*'
            printf "%s\n" (__fish_complete_path $argv[4] | string match -re '(?:/|\.raucb)(?:\t.*)?$')
    end
end

function __rauc_complete
    set -l tokens (commandline -opc)
    set -l current (commandline -ct)
    set -l program $tokens[1]
    set -l help (__rauc_help)
    set -l verbs (__rauc_verbs $help)
    set -l verb
    set -l conf
    set -l before ''
    set -l n 0
    for token in $tokens[2..]
        contains -- "$before" -c --conf; and set conf --conf=$token
        string match -q -- '--conf=*' $token; and set conf $token
        if not string match -q -- '-*' $token; and test -z "$(__rauc_value_name "$before" $help)"
            if test -n "$verb"
                set n (math $n + 1)
            else if contains -- $token (string replace -r '\t.*' '' -- $verbs)
                set verb $token
                set help (__rauc_help $verb)
            end
        end
        set before $token
    end

    set -l pair (string match -r '^(--[a-z0-9-]+)=(.*)$' -- $current)
    if set -q pair[1]
        __rauc_value "$(__rauc_value_name $pair[2] $help)" $pair[2] $pair[2]= "$pair[3]" $help
    else if test -n "$(__rauc_value_name "$before" $help)"
        __rauc_value "$(__rauc_value_name $before $help)" $before '' "$current" $help
    else if string match -q -- '-*' $current
        string replace -rf '^  (?:-., )?(--[a-z0-9-]+)\S*(?: VALUE\')? +(.*)$' '$1\t$2' -- $help
    else if test -z "$verb"
        printf '%s\n' $verbs
    else if test $verb = status
        test $n = 0; and printf '%s\n' mark-good mark-bad mark-active
        test $n = 1; and printf '%s\n' booted other (__rauc_slots $program $conf)
    else if test $verb = keyring
        test $n = 0; and printf '%s\n' status
        test $n -gt 0; and __rauc_value BUNDLE '' '' "$current"
    else
        set -l names (string match -r '^  rauc \[.*' -- $help | string match -ra '<([A-Z]+)>' -g)
        if test "$names[$(math $n + 1)]" = SLOTNAME
            __rauc_slots $program $conf
        else if test $n -lt (count $names)
            __rauc_value $names[(math $n + 1)] '' '' "$current"
        end
    end
end

complete -c rauc -f -a '(__rauc_complete)'
