# SPDX-License-Identifier: MIT
"""Any root file system (folder, tar, ext4 image) -> the ext4 image of a slot."""

import os
import pathlib
import re
import stat
import tarfile
import uuid

from . import folders
from .tool import Refusal, as_root, mib, need, run

BLOCK = 4096
JOURNAL = 4 << 20
SPARE = 4 << 20  # free space in an image, for those who remount it read-write in the lab
NAMESPACE = uuid.UUID("6c0f1f6a-2f0b-5d0a-9d43-0d3c2b4d7a11")


def is_ext4(path):
    with open(path, "rb") as file:
        file.seek(1024 + 56)
        return file.read(2) == b"\x53\xef"


def kind(path):
    """'tree', 'ext4' or 'tar'."""
    if not path.exists():
        raise Refusal(f"the root file system '{path}' does not exist")
    if path.is_dir():
        if not any(path.iterdir()):
            raise Refusal(f"the root file system '{path}' is an empty folder")
        return "tree"
    if path.is_file() and is_ext4(path):
        return "ext4"
    if path.is_file() and tarfile.is_tarfile(path):
        return "tar"
    raise Refusal(f"the root file system '{path}' is neither a folder nor a tar nor an ext4 image")


def measure(tree):
    """(bytes of content in whole blocks, number of inodes) of a tree. Folders count twice: they are moved."""
    seen = set()
    n_blocks = 1
    for folder, below, files in os.walk(tree):
        n_blocks += 2 * (1 + len(below + files) * 32 // BLOCK)
        for name in below + files:
            info = os.lstat(os.path.join(folder, name))
            if (info.st_dev, info.st_ino) in seen:
                continue
            seen.add((info.st_dev, info.st_ino))
            if stat.S_ISREG(info.st_mode):
                n_blocks += -(-info.st_size // BLOCK)
            elif stat.S_ISLNK(info.st_mode) and info.st_size >= 60:
                n_blocks += 1
    return n_blocks * BLOCK, len(seen) + 16


def whole_mib(n_bytes):
    return -(-n_bytes // (1 << 20)) << 20


def too_big(n_bytes, slot_size):
    return Refusal(f"the root file system needs {mib(n_bytes)} but a slot has {mib(slot_size)}: "
                   f"make it smaller, or SLOT_SIZE larger (which needs a new disk image on every device)")


def mke2fs(image, size, label, identity, source, n_inodes=None):
    """Make an ext4 image of size bytes; source is the shell word list for -d, or None."""
    unique = uuid.uuid5(NAMESPACE, identity)
    argv = [need("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-m", "0", "-L", label, "-U", str(unique),
            "-O", "^metadata_csum_seed,^orphan_file", "-J", f"size={JOURNAL >> 20}",
            "-E", f"hash_seed={unique},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0,nodiscard"]
    if n_inodes:
        argv += ["-N", str(n_inodes)]
    if source:
        argv += ["-d", str(source)]
    environ = dict(os.environ)
    if environ.get("SOURCE_DATE_EPOCH"):
        environ["E2FSPROGS_FAKE_TIME"] = environ["SOURCE_DATE_EPOCH"]
    image.unlink(missing_ok=True)
    run(as_root([*argv, image, f"{size >> 10}k"]), f"making {image.name}", env=environ)


def from_tree(tree, image, identity, layout):
    n_bytes, n_inodes = measure(tree)
    n_inodes = n_inodes * 21 // 20 + 64
    size = whole_mib(n_bytes + n_bytes // 100 + n_inodes * 256 + JOURNAL + SPARE)
    while True:
        if size > layout.slot_size:
            raise too_big(size, layout.slot_size)
        try:
            mke2fs(image, size, "rootfs", identity, tree, n_inodes)
            larger = whole_mib(size + size // 16)
            if folders.gather(image) or larger > layout.slot_size:
                return
            size = larger
        except Refusal as refusal:
            # block groups and extent trees cost what cannot be known before
            if not re.search(r"[Cc]ould not allocate|too many inodes", str(refusal)):
                raise
            size = whole_mib(size + size // 16)


# One session of fakeroot from the unpacking to the image, so that owners survive.
FROM_TAR = r'''
set -e
mkdir -m 0755 "$2"
tar --numeric-owner --xattrs --xattrs-include='*' -C "$2" -xpf "$1"
shift 2
exec "$@"
'''


def from_tar(tar, image, identity, layout, scratch):
    """Unpack and pack again in one go; this script runs itself for the second half."""
    tree = scratch / "tree"
    helper = [need("python3", "python3"), "-c",
              "import sys; sys.path.insert(0, sys.argv[1])\n"
              "from make import rootfs; rootfs.tree_job(*sys.argv[2:])",
              str(pathlib.Path(__file__).resolve().parents[1]), tree, image, identity, layout.name, str(layout.slot_size)]
    try:
        run(as_root(["sh", "-c", FROM_TAR, "sh", tar, tree, *helper]), f"reading '{tar}'")
    except Refusal as refusal:
        marked = re.search(r"refused: (.*)", str(refusal))
        raise Refusal(marked[1]) if marked else refusal
    finally:
        run(["rm", "-rf", tree], "removing the unpacked tree")


def tree_job(tree, image, identity, layout_name, slot_size):
    """The half of from_tar() that runs inside fakeroot."""
    from . import layout as layouts
    try:
        from_tree(pathlib.Path(tree), pathlib.Path(image), identity, layouts.load(layout_name, f"{int(slot_size) >> 20}M"))
    except Refusal as refusal:
        raise SystemExit(f"refused: {refusal}") from None


def look(image, path):
    """debugfs's view of one path in the image: 'regular', 'symlink', ... and a link's target."""
    shown = run([need("debugfs", "e2fsprogs"), "-R", f'stat "/{path}"', image], f"reading {image.name}")
    found = re.search(r"Type: (\w+)", shown)
    target = re.search(r'Fast link dest: "(.*)"', shown)
    return found[1] if found else None, target[1] if target else None


def read(image, path):
    """The text of a file in the image, following one link; None if there is no such file."""
    what, target = look(image, path)
    if what == "symlink" and target:
        path = os.path.normpath(os.path.join("/", os.path.dirname(path), target)).lstrip("/")
        what, _ = look(image, path)
    if what != "regular":
        return None
    return run([need("debugfs", "e2fsprogs"), "-R", f'cat "/{path}"', image], f"reading {image.name}")


def value_of(text, key):
    match = re.search(rf'^{re.escape(key)}\s*=\s*"?([^"\n]*)"?\s*$', text or "", re.MULTILINE)
    return match[1].strip() if match else None


def check(image, layout, version, compatible):
    """What makes no sense to ship: no kernel, another version, another product."""
    for path in layout.required:
        if look(image, path)[0] is None:
            raise Refusal(f"the root file system has no /{path}: layout {layout.name} could not boot it")
    found = value_of(read(image, "etc/os-release"), "IMAGE_VERSION")
    if found and found != version:
        raise Refusal(f"/etc/os-release says IMAGE_VERSION={found}, but the version to build is {version}")
    config = read(image, "etc/rauc/system.conf") or read(image, "usr/lib/rauc/system.conf")
    found = value_of(config, "compatible")
    if found and found != compatible:
        raise Refusal(f"the system.conf in the root file system says compatible={found}, but the bundle would say {compatible}: "
                      f"devices would refuse it")


def make(source, image, identity, layout, scratch):
    """source -> image; returns the image's size. Refuses what does not fit its slot."""
    what = kind(source)
    if what == "tree":
        from_tree(source, image, identity, layout)
    elif what == "tar":
        from_tar(source, image, identity, layout, scratch)
    else:
        size = source.stat().st_size
        if size > layout.slot_size:
            raise too_big(size, layout.slot_size)
        run(["cp", "--sparse=always", "--reflink=auto", source, image], f"copying '{source}'")
    return image.stat().st_size
