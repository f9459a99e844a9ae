# SPDX-License-Identifier: MIT

SUMMARY = "system.conf and keyring of the board"
DESCRIPTION = "What the update client of this device knows: its slots, its boot \
loader, whom it trusts."
HOMEPAGE = "https://moonforgelinux.org"
SECTION = "base"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://LICENSES/MIT.txt;md5=7a7d0e64ca480644b4aef62f1960a94b"

PROVIDES += "rauc-conf"

inherit moonforge-rauc-lib

# A product with a disk of its own has its own file: an absolute path, or a name in FILESPATH.
MOONFORGE_RAUC_SYSTEM_CONF ?= "${@'image/layout/' + d.getVar('MOONFORGE_RAUC_LAYOUT') + '/system.conf' if d.getVar('MOONFORGE_RAUC_LAYOUT') else ''}"
MOONFORGE_RAUC_COMPATIBLE ?= "${MACHINE}"
# More keys, as rauc's --confopt takes them, with | between them: "update:rollout-percent=10|keyring:check-crl=true"
MOONFORGE_RAUC_CONFOPT ?= ""

FILESEXTRAPATHS:prepend := "${MOONFORGE_RAUC_CHECKOUT}:"
SRC_URI = "file://LICENSES ${@'file://' + d.getVar('MOONFORGE_RAUC_SYSTEM_CONF') if d.getVar('MOONFORGE_RAUC_SYSTEM_CONF') else ''}"
S = "${WORKDIR}"
B = "${WORKDIR}/build"

PACKAGE_ARCH = "${MACHINE_ARCH}"
INHIBIT_DEFAULT_DEPS = "1"

python () {
    if not d.getVar('MOONFORGE_RAUC_SYSTEM_CONF'):
        raise bb.parse.SkipRecipe("no system.conf is known for machine '%s': set MOONFORGE_RAUC_SYSTEM_CONF" % d.getVar('MACHINE'))
}

python moonforge_rauc_check_keyring () {
    moonforge_rauc_judge(d, ('RAUC_KEYRING_FILE',))
}

# The keyring gets the name that system.conf has for it, whatever it is called in the build.
python do_compile () {
    import os
    import shutil
    conf, signing = moonforge_rauc(d, 'conf'), moonforge_rauc(d, 'signing')
    source, target = os.path.join(d.getVar('WORKDIR'), d.getVar('MOONFORGE_RAUC_SYSTEM_CONF').lstrip('/')), d.getVar('B')
    keyring = d.getVar('RAUC_KEYRING_FILE')
    with open(source) as file:
        text = file.read()
    try:
        demo = signing.trusts_demo(keyring, d.getVar('MOONFORGE_RAUC_CHECKOUT') + '/pki/demo')
        text = conf.render(text, d.getVar('MOONFORGE_RAUC_COMPATIBLE'), demo, 'rauc-fetch', d.getVar('MOONFORGE_RAUC_CONFOPT'))
        name = conf.keyring_name(text)
    except ValueError as error:
        bb.fatal('%s: %s: %s' % (d.getVar('PN'), source, error))
    os.makedirs(target + '/rauc', exist_ok=True)
    with open(target + '/rauc/system.conf', 'w') as file:
        file.write(text)
    shutil.copyfile(keyring, target + '/rauc/' + name)
}
do_compile[cleandirs] = "${B}"
do_compile[prefuncs] += "moonforge_rauc_check_keyring"
do_compile[vardeps] += "RAUC_RELEASE_BUILD"
do_compile[vardepsexclude] += "RAUC_KEYRING_FILE"
do_compile[file-checksums] += "${RAUC_KEYRING_FILE}:True \
    ${MOONFORGE_RAUC_LAYERDIR}/lib/moonforge_rauc/conf.py:True \
"

do_configure[noexec] = "1"

do_install () {
	install -d ${D}${sysconfdir}/rauc
	install -m 0644 ${B}/rauc/* ${D}${sysconfdir}/rauc/
}

# /data is mounted by its label before there is udev: busybox's mount does not know them
RPROVIDES:${PN} += "rauc-conf"
RREPLACES:${PN} += "rauc-conf"
RCONFLICTS:${PN} += "rauc-conf"
RDEPENDS:${PN} = "util-linux-mount"

FILES:${PN} = "${sysconfdir}/rauc"
CONFFILES:${PN} = "${sysconfdir}/rauc/system.conf"
