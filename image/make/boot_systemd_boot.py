# SPDX-License-Identifier: MIT
"""LOADER=systemd_boot: systemd-boot on the EFI system partition (boot/systemd-boot/mkesp.sh), which no update writes but for the entries'
names, and for each slot a FAT with kernel, initramfs and what the version has to say on the command line."""

import os
import pathlib
import shutil

from . import kernel
from .fat import make_fat
from .tool import Refusal, run

SIZES = ("ESP_SIZE", "BOOT_SIZE")
WORDS = ("CMDLINE", "FACTORY_BOOT_SLOT")
MKESP = pathlib.Path(__file__).resolve().parents[2] / "boot" / "systemd-boot" / "mkesp.sh"
LOADER = pathlib.Path("EFI", "systemd", "systemd-bootx64.efi")
LONGEST = 1000  # slot.c has room for 1023


def cmdline(layout):
    """What the kernel of this version gets besides what belongs to the slot."""
    text = layout.words["CMDLINE"]
    if len(text) > LONGEST or not (text.isascii() and text.isprintable()):
        raise Refusal(f"layout {layout.name}: CMDLINE has to be printable ASCII, at most {LONGEST} bytes")
    return text.encode() + b"\n"


def images(layout, slot_image, scratch, _boot_files):
    """{slot class: image}, written with every update beside the root file system."""
    return {"boot": kernel.make(layout, slot_image, scratch, {"cmdline": cmdline(layout)})}


def factory_slots(layout):
    """{slot class: the slot that the factory image fills with it}."""
    return {"boot": layout.words["FACTORY_BOOT_SLOT"]}


def make(layout, root, inputs, boot_files=None):
    """esp, with slot A committed and B empty, and boot_b, from which nothing boots. What boot_files has (signed programs, say) wins."""
    brought = boot_files and (boot_files / LOADER).is_file()
    given = ["--systemd-boot", boot_files / LOADER] if brought else []
    run([MKESP, "--slots", layout.folder / "slots", *given, root / "esp"], "making the EFI system partition",
        env={**os.environ, "EFI_ARCH": "x86_64"})
    if boot_files:
        shutil.copytree(boot_files, root / "esp", dirs_exist_ok=True)
    make_fat(inputs / "boot_b.vfat", layout.sizes["BOOT_SIZE"])
