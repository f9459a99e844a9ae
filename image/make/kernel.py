# SPDX-License-Identifier: MIT
"""A FAT with kernel and initramfs, which is part of each version: both come from the root file system, so they always go together."""

import os

from . import rootfs
from .fat import make_fat, stamp
from .tool import Refusal, mib, need, run

FILES = {"linux.efi": "boot/vmlinuz", "initrd.img": "boot/initrd.img"}
SPARE = 1 << 20  # of a FAT, for its tables


def take(image, path, to):
    """A file of the root file system, following one link."""
    what, target = rootfs.look(image, path)
    if what == "symlink" and target:
        path = os.path.normpath(os.path.join("/", os.path.dirname(path), target)).lstrip("/")
    run([need("debugfs", "e2fsprogs"), "-R", f'dump "/{path}" "{to}"', image], f"taking /{path}")
    if not to.is_file() or not to.stat().st_size:
        raise Refusal(f"the root file system's /{path} is no file: it has to go to the boot partition as {to.name}")


def make(layout, slot_image, scratch, more=None):
    """The image; more: {name: bytes} of other files in it."""
    folder, image = scratch / "boot-files", scratch / "boot.vfat"
    folder.mkdir()
    for name, path in FILES.items():
        take(slot_image, path, folder / name)
    for name, data in (more or {}).items():
        (folder / name).write_bytes(data)
    if (folder / "linux.efi").read_bytes()[:2] != b"MZ":
        raise Refusal("the root file system's /boot/vmlinuz is no EFI program: the kernel needs CONFIG_EFI_STUB, and no compression around it")
    used, room = sum(path.stat().st_size for path in folder.iterdir()) + SPARE, layout.sizes["BOOT_SIZE"]
    if used > room:
        raise Refusal(f"kernel and initramfs need {mib(used)}, the boot slots have {mib(room)}")
    stamp(folder)
    make_fat(image, room, folder)
    return image
