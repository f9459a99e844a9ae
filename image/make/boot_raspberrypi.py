# SPDX-License-Identifier: MIT
"""LOADER=raspberrypi: autoboot.txt on a FAT of its own, and a boot image that is part of each version (boot/raspberrypi).

The firmware, device trees and overlays are the board's: they come from --boot-files. The kernel is that of the root file
system, so that both always go together."""

import pathlib
import shutil

from . import rootfs
from .fat import make_fat, stamp
from .tool import Refusal, need, run

SIZES = ("BOOT_SIZE",)
WORDS = ("BOOT_REQUIRED", "FACTORY_BOOT_SLOT")
OURS = pathlib.Path(__file__).resolve().parents[2] / "boot" / "raspberrypi"
FILES = ("config.txt", "cmdline-A.txt", "cmdline-B.txt")
AUTOBOOT_SIZE = 512  # what the backend overwrites in place


def stage(layout, slot_image, folder, boot_files):
    """What a boot slot holds."""
    if boot_files:
        shutil.copytree(boot_files, folder)
    folder.mkdir(exist_ok=True)
    for name in FILES:
        shutil.copy(OURS / name, folder / name)
    run([need("debugfs", "e2fsprogs"), "-R", f'dump "/boot/Image" "{folder / "Image"}"', slot_image], "taking the kernel")
    if not (folder / "Image").is_file() or not (folder / "Image").stat().st_size:
        raise Refusal("the root file system's /boot/Image has to be a file, no link: it is the kernel of the boot partition")
    missing = [name for name in layout.words["BOOT_REQUIRED"].split() if not (folder / name).exists()]
    if missing:
        raise Refusal(f"the boot partition of layout {layout.name} needs {', '.join(missing)}: give a folder that has them with --boot-files")
    stamp(folder)


def images(layout, slot_image, scratch, boot_files):
    """{slot class: image}, written with every update beside the root file system."""
    folder, image = scratch / "boot-files", scratch / "boot.vfat"
    stage(layout, slot_image, folder, boot_files)
    used = sum(rootfs.whole_mib(path.stat().st_size) for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 1 << 20)
    if used > layout.sizes["BOOT_SIZE"]:
        raise Refusal(f"the boot files need {used >> 20} MiB, the boot slots have {layout.sizes['BOOT_SIZE'] >> 20}")
    make_fat(image, layout.sizes["BOOT_SIZE"], folder)
    return {"boot": image}


def factory_slots(layout):
    """{slot class: the slot that the factory image fills with it}."""
    return {"boot": layout.words["FACTORY_BOOT_SLOT"]}


def make(layout, root, inputs, _boot_files=None):
    """autoboot with its one file, which says A is good and B is bad, and boot_b, from which nothing boots."""
    (root / "autoboot").mkdir(parents=True)
    (root / "autoboot" / "autoboot.txt").write_bytes((OURS / "autoboot.txt").read_bytes().ljust(AUTOBOOT_SIZE, b"\n"))
    make_fat(inputs / "boot_b.vfat", layout.sizes["BOOT_SIZE"])
