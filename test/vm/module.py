# SPDX-License-Identifier: MIT
"""Kernel modules of our own for the guest of qemu.py: module.build(folder) gives the .ko file.

The headers are Debian's for the kernel in the cache, downloaded once and unpacked beside it, never installed."""

import fcntl
import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import qemu


def download(folder, own=None):
    if own:
        qemu.apt("apt-get", "update", own=own)
    package = f"linux-headers-{qemu.kernel().release}"
    needs = re.findall(r"^ *Depends: (linux-(?:headers|kbuild)-\S+)$", qemu.apt("apt-cache", "depends", package, own=own),
                       re.MULTILINE)
    if not needs:
        raise qemu.NoGuest(f"apt knows no {package}, for the kernel in {qemu.CACHE}: remove it there, and the current one "
                           "will be downloaded")
    qemu.apt("apt-get", "download", package, *needs, cwd=folder, own=own)


def fetch(into):
    with tempfile.TemporaryDirectory(dir=qemu.CACHE, prefix="headers.") as folder:
        work = pathlib.Path(folder)
        try:
            download(work)
        except qemu.NoGuest:  # no lists, or lists older than the mirror
            download(work, own=work)
        tree = work / "tree"
        for deb in work.glob("*.deb"):
            subprocess.run(["dpkg", "-x", deb, tree], check=True)
        tree.chmod(0o755)
        tree.rename(into)


@functools.cache
def headers():
    """The folder to call make in."""
    release = qemu.kernel().release
    folder = qemu.CACHE / f"headers-{release}"
    with open(qemu.CACHE / ".headers.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            fetch(folder)
    made_for = folder / "usr" / "src" / f"linux-headers-{release}"
    common = release.rpartition("-")[0] + "-common"
    # Debian's says where it would be when installed
    line = f"include {folder}/usr/src/linux-headers-{common}/Makefile\n"
    if (made_for / "Makefile").read_text() != line:
        (made_for / "Makefile").write_text(line)
    return made_for


def build(source, into):
    """Compile the folder `source` below the folder `into`."""
    work = into / source.name
    shutil.copytree(source, work)
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "-s", "-C", headers(), f"M={work}", "KCFLAGS=-Werror", "modules"], text=True, env=env,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(work.glob("*.ko"))
