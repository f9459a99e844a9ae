# SPDX-License-Identifier: MIT
"""LOADER=uboot: the boot partition and the two copies of the environment, by boot/uboot/mkuboot.sh.

U-Boot itself and the firmware in front of it are the board's: what of them lies on the boot partition comes from --boot-files."""

import pathlib
import re
import shutil
import tempfile

from . import rootfs
from .tool import Refusal, run

SIZES = ("BOOT_SIZE",)
WORDS = ("ARCH", "DISK", "BOOT_REQUIRED")
MKUBOOT = pathlib.Path(__file__).resolve().parents[2] / "boot" / "uboot" / "mkuboot.sh"


def fill(layout, folder):
    """What mkuboot.sh makes: the first environment says A is good and B is empty."""
    run([MKUBOOT, "--slots", layout.folder / "slots.env", "--order", "A B", "--good", "A", "--arch", layout.words["ARCH"],
         "--disk", layout.words["DISK"], folder], "making the boot loader's files")


def device_files(layout):
    """{path in the root file system: bytes} that go with the layout."""
    with tempfile.TemporaryDirectory() as folder:
        fill(layout, folder)
        return {f"etc/{path.name}": path.read_bytes() for path in sorted(pathlib.Path(folder, "etc").iterdir())}


def places(text):
    """[(device, offset, size)] of a fw_env.config."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return [(words[0], *(int(word, 0) for word in words[1:3])) for words in lines if len(words) >= 3]


def check(image, layout):
    """The device must look for the environment where the boot script keeps it."""
    wanted = device_files(layout).get("etc/fw_env.config", b"").decode()
    found = rootfs.read(image, "etc/fw_env.config")
    try:
        if not wanted or places(found or "") == places(wanted):
            return
    except ValueError:
        pass
    says = re.sub(r"\s+", " ", found).strip() if found else "there is none"
    raise Refusal(f"the root file system's /etc/fw_env.config names another place for the environment than layout {layout.name}: "
                  f"{says}; it has to be: {'; '.join(line for line in wanted.splitlines() if not line.startswith('#'))}")


def make(layout, root, inputs, boot_files=None):
    """boot with its files, and env-1 and env-2."""
    fill(layout, root / "made")
    boot = root / "boot"
    if boot_files:
        shutil.copytree(boot_files, boot)
    boot.mkdir(exist_ok=True)
    own = layout.folder / "boot"
    for file in [*(root / "made" / "boot").iterdir(), *(own.iterdir() if own.is_dir() else ())]:
        shutil.copy(file, boot / file.name)
    required = layout.words["BOOT_REQUIRED"].split()
    missing = [name for name in required if name != "-" and not (boot / name).exists()]
    if missing:
        raise Refusal(f"the boot partition of layout {layout.name} needs {', '.join(missing)}: give a folder that has them with --boot-files")
    for copy in ("env-1", "env-2"):
        if (root / "made" / copy).exists():
            shutil.move(root / "made" / copy, inputs / copy)
    shutil.rmtree(root / "made")
