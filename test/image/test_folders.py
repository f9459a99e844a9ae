# SPDX-License-Identifier: MIT
"""image/make/folders: folders lie side by side, the file system stays sound, and an update that is small is small."""

import hashlib
import os
import pathlib
import random
import re
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "image"))
sys.dont_write_bytecode = True

from make import folders, layout, rootfs  # noqa: E402

BLOCK, GRAIN = 4096, 16
N_FOLDERS = 120


def run(*args):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
    assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
    return done.stdout


def make_tree(tree, more=()):
    """Folders of 64 KiB each, one of them with so many names that it has several blocks, and odd names."""
    for n in range(N_FOLDERS):
        folder = tree / f"d{n % 10}" / f"folder {n}"
        folder.mkdir(parents=True)
        for k in range(4):
            (folder / f"file{k}").write_bytes(random.Random(n * 10 + k).randbytes(16384))
    (tree / "many").mkdir()
    for n in range(300):
        (tree / "many" / ("long" * 10 + str(n))).write_text(str(n))
    (tree / 'a "b"\\\n<7>').mkdir()
    (tree / 'a "b"\\\n<7>' / "(0):12").write_text("odd")
    for name in more:
        (tree / name).write_text(name)
    for folder, below, files in os.walk(tree):
        for name in below + files:
            os.utime(os.path.join(folder, name), (1e9, 1e9))
    return tree


def make_image(tree, image):
    rootfs.from_tree(tree, image, "test", layout.load("qemux86-64", "256M"))
    return image


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The tree, its image as it is made, and as mke2fs alone makes it."""
    folder = tmp_path_factory.mktemp("folders")
    tree = make_tree(folder / "tree")
    image = make_image(tree, folder / "image")
    plain = folder / "plain"
    rootfs.mke2fs(plain, image.stat().st_size, "rootfs", "test", tree)
    return tree, image, plain


def places(image):
    """Physical blocks of all folders."""
    n_inodes, *_ = folders.facts(image)
    return [at for _, _, at in folders.find(image, n_inodes)]


def test_side_by_side(made):
    _, image, plain = made
    found, before = places(image), places(plain)
    assert found == list(range(found[0], found[0] + len(found))), "one after the other, by inode"
    assert len(found) == len(before) > N_FOLDERS
    assert before != list(range(before[0], before[0] + len(before))), "which mke2fs does not"


def test_sound_and_complete(made, tmp_path):
    tree, image, _ = made
    run("e2fsck", "-fn", image)
    # names that debugfs cannot write are looked at by the number of the inode
    (tmp_path / "out").mkdir()
    run("debugfs", "-R", f"rdump / {tmp_path / 'out'}", image)
    run("diff", "-r", "--exclude=lost+found", tree, tmp_path / "out")


def test_same_again(made, tmp_path):
    tree, image, _ = made
    os.environ["SOURCE_DATE_EPOCH"] = "1500000000"
    try:
        one, other = make_image(tree, tmp_path / "one"), make_image(tree, tmp_path / "other")
    finally:
        del os.environ["SOURCE_DATE_EPOCH"]
    assert one.read_bytes() == other.read_bytes()
    assert one.stat().st_size == image.stat().st_size


def grains(old, new):
    """How many parts of 64 KiB of the new one have a block that the old one has nowhere."""
    def digests(path):
        data = path.read_bytes()
        return [hashlib.sha256(data[at:at + BLOCK]).digest() for at in range(0, len(data), BLOCK)]
    had = set(digests(old))
    return len({n // GRAIN for n, digest in enumerate(digests(new)) if digest not in had})


def test_small_update_is_small(made, tmp_path):
    """One file more, before all others: every inode behind it has another number, every folder is another one."""
    tree, image, plain = made
    extra = next(entry.name for entry in os.scandir(tree) if entry.is_dir() and re.fullmatch(r"d\d", entry.name))
    (tree / extra / "new file").write_text("new")
    try:
        new = make_image(tree, tmp_path / "new")
        new_plain = tmp_path / "new.plain"
        rootfs.mke2fs(new_plain, plain.stat().st_size, "rootfs", "test", tree)
    finally:
        (tree / extra / "new file").unlink()
    assert grains(image, new) < grains(plain, new_plain) / 3, "much less than without"


@pytest.mark.parametrize("runs, n, room", [
    ([(10, 20)], 11, 10), ([(10, 20)], 12, None), ([], 1, None), ([(10, 20), (21, 30)], 21, 10),
    ([(10, 40), (50, 60)], 5, 50), ([(10, 40), (50, 60)], 12, 10)])
def test_room(runs, n, room):
    assert folders.pick_room(runs, n) == room


def test_no_room(made, tmp_path):
    """A file system that is full stays as it is."""
    _, _, plain = made
    image = tmp_path / "full"
    image.write_bytes(plain.read_bytes())
    _, _, runs, _ = folders.facts(image)
    size = sum(last - first + 1 for first, last in runs)
    run("debugfs", "-w", "-R", f"setb {runs[-1][0]} {runs[-1][1] - runs[-1][0] + 1}", image)
    assert len(runs) == 1 and size > 0
    before = image.read_bytes()
    assert folders.gather(image) is False and image.read_bytes() == before
