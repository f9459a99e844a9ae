# SPDX-License-Identifier: MIT
SRC_URI = "file://system.conf"
do_install () {
	install -d ${D}${sysconfdir}/rauc
	install -m 0644 ${WORKDIR}/system.conf ${D}${sysconfdir}/rauc/system.conf
	install -m 0644 ${RAUC_KEYRING_FILE} ${D}${sysconfdir}/rauc/
}
