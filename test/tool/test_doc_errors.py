# SPDX-License-Identifier: MIT
"""doc/errors.md is what the sources say."""

import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]


def test_page_is_up_to_date():
    made = subprocess.run([sys.executable, TOP / "tool/doc_errors.py"], capture_output=True, text=True, check=True).stdout
    assert made == (TOP / "doc/errors.md").read_text(), "run tool/doc_errors.py > doc/errors.md"
    assert made.count("| `") > 15
