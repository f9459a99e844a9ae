# SPDX-License-Identifier: MIT
"""Every file BitBake reads, judged by the grammar of the npm package language-server-bitbake."""

import base64
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layers  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
KEPT = layers.TOP / "build" / "npm"
PACKAGES = {
    "language-server-bitbake": ("2.10.0", "O02lYRcMaioyiCv43UUNNVUPICZ3RbEeX/ojoGONHTPjSkQOZgQj9DhJOzKDwryS81MAxe8stetU61Hb2ShOyg=="),
    "web-tree-sitter": ("0.24.6", "NVG40wwFerkvOSsrY2NE56nKpzwCpn8VT51gqZZaIfkBCMu+0JZLFVwJlZLPO01Ewfq3+Xg+NY4Bot5GD0L03g=="),
}


def fetch(name, version, digest):
    """The package's archive, as pinned; None: the registry cannot be had."""
    archive = KEPT / f"{name}-{version}.tgz"
    if not archive.is_file():
        KEPT.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["npm", "pack", "--silent", "--pack-destination", KEPT, f"{name}@{version}"],
                              capture_output=True, text=True, timeout=120, check=False, cwd=KEPT)
        if done.returncode != 0 or not archive.is_file():
            return None
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert found == digest, f"{archive} is not what was pinned"
    return archive


@pytest.fixture(scope="module")
def grammar(tmp_path_factory):
    for program in ("node", "npm"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed: BitBake's grammar is an npm package")
    folder = tmp_path_factory.mktemp("npm")
    for name, (version, digest) in PACKAGES.items():
        archive = fetch(name, version, digest)
        if not archive:
            pytest.skip(f"the npm registry did not give {name} {version}")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(folder)
        (folder / "package").rename(folder / name)
    return folder


def judge(grammar, files):
    done = subprocess.run(["node", HERE / "grammar.js", grammar, *files], capture_output=True, text=True, timeout=120, check=True)
    *wrong, last = done.stdout.splitlines()
    assert last == f"parsed {len(files)}"
    return wrong


def test_every_file(grammar):
    files = layers.metadata()
    assert len(files) > 15
    assert judge(grammar, files) == []


MISTAKES = [
    'SUMMARY = "no end\nLICENSE = "MIT"\n',
    "do_install () {\n\ttrue\n",
    "SRC_URI += file://x\n",
    "inherit\n=\n",
]


def test_finds_mistakes(grammar, tmp_path):
    """The judge can say no, to each of them."""
    files = []
    for number, text in enumerate(MISTAKES):
        files.append(tmp_path / f"{number}.bb")
        files[-1].write_text(text)
    wrong = judge(grammar, files)
    for file in files:
        assert any(line.startswith(f"{file}:") for line in wrong), file.read_text()
