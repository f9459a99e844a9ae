# SPDX-License-Identifier: MIT
"""LOADER=grub: the EFI system partition, filled by boot/grub/mkgrub.sh."""

import os
import pathlib
import shutil

from .tool import Refusal, run

SIZES = ("ESP_SIZE",)
WORDS = ()
MKGRUB = pathlib.Path(__file__).resolve().parents[2] / "boot" / "grub" / "mkgrub.sh"


def make(layout, root, _inputs, boot_files=None):
    """The files of esp; the first environment says A is good and B is empty."""
    if boot_files:
        shutil.copytree(boot_files, root / "esp")
    folder = root / "esp" / "EFI" / "BOOT"
    folder.mkdir(parents=True, exist_ok=True)
    mkgrub = pathlib.Path(os.environ.get("MKGRUB", MKGRUB))
    if not mkgrub.is_file():
        raise Refusal(f"{mkgrub} is missing: it makes the boot loader's files")
    run([mkgrub, "--slots", layout.folder / "slots.cfg", "--order", "A B", "--good", "A", folder], "making the boot loader's files")
