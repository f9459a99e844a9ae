# SPDX-License-Identifier: MIT
#
# For recipes that inherit bundle: who signs. Without RAUC_KEY_FILE, RAUC_CERT_FILE and RAUC_KEYRING_FILE the public demo
# keys do, with a warning in the log of the build; RAUC_RELEASE_BUILD = "1" refuses them, wherever they come from: the key,
# the certificate, or a keyring that contains the demo CA. The first two may be pkcs11: URLs; the token's module and PIN
# are then what OpenSSL finds (see the layer's page), and RAUC_PKCS11_DEPENDS are native recipes that bring it.

inherit moonforge-rauc-lib

RAUC_PKCS11_DEPENDS ?= ""
DEPENDS:append = " ${@d.getVar('RAUC_PKCS11_DEPENDS') if 'pkcs11:' in (d.getVar('RAUC_KEY_FILE') or '') + (d.getVar('RAUC_CERT_FILE') or '') else ''}"

# Where the build's own OpenSSL has its engines and providers.
export OPENSSL_ENGINES = "${STAGING_LIBDIR_NATIVE}/engines-3"
export OPENSSL_MODULES = "${STAGING_LIBDIR_NATIVE}/ossl-modules"

python moonforge_rauc_check_signing () {
    moonforge_rauc_judge(d, ('RAUC_KEY_FILE', 'RAUC_CERT_FILE', 'RAUC_KEYRING_FILE'))
}

do_bundle[prefuncs] += "moonforge_rauc_check_signing"
do_bundle[vardeps] += "RAUC_RELEASE_BUILD RAUC_KEY_FILE RAUC_CERT_FILE RAUC_KEYRING_FILE"
