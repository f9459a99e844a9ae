# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154
#
# Part of moonforge-pki: its configuration, read, checked and asked. Wants $conf
# and $home, and die() and check_private() of it.

# The configuration as variables, c_KIND__NAME__KEY, and the names of each kind, n_KIND; check_syntax has seen that the names are
# harmless.
load() {
	eval "$(awk '
		function quote(text) { gsub(/\x27/, "\x27\\\x27\x27", text); return "\x27" text "\x27" }
		/^[ \t]*(#|$)/ { next }
		{ gsub(/^[ \t]+|[ \t]+$/, "") }
		/^\[/ {
			kind = $0; sub(/^\[/, "", kind); sub(/[] ].*/, "", kind)
			name = $0; sub(/^\[[a-z]+ ?/, "", name); sub(/\]$/, "", name)
			all[kind] = all[kind] name " "
			here = "c_" kind "__" name; gsub(/-/, "_", here)
			next
		}
		{
			at = index($0, "=")
			key = substr($0, 1, at - 1); sub(/[ \t]+$/, "", key); gsub(/-/, "_", key)
			value = substr($0, at + 1); sub(/^[ \t]+/, "", value)
			print here "__" key "=" quote(value)
		}
		END { for (kind in all) print "n_" kind "=" quote(all[kind]) }' "$conf")"
}

get() { # "KIND NAME" KEY: its value; nothing where it is not set
	of=${1#"${1%% *}"}
	variable=$(printf 'c_%s__%s__%s' "${1%% *}" "${of# }" "$2" | tr - _)
	eval "printf '%s\n' \"\${$variable-}\""
}

get_or() { # "KIND NAME" KEY DEFAULT
	found=$(get "$1" "$2")
	printf '%s\n' "${found:-$3}"
}

# names of all sections of a kind, in the order of the file, on a line each
names() {
	eval "printf '%s\n' \${n_$1-}"
}

check_syntax() {
	awk '
		function bad(what) { print FILENAME ":" NR ": " what; failed = 1; exit }
		BEGIN {
			keys["pki"] = " organisation profile crl-days start "
			all = " days folder common-name passphrase-env passphrase-file profile start "
			keys["root"] = all "crl-days "
			keys["ca"] = all "crl-days root "
			keys["signer"] = all "ca "
			keys["recipient"] = all
			keys["keyring"] = " roots crls "
		}
		/^[ \t]*(#|$)/ { next }
		{ gsub(/^[ \t]+|[ \t]+$/, "") }
		/^\[/ {
			if ($0 !~ /^\[(pki|(root|ca|signer|recipient|keyring) [a-z0-9][a-z0-9-]*)\]$/)
				bad("\x27" $0 "\x27 is no section: [pki], or root, ca, signer, recipient or keyring with a name of a-z, 0-9 and -")
			if (seen[$0]++) bad("section " $0 " stands here a second time")
			here = $0; kind = $0; sub(/^\[/, "", kind); sub(/[] ].*/, "", kind); next
		}
		{
			at = index($0, "=")
			name = substr($0, 1, at - 1); sub(/[ \t]+$/, "", name)
			value = substr($0, at + 1); sub(/^[ \t]+/, "", value)
			if (!at || !kind) bad("not understood: a line is \x27[section]\x27 or \x27key = value\x27")
			if (!index(keys[kind], " " name " ")) bad("unknown key \x27" name "\x27 in " here)
			if (value == "") bad("\x27" name "\x27 has no value")
			if (seen[here, name]++) bad("\x27" name "\x27 stands here a second time")
		}
		END { exit failed }' "$conf"
}

check_number() { # SECTION KEY DEFAULT
	case $(get_or "$1" "$2" "$3") in
	*[!0-9]* | 0* | ??????*) die "[$1] $2 is not a number of days from 1 to 99999" ;;
	esac
}

check_name() { # SECTION KEY VALUE
	case $3 in
	'' | *[!A-Za-z0-9\ ._-]*) die "[$1] $2 '$3' may contain letters, digits, blanks and . _ - only" ;;
	esac
}

check_values() {
	check_name pki organisation "$(get pki organisation)"
	for kind in root ca signer recipient; do
		for name in $(names $kind); do
			section="$kind $name"
			check_number "$section" days 1
			check_number "$section" crl-days 1
			check_name "$section" common-name "$(common_name "$kind" "$name")"
			case $(profile_of "$section") in rsa-3072 | ec-p256) ;; *) die "[$section] profile is neither rsa-3072 nor ec-p256" ;; esac
			case $(get "$section" start)$(get pki start) in
			'' | [12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9] | [12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9][12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]) ;;
			*) die "[$section] start is not a date of the form YYYY-MM-DD" ;;
			esac
			[ -z "$(get "$section" passphrase-env)" ] || [ -z "$(get "$section" passphrase-file)" ] ||
				die "[$section] has passphrase-env and passphrase-file: one of them"
			case $(get_or "$section" passphrase-env x) in *[!A-Za-z0-9_]*) die "[$section] passphrase-env is no name of a variable" ;; esac
		done
	done
	check_number pki crl-days 1
	for name in $(names ca); do check_reference ca "$name" root "$(get "ca $name" root)"; done
	for name in $(names signer); do check_reference signer "$name" ca "$(get "signer $name" ca)"; done
	for name in $(names keyring); do
		[ -n "$(get "keyring $name" roots)" ] || die "[keyring $name] names no roots"
		for root in $(get "keyring $name" roots); do check_reference keyring "$name" root "$root"; done
		case $(get_or "keyring $name" crls yes) in yes | no) ;; *) die "[keyring $name] crls is neither yes nor no" ;; esac
	done
}

check_reference() { # KIND NAME OTHER-KIND OTHER-NAME
	[ -n "$4" ] || die "[$1 $2] does not say which $3 it belongs to"
	names "$3" | grep -Fqx -- "$4" || die "[$1 $2] belongs to $3 $4, and there is no section [$3 $4]"
}

common_name() { # KIND NAME
	case $1 in
	root) what='update root' ;;
	ca) what='update CA' ;;
	signer) what='update signer' ;;
	recipient) what='update recipient' ;;
	esac
	get_or "$1 $2" common-name "$(get pki organisation) $what $2"
}

profile_of() { get_or "$1" profile "$(get_or pki profile ec-p256)"; }

subject_of() { printf '/O=%s/CN=%s\n' "$(get pki organisation)" "$(common_name "$1" "$2")"; }

days_of() { # KIND NAME
	case $1 in
	root | recipient) get_or "$1 $2" days 7300 ;;
	ca) get_or "$1 $2" days 2190 ;;
	signer) get_or "$1 $2" days 1825 ;;
	esac
}

crl_days_of() { get_or "$1" crl-days "$(get_or pki crl-days 3650)"; }

beside() { # PATH of the configuration, seen from its folder
	case $1 in
	/*) printf '%s\n' "$1" ;;
	*) printf '%s\n' "$home/$1" ;;
	esac
}

folder_of() { beside "$(get_or "$1 $2" folder "$1-$2")"; }

public_of() { printf '%s\n' "$home/public/$1-$2.$3.pem"; } # KIND NAME WHAT

# -passin's argument for a section; nothing where the key has no passphrase. The secret itself is never a word of a command.
passphrase_of() {
	variable=$(get "$1" passphrase-env)
	file=$(get "$1" passphrase-file)
	if [ -n "$variable" ]; then
		eval "secret=\${$variable-}"
		[ -n "$secret" ] || die "[$1] the passphrase is expected in the environment variable $variable, which is not set"
		unset secret
		printf 'env:%s\n' "$variable"
	elif [ -n "$file" ]; then
		file=$(beside "$file")
		[ -s "$file" ] || die "[$1] the passphrase is expected in $file, which is not there or empty"
		check_private "$file"
		printf 'file:%s\n' "$file"
	fi
}
