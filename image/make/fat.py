# SPDX-License-Identifier: MIT
"""FAT images that are part of a version."""

import os
import time

from .tool import need, run


def make_fat(image, size, files=None):
    """A FAT of whole bytes, the same for the same files."""
    with image.open("wb") as file:
        file.truncate(size)
    run([need("mkfs.vfat", "dosfstools"), "--invariant", "-n", "BOOT", image], "making a boot partition")
    for path in sorted(files.iterdir()) if files else ():
        run([need("mcopy", "mtools"), "-s", "-p", "-m", "-i", image, path, "::"], "filling a boot partition",
            env={**os.environ, "MTOOLS_SKIP_CHECK": "1", "TZ": "UTC"})


def stamp(folder):
    """One time for all files: that of the source, or now."""
    when = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (when, when))
