# SPDX-License-Identifier: MIT
"""test/flow/test_stream_link.py on a kernel that has netem, where this machine's has not."""

import re
import sys

import pytest

import links
from conftest import TOP


def test_stream_link(guest, rauc):
    if not links.why_not():
        pytest.skip("this kernel can do it: see test/flow")
    done = guest(f"modprobe -a veth sch_netem && exec {sys.executable} -m pytest -q -rs -p no:cacheprovider --color=no --tb=short "
                 f"{TOP}/test/flow/test_stream_link.py", seconds=600, env={"RAUC": rauc, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0 and re.search(r"^\d+ passed in", done.stdout, re.MULTILINE), done.stdout + done.stderr
