# SPDX-License-Identifier: MIT
"""For every test: a folder is gone when its test has passed. Disks, slots and bundles of all of them together are tens of
gigabytes, and those of a test that failed are the ones that are looked at."""

import contextlib
import pathlib
import re
import shutil

import pytest

FAILED = pytest.StashKey[bool]()


def remove_semaphores():
    """Programs that ended under libfaketime leave a semaphore named for their process, and the next one of that number
    fails over it."""
    for path in pathlib.Path("/dev/shm").glob("*faketime_*"):
        found = re.fullmatch(r"(?:sem\.)?faketime_(?:sem|shm)_(\d+)", path.name)
        if found and not pathlib.Path("/proc", found[1]).exists():
            with contextlib.suppress(OSError):
                path.unlink()


def pytest_sessionstart():
    remove_semaphores()


def pytest_sessionfinish():
    remove_semaphores()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    item.stash[FAILED] = report.failed or item.stash.get(FAILED, False)


@pytest.fixture
def tmp_path(tmp_path, request):
    yield tmp_path
    if not request.node.stash.get(FAILED, False) and not mounted(tmp_path):
        shutil.rmtree(tmp_path, ignore_errors=True)


def mounted(folder):
    """Something is mounted below it that is not the test's to remove."""
    return f" {folder}/" in pathlib.Path("/proc/self/mountinfo").read_text()
