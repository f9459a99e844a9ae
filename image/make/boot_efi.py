# SPDX-License-Identifier: MIT
"""LOADER=efi: the firmware's own boot entries (boot/efi): the fallback on the EFI system partition, and for each slot a FAT
with kernel and initramfs, which is part of each version. Both come from the root file system, so they always go together."""

import os
import pathlib
import shutil

from . import rootfs
from .fat import make_fat, stamp
from .tool import Refusal, mib, need, run

SIZES = ("ESP_SIZE", "BOOT_SIZE")
WORDS = ("ARCH", "FACTORY_BOOT_SLOT")
BOOT = pathlib.Path(__file__).resolve().parents[2] / "boot"
FILES = {"linux.efi": "boot/vmlinuz", "initrd.img": "boot/initrd.img"}
NAMES = {"x86_64": "BOOTX64.EFI", "aarch64": "BOOTAA64.EFI"}
SPARE = 1 << 20  # of a FAT, for its tables


def take(image, path, to):
    """A file of the root file system, following one link."""
    what, target = rootfs.look(image, path)
    if what == "symlink" and target:
        path = os.path.normpath(os.path.join("/", os.path.dirname(path), target)).lstrip("/")
    run([need("debugfs", "e2fsprogs"), "-R", f'dump "/{path}" "{to}"', image], f"taking /{path}")
    if not to.is_file() or not to.stat().st_size:
        raise Refusal(f"the root file system's /{path} is no file: it has to go to the boot partition as {to.name}")


def images(layout, slot_image, scratch, _boot_files):
    """{slot class: image}, written with every update beside the root file system."""
    folder, image = scratch / "boot-files", scratch / "boot.vfat"
    folder.mkdir()
    for name, path in FILES.items():
        take(slot_image, path, folder / name)
    if (folder / "linux.efi").read_bytes()[:2] != b"MZ":
        raise Refusal("the root file system's /boot/vmlinuz is no EFI program: the kernel needs CONFIG_EFI_STUB, and no compression around it")
    used, room = sum(path.stat().st_size for path in folder.iterdir()) + SPARE, layout.sizes["BOOT_SIZE"]
    if used > room:
        raise Refusal(f"kernel and initramfs need {mib(used)}, the boot slots have {mib(room)}")
    stamp(folder)
    make_fat(image, room, folder)
    return {"boot": image}


def factory_slots(layout):
    """{slot class: the slot that the factory image fills with it}."""
    return {"boot": layout.words["FACTORY_BOOT_SLOT"]}


def make(layout, root, inputs, boot_files=None):
    """esp with the fallback (made here unless boot_files has it) and the list of slots, and boot_b, from which nothing boots."""
    if boot_files:
        shutil.copytree(boot_files, root / "esp")
    fallback = root / "esp" / "EFI" / "BOOT" / NAMES[layout.words["ARCH"]]
    fallback.parent.mkdir(parents=True, exist_ok=True)
    (root / "esp" / "EFI" / "rauc").mkdir(parents=True, exist_ok=True)
    shutil.copy(layout.folder / "slots", root / "esp" / "EFI" / "rauc" / "slots")
    if not fallback.exists():
        run([BOOT / "systemd-boot" / "mkefi.sh", BOOT / "efi" / "fallback.c", fallback], "making the fallback (or bring it with --boot-files)",
            env={**os.environ, "EFI_ARCH": layout.words["ARCH"]})
    make_fat(inputs / "boot_b.vfat", layout.sizes["BOOT_SIZE"])
