#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Compile one EFI application: mkefi.sh SOURCE.c OUT.efi [flag]...

set -eu

[ $# -ge 2 ] || { echo "usage: mkefi.sh SOURCE.c OUT.efi [flag]..." >&2; exit 2; }
source=$1
out=$2
shift 2
case ${EFI_ARCH:-$(uname -m)} in
x86_64) arch=x86_64 short=x64 more="-mno-red-zone -maccumulate-outgoing-args" ;;
aarch64) arch=aarch64 short=aa64 more= ;;
*) echo "mkefi.sh: no EFI for ${EFI_ARCH:-$(uname -m)}" >&2; exit 1 ;;
esac
crt=/usr/lib/crt0-efi-$arch.o
[ -e "$crt" ] || { echo "mkefi.sh: $crt not found: install gnu-efi" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2086
"${CROSS:-}gcc" -I/usr/include/efi -I/usr/include/efi/$arch -DARCH="L\"$short\"" -DGNU_EFI_USE_MS_ABI \
	-O2 -Wall -Werror -ffreestanding -fpic -fshort-wchar -fno-stack-protector -fno-stack-check $more "$@" \
	-c "$source" -o "$work/app.o"
"${CROSS:-}ld" -nostdlib -znocombreloc -shared -Bsymbolic -T /usr/lib/elf_${arch}_efi.lds "$crt" "$work/app.o" \
	-o "$work/app.so" -L/usr/lib -lefi -lgnuefi
"${CROSS:-}objcopy" -j .text -j .sdata -j .data -j .dynamic -j .dynsym -j .rel -j .rela -j '.rel.*' -j '.rela.*' \
	-j .reloc -j .rodata --target efi-app-$arch --subsystem=10 "$work/app.so" "$out"
