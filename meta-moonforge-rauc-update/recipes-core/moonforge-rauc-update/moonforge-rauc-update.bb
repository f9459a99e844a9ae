# SPDX-License-Identifier: MIT

SUMMARY = "Where this product's devices look for updates"
DESCRIPTION = "Configuration of rauc-update.timer and rauc-update.service, which \
are in the client's package rauc-update."
HOMEPAGE = "https://moonforgelinux.org"
SECTION = "base"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://LICENSES/MIT.txt;md5=7a7d0e64ca480644b4aef62f1960a94b"

RAUC_BUNDLE_URL ?= ""
RAUC_FORCE_REBOOT_ON_UPDATE ?= "0"

FILESEXTRAPATHS:prepend := "${MOONFORGE_RAUC_CHECKOUT}:"
SRC_URI = "file://LICENSES"
S = "${WORKDIR}"
B = "${WORKDIR}/build"

inherit moonforge-rauc-lib

PACKAGE_ARCH = "${MACHINE_ARCH}"
INHIBIT_DEFAULT_DEPS = "1"

do_configure[noexec] = "1"

python do_compile () {
    try:
        text = moonforge_rauc(d, 'update').environment(d.getVar('RAUC_BUNDLE_URL'), d.getVar('RAUC_FORCE_REBOOT_ON_UPDATE'))
    except ValueError as error:
        bb.fatal('%s: %s' % (d.getVar('PN'), error))
    with open(d.getVar('B') + '/update.env', 'w') as file:
        file.write(text)
}
do_compile[cleandirs] = "${B}"
do_compile[file-checksums] += "${MOONFORGE_RAUC_LAYERDIR}/lib/moonforge_rauc/update.py:True"

do_install () {
	install -d ${D}${sysconfdir}/rauc
	install -m 0644 ${B}/update.env ${D}${sysconfdir}/rauc/update.env
}

FILES:${PN} = "${sysconfdir}/rauc/update.env"
CONFFILES:${PN} = "${sysconfdir}/rauc/update.env"
RDEPENDS:${PN} = "rauc-update"

# It cannot be built without an address.
EXCLUDE_FROM_WORLD = "1"
