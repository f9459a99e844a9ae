# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# Every row of the matrix for flash, judged by the kernel's own file systems and by mtd-utils.
# mtd0: UBI. mtd1, mtd2: NAND with the same two bad blocks. mtd3: a little one with one. mtd5: memory that behaves like NOR.
# shellcheck source=/dev/null
. ./lib.sh
{
	printf '[system]\ncompatible=Test\nbootloader=noop\n\n'
	slot vol.0 /dev/ubi0_0 ubivol
	slot static.0 /dev/ubi0_1 ubivol
	slot fs.0 /dev/ubi0_2 ubifs
	slot nand.0 /dev/mtd1 nand
	slot nor.0 /dev/mtd5 nor
	slot jffs2.0 /dev/mtd5 jffs2
	slot linked.0 /dev/a-link jffs2
	slot block.0 /dev/mtdblock5 jffs2
	slot on-nand.0 /dev/mtd3 jffs2
} >system.conf
ln -s mtd5 /dev/a-link
ubiattach -p /dev/mtd0 >&2 && ubimkvol /dev/ubi0 -N vol -s 4MiB >&2 && ubimkvol /dev/ubi0 -N static -s 4MiB -t static >&2 &&
	ubimkvol /dev/ubi0 -N fs -s 8MiB >&2 || exit 99

hold "raw to ubivol" write vol.0 raw.img
hold "  its bytes" begins /dev/ubi0_0 raw.img
hold "a smaller raw to ubivol" write vol.0 small.img
hold "  its bytes" begins /dev/ubi0_0 small.img
hold "an empty raw to ubivol" write vol.0 empty.img
hold "squashfs to ubivol" write vol.0 tree.squashfs
hold "  its bytes" begins /dev/ubi0_0 tree.squashfs
ubiblock --create /dev/ubi0_0
hold "  its tree" holds_tree squashfs /dev/ubiblock0_0
ubiblock --remove /dev/ubi0_0
hold "ubifs to ubivol" write vol.0 tree.ubifs
hold "  its bytes" begins /dev/ubi0_0 tree.ubifs
hold "  its tree" holds_tree ubifs ubi0:vol
hold "raw to a static ubivol" write static.0 raw.img
hold "  its bytes, and no more" cmp /dev/ubi0_1 raw.img

hold "ubifs to ubifs" write fs.0 tree.ubifs
hold "  its bytes" begins /dev/ubi0_2 tree.ubifs
hold "  its tree" holds_tree ubifs /dev/ubi0_2
hold "raw to ubifs" write fs.0 ubifs.img
hold "  its tree" holds_tree ubifs ubi0_2
hold "tar to ubifs" write fs.0 tree.tar.gz
hold "  its tree" holds_tree ubifs ubi0_2

# Full of old content, then the tools into one and rauc into the other.
for device in /dev/mtd1 /dev/mtd2; do
	nandwrite --quiet --pad "$device" old.img 2>/dev/null
done
flash_erase --quiet /dev/mtd2 0 0 && nandwrite --quiet --pad /dev/mtd2 raw.img
dump_nand /dev/mtd2 expected
hold "raw to nand with bad blocks" write nand.0 raw.img
hold "  all that is on it" eval 'dump_nand /dev/mtd1 found && cmp found expected'
hold "  its bytes" eval 'nanddump --quiet --bb=skipbad --file=found /dev/mtd1 && begins found raw.img'
hold "  the bad blocks" [ "$(cat /sys/class/mtd/mtd1/bad_blocks)" = 2 ]
hold "what just fits" write nand.0 full.img
hold "  its bytes" eval 'nanddump --quiet --bb=skipbad --file=found /dev/mtd1 && cmp found full.img'

flashcp old.img /dev/mtd5
flashcp --erase-all raw.img /dev/mtd5
cat /dev/mtd5 >expected
flashcp old.img /dev/mtd5
hold "raw to nor" write nor.0 raw.img
hold "  all that is on it" cmp /dev/mtd5 expected

flashcp old.img /dev/mtd5
hold "raw to jffs2" write jffs2.0 jffs2.img
hold "  its tree" holds_tree jffs2 mtd5
hold "tar to jffs2" write jffs2.0 tree.tar.gz
hold "  its tree" holds_tree jffs2 mtd5
hold "tar to jffs2 by another name" write linked.0 tree.tar.gz
hold "  its tree" holds_tree jffs2 mtd5
flashcp old.img /dev/mtd5
hold "raw to jffs2 through its block device" write block.0 jffs2.img
hold "  its bytes" begins /dev/mtd5 jffs2.img
nandwrite --quiet --pad /dev/mtd3 raw.img 2>/dev/null
hold "tar to jffs2 on a NAND" write on-nand.0 tree.tar.gz
hold "  its tree" holds_tree jffs2 mtd3
hold "raw to jffs2 on a NAND" write on-nand.0 raw.img
hold "  its bytes" eval 'nanddump --quiet --bb=skipbad --file=found /dev/mtd3 && begins found raw.img'
hold "nothing is left mounted" [ "$(grep -c -e /mnt -e ubifs -e jffs2 /proc/mounts)" = 0 ]
finish
