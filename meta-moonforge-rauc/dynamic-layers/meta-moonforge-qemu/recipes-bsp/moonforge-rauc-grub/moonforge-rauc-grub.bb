# SPDX-License-Identifier: MIT

SUMMARY = "A/B boot with GRUB: EFI program, script and boot state for the ESP"
DESCRIPTION = "What boot/grub/mkgrub.sh makes: GRUB with the modules that the \
script needs, the script, the slots of this board, and the first boot state."
HOMEPAGE = "https://moonforgelinux.org"
SECTION = "bootloaders"
# GRUB itself goes to the ESP, and into no package: no image is asked for its licence. The package has units only.
LICENSE = "MIT & GPL-3.0-or-later"
LICENSE:${PN} = "MIT"
LIC_FILES_CHKSUM = "file://LICENSES/MIT.txt;md5=7a7d0e64ca480644b4aef62f1960a94b"

DEPENDS = "grub-efi grub-efi-native"

FILESEXTRAPATHS:prepend := "${MOONFORGE_RAUC_CHECKOUT}:"
SRC_URI = " \
    file://LICENSES \
    file://boot/grub/grub.cfg \
    file://boot/grub/mkgrub.sh \
    file://boot-efi.automount \
    file://boot-efi.mount \
    file://slots.cfg \
"
S = "${WORKDIR}"
B = "${WORKDIR}/build"

inherit deploy systemd

COMPATIBLE_MACHINE = "^qemux86-64$"
PACKAGE_ARCH = "${MACHINE_ARCH}"
INHIBIT_DEFAULT_DEPS = "1"

MOONFORGE_RAUC_KERNEL_ARGS ?= "console=ttyS0,115200 console=tty0 rootwait"

do_configure[noexec] = "1"

do_compile () {
	sed -e 's|@KERNEL@|/boot/${KERNEL_IMAGETYPE}|' -e 's|@ARGS@|${MOONFORGE_RAUC_KERNEL_ARGS}|' ${WORKDIR}/slots.cfg > ${B}/slots.cfg
	GRUB_MODULES=${STAGING_LIBDIR}/grub/x86_64-efi \
		sh ${WORKDIR}/boot/grub/mkgrub.sh --slots ${B}/slots.cfg --order "A B" --good "A" ${B}/esp
}
do_compile[cleandirs] = "${B}"

do_install () {
	install -d ${D}${systemd_system_unitdir} ${D}/boot/efi
	install -m 0644 ${WORKDIR}/boot-efi.mount ${WORKDIR}/boot-efi.automount ${D}${systemd_system_unitdir}/
}

do_deploy () {
	install -d ${DEPLOYDIR}/moonforge-rauc-grub
	install -m 0644 ${B}/esp/* ${DEPLOYDIR}/moonforge-rauc-grub/
}
addtask deploy after do_compile before do_build

SYSTEMD_SERVICE:${PN} = "boot-efi.automount"
FILES:${PN} += "/boot/efi ${systemd_system_unitdir}"
