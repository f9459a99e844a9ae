# SPDX-License-Identifier: MIT
"""Which image goes into which slot, and which test of this folder installs it there on a device of the kernel's own.

Chapter 7.1 of the format, without what needs casync. Each of these tests takes its rows from here, with
matrix.rows(__file__); test_matrix.py holds that none is left out."""

import pathlib

TESTS = {
    "B": "test_block.py",
    "E": "test_emmc.py",
    "F": "test_flash.py",
}

TABLE = """
          raw ext4 vfat ubifs ubivol nand nor jffs2 boot-emmc boot-mbr-switch boot-gpt-switch boot-raw-fallback
raw       B   B    B    F     F      F    F   F     E         B               B               B
ext4      B   B    -    -     -      -    -   -     -         -               B               -
vfat      B   -    B    -     -      -    -   -     -         B               B               -
squashfs  B   -    -    -     F      -    -   -     -         -               -               -
ubifs     -   -    -    F     F      -    -   -     -         -               -               -
tar       -   B    B    F     -      -    -   F     -         -               -               -
emptyfs   -   B    -    -     -      -    -   -     -         -               -               -
"""


def cells():
    """(image, slot) -> name of the test."""
    head, *lines = TABLE.strip().splitlines()
    slots = head.split()
    found = {}
    for image, *letters in map(str.split, lines):
        assert len(letters) == len(slots), image
        found.update({(image, slot): TESTS[letter] for slot, letter in zip(slots, letters) if letter != "-"})
    return found


def rows(file):
    """What this test has to install."""
    return [row for row, test in cells().items() if test == pathlib.Path(file).name]
