# SPDX-License-Identifier: MIT
#
# Modules of lib/moonforge_rauc for python of recipes and classes; and who signs bundles and whom devices trust. The demo
# keys are public: the build warns of them, and a release build (RAUC_RELEASE_BUILD = "1") refuses them. Defaults for our
# recipes only: no other layer's recipe gets another signature, and none signs with public keys that nobody asked for.

RAUC_KEY_FILE ?= "${MOONFORGE_RAUC_CHECKOUT}/pki/demo/demo.key.pem"
RAUC_CERT_FILE ?= "${MOONFORGE_RAUC_CHECKOUT}/pki/demo/demo.cert.pem"
RAUC_KEYRING_FILE ?= "${MOONFORGE_RAUC_CHECKOUT}/pki/demo/demo-ca.cert.pem"
RAUC_RELEASE_BUILD ?= "0"

def moonforge_rauc(d, name):
    import importlib
    import sys
    folder = d.getVar('MOONFORGE_RAUC_LAYERDIR') + '/lib'
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module('moonforge_rauc.' + name)

# Warns of the demo keys, and ends a release build that has them.
def moonforge_rauc_judge(d, names):
    signing = moonforge_rauc(d, 'signing')
    values = [d.getVar(name) or '' if name in names else None for name in signing.NAMES]
    demo = d.getVar('MOONFORGE_RAUC_CHECKOUT') + '/pki/demo'
    try:
        errors, warnings = signing.judge(*values, demo, signing.is_release(d.getVar('RAUC_RELEASE_BUILD')))
    except (OSError, ValueError) as error:
        bb.fatal('%s: the signing keys cannot be checked: %s' % (d.getVar('PN'), error))
    for line in warnings:
        bb.warn('%s: %s' % (d.getVar('PN'), line))
    if errors:
        bb.fatal('%s: %s' % (d.getVar('PN'), '; '.join(errors)))
