# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# A device whose slots all are flash, booted from UBI; signed bundles into it.
# shellcheck source=/dev/null
. ./lib.sh
ubiattach -p /dev/mtd0 >&2 || exit 99
for volume in rootfs_a:5 rootfs_b:5 app_a:6 app_b:6 overlay_b:3; do
	ubimkvol /dev/ubi0 -N "${volume%:*}" -s "${volume#*:}MiB" >&2 || exit 99
done
slots() {
	slot rootfs.0 /dev/ubi0_0 ubifs bootname=A
	slot rootfs.1 /dev/ubi0_1 ubifs bootname=B
	slot app.0 /dev/ubi0_2 ubifs parent=rootfs.0
	slot app.1 /dev/ubi0_3 ubifs parent=rootfs.1
	slot overlay.1 /dev/ubi0_4 ubivol parent=rootfs.1
	slot kernel.0 /dev/mtd1 nand parent=rootfs.0
	slot kernel.1 /dev/mtd2 nand parent=rootfs.1
	slot fpga.1 /dev/mtd5 nor parent=rootfs.1
	slot data.1 /dev/mtd3 jffs2 parent=rootfs.1
}
system() { printf '[system]\ncompatible=Test\nbootloader=grub\ngrubenv=/work/grubenv\nmountprefix=/work/mnt\n%s\n\n[keyring]\npath=/work/ca.pem\n\n' "$1"; }
{
	system statusfile=/work/status
	slots
} >system.conf
{
	system
	slots
} >no-central.conf
{
	system statusfile=/work/status
	slots | sed 's/mtd5/ubi0_0/'
} >fpga-elsewhere.conf
# as the kernel has it from a boot loader that knows UBI
export RAUC_TEST_CMDLINE="quiet ubi.mtd=0 root=ubi0:rootfs_a rootfstype=ubifs"

install() { $RAUC --conf "${2:-system.conf}" install "$1" >progress; }
status() { $RAUC --conf system.conf status --detailed --output-format=shell; }
in_grubenv() { grep -a "$1" grubenv; }

hold "old content" eval 'write rootfs.0 tree.ubifs && write rootfs.1 tree.ubifs && write app.1 tree.ubifs && write kernel.1 old-kernel.img'
mount -t ubifs ubi0:rootfs_a /mnt/slot
hold "booted from UBI, mounted there" eval 'status >told && grep "RAUC_BOOT_PRIMARY\|RAUC_SLOT_STATE_1=.booted." told && grep "RAUC_SLOT_MOUNTPOINT_1=./mnt/slot" told'
hold "an installation" install hooks.raucb
hold "  shows how far it is" grep -q "100% Installing done." progress

cat >expected <<'EOT'
slot-post-install app.1 ubifs mounted
slot-post-install data.1 jffs2 mounted
slot-post-install fpga.1 nor -
slot-post-install kernel.1 nand -
slot-post-install overlay.1 ubivol -
slot-post-install rootfs.1 ubifs mounted
slot-pre-install app.1 ubifs mounted
slot-pre-install data.1 jffs2 mounted
slot-pre-install fpga.1 nor -
slot-pre-install kernel.1 nand -
slot-pre-install overlay.1 ubivol -
slot-pre-install rootfs.1 ubifs mounted
EOT
hold "  its hooks see what they are to see" eval 'sort hooks.log | diff - expected'
hold "  boots B next" in_grubenv "ORDER=B A"
umount /mnt/slot
has_hooks_file() { # type, source: the tree and what the hook put there
	mount -t "$1" "$2" /mnt/slot || return
	grep -q "by the hook" /mnt/slot/from-hook && rm /mnt/slot/from-hook && same_tree /mnt/slot
	result=$?
	umount /mnt/slot && return $result
}
hold "  rootfs" has_hooks_file ubifs ubi0:rootfs_b
hold "  app" has_hooks_file ubifs ubi0:app_b
hold "  data" has_hooks_file jffs2 mtd3
hold "  overlay" begins /dev/ubi0_4 tree.squashfs
hold "  kernel" eval 'nanddump --quiet --bb=skipbad --file=found /dev/mtd2 && begins found raw.img'
hold "  fpga" begins /dev/mtd5 small.img
hold "  status" eval '[ "$(status | grep -c "SLOT_STATUS_STATUS_[245789]=.ok.")" = 6 ]'

fails() { # bundle, words, configuration
	if install "$1" "$3" 2>complaint; then return 1; fi
	says "$2"
}
mount -t ubifs -o ro ubi0:rootfs_b /mnt/slot
hold "a slot that is mounted is refused" fails plain.raucb "Destination device '/dev/ubi0_1' already mounted (on /mnt/slot)"
hold "  before anything changes" in_grubenv "ORDER=B A"
umount /mnt/slot
hold "a slot of another kind is refused" fails plain.raucb "slot fpga.1: /dev/ubi0_0 is a UBI volume, not an MTD" fpga-elsewhere.conf
hold "  before anything changes" in_grubenv "ORDER=B A"

killed() {
	strace -f -o trace -P /dev/ubi0_1 -e trace=write -e inject=write:signal=SIGKILL:when=2 "$RAUC" --conf system.conf install plain.raucb
	[ $? = 137 ]
}
hold "an installation that is killed" killed
hold "  leaves the slot unreadable" eval '! head -c 100 /dev/ubi0_1'
hold "  and not to be booted" in_grubenv "B_OK=0"
hold "  and its status unknown" eval 'status | grep "SLOT_STATUS_STATUS_2=.pending."'
hold "the next one repairs it" install plain.raucb
hold "  rootfs" holds_tree ubifs ubi0:rootfs_b
hold "  boots B next" eval 'in_grubenv "ORDER=B A" && in_grubenv "B_OK=1"'

hold "an installation without a central status" install plain.raucb no-central.conf
hold "  has it in the slot" eval 'mount -t ubifs -o ro ubi0:rootfs_b /mnt/slot && grep "status=ok" /mnt/slot/slot.raucs; result=$?; umount /mnt/slot && [ $result = 0 ]'
hold "nothing is left mounted" [ "$(grep -c -e /mnt -e ubifs -e jffs2 /proc/mounts)" = 0 ]
finish
