# SPDX-License-Identifier: MIT
"""A board's disk layout: image/layout/<board>/layout.conf and what lies beside it."""

import dataclasses
import importlib
import pathlib
import re

from .tool import Refusal

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "layout"
SIZES = ("SLOT_SIZE", "DATA_SIZE")
WORDS = ("LOADER", "FACTORY_SLOT", "EMPTY_SLOT", "STATUS_FILE", "REQUIRED")


@dataclasses.dataclass(frozen=True)
class Layout:
    name: str
    folder: pathlib.Path
    loader: str
    sizes: dict  # SLOT_SIZE, DATA_SIZE and those of the loader, in bytes
    words: dict  # those of the loader
    factory_slot: str
    empty_slot: str
    status_file: str
    required: tuple

    @property
    def slot_size(self):
        return self.sizes["SLOT_SIZE"]

    @property
    def arch(self):
        """Debian's name of the architecture."""
        return self.words.get("ARCH", "amd64")

    @property
    def data_size(self):
        return self.sizes["DATA_SIZE"]


def loader(name):
    """The module of a boot loader, boot_<name>.py. It has

    SIZES                        the sizes it takes from layout.conf, besides the slots' and the data's
    WORDS                        and the words
    make(layout, root, inputs, boot_files)
                                 root/<folder> and inputs/<file>: what genimage.cfg puts on the disk beside slots and data;
                                 boot_files: a folder with more for the boot partition, or None
    check(image, layout)         optional: refuses a root file system that does not go with the boot loader
    images(layout, slot_image, scratch, boot_files)
                                 optional: {slot class: image} of what is part of a version beside the root file system; with
    factory_slots(layout)        {slot class: the slot on the disk that gets it}, and inputs/<class>_a<suffix> for genimage.cfg
    device_files(layout)         optional: {path: bytes} that a root file system made for this layout gets
    """
    if not (pathlib.Path(__file__).parent / f"boot_{name}.py").is_file():
        known = ", ".join(sorted(p.stem[len("boot_"):] for p in pathlib.Path(__file__).parent.glob("boot_*.py")))
        raise Refusal(f"there is no boot loader '{name}'; there is: {known}")
    return importlib.import_module(f".boot_{name}", __package__)


def parse_size(text, what):
    match = re.fullmatch(r"([1-9][0-9]{0,6})([MG])", text)
    if not match:
        raise Refusal(f"{what}: '{text}' is not a size such as 256M or 2G")
    return int(match[1]) << (20 if match[2] == "M" else 30)


def parse(text, path):
    values = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not re.fullmatch("[A-Z_]+", key) or key in values or not value:
            raise Refusal(f"{path}, line {number}: expected KEY=value, each key once")
        values[key] = value
    if "LOADER" not in values:
        raise Refusal(f"{path}: LOADER is missing")
    module = loader(values["LOADER"])
    keys = WORDS + SIZES + module.SIZES + module.WORDS
    missing = [key for key in keys if key not in values]
    if missing:
        raise Refusal(f"{path}: {missing[0]} is missing")
    unknown = [key for key in values if key not in keys]
    if unknown:
        raise Refusal(f"{path}: {unknown[0]} is unknown; with LOADER={values['LOADER']} there is {', '.join(keys)}")
    return values, SIZES + module.SIZES


def load(name, slot_size=None):
    """The layout called name; slot_size, when given, wins over the file's."""
    folder = FOLDER / name
    path = folder / "layout.conf"
    if "/" in name or not path.is_file():
        known = ", ".join(sorted(p.parent.name for p in FOLDER.glob("*/layout.conf")))
        raise Refusal(f"there is no layout '{name}'; there is: {known}")
    values, keys = parse(path.read_text(), path)
    if slot_size:
        values["SLOT_SIZE"] = slot_size
    sizes = {key: parse_size(values[key], key if slot_size else f"{path}: {key}") for key in keys}
    words = {key: values[key] for key in loader(values["LOADER"]).WORDS}
    return Layout(name, folder, values["LOADER"], sizes, words, values["FACTORY_SLOT"], values["EMPTY_SLOT"], values["STATUS_FILE"],
                  tuple(values["REQUIRED"].split()))
