# SPDX-License-Identifier: MIT
#
# For images that are updated: kernel in the slot, data partition of the factory, the board's disk, the bundle beside it.

inherit moonforge-slot-size

# The board's disk and data partition, unless the product has a disk of its own: what the BSP has without updates is not meant.
MOONFORGE_RAUC_WKS_REPLACES ?= " \
    mkefidisk.wks \
    moonforge-image-base-qemux86-64.wks.in \
    moonforge-image-base-raspberrypi.wks.in \
    qemux86-directdisk.wks \
    ${IMAGE_BASENAME}.${MACHINE}.wks \
    sdimage-raspberrypi.wks \
"

def moonforge_rauc_wks(d):
    ours, chosen = d.getVar('MOONFORGE_RAUC_WKS_FILE'), d.getVar('WKS_FILE') or ''
    if ours and (not chosen or chosen in d.getVar('MOONFORGE_RAUC_WKS_REPLACES').split()):
        return ours
    return chosen

def moonforge_rauc_data(d):
    ours = d.getVar('MOONFORGE_RAUC_DATA_DEVICE')
    is_our_disk = d.getVar('WKS_FILE') == d.getVar('MOONFORGE_RAUC_WKS_FILE')
    return ours if ours and is_our_disk else d.getVar('OVERLAYFS_ETC_DEVICE') or ''

WKS_FILE := "${@moonforge_rauc_wks(d)}"
OVERLAYFS_ETC_DEVICE := "${@moonforge_rauc_data(d)}"

# Slot A of the disk is the very image that the bundle has, so wic comes after it.
IMAGE_TYPEDEP:wic:append = " ext4"
# What GRUB and U-Boot of any age can read.
EXTRA_IMAGECMD:ext4:append = " -O ^metadata_csum_seed,^orphan_file -L rootfs"
WKS_FILE_DEPENDS:append = " ${MOONFORGE_RAUC_BOOT}"
do_image_wic[depends] += "${@' '.join(name + ':do_deploy' for name in d.getVar('MOONFORGE_RAUC_BOOT').split())}"

# Nothing is mounted from the disk but by PARTLABEL or PARTUUID, so there is nothing to be added to fstab.
WIC_CREATE_EXTRA_ARGS:append = " --no-fstab-update"

# The boot partition. On the Raspberry Pi the BSP's own script and kernel give way to ours and to that of the slot.
MOONFORGE_RAUC_BOOT_FILES ?= ""
MOONFORGE_RAUC_BOOT_FILES:qemux86-64 ?= "moonforge-rauc-grub/*;EFI/BOOT/"
MOONFORGE_RAUC_BOOT_FILES:rpi ?= "moonforge-rauc-uboot/boot.scr;boot.scr moonforge-rauc-uboot/slots.env;slots.env"
IMAGE_BOOT_FILES:append = " ${MOONFORGE_RAUC_BOOT_FILES}"
IMAGE_BOOT_FILES:remove:rpi = "boot.scr ${KERNEL_IMAGETYPE}"

# The kernel is part of a version: the boot script reads it from the slot.
CORE_IMAGE_EXTRA_INSTALL += "kernel-image rauc rauc-conf rauc-fetch rauc-mark-good rauc-service ${MOONFORGE_RAUC_BOOT}"

moonforge_rauc_check_kernel () {
	kernel=${IMAGE_ROOTFS}/boot/${KERNEL_IMAGETYPE}
	[ -e "$kernel" ] || [ -L "$kernel" ] ||
		bbfatal "the root file system has no /boot/${KERNEL_IMAGETYPE}, which is what the boot script starts"
}
ROOTFS_POSTPROCESS_COMMAND += "moonforge_rauc_check_kernel"

# The data partition: a file system of IMAGE_DATA_MIN_SIZE with a status that is true from the first boot on.
IMAGE_DATA_MIN_SIZE ?= "100M"
MOONFORGE_RAUC_WORK = "${WORKDIR}/moonforge-rauc"

fakeroot python do_moonforge_rauc_data () {
    import os
    import shutil
    import subprocess
    import time
    work = d.getVar('MOONFORGE_RAUC_WORK')
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work + '/data')
    os.environ['SOURCE_DATE_EPOCH'] = d.getVar('SOURCE_DATE_EPOCH') or d.getVar('REPRODUCIBLE_TIMESTAMP_ROOTFS') or str(int(time.time()))
    image = os.path.join(d.getVar('IMGDEPLOYDIR'), d.getVar('IMAGE_LINK_NAME') + '.ext4')
    facts = {'compatible': d.getVar('MACHINE'), 'version': d.getVar('IMAGE_VERSION') or '0'}
    factory = moonforge_rauc(d, 'factory')
    factory.fill(work + '/data', image, facts, d.getVar('MOONFORGE_RAUC_CHECKOUT'))
    for folder, _, files in os.walk(work + '/data'):
        for name in [folder] + [os.path.join(folder, name) for name in files]:
            os.chown(name, 0, 0)
    os.environ['E2FSPROGS_FAKE_TIME'] = os.environ['SOURCE_DATE_EPOCH']
    command = factory.mke2fs(work + '/data.ext4', work + '/data', d.getVar('IMAGE_DATA_MIN_SIZE'), 'data ' + facts['compatible'])
    subprocess.run(command, check=True)
}

do_moonforge_rauc_data[depends] += "e2fsprogs-native:do_populate_sysroot virtual/fakeroot-native:do_populate_sysroot"
do_moonforge_rauc_data[file-checksums] += " \
    ${MOONFORGE_RAUC_LAYERDIR}/lib/moonforge_rauc/factory.py:True \
    ${MOONFORGE_RAUC_CHECKOUT}/image/make/disk.py:True \
    ${MOONFORGE_RAUC_CHECKOUT}/image/make/index.py:True \
"
addtask moonforge_rauc_data after do_moonforge_slot_size before do_image_wic

# PARTUUIDs of a DOS label are made of its signature, which wic takes at random.
IMAGE_CMD:wic:append:rpi () {
	[ -e "$out.wic" ] || bbfatal "$out.wic is missing: where is the disk image?"
	printf '${@"".join("\\%03o" % byte for byte in bytes.fromhex(d.getVar("MOONFORGE_RAUC_DISK_ID"))[::-1])}' |
		dd of="$out.wic" bs=1 seek=440 conv=notrunc status=none
}

# Whoever builds the image gets the bundle.
MOONFORGE_RAUC_BUNDLE ?= "moonforge-bundle-base"
do_build[depends] += "${@d.getVar('MOONFORGE_RAUC_BUNDLE') + ':do_build' if d.getVar('MOONFORGE_RAUC_BUNDLE') else ''}"
