# SPDX-License-Identifier: MIT
"""May this build sign with these keys, and may devices trust this keyring?"""

import os

from . import pem

NAMES = ("RAUC_KEY_FILE", "RAUC_CERT_FILE", "RAUC_KEYRING_FILE")
DEMO_CERTIFICATES = ("demo-ca.cert.pem", "demo.cert.pem")
HOW = "make keys of your own (pki/openssl-ca.sh or pki/moonforge-pki) and set " + ", ".join(NAMES)


def is_url(value):
    return value.startswith("pkcs11:")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def demo_keys(folder):
    """What tells the public keys in pki/demo."""
    return [pem.public_key(der) for name in DEMO_CERTIFICATES for der in pem.blocks(read(os.path.join(folder, name)))]


def unusable(name, value):
    """Why the build cannot use this value, or None."""
    if not value:
        return f"{name} is empty: {HOW}, or leave all three unset to try it with the public demo keys"
    if is_url(value):
        return f"{name} is a PKCS#11 URL, but devices need a file with certificates" if name == "RAUC_KEYRING_FILE" else None
    if not os.path.isabs(value):
        return f"{name} = '{value}' is no absolute path (and no pkcs11: URL)"
    if not os.access(value, os.R_OK):
        return f"{name}: cannot read '{value}'"
    return None


def is_release(text):
    """RAUC_RELEASE_BUILD. A word that is not understood must not mean no."""
    if text not in (None, "", "0", "1"):
        raise ValueError(f"RAUC_RELEASE_BUILD = '{text}' is neither 0 nor 1")
    return text == "1"


def is_half_set(values, demo_folder):
    """Do the defaults stand in for some only? A keyring of one's own may contain the demo CA beside others."""
    defaults = [os.path.realpath(os.path.dirname(value)) == os.path.realpath(demo_folder) for _, value in values if not is_url(value)]
    return any(defaults) and not (all(defaults) and len(defaults) == len(values))


def judge(key, certificate, keyring, demo_folder, is_release):
    """(errors, warnings) about what signs and what is trusted; None for what does not matter here."""
    values = [(name, value) for name, value in zip(NAMES, (key, certificate, keyring)) if value is not None]
    errors = [why for why in (unusable(name, value) for name, value in values) if why]
    if errors:
        return errors, []
    known = demo_keys(demo_folder)
    demo = [name for name, value in values if not is_url(value) and pem.contains(read(value), known)]
    if not demo:
        return [], []
    what = f"{' and '.join(demo)} {'is' if len(demo) == 1 else 'are'} public: everybody can sign for devices that trust the demo CA"
    if is_release:
        return [f"RAUC_RELEASE_BUILD is set, but {what}; {HOW}"], []
    if is_half_set(values, demo_folder):
        return [f"{' and '.join(demo)} from pki/demo, the rest of your own: set all three of {', '.join(NAMES)}, or none"], []
    return [], [f"NOT FOR PRODUCTION: {what}; {HOW}"]


def trusts_demo(keyring, demo_folder):
    return pem.contains(read(keyring), demo_keys(demo_folder))
