# SPDX-License-Identifier: MIT
"""For every test: a folder is gone when its test has passed. Disks, slots and bundles of all of them together are tens of
gigabytes, and those of a test that failed are the ones that are looked at."""

import pathlib
import shutil

import pytest

FAILED = pytest.StashKey[bool]()


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
