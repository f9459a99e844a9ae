#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Fill a folder with what belongs into EFI/BOOT of the ESP: BOOTX64.EFI,
# grub.cfg, slots.cfg, grubenv, grubenv.spare.

set -eu

usage()
{
	cat <<'END'
usage: mkgrub.sh [option]... OUTDIR
  --slots FILE      the product's slots.cfg (default: A on partition 2, B on 3)
  --order "A B"     ORDER of the first grubenv (default: "A B")
  --good "A"        boot names whose slot is filled: on trial until they mark themselves good; the
                    others are bad (default: the first of ORDER)
  --modules "..."   further GRUB modules, say "xfs"
END
}

die()
{
	echo "mkgrub.sh: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
slots=$here/slots.cfg
order="A B"
good=
more=
out=

while [ $# -gt 0 ]; do
	case $1 in
	--slots | --order | --good | --modules)
		[ $# -ge 2 ] || die "$1 needs a value"
		case $1 in
		--slots) slots=$2 ;;
		--order) order=$2 ;;
		--good) good=$2 ;;
		--modules) more=$2 ;;
		esac
		shift 2
		;;
	-h | --help)
		usage
		exit 0
		;;
	-*) die "unknown option $1 (see --help)" ;;
	*)
		[ -z "$out" ] || die "one OUTDIR, please: $out or $1?"
		out=$1
		shift
		;;
	esac
done

[ -n "$out" ] || die "OUTDIR is missing (see --help)"
[ -r "$slots" ] || die "cannot read $slots"
command -v grub-mkimage >/dev/null || die "grub-mkimage not found: install grub-common"
command -v grub-editenv >/dev/null || die "grub-editenv not found: install grub-common"
[ -e /usr/lib/grub/x86_64-efi/linux.mod ] || [ -n "${GRUB_MODULES:-}" ] ||
	die "GRUB's x86_64-efi modules not found: install grub-efi-amd64-bin or set GRUB_MODULES"

for name in $order $good; do
	case $name in
	*[!A-Za-z0-9_]* | [0-9]*) die "boot name '$name': letters, digits and _ only, no digit first" ;;
	esac
done
[ -n "$good" ] || good=${order%% *}

mkdir -p "$out"
# shellcheck disable=SC2086
grub-mkimage -O x86_64-efi ${GRUB_MODULES:+-d "$GRUB_MODULES"} -p /EFI/BOOT -o "$out/BOOTX64.EFI" \
	part_gpt part_msdos fat ext2 squash4 \
	normal configfile test true regexp eval echo sleep reboot halt \
	linux loadenv probe search efi_gop all_video gzio $more
cp "$here/grub.cfg" "$out/grub.cfg"
cp "$slots" "$out/slots.cfg"
chmod 644 "$out/grub.cfg" "$out/slots.cfg"

# All variables from the beginning: no later change makes the block longer, so a torn one stays sound.
rm -f "$out/grubenv" "$out/grubenv.spare"
grub-editenv "$out/grubenv" create
grub-editenv "$out/grubenv.spare" create
grub-editenv "$out/grubenv" set "ORDER=$order"
grub-editenv "$out/grubenv.spare" set spare_used=0 "ORDER=$order"
for name in $order; do
	ok=0 left=0
	for g in $good; do
		[ "$g" != "$name" ] || ok=1 left=3
	done
	grub-editenv "$out/grubenv" set "${name}_OK=$ok" "${name}_TRY=0" "${name}_LEFT=$left" "${name}_COMMIT=0"
	grub-editenv "$out/grubenv.spare" set "${name}_OK=$ok" "${name}_TRY=0"
done
