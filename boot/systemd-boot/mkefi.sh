#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Compile one EFI application: mkefi.sh SOURCE.c OUT.efi [flag]...
# EFI_ARCH: the processor it is for (default: this machine's). For x86_64 gnu-efi
# does it. For aarch64 its headers and what is in ../efi/aarch64 do, so that no
# package of another architecture is needed.

set -eu

[ $# -ge 2 ] || { echo "usage: mkefi.sh SOURCE.c OUT.efi [flag]..." >&2; exit 2; }
source=$1
out=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

need()
{
	command -v "$1" >/dev/null || { echo "mkefi.sh: $1 not found: install $2" >&2; exit 1; }
}

compile()
{
	"${CROSS}gcc" -DGNU_EFI_USE_MS_ABI -O2 -Wall -Werror -ffreestanding -fshort-wchar -fno-stack-protector "$@"
}

case ${EFI_ARCH:-$(uname -m)} in
x86_64)
	CROSS=${CROSS:-}
	crt=/usr/lib/crt0-efi-x86_64.o
	[ -e "$crt" ] || { echo "mkefi.sh: $crt not found: install gnu-efi" >&2; exit 1; }
	compile -I/usr/include/efi -I/usr/include/efi/x86_64 -DARCH='L"x64"' -fpic -fno-stack-check \
		-mno-red-zone -maccumulate-outgoing-args "$@" -c "$source" -o "$work/app.o"
	"${CROSS}ld" -nostdlib -znocombreloc -shared -Bsymbolic -T /usr/lib/elf_x86_64_efi.lds "$crt" "$work/app.o" \
		-o "$work/app.so" -L/usr/lib -lefi -lgnuefi
	"${CROSS}objcopy" -j .text -j .sdata -j .data -j .dynamic -j .dynsym -j .rel -j .rela -j '.rel.*' -j '.rela.*' \
		-j .reloc -j .rodata --target efi-app-x86_64 --subsystem=10 "$work/app.so" "$out"
	;;
aarch64)
	[ "$(uname -m)" = aarch64 ] || CROSS=${CROSS:-aarch64-linux-gnu-}
	CROSS=${CROSS:-}
	need "${CROSS}gcc" gcc-aarch64-linux-gnu
	[ -e /usr/include/efi/efi.h ] || { echo "mkefi.sh: /usr/include/efi/efi.h not found: install gnu-efi" >&2; exit 1; }
	more=$here/../efi/aarch64
	for part in "$source" "$more/lib.c" "$more/start.S"; do
		compile -isystem /usr/include/efi -I"$more/.." -DARCH='L"aa64"' -fpie -fvisibility=hidden -mgeneral-regs-only \
			-fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns "$@" -c "$part" -o "$work/$(basename "$part").o"
	done
	"${CROSS}ld" -nostdlib -pie --no-dynamic-linker -z max-page-size=4096 -T "$more/efi.lds" "$work"/*.o -o "$work/app.elf"
	"${CROSS}objcopy" -O binary "$work/app.elf" "$out"
	;;
*)
	echo "mkefi.sh: no EFI for ${EFI_ARCH:-$(uname -m)}" >&2
	exit 1
	;;
esac
