# SPDX-License-Identifier: MIT

SUMMARY = "A/B boot with U-Boot: script and boot state of the Raspberry Pi"
DESCRIPTION = "What boot/uboot/mkuboot.sh makes of the board's slots.env: the \
script for the boot partition, both copies of the environment, and what tells \
the running system where these lie."
HOMEPAGE = "https://moonforgelinux.org"
SECTION = "bootloaders"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://LICENSES/MIT.txt;md5=7a7d0e64ca480644b4aef62f1960a94b"

DEPENDS = "u-boot-tools-native"

FILESEXTRAPATHS:prepend := "${MOONFORGE_RAUC_CHECKOUT}:"
SRC_URI = " \
    file://LICENSES \
    file://boot/uboot/boot.cmd \
    file://boot/uboot/mkuboot.sh \
    file://image/layout/raspberrypi/slots.env \
    file://61-moonforge-rauc-disk.rules \
"
S = "${WORKDIR}"
B = "${WORKDIR}/build"

inherit deploy

COMPATIBLE_MACHINE = "^rpi$"
PACKAGE_ARCH = "${MACHINE_ARCH}"
INHIBIT_DEFAULT_DEPS = "1"

MOONFORGE_RAUC_KERNEL_ARGS ?= "console=ttyS0,115200 console=tty1 rootwait"
MOONFORGE_RAUC_KERNEL_ARGS:raspberrypi5 ?= "console=ttyAMA10,115200 console=tty1 rootwait"

do_configure[noexec] = "1"

# The disk goes by its signature, so that it may be a card, eMMC, USB or NVMe.
do_compile () {
	sed -e 's|^ab_kernel=.*|ab_kernel=/boot/${KERNEL_IMAGETYPE}|' -e 's|^ab_args=.*|ab_args=${MOONFORGE_RAUC_KERNEL_ARGS}|' \
		${WORKDIR}/image/layout/raspberrypi/slots.env > ${B}/slots.env
	sh ${WORKDIR}/boot/uboot/mkuboot.sh --slots ${B}/slots.env --order "A B" --good "A" --arch arm64 \
		--disk /dev/disk/by-ptuuid/${MOONFORGE_RAUC_DISK_ID} ${B}/made
}
do_compile[cleandirs] = "${B}"

do_install () {
	install -d ${D}${sysconfdir} ${D}${nonarch_libdir}/udev/rules.d
	install -m 0644 ${B}/made/etc/fw_env.config ${B}/made/etc/u-boot-initial-env ${D}${sysconfdir}/
	install -m 0644 ${WORKDIR}/61-moonforge-rauc-disk.rules ${D}${nonarch_libdir}/udev/rules.d/
}

do_deploy () {
	install -d ${DEPLOYDIR}/moonforge-rauc-uboot
	install -m 0644 ${B}/made/boot/boot.scr ${B}/made/boot/slots.env ${B}/made/env-1 ${B}/made/env-2 ${DEPLOYDIR}/moonforge-rauc-uboot/
}
addtask deploy after do_compile before do_build

# /etc/fw_env.config is that of this state, not of U-Boot's own.
RPROVIDES:${PN} += "u-boot-default-env"
FILES:${PN} += "${nonarch_libdir}/udev/rules.d"
