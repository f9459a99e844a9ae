# SPDX-License-Identifier: MIT
"""No row of the image and slot matrix is left out: not by the program, not by the tests on devices."""

import pathlib
import re

import pytest

import matrix

HERE = pathlib.Path(__file__).resolve().parent
WRITER = HERE.parents[1] / "src" / "writer" / "writer.c"


def test_the_program_has_these_rows():
    found = re.findall(r"\{ IMAGE_(\w+), SLOT_(\w+), &writer_\w+ \}", WRITER.read_text())
    built = {tuple(word.lower().replace("_", "-") for word in row) for row in found}
    cells = matrix.cells()
    assert len(built) == len(found) and built == set(cells)


@pytest.mark.parametrize("name", sorted(matrix.TESTS.values()))
def test_a_test_takes_its_rows_from_here(name):
    text = (HERE / name).read_text()
    assert matrix.rows(name) and "matrix.rows(__file__)" in text
