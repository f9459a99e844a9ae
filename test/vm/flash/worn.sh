# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# A NAND whose blocks wear out: block 2 bears one erasure, block 5 one write of its third page. mtd0 has 12 blocks.
# shellcheck source=/dev/null
. ./lib.sh
{
	printf '[system]\ncompatible=Test\nbootloader=noop\n\n'
	slot nand.0 /dev/mtd0 nand
} >system.conf
bad_blocks() { cat /sys/class/mtd/mtd0/bad_blocks; }
holds_image() { nanddump --quiet --bb=skipbad --file=found /dev/mtd0 && begins found "$1"; }
cp raw.img nine.img
truncate -s $((9 * 131072)) nine.img
truncate -s $((10 * 131072 + 1)) eleven.img

hold "while it is new" write nand.0 nine.img
hold "  its bytes" holds_image nine.img
hold "  no block is bad" [ "$(bad_blocks)" = 0 ]
hold "when it wears out" write nand.0 nine.img
hold "  its bytes" holds_image nine.img
hold "  two blocks are marked" [ "$(bad_blocks)" = 2 ]
dump_nand /dev/mtd0 before
hold "no room is left for more" refuses nand.0 eleven.img "Slot (1310720 bytes) is too small for image (1310721 bytes)."
hold "  and nothing changed" eval 'dump_nand /dev/mtd0 after && cmp before after'
finish
