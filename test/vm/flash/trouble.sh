# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# What must be refused with nothing changed, found when read back, or survived. Devices as in rows.sh.
# shellcheck source=/dev/null
. ./lib.sh
{
	printf '[system]\ncompatible=Test\nbootloader=noop\n\n'
	slot vol.0 /dev/ubi0_0 ubivol
	slot fs.0 /dev/ubi0_1 ubifs
	slot nand.0 /dev/mtd1 nand
	slot nor.0 /dev/mtd5 nor
	slot jffs2.0 /dev/mtd5 jffs2
	slot vol-on-ubi.0 /dev/ubi0 ubivol
	slot vol-on-mtd.0 /dev/mtd1 ubivol
	slot fs-on-mtd.0 /dev/mtd1 ubifs
	slot nand-on-nor.0 /dev/mtd5 nand
	slot nand-on-ubi.0 /dev/ubi0_0 nand
	slot nand-on-file.0 /work/raw.img nand
	slot nand-on-null.0 /dev/null nand
	slot nand-on-block.0 /dev/mtdblock1 nand
	slot nor-on-nand.0 /dev/mtd1 nor
	slot nor-on-ro.0 /dev/mtd5ro nor
	slot jffs2-on-ubi.0 /dev/ubi0_0 jffs2
	slot jffs2-on-block.0 /dev/mtdblock5 jffs2
	slot attached.0 /dev/mtd0 nand
} >system.conf
ubiattach -p /dev/mtd0 >&2 && ubimkvol /dev/ubi0 -N vol -s 4MiB >&2 && ubimkvol /dev/ubi0 -N fs -s 8MiB >&2 || exit 99
head -c 12000000 /dev/zero | cat large.img - >larger.img

hold "old content, NAND" write nand.0 raw.img
hold "old content, NOR" write nor.0 old.img
hold "old content, UBI" write vol.0 raw.img
hold "old content, UBIFS" write fs.0 tree.ubifs

all_of_it() {
	dump_nand /dev/mtd1 /proc/self/fd/1 | sha256sum
	sha256sum </dev/mtd5
	sha256sum </dev/ubi0_0
	sha256sum </dev/ubi0_1
}
all_of_it >before
same_as_before() { all_of_it | cmp - before; }

hold "too large for UBI" refuses vol.0 large.img "Slot (4257792 bytes) is too small for image (6029313 bytes)."
hold "too large for UBIFS" refuses fs.0 larger.img "Slot (8515584 bytes) is too small for image (18029313 bytes)."
hold "too large for NAND with its bad blocks" refuses nand.0 large.img "Slot (6029312 bytes) is too small for image (6029313 bytes)."
hold "too large for NOR" refuses nor.0 large.img "Slot (4194304 bytes) is too small for image (6029313 bytes)."
hold "too large for JFFS2" refuses jffs2.0 large.img "Slot (4194304 bytes) is too small for image (6029313 bytes)."

hold "UBI itself is no volume" refuses vol-on-ubi.0 raw.img "/dev/ubi0 is not flash: it is neither"
hold "an MTD is no volume" refuses vol-on-mtd.0 raw.img "/dev/mtd1 is an MTD (nand), not a UBI volume"
hold "an MTD holds no UBIFS" refuses fs-on-mtd.0 tree.tar.gz "/dev/mtd1 is an MTD (nand), not a UBI volume"
hold "NOR is no NAND" refuses nand-on-nor.0 raw.img "/dev/mtd5 is an MTD of type 'ram', which a slot of type nand cannot be; type=nor is for it"
hold "a volume is no NAND" refuses nand-on-ubi.0 raw.img "/dev/ubi0_0 is a UBI volume, not an MTD"
hold "a file is no NAND" refuses nand-on-file.0 raw.img "/work/raw.img is not flash"
hold "/dev/null is no NAND" refuses nand-on-null.0 raw.img "/dev/null is not flash"
hold "a block device is no NAND" refuses nand-on-block.0 raw.img "/dev/mtdblock1 is not flash"
hold "NAND is no NOR" refuses nor-on-nand.0 raw.img "/dev/mtd1 is an MTD of type 'nand', which a slot of type nor cannot be; type=nand is for it"
hold "not for writing" refuses nor-on-ro.0 raw.img "/dev/mtd5ro"
hold "a volume holds no JFFS2" refuses jffs2-on-ubi.0 tree.tar.gz "/dev/ubi0_0 is a UBI volume, not an MTD"
hold "nothing erases a block device" refuses jffs2-on-block.0 tree.tar.gz "/dev/mtdblock5 is not flash"

hold "attached to UBI" refuses attached.0 raw.img "it is attached to UBI as ubi0"
mount -t ubifs -o ro ubi0:fs /mnt/slot
hold "mounted UBIFS" refuses fs.0 tree.ubifs "cannot write /dev/ubi0_1: it is mounted on /mnt/slot"
hold "mounted UBIFS, archive" refuses fs.0 tree.tar.gz "cannot write /dev/ubi0_1: it is mounted on /mnt/slot"
umount /mnt/slot
hold "all is as it was" same_as_before
exec 3</dev/ubi0_0
hold "a volume another program reads" refuses vol.0 raw.img "cannot begin the update of /dev/ubi0_0: it is mounted, or open in another program"
exec 3<&-
exec 3<>/dev/ubi0_0
hold "a volume another program writes" refuses vol.0 raw.img "cannot write /dev/ubi0_0: it is mounted, or open in another program"
exec 3<&-
hold "all is as it was" same_as_before
hold "a squashfs" write vol.0 tree.squashfs
ubiblock --create /dev/ubi0_0
mount -t squashfs -o ro /dev/ubiblock0_0 /mnt/slot
hold "a volume mounted through its block device" refuses vol.0 raw.img "cannot write /dev/ubi0_0: it is mounted on /mnt/slot"
hold "  whose tree is still there" same_tree /mnt/slot
umount /mnt/slot
ubiblock --remove /dev/ubi0_0
hold "JFFS2" write jffs2.0 jffs2.img
mount -t jffs2 -o ro mtd5 /mnt/slot
hold "mounted JFFS2" refuses jffs2.0 tree.tar.gz "cannot write /dev/mtd5: it is mounted on /mnt/slot"
hold "mounted JFFS2, by another type" refuses nor.0 raw.img "cannot write /dev/mtd5: it is mounted on /mnt/slot"
hold "  whose tree is still there" same_tree /mnt/slot
umount /mnt/slot

# Killed between two writes: UBI knows.
kill_write() { # slot, device, image
	strace -f -o trace -P "$2" -e trace=write -e inject=write:signal=SIGKILL:when=2 "$RAUC" --conf system.conf write-slot "$1" "$3"
	[ $? = 137 ]
}
unreadable() { ! head -c 100 "$1" >/dev/null; }
hold "a killed update" kill_write vol.0 /dev/ubi0_0 raw.img
hold "  leaves the volume unreadable" unreadable /dev/ubi0_0
hold "a killed update of UBIFS" kill_write fs.0 /dev/ubi0_1 large.img
hold "  does not mount" eval '! mount -t ubifs ubi0:fs /mnt/slot'
ubidetach -p /dev/mtd0 >&2 && ubiattach -p /dev/mtd0 >&2
hold "  after a restart neither" unreadable /dev/ubi0_0
hold "  and has its mark" [ "$(cat /sys/class/ubi/ubi0_0/upd_marker)" = 1 ]
hold "the next update repairs it" write vol.0 raw.img
hold "  its bytes" begins /dev/ubi0_0 raw.img
hold "the next archive repairs UBIFS" write fs.0 tree.tar.gz
hold "  its tree" holds_tree ubifs ubi0:fs

# Changed behind our back while rauc stands still: after its N-th CALL on DEVICE.
tampered() { # slot, device, call, N, what to do meanwhile
	rm -f trace
	strace -f -o trace -P "$2" -e trace="$3" -e inject="$3:signal=SIGSTOP:when=$4" \
		"$RAUC" --conf system.conf write-slot "$1" raw.img 2>complaint &
	tracer=$!
	for _ in $(seq 200); do
		! grep -q 'stopped by SIGSTOP' trace || break
		sleep 0.1
	done
	eval "$5"
	kill -CONT "$(sed -n 's/^\([0-9]*\) .*stopped by SIGSTOP.*/\1/p' trace | head -n 1)"
	if wait $tracer; then
		echo "was not found"
		return 1
	fi
	cat complaint
}
spoil_nor() { printf X | dd of=/dev/mtd5 bs=1 seek=2000000 conv=notrunc; }
hold "a byte of NOR that changed" tampered nor.0 /dev/mtd5 pread64 1 spoil_nor
hold "  is told" says "Failed to write slot: reading back: /dev/mtd5 reads back differently from what was written"
cp raw.img spoilt.img
printf X | dd of=spoilt.img bs=1 seek=1500000 conv=notrunc 2>/dev/null
hold "a byte of UBI that changed" tampered vol.0 /dev/ubi0_0 close 2 "ubiupdatevol /dev/ubi0_0 spoilt.img"
hold "  is told" says "reading back: /dev/ubi0_0 reads back differently"
hold "  (it was)" begins /dev/ubi0_0 spoilt.img
hold "a bit of NAND that its checksums correct" eval '! tampered nand.0 /dev/mtd1 pread64 1 "nandflipbits /dev/mtd1 1@1000000"'
hold "  is no harm" eval 'nanddump --quiet --bb=skipbad --file=found /dev/mtd1 && begins found raw.img'
hold "three that they make four of" tampered nand.0 /dev/mtd1 pread64 1 "nandflipbits /dev/mtd1 1@1000000 5@1000001 7@1000002"
hold "  are told" says "reading back: /dev/mtd1 reads back differently"
hold "two that they cannot correct" tampered nand.0 /dev/mtd1 pread64 1 "nandflipbits /dev/mtd1 1@1000000 5@1000001"
hold "  are told" says "reading back: /dev/mtd1 reads back differently"
hold "the next write repairs it" write nand.0 raw.img
hold "nothing is left mounted" [ "$(grep -c -e /mnt -e ubifs -e jffs2 /proc/mounts)" = 0 ]
finish
