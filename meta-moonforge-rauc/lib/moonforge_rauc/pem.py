# SPDX-License-Identifier: MIT
"""As much of PEM and DER as it takes to know a certificate or key again."""

import base64
import binascii
import re

BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
SEQUENCE, INTEGER, BIT_STRING, VERSION = 0x30, 0x02, 0x03, 0xA0


def blocks(data):
    """The DER of each PEM block; what is no PEM is taken as DER."""
    found = []
    for match in BLOCK.finditer(data):
        # headers of encrypted keys and what others write around base64 are no content
        text = b"".join(line for line in match[2].split() if re.fullmatch(rb"[A-Za-z0-9+/=]+", line))
        try:
            found.append(base64.b64decode(text))
        except binascii.Error:
            continue
    return found or [data]


def element(der, at):
    """(tag, first byte of content, byte behind it) of the element at `at`."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[start:start + count], "big")
        start += count
    if start + length > len(der):
        raise ValueError("a truncated certificate")
    return tag, start, start + length


def public_key(certificate):
    """What every file that has this key, or the private key to it, contains: an RSA modulus, or a point of a curve."""
    try:
        _, at, _ = element(certificate, 0)
        tag, at, _ = element(certificate, at)
        if tag != SEQUENCE:
            raise ValueError("no certificate")
        tag, _, end = element(certificate, at)
        at = end if tag == VERSION else at
        for _ in range(5):  # serial number, algorithm, issuer, validity, subject
            _, _, at = element(certificate, at)
        _, at, _ = element(certificate, at)
        _, _, at = element(certificate, at)
        tag, start, end = element(certificate, at)
        if tag != BIT_STRING:
            raise ValueError("no certificate")
        key = certificate[start + 1:end]
        if key[0] == SEQUENCE:
            _, start, _ = element(key, 0)
            tag, start, end = element(key, start)
            key = key[start:end]
        return key
    except IndexError:
        raise ValueError("a truncated certificate") from None


def contains(data, keys):
    """Has this file (certificates, a keyring or a private key) one of the keys?"""
    return any(key in der for der in blocks(data) for key in keys)
