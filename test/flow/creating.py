# SPDX-License-Identifier: MIT
"""What the tests of making bundles share: archives, the manifest that was signed, somebody who is not root."""

import contextlib
import io
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile

import bundles
import device as devices

NOBODY = 65534


def entry(name, kind=tarfile.REGTYPE, mode=0o644, uid=0, gid=0, mtime=10 ** 9, **more):
    made = tarfile.TarInfo(name)
    made.type, made.mode, made.uid, made.gid, made.mtime = kind, mode, uid, gid, mtime
    for key, value in more.items():
        setattr(made, key, value)
    return made


# Everything a root file system has: owners, modes, links, nodes, and names that are not ASCII.
TREE = [
    (entry("./", tarfile.DIRTYPE, 0o755), b""),
    (entry("./bin", tarfile.DIRTYPE, 0o755, 1, 2), b""),
    (entry("./bin/su", mode=0o4755), b"#!/bin/sh\n"),
    (entry("./bin/same", tarfile.LNKTYPE, 0o4755, linkname="./bin/su"), b""),
    (entry("./home", tarfile.DIRTYPE, 0o1777, 1000, 1000), b""),
    (entry("./home/mine", mode=0o600, uid=1000, gid=1001), b"secret\n" * 5000),
    (entry("./home/gr\u00fc\u00df dich", uid=1000, gid=1000), b"x"),
    (entry("./closed", tarfile.DIRTYPE, 0o000, 5, 6), b""),
    (entry("./closed/file", mode=0o000, uid=5, gid=6), b"y"),
    (entry("./etc", tarfile.SYMTYPE, 0o777, 7, 8, linkname="/absolute/target"), b""),
    (entry("./dev", tarfile.DIRTYPE, 0o755), b""),
    (entry("./dev/null", tarfile.CHRTYPE, 0o666, devmajor=1, devminor=3), b""),
    (entry("./dev/sda", tarfile.BLKTYPE, 0o660, 0, 6, devmajor=8, devminor=300), b""),
    (entry("./dev/fifo", tarfile.FIFOTYPE, 0o600, 9, 9), b""),
]
KINDS = {tarfile.REGTYPE: stat.S_IFREG, tarfile.LNKTYPE: stat.S_IFREG, tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK,
         tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK, tarfile.FIFOTYPE: stat.S_IFIFO}


def archive(path, members):
    """`members`: [(entry, bytes)] or {name: bytes}; compressed as the name says."""
    if isinstance(members, dict):
        members = [(entry(name), data) for name, data in members.items()]
    how = {".gz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2"}.get(path.suffix, "w")
    with tarfile.open(path, how, format=tarfile.PAX_FORMAT) as made:
        for info, data in members:
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return path


def check_tree(folder, members):
    """The folder is what the archive says, with owners, modes and times, and nothing else (needs root)."""
    contents = {os.path.normpath(info.name): data for info, data in members}
    for info, data in members:
        name = os.path.normpath(info.name)
        found = (folder / name).lstat()
        assert stat.S_IFMT(found.st_mode) == KINDS[info.type], name
        assert (found.st_uid, found.st_gid) == (info.uid, info.gid), name
        assert found.st_mtime == info.mtime, name
        if info.type == tarfile.SYMTYPE:
            assert os.readlink(folder / name) == info.linkname
            continue
        assert stat.S_IMODE(found.st_mode) == info.mode, name
        if info.type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
            assert (os.major(found.st_rdev), os.minor(found.st_rdev)) == (info.devmajor, info.devminor), name
        if info.type in (tarfile.REGTYPE, tarfile.LNKTYPE):
            source = os.path.normpath(info.linkname) if info.type == tarfile.LNKTYPE else name
            assert (folder / name).read_bytes() == contents[source], name
    assert {str(p.relative_to(folder)) for p in folder.rglob("*")} | {"."} == set(contents)


def listing(folder):
    """Name -> kind, mode, owner, content of everything below, for comparing."""
    found = {}
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(facts.st_mode) else os.readlink(path) if stat.S_ISLNK(facts.st_mode) else None
        found[str(path.relative_to(folder))] = (facts.st_mode, facts.st_uid, facts.st_gid, facts.st_rdev, data)
    return found


def bundle(rauc, signer, content, out, *args, **kwargs):
    result = devices.run(rauc, "bundle", "--cert", signer.cert, "--key", signer.key, *args, content, out, **kwargs)
    assert result.code == 0, result.text
    return out


def extract(rauc, pki, path, to):
    result = devices.run(rauc, "extract", "--keyring", pki.ring, "--trust-environment", path, to)
    assert result.code == 0, result.text
    return to


def signed_manifest(path):
    """What was signed, as openssl gives it; of a plain bundle the manifest in it, as unsquashfs does."""
    _, signature = bundles.disassemble(path.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "cms").write_bytes(signature)
        done = subprocess.run(["openssl", "cms", "-verify", "-noverify", "-inform", "DER", "-in", folder / "cms",
                               "-out", folder / "manifest"], capture_output=True, timeout=60)
        if done.returncode == 0:
            return (folder / "manifest").read_bytes()
        bundles.run("unsquashfs", "-d", folder / "out", path, "manifest.raucm")
        return (folder / "out/manifest.raucm").read_bytes()


def without_verity(text):
    """What is different each time a bundle is made."""
    return re.sub(r"(?m)^(verity-(hash|salt|size)|crypt-key)=.*\n", "", text)


class Nobody:
    """Somebody who is not root, in a folder of their own, with a copy of the program and keys."""

    def __init__(self, folder, rauc, pki, files):
        self.folder, self.rauc = folder, folder / "rauc"
        self.cert, self.key, self.ring = folder / "cert.pem", folder / "key.pem", folder / "ring.pem"
        for source, to in ((rauc, self.rauc), (pki.ec.cert, self.cert), (pki.ec.key, self.key), (pki.ring, self.ring)):
            shutil.copy(source, to)
        for file in files:
            (shutil.copytree if file.is_dir() else shutil.copy)(file, folder / file.name)
        (folder / "tmp").mkdir()
        for path in [folder, *folder.rglob("*")]:
            os.lchown(path, NOBODY, NOBODY)

    def run(self, *args, env=None, program="setpriv", **kwargs):
        wrap = [program, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        return devices.run(self.rauc, *args, wrap=wrap, cwd=self.folder,
                           env={"TMPDIR": str(self.folder / "tmp"), **(env or {})}, **kwargs)


@contextlib.contextmanager
def nobody(rauc, pki, *files):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rauc-nobody-"))
    try:
        yield Nobody(folder, rauc, pki, files)
        assert not list((folder / "tmp").iterdir()), "temporary files stayed"
    finally:
        shutil.rmtree(folder)
