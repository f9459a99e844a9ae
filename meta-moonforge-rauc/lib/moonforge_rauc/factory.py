# SPDX-License-Identifier: MIT
"""The data partition of a device fresh from the factory: its status says what slot A holds, and the hash index of that image
lies beside it, so that the first update already fetches only what has changed. Made as image/build makes it."""

import importlib
import os
import pathlib
import sys
import uuid

NAMESPACE = uuid.UUID("6c0f1f6a-2f0b-5d0a-9d43-0d3c2b4d7a11")


def maker(checkout, name):
    """A module of image/make."""
    folder = os.path.join(checkout, "image")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(f"make.{name}")


def fill(folder, slot_image, facts, checkout):
    """Write rauc/ into the folder that becomes /data. facts: compatible, version, epoch."""
    index, disk = maker(checkout, "index"), maker(checkout, "disk")
    sha256, blocks = index.digests(slot_image)
    home = pathlib.Path(folder) / "rauc"
    home.mkdir(mode=0o700, parents=True)
    status = home / "central.raucs"
    status.write_text(disk.slot_text("rootfs.0", sha256, os.path.getsize(slot_image), {"epoch": 0, **facts}))
    status.chmod(0o600)
    index.keep(home, "rootfs.0", sha256, blocks)


def mke2fs(image, folder, size, identity):
    """The command that makes the file system; nothing in it is random."""
    unique = uuid.uuid5(NAMESPACE, identity)
    return ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-L", "data", "-U", str(unique),
            "-E", f"hash_seed={unique},root_owner=0:0", "-d", folder, image, size]
