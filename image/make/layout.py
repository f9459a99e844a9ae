# SPDX-License-Identifier: MIT
"""A board's disk layout: image/layout/<board>/layout.conf and what lies beside it."""

import dataclasses
import pathlib
import re

from .tool import Refusal

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "layout"
SIZES = ("SLOT_SIZE", "ESP_SIZE", "DATA_SIZE")
WORDS = ("FACTORY_SLOT", "EMPTY_SLOT", "STATUS_FILE", "REQUIRED")


@dataclasses.dataclass(frozen=True)
class Layout:
    name: str
    folder: pathlib.Path
    slot_size: int
    esp_size: int
    data_size: int
    factory_slot: str
    empty_slot: str
    status_file: str
    required: tuple


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
        if not equals or key not in SIZES + WORDS or key in values or not value:
            raise Refusal(f"{path}, line {number}: expected one of {', '.join(SIZES + WORDS)}, once, with a value")
        values[key] = value
    missing = [key for key in SIZES + WORDS if key not in values]
    if missing:
        raise Refusal(f"{path}: {missing[0]} is missing")
    return values


def load(name, slot_size=None):
    """The layout called name; slot_size, when given, wins over the file's."""
    folder = FOLDER / name
    path = folder / "layout.conf"
    if "/" in name or not path.is_file():
        known = ", ".join(sorted(p.parent.name for p in FOLDER.glob("*/layout.conf")))
        raise Refusal(f"there is no layout '{name}'; there is: {known}")
    values = parse(path.read_text(), path)
    if slot_size:
        values["SLOT_SIZE"] = slot_size
    sizes = [parse_size(values[key], key if slot_size else f"{path}: {key}") for key in SIZES]
    return Layout(name, folder, *sizes, values["FACTORY_SLOT"], values["EMPTY_SLOT"], values["STATUS_FILE"], tuple(values["REQUIRED"].split()))
