#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Fill a folder with what belongs on the EFI system partition of a device with
# systemd-boot: the guard, systemd-boot, loader.conf, an entry a slot, and the
# same entries once more in loader/slots, from which lost ones are made again;
# with --slots, slot.efi too, which starts kernels on partitions of their own.

set -eu

usage()
{
	cat <<'END'
usage: mkesp.sh [option]... OUTDIR
  --order "A B"      boot names, first choice first (default: "A B")
  --good "A"         boot names whose slot is filled (default: the first of --order)
  --kernel FILE      an EFI program (unified kernel image), put in as the kernel of the --good slots
  --options "..."    kernel command line; @SLOT@ is the boot name, @LABEL@ root_ and it in lower case
                     (default: "root=PARTLABEL=@LABEL@ rauc.slot=@SLOT@ panic=5")
  --slots FILE       instead of --order, --kernel and --options: kernels lie on partitions of their own. A line a
                     slot, first choice first: boot name, number of the partition, kernel there, kernel command line
  --systemd-boot F   systemd-bootx64.efi (default: that of Debian's systemd-boot-efi)
END
}

die()
{
	echo "mkesp.sh: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
order="A B"
good=
kernel=
slots=
options="root=PARTLABEL=@LABEL@ rauc.slot=@SLOT@ panic=5"
systemd_boot=/usr/lib/systemd/boot/efi/systemd-bootx64.efi
out=

while [ $# -gt 0 ]; do
	case $1 in
	--order | --good | --kernel | --options | --slots | --systemd-boot)
		[ $# -ge 2 ] || die "$1 needs a value"
		case $1 in
		--order) order=$2 ;;
		--good) good=$2 ;;
		--kernel) kernel=$2 ;;
		--options) options=$2 ;;
		--slots) slots=$2 ;;
		--systemd-boot) systemd_boot=$2 ;;
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
[ -r "$systemd_boot" ] || die "$systemd_boot not found: install systemd-boot-efi or say --systemd-boot"
[ -z "$kernel" ] || [ -r "$kernel" ] || die "cannot read $kernel"
if [ -n "$slots" ]; then
	[ -z "$kernel" ] || die "--kernel or --slots: where is the kernel?"
	[ -r "$slots" ] || die "cannot read $slots"
	wrong=$(grep -v -e '^#' -e '^$' -e '^[A-Za-z0-9_]\{1,\} [1-9][0-9]* \\[^ ]\{1,\} .' "$slots" || :)
	[ -z "$wrong" ] || die "$slots: expected NAME PARTITION \\KERNEL COMMAND LINE, not '$wrong'"
	order=$(sed -n 's/^\([A-Za-z0-9_]\{1,\}\) .*/\1/p' "$slots" | tr '\n' ' ')
	[ -n "$order" ] || die "$slots has no slot"
fi
for name in $order $good; do
	case $name in
	*[!A-Za-z0-9_]*) die "boot name '$name': letters, digits and _ only" ;;
	esac
done
[ -n "$good" ] || good=${order%% *}

mkdir -p "$out/EFI/BOOT" "$out/EFI/systemd" "$out/EFI/rauc" "$out/loader/entries" "$out/loader/slots"
"$here/mkefi.sh" "$here/guard.c" "$out/EFI/BOOT/BOOTX64.EFI"
[ -z "$slots" ] || "$here/mkefi.sh" "$here/slot.c" "$out/EFI/rauc/slot.efi"
cp "$systemd_boot" "$out/EFI/systemd/systemd-bootx64.efi"
cp "$here/loader.conf" "$out/loader/loader.conf"
rm -f "$out"/loader/entries/*.conf

set -f
# shellcheck disable=SC2086
set -- $order
version=$#
for name in "$@"; do
	label=root_$(echo "$name" | tr '[:upper:]' '[:lower:]')
	program=$name.efi
	line=$(echo "$options" | sed -e "s/@SLOT@/$name/g" -e "s/@LABEL@/$label/g")
	if [ -n "$slots" ]; then
		program=slot.efi
		line=$(sed -n "s/^$name //p" "$slots")
	fi
	state=+0
	for g in $good; do
		[ "$g" != "$name" ] || state=
	done
	printf 'title %s\nsort-key rauc\nefi /EFI/rauc/%s\noptions %s\nversion %s\n' \
		"$name" "$program" "$line" "$version" >"$out/loader/slots/$name.conf"
	cp "$out/loader/slots/$name.conf" "$out/loader/entries/$name$state.conf"
	if [ -z "$state" ] && [ -n "$kernel" ]; then
		cp "$kernel" "$out/EFI/rauc/$name.efi"
	fi
	version=$((version - 1))
done
