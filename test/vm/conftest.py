# SPDX-License-Identifier: MIT
import os
import pathlib
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "test" / "vm"), str(TOP / "test" / "flow"), str(TOP / "boot" / "grub")]
import pki as authorities  # noqa: E402
import qemu  # noqa: E402
import vm  # noqa: E402


NOTES = []


@pytest.fixture
def note():
    """note(line): printed at the end of the run, whatever is captured."""
    return NOTES.append


def pytest_terminal_summary(terminalreporter):
    for line in NOTES:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def guest():
    """vm.run(), or a skip that says why."""
    if why := vm.why_not():
        pytest.skip(why)
    return vm.run


@pytest.fixture(scope="session")
def emulated():
    """qemu.run(), or a skip that says why."""
    if why := qemu.why_not():
        pytest.skip(why)
    return qemu.run


@pytest.fixture(scope="session")
def rauc():
    """The release build: sanitizers and a guest without AVX do not go well together."""
    path = pathlib.Path(os.environ.get("RAUC", TOP / "build/release/src/rauc")).resolve()
    if not path.exists():
        pytest.skip(f"there is no {path}: build it, or name another with RAUC=")
    return path


@pytest.fixture(scope="session")
def debian():
    """Debian's rauc as a second opinion."""
    path = pathlib.Path("/usr/bin/rauc")
    if not path.exists():
        pytest.skip("Debian's rauc is not installed (apt-get install rauc)")
    return path


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return authorities.Pki(tmp_path_factory.mktemp("pki"))
