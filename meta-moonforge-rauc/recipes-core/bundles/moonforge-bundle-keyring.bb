# SPDX-License-Identifier: MIT

SUMMARY = "Update that carries the next keyring: the bridge when the root changes"
DESCRIPTION = "moonforge-image-base with a keyring that trusts the old root \
and the new one, signed below the old root. The build fails if a device in the \
field would not accept it, or would not accept afterwards what the next signer \
signs."
HOMEPAGE = "https://moonforgelinux.org"
LICENSE = "MIT"

# RAUC_KEYRING_FILE        both roots; it is in the image, and so in every image built with it
# RAUC_KEY_FILE, RAUC_CERT_FILE    below the old root
# RAUC_DEPLOYED_KEYRINGS   the keyring of each version that is still out there
# RAUC_NEXT_CERT_FILE      the certificate of the signer below the new root, with its chain
require moonforge-bundle.inc

RAUC_NEXT_CERT_FILE ?= ""
BUNDLE_ARGS:append = " --carries-keyring='${RAUC_KEYRING_FILE}' --next-cert='${RAUC_NEXT_CERT_FILE}'"
do_bundle[file-checksums] += "${@d.getVar('RAUC_NEXT_CERT_FILE') + ':True' if d.getVar('RAUC_NEXT_CERT_FILE') else ''}"

python moonforge_rauc_check_bridge () {
    for name in ('RAUC_DEPLOYED_KEYRINGS', 'RAUC_NEXT_CERT_FILE'):
        if not d.getVar(name):
            bb.fatal('%s: %s is not set: a change of the root without asking what devices accept can strand them all' % (d.getVar('PN'), name))
}
do_bundle[prefuncs] += "moonforge_rauc_check_bridge"
