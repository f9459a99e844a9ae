# SPDX-License-Identifier: MIT
"""Which keys sign a bundle and which keyring a device gets."""

import os
import pathlib
import subprocess
import sys

from .tool import Refusal

DEMO = pathlib.Path(__file__).resolve().parents[2] / "pki" / "demo"
NAMES = ("RAUC_KEY_FILE", "RAUC_CERT_FILE", "RAUC_KEYRING_FILE")


def warn_demo(what):
    print(f"WARNING: {what}: the DEMO keys are used, and everybody has them. NOT FOR PRODUCTION: "
          f"run pki/openssl-ca.sh and set {', '.join(NAMES)}", file=sys.stderr, flush=True)


def must_be_allowed(rauc):
    """Does this program have to be told that demo keys are meant? Ours does; other people's do not know the words."""
    try:
        said = subprocess.run([rauc, "--version"], text=True, capture_output=True, timeout=60, check=False).stdout
    except OSError:
        return False
    return "moonforge" in said


def readable(name):
    value = os.environ[name]
    if not value.startswith("pkcs11:") and not os.access(value, os.R_OK):
        raise Refusal(f"{name}: cannot read '{value}'")
    return value


def signing():
    """(key, certificate, keyring or None) for signing and for checking what was signed."""
    given = [name for name in NAMES if os.environ.get(name)]
    if not given:
        warn_demo("signing")
        return tuple(str(DEMO / f) for f in ("demo.key.pem", "demo.cert.pem", "demo-ca.cert.pem"))
    for name in NAMES[:2]:
        if name not in given:
            raise Refusal(f"{given[0]} is set but {name} is not: set both, or none of the three for the demo keys")
    return readable(NAMES[0]), readable(NAMES[1]), readable(NAMES[2]) if NAMES[2] in given else None


def is_demo():
    """Do the demo keys stand in, because nobody named others?"""
    return not any(os.environ.get(name) for name in NAMES)


def keyring():
    """The keyring that goes onto the device."""
    given = [name for name in NAMES if os.environ.get(name)]
    if not given:
        warn_demo("keyring of the device")
        return str(DEMO / "demo-ca.cert.pem")
    if NAMES[2] not in given:
        raise Refusal(f"{given[0]} is set but {NAMES[2]} is not: the device could not verify what is signed with it")
    return readable(NAMES[2])
