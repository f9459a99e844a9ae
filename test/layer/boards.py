# SPDX-License-Identifier: MIT
"""The boards of the layer, and what its recipes make for them."""

import dataclasses
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layers  # noqa: E402
import wks  # noqa: E402

LAYER = layers.LAYERS[0]
sys.path[:0] = [str(LAYER / "lib"), str(layers.TOP / "image")]
from moonforge_rauc import conf  # noqa: E402

DYNAMIC = LAYER / "dynamic-layers"
GRUB = DYNAMIC / "meta-moonforge-qemu" / "recipes-bsp" / "moonforge-rauc-grub"
UBOOT = DYNAMIC / "meta-moonforge-raspberrypi" / "recipes-bsp" / "moonforge-rauc-uboot"


@dataclasses.dataclass(frozen=True)
class Board:
    override: str
    machine: str
    kernel: str  # KERNEL_IMAGETYPE

    def variable(self, name):
        return layers.for_machine(name, self.override)

    @property
    def layout(self):
        return layers.TOP / "image" / "layout" / self.variable("MOONFORGE_RAUC_LAYOUT")

    def system_conf(self, allow_demo=True):
        """As moonforge-rauc-conf installs it."""
        return conf.render((self.layout / "system.conf").read_text(), self.machine, allow_demo, "rauc-fetch")

    def disk(self, slot="64M", data="32M", **places):
        """(label type, parts) of the board's .wks.in"""
        variables = {"MOONFORGE_RAUC_SLOT_SIZE": slot, "IMAGE_DATA_MIN_SIZE": data, "IMAGE_LINK_NAME": "image",
                     "IMGDEPLOYDIR": "/deploy", "MOONFORGE_RAUC_WORK": "/work", "DEPLOY_DIR_IMAGE": "/images", **places}
        return wks.load(LAYER / "wic" / self.variable("MOONFORGE_RAUC_WKS_FILE"), variables)


QEMU = Board("qemux86-64", "qemux86-64", "bzImage")
PI = Board("rpi", "raspberrypi4-64", "Image")
BOARDS = [QEMU, PI]


def recipe_words(recipe, board, folder):
    """What ${...} of a recipe's do_compile is."""
    known = {"KERNEL_IMAGETYPE": board.kernel, "MOONFORGE_RAUC_DISK_ID": board.variable("MOONFORGE_RAUC_DISK_ID"),
             "MOONFORGE_RAUC_KERNEL_ARGS": layers.value(recipe, "MOONFORGE_RAUC_KERNEL_ARGS"), "WORKDIR": str(folder),
             "B": str(folder / "build"), "STAGING_LIBDIR": "/usr/lib"}
    text = re.search(r"^do_compile \(\) \{\n(.*?)^\}", recipe.read_text(), re.MULTILINE | re.DOTALL)[1]
    return wks.expand(text, known)


def make_boot(board, folder):
    """Run do_compile of the board's recipe with what its SRC_URI names; the folder with the results."""
    recipe = next((GRUB if board is QEMU else UBOOT).glob("*.bb"))
    for name in re.findall(r"file://(\S+)", layers.value(recipe, "SRC_URI")):
        source = next(path for path in (layers.TOP / name, recipe.parent / "files" / name) if path.exists())
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", source, target], check=True)
    (folder / "build").mkdir(parents=True)
    subprocess.run(["sh", "-e", "-c", recipe_words(recipe, board, folder)], check=True, cwd=folder / "build", timeout=120)
    return folder / "build" / ("esp" if board is QEMU else "made")
