# SPDX-License-Identifier: MIT
"""Images and bundles. forge() builds bundles from the format alone, with mksquashfs and openssl:
no rauc has a say in them, so they may also be wrong in ways no rauc would make them."""

import functools
import hashlib
import os
import pathlib
import random
import shutil
import struct
import subprocess

BLOCK = 4096
MIB = 1 << 20


def run(*args, **kwargs):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=120, **kwargs)
    assert done.returncode == 0, f"{args}: {done.stderr}{done.stdout}"
    return done.stdout


@functools.lru_cache(maxsize=32)
def image(size, seed=1):
    """Random grains, text, and holes: something for every path of a writer."""
    chance = random.Random(f"{size} {seed}")
    parts, left = [], size
    while left > 0:
        n = min(left, 64 * 1024 * chance.choice([1, 1, 2, 5]))
        kind = chance.random() if parts else 0
        if kind < 0.5:
            parts.append(chance.randbytes(n))
        elif kind < 0.75:
            parts.append((b"%08x all work and no play\n" % chance.getrandbits(32) * (n // 8 + 1))[:n])
        else:
            parts.append(bytes(n))
        left -= n
    return b"".join(parts)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def images_text(files, images):
    lines = []
    for section, name in images.items():
        lines += [f"[image.{section}]", f"sha256={sha256(files[name])}", f"size={len(files[name])}",
                  f"filename={name}", ""]
    return "\n".join(lines)


def manifest(files, images, fmt="verity", compatible="Test", version="1.0"):
    """A manifest as it goes into a finished bundle."""
    return (f"[update]\ncompatible={compatible}\nversion={version}\n\n[bundle]\nformat={fmt}\n\n"
            + images_text(files, images))


def input_manifest(images, fmt="verity", compatible="Test", version="1.0", more=""):
    """A manifest as one writes it for `rauc bundle`."""
    sections = "".join(f"\n[image.{section}]\nfilename={name}\n" for section, name in images.items())
    return f"[update]\ncompatible={compatible}\nversion={version}\n\n[bundle]\nformat={fmt}\n{sections}{more}"


def tree(payload, salt):
    """(hash tree, root hash) of dm-verity, version 1, without a superblock."""
    levels, data = [], payload
    while len(data) > BLOCK or not levels:
        digests = [hashlib.sha256(salt + data[at : at + BLOCK]).digest() for at in range(0, len(data), BLOCK)]
        data = b"".join(digests)
        data += bytes(-len(data) % BLOCK)
        levels.insert(0, data)
    return b"".join(levels), hashlib.sha256(salt + levels[0][:BLOCK]).hexdigest()


def squashfs(folder, out, compressor="gzip"):
    run("mksquashfs", folder, out, "-noappend", "-no-progress", "-all-root", "-no-xattrs", "-quiet", "-comp",
        compressor)
    return out.read_bytes()


def cms(content, signer, folder, detached):
    """SignedData in DER, as openssl makes it."""
    what, der = folder / "content", folder / "cms"
    what.write_bytes(content)
    args = ["openssl", "cms", "-sign", "-binary", "-nosmimecap", "-outform", "DER", "-in", what, "-out", der,
            "-signer", signer.cert, "-inkey", signer.key]
    for extra in signer.chain:
        args += ["-certfile", extra]
    run(*args, *([] if detached else ["-nodetach"]))
    return der.read_bytes()


def seal(payload, text, signer, folder, fmt, **change):
    """A bundle of these bytes. `change`: verity keys that shall be written differently."""
    if fmt == "plain":
        return assemble(payload, cms(payload, signer, folder, True))
    salt = hashlib.sha256(payload[-64:]).digest()
    hashes, root = tree(payload, salt)
    keys = {"verity-hash": root, "verity-salt": salt.hex(), "verity-size": len(hashes)}
    for key, value in change.items():
        keys[key.replace("_", "-")] = value
    lines = "".join(f"{key}={value}\n" for key, value in keys.items() if value is not None)
    text = text.replace(f"format={fmt}\n", f"format={fmt}\n{lines}", 1)
    return assemble(payload + hashes, cms(text.encode(), signer, folder, False))


def assemble(payload, signature):
    return payload + signature + struct.pack(">Q", len(signature))


def disassemble(bundle):
    """(payload with tree, signature) of a bundle."""
    size = struct.unpack(">Q", bundle[-8:])[0]
    return bundle[: -8 - size], bundle[-8 - size : -8]


class Maker:
    """Bundles of the session, each made once. Nobody may write to what it returns."""

    def __init__(self, folder, pki):
        self.folder, self.pki = folder, pki
        self.made = {}
        self.n = 0

    def place(self):
        self.n += 1
        folder = self.folder / str(self.n)
        folder.mkdir()
        return folder

    def content(self, files, text):
        """An input folder: small files are written, images are too."""
        folder = self.place() / "content"
        folder.mkdir()
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (folder / "manifest.raucm").write_text(text)
        return folder

    def squashfs(self, files, text, compressor):
        key = ("squashfs", compressor, text, *((n, sha256(d)) for n, d in files.items()))
        if key not in self.made:
            folder = self.content(files, text)
            self.made[key] = squashfs(folder, folder.parent / "payload", compressor)
            shutil.rmtree(folder.parent)
        return self.made[key]

    def forge(self, files, images=None, fmt="verity", signer=None, compressor="gzip", text=None, inner=None, **change):
        """Path of a bundle. `images`: section -> name in `files`; `text`: another manifest
        altogether; `inner`: the one in the payload when it differs."""
        signer = signer or self.pki.ec
        text = text if text is not None else manifest(files, images, fmt)
        key = (fmt, signer, compressor, text, inner, tuple(sorted(change.items())),
               *((n, sha256(d)) for n, d in files.items()))
        if key not in self.made:
            payload = self.squashfs(files, inner if inner is not None else text, compressor)
            folder = self.place()
            path = folder / "bundle.raucb"
            path.write_bytes(seal(payload, text, signer, folder, fmt, **change))
            self.made[key] = path
        return self.made[key]

    def simple(self, size=2 * MIB, seed=1, name="rootfs.img", **kwargs):
        """One image for slot class rootfs."""
        return self.forge({name: image(size, seed)}, {"rootfs": name}, **kwargs)


def copy_of(bundle, to, change=lambda data: data):
    """A bundle with its bytes changed."""
    to = pathlib.Path(to)
    data = bundle.read_bytes()
    to.write_bytes(change(data))
    os.chmod(to, 0o644)
    return to
