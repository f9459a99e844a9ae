# SPDX-License-Identifier: MIT
"""LOADER=efi: the firmware's own boot entries (boot/efi): the fallback on the EFI system partition, and for each slot a FAT
with kernel and initramfs, which is part of each version. Both come from the root file system, so they always go together."""

import os
import pathlib
import shutil

from . import kernel
from .fat import make_fat
from .tool import Refusal, run

SIZES = ("ESP_SIZE", "BOOT_SIZE")
WORDS = ("ARCH", "FACTORY_BOOT_SLOT")
BOOT = pathlib.Path(__file__).resolve().parents[2] / "boot"
NAMES = {"amd64": ("BOOTX64.EFI", "x86_64"), "arm64": ("BOOTAA64.EFI", "aarch64")}  # what firmware looks for, and what GCC calls it


def images(layout, slot_image, scratch, _boot_files):
    """{slot class: image}, written with every update beside the root file system."""
    return {"boot": kernel.make(layout, slot_image, scratch)}


def factory_slots(layout):
    """{slot class: the slot that the factory image fills with it}."""
    return {"boot": layout.words["FACTORY_BOOT_SLOT"]}


def make(layout, root, inputs, boot_files=None):
    """esp with the fallback (made here unless boot_files has it) and the list of slots, and boot_b, from which nothing boots."""
    if boot_files:
        shutil.copytree(boot_files, root / "esp")
    if layout.words["ARCH"] not in NAMES:
        raise Refusal(f"layout {layout.name}: ARCH={layout.words['ARCH']} is none of {', '.join(NAMES)}")
    name, machine = NAMES[layout.words["ARCH"]]
    fallback = root / "esp" / "EFI" / "BOOT" / name
    fallback.parent.mkdir(parents=True, exist_ok=True)
    (root / "esp" / "EFI" / "rauc").mkdir(parents=True, exist_ok=True)
    shutil.copy(layout.folder / "slots", root / "esp" / "EFI" / "rauc" / "slots")
    if not fallback.exists():
        run([BOOT / "systemd-boot" / "mkefi.sh", BOOT / "efi" / "fallback.c", fallback], "making the fallback (or bring it with --boot-files)",
            env={**os.environ, "EFI_ARCH": machine})
    make_fat(inputs / "boot_b.vfat", layout.sizes["BOOT_SIZE"])
