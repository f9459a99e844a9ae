#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Fill a folder with the boot loader's side of a product with U-Boot: boot.scr
# and slots.env for the boot partition; for a raw environment its two copies,
# and what the device needs in /etc: fw_env.config and u-boot-initial-env.

set -eu

usage()
{
	cat <<'END'
usage: mkuboot.sh [option]... OUTDIR
  --slots FILE      the product's slots.env (default: A on root_a, B on root_b)
  --order "A B"     boot names (default: "A B")
  --good "A"        boot names whose slot is filled: committed, and in BOOT_ORDER (default: the first of --order)
  --arch NAME       arm64 or arm (default: arm64)
  --disk DEVICE     with ab_env_at in slots.env: the disk, as the running system names it

OUTDIR/boot/        boot.scr and slots.env, for the boot partition
OUTDIR/env-1, -2    the copies of the environment, with ab_env=raw
OUTDIR/etc/         fw_env.config and u-boot-initial-env for /etc, with ab_env=raw
END
}

die()
{
	echo "mkuboot.sh: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
slots=$here/slots.env
order="A B"
good=
arch=arm64
disk=
out=

while [ $# -gt 0 ]; do
	case $1 in
	--slots | --order | --good | --arch | --disk)
		[ $# -ge 2 ] || die "$1 needs a value"
		case $1 in
		--slots) slots=$2 ;;
		--order) order=$2 ;;
		--good) good=$2 ;;
		--arch) arch=$2 ;;
		--disk) disk=$2 ;;
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
command -v mkimage >/dev/null || die "mkimage not found: install u-boot-tools"
[ -n "$good" ] || good=${order%% *}
for name in $order $good; do
	case $name in
	*[!A-Za-z0-9_]* | [0-9]*) die "boot name '$name': letters, digits and _ only, no digit first" ;;
	esac
done

# The value of a key in slots.env, or $2.
value()
{
	found=$(sed -n "s/^$1=//p" "$slots" | tail -n 1)
	echo "${found:-$2}"
}

named=
for name in $order; do
	for g in $good; do
		[ "$g" != "$name" ] || named="$named${named:+ }$name"
	done
done
[ -n "$named" ] || die "none of '$good' is in '$order': nothing would boot"

state()
{
	echo "BOOT_ORDER=$named"
	for name in $order; do
		left=0
		for g in $named; do
			[ "$g" != "$name" ] || left=03
		done
		echo "BOOT_${name}_LEFT=$left"
	done
}

mkdir -p "$out/boot" "$out/etc"
rm -f "$out/env-1" "$out/env-2" "$out/etc/fw_env.config" "$out/etc/u-boot-initial-env"
mkimage -A "$arch" -T script -C none -n "A/B boot" -d "$here/boot.cmd" "$out/boot/boot.scr" >/dev/null ||
	die "mkimage failed"
cp "$slots" "$out/boot/slots.env"
chmod 644 "$out/boot/slots.env"
# U-Boot's own environment holds more than the slots: its build makes the initial one
[ "$(value ab_env saveenv)" = raw ] || exit 0

# what a damaged environment is made anew from must not judge any slot: as U-Boot does without one
{
	echo "BOOT_ORDER=$order"
	for name in $order; do echo "BOOT_${name}_LEFT=3"; done
} >"$out/etc/u-boot-initial-env"
command -v mkenvimage >/dev/null || die "mkenvimage not found: install u-boot-tools"
sectors=$(value ab_env_sectors 8)
at=$(value ab_env_at "")
at2=$(value ab_env_at2 "")
case $sectors$at$at2 in
*[!0-9A-Fa-f]*) die "ab_env_sectors, ab_env_at and ab_env_at2 are hexadecimal, without 0x" ;;
esac
size=$((0x$sectors * 512))
state | mkenvimage -r -s "$size" -p 0 -o "$out/env-1" - || die "mkenvimage failed"
cp "$out/env-1" "$out/env-2"
if [ -n "$at" ]; then
	[ -n "$at2" ] || die "ab_env_at without ab_env_at2: the environment needs two copies"
	[ -n "$disk" ] || die "ab_env_at names places on the disk: --disk says what the running system calls it"
	one="$disk $(printf 0x%x $((0x$at * 512)))"
	two="$disk $(printf 0x%x $((0x$at2 * 512)))"
else
	one="/dev/disk/by-partlabel/$(value ab_env_part ubootenv) 0x0"
	two="/dev/disk/by-partlabel/$(value ab_env_part2 ubootenv2) 0x0"
fi
{
	echo "# device offset size, of both copies of U-Boot's environment"
	printf '%s 0x%x\n' "$one" "$size" "$two" "$size"
} >"$out/etc/fw_env.config"
