# SPDX-License-Identifier: MIT
"""image/make/layout: what layout.conf may say, and what every boot loader's module offers."""

import pathlib
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "image"))

from make import layout  # noqa: E402
from make.tool import Refusal  # noqa: E402

GOOD = {"LOADER": "grub", "SLOT_SIZE": "64M", "ESP_SIZE": "40M", "DATA_SIZE": "1G", "FACTORY_SLOT": "rootfs.0", "EMPTY_SLOT": "rootfs.1",
        "STATUS_FILE": "rauc/central.raucs", "REQUIRED": "sbin/init"}


def text(**changes):
    return "# a board\n\n" + "".join(f"{k}={v}\n" for k, v in {**GOOD, **changes}.items() if v is not None)


def test_good():
    values, sizes = layout.parse(text(), "board")
    assert values == GOOD and set(sizes) == {"SLOT_SIZE", "DATA_SIZE", "ESP_SIZE"}


@pytest.mark.parametrize("written, why", [
    (text(LOADER="lilo"), "there is no boot loader 'lilo'; there is: .*grub"),
    (text(LOADER=None), "board: LOADER is missing"),
    (text(LOADER="../make"), "there is no boot loader"),
    (text(ESP_SIZE=None), "board: ESP_SIZE is missing"),
    (text(ESP="1M"), "board: ESP is unknown; with LOADER=grub there is .*ESP_SIZE"),
    (text() + "LOADER=grub\n", "line 11: expected KEY=value, each key once"),
    (text(STATUS_FILE=""), "expected KEY=value"),
    ("hello\n", "board, line 1: expected"),
])
def test_refused(written, why):
    with pytest.raises(Refusal, match=why):
        layout.parse(written, "board")


@pytest.mark.parametrize("name", sorted(p.parent.name for p in (TOP / "image" / "layout").glob("*/layout.conf")))
def test_every_layout_loads(name):
    board = layout.load(name)
    assert callable(layout.loader(board.loader).make)
    assert board.sizes.keys() >= {"SLOT_SIZE", "DATA_SIZE"}
    for size in board.sizes:
        assert f"${{{size}}}" in (board.folder / "genimage.cfg").read_text() or size == "DATA_SIZE"
    assert board.factory_slot in (board.folder / "system.conf").read_text()
    with pytest.raises(Refusal, match="SLOT_SIZE: 'x' is not a size"):
        layout.load(name, "x")
