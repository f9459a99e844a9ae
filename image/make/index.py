# SPDX-License-Identifier: MIT
"""What a device keeps of the images in its slots (doc/format/hash-index.md): with it, what runs need not be read and hashed
before the first update, and that one is already small."""

import hashlib

CHUNK = 4096
ZEROES = bytes(CHUNK)
ZERO_DIGEST = hashlib.sha256(ZEROES).digest()
PART = 256 * CHUNK


def digests(path):
    """(SHA-256 of all of it in hex, its block hash index)."""
    whole, index = hashlib.sha256(), bytearray()
    with open(path, "rb") as file:
        while part := file.read(PART):
            whole.update(part)
            for at in range(0, len(part), CHUNK):
                chunk = part[at:at + CHUNK]
                index += ZERO_DIGEST if chunk == ZEROES else hashlib.sha256(chunk).digest()
    return whole.hexdigest(), bytes(index)


def keep(folder, slot, sha256, index):
    """Beside the status file in `folder`; sha256 None: a slot of which the status says nothing."""
    own = folder / f"slot.{slot}"
    kept = own / f"hash-{sha256 or 'unknown'}"
    for made in (own, kept):
        made.mkdir(mode=0o700, exist_ok=True)
    path = kept / "block-hash-index"
    path.write_bytes(index)
    path.chmod(0o600)
