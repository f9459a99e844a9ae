# SPDX-License-Identifier: MIT
"""Bad input: one clear line on stderr, a non-zero exit, and a device that is none the worse.

Each row says how the input is made and what is said about it. What must be true
of the device afterwards is the same for all rows: refuse() and break_off().
"""

import fcntl
import os
import pathlib
import re
import shutil
import stat
import struct
import subprocess
import time
from dataclasses import dataclass

import pytest

import bundles
import device as devices
from bundles import BLOCK, MIB

FORMATS = ["plain", "verity"]
CHATTER = re.compile(r"^(hint: .*|Installing `.*` failed|warning: .*|Verified .* signature by .*|"
                     r"installing .*: (started|finished|Checking and mounting bundle\.\.\.|Updating slots\.\.\.|"
                     r"(Checking|Updating) slot \S+( done)?|All slots updated))$")


def complaints(result):
    """What went wrong: stderr without the lines that tell how far it came."""
    lines = [line for line in result.err.splitlines() if not CHATTER.search(line) and ": waiting for network: " not in line]
    return [re.sub(r"^installing (/|https?:)\S*: ", "", line) for line in lines]


def assert_one_line(result, reason):
    assert result.code == 1, result.text
    lines = complaints(result)
    assert len(lines) == 1, result.text
    assert re.search(reason, lines[0]), f"{reason!r} is not in {lines[0]!r}\n{result.text}"
    assert len(lines[0]) < 600, "clear is not long"


@dataclass
class Before:
    """What must survive."""
    slots: dict
    grubenv: bytes
    files: set

    @classmethod
    def of(cls, device):
        slots = {n: device.content(n) for n in device.slots if device.path(n).is_file() or device.path(n).is_block_device()}
        env = device.grubenv.read_bytes() if device.grubenv.is_file() else None
        return cls(slots, env, {str(p) for p in device.folder.rglob("*")})


MAY_APPEAR = re.compile(r"/(data|data/central\.raucs(\.broken)?|data/slot\.[\w.]+(/write-journal)?|run|run/lock)$")


def check_files(device, before):
    new = {str(p) for p in device.folder.rglob("*")} - before.files
    assert not [p for p in new if not MAY_APPEAR.search(p)], f"left behind: {new}"


def refuse(device, result, reason, before):
    """Refused before anything was touched."""
    assert_one_line(result, reason)
    for name, content in before.slots.items():
        assert device.content(name) == content, f"{name} was touched"
    assert (device.grubenv.read_bytes() if device.grubenv.is_file() else None) == before.grubenv
    check_files(device, before)
    for name in device.slots:
        assert device.status(name).get("status") not in ("pending", "failed"), "no slot was begun"


def break_off(device, result, reason, before, target="rootfs.1"):
    """Failed while writing: the target is bad, the running slot is what it was and boots."""
    assert_one_line(result, reason)
    for name, content in before.slots.items():
        assert name == target or device.content(name) == content, f"{name} was touched"
    assert device.boot["B_OK"] == "0" and device.boot["A_OK"] == "1", device.boot
    assert device.chosen() == "A"
    check_files(device, before)
    assert device.status(target)["status"] == "failed"


def install_badly(device, bundle, reason, *args, touched=False, **kwargs):
    before = Before.of(device)
    result = device.install(bundle, *args, **kwargs)
    (break_off if touched else refuse)(device, result, reason, before)
    return result


def install_well(device, bundle, data, *args):
    """After the fault is gone the next installation succeeds."""
    device.ok("install", *args, bundle)
    assert device.content("rootfs.1", len(data)) == data
    assert device.chosen() == "B"
    assert device.status("rootfs.1")["status"] == "ok"


# --- Damaged bytes of a good bundle -------------------------------------------

IMAGE = bundles.image(2 * MIB, 1)
NO_BUNDLE = r"^Invalid bundle format: (Bundle size \(\d+\) is too small|Signature size |Signature data is no valid CMS)"
UNSIGNED = r"^signature verification failed: "
BROKEN = r"verity: .* corrupted|bundle payload is corrupted|does not match the root hash"


@dataclass
class Parts:
    """Where things are in a bundle."""
    data: bytes
    payload: int  # end of the squashfs
    signed: int  # end of the tree, begin of the CMS

    @classmethod
    def of(cls, data):
        signed = len(data) - 8 - struct.unpack(">Q", data[-8:])[0]
        payload = -(-struct.unpack("<Q", data[40:48])[0] // BLOCK) * BLOCK
        return cls(data, payload, signed)

    @property
    def end(self):
        return len(self.data)


def flip(data, at, bit=1):
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def with_size(parts, size):
    return parts.data[:-8] + struct.pack(">Q", size)


CUTS = {
    "nothing-left": lambda p: 0,
    "one-byte": lambda p: 1,
    "seven-bytes": lambda p: 7,
    "eight-bytes": lambda p: 8,
    "nine-bytes": lambda p: 9,
    "superblock": lambda p: 96,
    "one-block": lambda p: BLOCK,
    "half-the-squashfs": lambda p: p.payload // 2,
    "half-a-block": lambda p: p.payload // 2 + 1000,
    "squashfs-end": lambda p: p.payload,
    "in-the-tree": lambda p: (p.payload + p.signed) // 2 + 5,
    "tree-end": lambda p: p.signed,
    "in-the-cms": lambda p: (p.signed + p.end) // 2,
    "cms-end": lambda p: p.end - 8,
    "in-the-trailer": lambda p: p.end - 3,
    "last-byte": lambda p: p.end - 1,
}

SIZES = {
    "size-zero": (lambda p: 0, "Signature size is 0"),
    "size-all-ones": (lambda p: 2**64 - 1, r"Signature size \(18446744073709551615\) exceeds bundle size"),
    "size-negative": (lambda p: 2**63, r"exceeds bundle size"),
    "size-wraps": (lambda p: 2**64 - 8, r"exceeds bundle size"),
    "size-32-bit": (lambda p: 2**32 + 100, r"exceeds bundle size"),
    "size-one-too-many": (lambda p: p.end - 8 + 1, r"exceeds bundle size"),
    "size-all-of-it": (lambda p: p.end - 8, r"exceeds max-bundle-signature-size \(65536\)"),
    "size-above-limit": (lambda p: 65537, r"Signature size \(65537\) exceeds max-bundle-signature-size"),
    "size-one-byte": (lambda p: 1, r"Signature data is no valid CMS"),
    "size-minus-one": (lambda p: p.end - 8 - p.signed - 1, r"Signature data is no valid CMS"),
    "size-plus-one": (lambda p: p.end - 8 - p.signed + 1, r"Signature data is no valid CMS"),
    "size-little-endian": (lambda p: struct.unpack("<Q", p.data[-8:])[0], r"exceeds bundle size"),
}

DAMAGE = {
    **{f"cut-{name}": (lambda p, cut=cut: p.data[: cut(p)], NO_BUNDLE) for name, cut in CUTS.items()},
    **{name: (lambda p, size=size: with_size(p, size(p)), reason) for name, (size, reason) in SIZES.items()},
    "appended-byte": (lambda p: p.data + b"\0", NO_BUNDLE),
    "appended-block": (lambda p: p.data + bytes(BLOCK), "Signature size is 0"),
    "only-zeroes": (lambda p: bytes(p.end), "Signature size is 0"),
    "only-ones": (lambda p: b"\xff" * p.end, "exceeds bundle size"),
    "text": (lambda p: b"this is no bundle at all\n" * 50, "exceeds bundle size"),
    "flip-cms-first-byte": (lambda p: flip(p.data, p.signed), "Signature data is no valid CMS"),
    "flip-cms-length": (lambda p: flip(p.data, p.signed + 2, 0x40), "Signature data is no valid CMS"),
    "flip-signature": (lambda p: flip(p.data, p.end - 12), UNSIGNED),
    "no-cms-but-zeroes": (lambda p: p.data[: p.signed] + bytes(p.end - 8 - p.signed) + p.data[-8:],
                          "Signature data is no valid CMS"),
}


@pytest.mark.parametrize("verb", ["install", "info", "extract"])
@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("name", DAMAGE)
def test_damage(device, maker, tmp_path, name, fmt, verb):
    change, reason = DAMAGE[name]
    bundle = bundles.copy_of(maker.simple(fmt=fmt), tmp_path / "bad.raucb", lambda data: change(Parts.of(data)))
    before = Before.of(device)
    result = device.call(verb, bundle, *([tmp_path / "out"] if verb == "extract" else []))
    refuse(device, result, reason, before)
    assert bundle.read_bytes() == change(Parts.of(maker.simple(fmt=fmt).read_bytes())), "the bundle was changed"


# A flipped bit where only reading finds it. verity: `info` does not read the payload, and what lies in the
# data of the image is found while it is written; plain: the signature covers all of it.
FLIPS = {
    "superblock": (lambda p: 10, False),
    "image-begin": (lambda p: BLOCK + 100, True),
    "image-middle": (lambda p: p.payload // 2 + 77, True),
    "squashfs-tables": (lambda p: p.payload - BLOCK + 10, False),
    "tree-top": (lambda p: p.payload + 5, False),
    "tree-middle": (lambda p: p.payload + 2 * BLOCK + 20 * 32, True),
    "tree-last": (lambda p: p.signed - BLOCK + 3, False),
}


@pytest.mark.parametrize("verb", ["install", "info", "extract"])
@pytest.mark.parametrize("name,fmt", [(n, f) for n in FLIPS for f in FORMATS if f == "verity" or n[:4] != "tree"])
def test_flip(device, maker, tmp_path, name, fmt, verb):
    place, deep = FLIPS[name]
    good = maker.simple(size=5 * MIB, fmt=fmt)
    assert Parts.of(good.read_bytes()).payload > 300 * BLOCK, "a tree with three leaf blocks"
    bundle = bundles.copy_of(good, tmp_path / "bad.raucb", lambda data: flip(data, place(Parts.of(data))))
    before = Before.of(device)
    result = device.call(verb, bundle, *([tmp_path / "out"] if verb == "extract" else []))
    if verb == "info" and fmt == "verity":
        assert result.code == 0, "the manifest is signed by itself: nothing else is read"
        return
    reason = UNSIGNED if fmt == "plain" else BROKEN
    if verb == "install" and fmt == "verity" and deep:
        break_off(device, result, reason, before)
        install_well(device, good, bundles.image(5 * MIB, 1))
    else:
        refuse(device, result, reason, before)


def test_flip_in_signed_manifest(device, maker, tmp_path):
    def change(data):
        at = data.rindex(b"compatible=Test")
        return flip(data, at + len("compatible=T"))
    bundle = bundles.copy_of(maker.simple(), tmp_path / "bad.raucb", change)
    install_badly(device, bundle, UNSIGNED)


def test_every_trailer_bit(rauc, maker, pki, tmp_path):
    """All 64 bits of the size, by info: it is the first thing a bundle is asked for."""
    data = maker.simple().read_bytes()
    bundle = tmp_path / "bad.raucb"
    for bit in range(64):
        bundle.write_bytes(flip(data, len(data) - 8 + bit // 8, 1 << bit % 8))
        assert_one_line(devices.run(rauc, "info", "--keyring", pki.ring, bundle), NO_BUNDLE)


# --- Well signed, but wrong ---------------------------------------------------

def text(images="", bundle="format=verity\n", update="compatible=Test\nversion=1\n", more=""):
    return f"[update]\n{update}\n[bundle]\n{bundle}\n{images}{more}"


def rootfs(filename="rootfs.img", sha256=bundles.sha256(IMAGE), size=len(IMAGE), section="image.rootfs", more=""):
    return f"[{section}]\nsha256={sha256}\nsize={size}\nfilename={filename}\n{more}"


GOOD = text(rootfs())
MANIFEST = "Failed to load manifest: "

MANIFESTS = {
    "above-the-bundle": (text(rootfs("../x")), r"'\.\./x'"),
    "deep-above": (text(rootfs("a/../../x")), r"'a/\.\./\.\./x'"),
    "absolute-name": (text(rootfs("/etc/passwd")), "'/etc/passwd'"),
    "name-in-folder": (text(rootfs("folder/x.img")), "'folder/x.img'"),
    "dot-dot": (text(rootfs("..")), r"'\.\.'|type"),
    "handler-above": (text(rootfs(), more="\n[handler]\nfilename=../../bin/sh\n"), r"\.\./\.\./bin/sh"),
    "hook-above": (text(rootfs(more="hooks=pre-install\n"), more="\n[hooks]\nfilename=../x\n"), r"'?\.\./x"),
    "class-above": (text(rootfs(section="image.../../x")), r"x"),
    "unknown-key": (text(rootfs(more="colour=blue\n")), "Invalid key 'colour' in group '\\[image.rootfs\\]'"),
    "unknown-group": (text(rootfs(), more="\n[colours]\nsky=blue\n"), r"Invalid group '\[colours\]'"),
    "no-compatible": (text(rootfs(), update="version=1\n"), "compatible"),
    "no-update": ("[bundle]\nformat=verity\n\n" + rootfs(), "compatible|update"),
    "no-image-file": (text(rootfs("missing.img")), r"Source image 'missing.img' not found in bundle"),
    "image-is-folder": (text(rootfs("folder.img")), r"not a regular file|Source image"),
    "no-class": (text(rootfs(section="image.nothing")), r"No target slot for class 'nothing' of image 'rootfs.img' found"),
    "no-images": (text(), "No installable image found"),
    "other-type": (text(rootfs("rootfs.tar.gz")), r"Unsupported image type 'tar' for slot type 'raw'"),
    "unknown-type": (text(rootfs("rootfs.xyz")), r"unable to map extension of file 'rootfs.xyz' to known image type"),
    "short-digest": (text(rootfs(sha256="abcd")), "sha256.*64"),
    "digest-not-hex": (text(rootfs(sha256="x" * 64)), "sha256"),
    "digest-above": (text(rootfs(sha256="../" * 21 + "x")), "sha256"),
    "no-digest": (text("[image.rootfs]\nfilename=rootfs.img\n"), "sha256"),
    "size-overflow": (text(rootfs(size=2**64)), "size"),
    "size-huge": (text(rootfs(size=2**64 - 1)), "size|bytes"),
    "size-signed": (text(rootfs(size=2**63 - 1)), "size|bytes"),
    "size-negative": (text(rootfs(size=-1)), "size"),
    "size-words": (text(rootfs(size="12 apples")), "size"),
    "size-smaller": (text(rootfs(size=4096)), r"image 'rootfs.img' has 2097152 bytes, but the manifest says 4096"),
    "size-larger": (text(rootfs(size=len(IMAGE) + 1)), "the manifest says 2097153"),
    "format-plain": (GOOD.replace("format=verity", "format=plain"), "plain|verity-hash"),
    "format-unknown": (GOOD.replace("format=verity", "format=pdf"), "Invalid format value 'pdf'"),
    "format-crypt": (GOOD.replace("format=verity", "format=crypt"), "crypt"),
    "garbage": ("\x01\x02 garbage", MANIFEST),
    "empty": ("", MANIFEST),
    "no-utf8": (None, MANIFEST),
    "nul": (GOOD + "\0", MANIFEST),
    "no-line-end": (GOOD.rstrip("\n")[:-20], r"filename|type|Source image|map extension"),
    "control-characters": (GOOD.replace("compatible=Test", "compatible=\x1b[2J\x07Test"), "Compatible mismatch"),
    "other-compatible": (GOOD.replace("=Test", "=Toast"),
                         "Compatible mismatch: Expected 'Test' but bundle manifest has 'Toast'"),
    "newer-rauc": (GOOD.replace("version=1\n", "version=1\nmin-rauc-version=99.0\n"), "newer than current version"),
    "artifact": (text(rootfs(section="image.files/x")), "artifact|repo"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifest(device, maker, name):
    written, reason = MANIFESTS[name]
    files = {"rootfs.img": IMAGE, "rootfs.tar.gz": IMAGE, "rootfs.xyz": IMAGE, "folder.img/x": b"x", "hook.sh": b"#!/bin/sh\n"}
    if written is None:
        written = GOOD.replace("Test", "T\udcffst")
    bundle = forge_text(maker, files, written)
    install_badly(device, bundle, reason)


def forge_text(maker, files, written):
    """verity, with a manifest that may be no text."""
    payload = maker.squashfs(files, GOOD, "gzip")
    folder = maker.place()
    path = folder / "bundle.raucb"
    salt = b"s" * 32
    hashes, root = bundles.tree(payload, salt)
    keys = f"verity-hash={root}\nverity-salt={salt.hex()}\nverity-size={len(hashes)}\n"
    whole = re.sub(r"(format=\w+\n)", r"\1" + keys, written, count=1)
    signature = bundles.cms(whole.encode(errors="surrogateescape"), maker.pki.ec, folder, False)
    path.write_bytes(bundles.assemble(payload + hashes, signature))
    return path


VERITY = {
    "no-hash": ({"verity_hash": None}, "verity-hash"),
    "short-hash": ({"verity_hash": "ab"}, "verity-hash"),
    "long-hash": ({"verity_hash": "ab" * 40}, "verity-hash"),
    "hash-not-hex": ({"verity_hash": "g" * 64}, "verity-hash"),
    "other-hash": ({"verity_hash": "ab" * 32}, BROKEN),
    "no-salt": ({"verity_salt": None}, "verity-salt"),
    "other-salt": ({"verity_salt": "cd" * 32}, BROKEN),
    "short-salt": ({"verity_salt": "cd"}, "verity-salt"),
    "no-size": ({"verity_size": None}, "verity-size"),
    "size-zero": ({"verity_size": 0}, "verity-size"),
    "size-odd": ({"verity_size": 4097}, "verity-size"),
    "size-one-block": ({"verity_size": 4096}, r"verity: a hash tree of 4096 bytes"),
    "size-more": ({"verity_size": 1 << 20}, r"verity: a hash tree of"),
    "size-above-bundle": ({"verity_size": 1 << 40}, r"verity: a hash tree of"),
    "size-wraps": ({"verity_size": 2**64 - 4096}, r"verity"),
    "size-overflow": ({"verity_size": 2**64}, "verity-size"),
    "size-negative": ({"verity_size": -4096}, "verity-size"),
}


@pytest.mark.parametrize("name", VERITY)
def test_verity(device, maker, name):
    change, reason = VERITY[name]
    install_badly(device, maker.simple(**change), reason)


def patched(at, *values):
    """The payload with little-endian numbers in its superblock replaced, (offset, format, value)."""
    def change(payload):
        data = bytearray(payload)
        for where, form, value in (at, *values):
            struct.pack_into("<" + form, data, where, value)
        return bytes(data)
    return change


SQUASHFS = {
    "magic": patched((0, "I", 0x12345678)),
    "version": patched((28, "H", 3)),
    "block-size-zero": patched((12, "I", 0)),
    "block-size-huge": patched((12, "I", 1 << 31)),
    "block-log": patched((22, "H", 60)),
    "compressor": patched((20, "H", 99)),
    "bytes-used-huge": patched((40, "Q", 2**63)),
    "bytes-used-wraps": patched((40, "Q", 2**64 - 1)),
    "id-table": patched((48, "Q", 2**64 - 8)),
    "inode-table": patched((64, "Q", 2**64 - 2)),
    "directory-table": patched((72, "Q", 2**63)),
    "fragment-table": patched((80, "Q", 2**64 - 2)),
    "root-inode": patched((32, "Q", 2**48 - 1)),
    "tables-zeroed": lambda payload: payload[:96] + bytes(len(payload) - 96),
    "inodes-noise": lambda payload: noise(payload, struct.unpack_from("<Q", payload, 64)[0]),
    "folders-noise": lambda payload: noise(payload, struct.unpack_from("<Q", payload, 72)[0]),
    "two-blocks-of-zero": lambda payload: bytes(2 * BLOCK),
}


def noise(payload, at):
    return payload[: at + 2] + bundles.image(64, 5) + payload[at + 66 :]


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("name", SQUASHFS)
def test_squashfs(device, maker, pki, tmp_path, name, fmt):
    """A broken file system that is signed all the same."""
    payload = SQUASHFS[name](maker.squashfs({"rootfs.img": IMAGE}, bundles.manifest({"rootfs.img": IMAGE},
                                            {"rootfs": "rootfs.img"}, fmt), "gzip"))
    bundle = tmp_path / "bad.raucb"
    work = tmp_path / "work"
    work.mkdir()
    bundle.write_bytes(bundles.seal(payload, GOOD, pki.ec, work, fmt))
    install_badly(device, bundle, "squashfs|Source image 'rootfs.img' not found|manifest")


@pytest.mark.parametrize("fmt", FORMATS)
def test_image_digest(device, maker, fmt):
    """Signed, but the image is not the one the manifest means: known only when all of it was read."""
    lie = bundles.manifest({"rootfs.img": IMAGE}, {"rootfs": "rootfs.img"}, fmt).replace(
        bundles.sha256(IMAGE), bundles.sha256(b"something else"))
    bundle = maker.forge({"rootfs.img": IMAGE}, fmt=fmt, text=lie)
    install_badly(device, bundle, f"image digest is {bundles.sha256(IMAGE)}, but the manifest says", touched=True)


# --- Trust --------------------------------------------------------------------

SIGNERS = {
    "wrong-key": ("rogue", {}, UNSIGNED),
    "other-ca": ("rsa", {"path": "ec"}, UNSIGNED + ".*unable to get local issuer certificate"),
    "expired": ("expired", {}, UNSIGNED + ".*certificate has expired"),
    "not-yet-valid": ("future", {}, UNSIGNED + ".*not yet valid"),
    "revoked": ("revoked", {"path": "crl", "check-crl": "true"}, UNSIGNED + ".*certificate revoked"),
    "crl-missing": ("ec", {"check-crl": "true"}, UNSIGNED + ".*unable to get certificate CRL"),
    "purpose": ("codesign", {}, UNSIGNED + ".*certificate purpose"),
    "signer-not-allowed": ("ec", {"allowed-signer-cns": "boss"}, "No signature CN matching allowed-signer-cns found"),
    "no-keyring": ("ec", {"path": None}, "No keyring file or directory provided"),
    "keyring-missing": ("ec", {"path": "/nonexistent/ring.pem"}, "/nonexistent/ring.pem"),
    "keyring-empty": ("ec", {"path": "empty"}, "keyring"),
    "keyring-garbage": ("ec", {"path": "garbage"}, "keyring"),
    "keyring-folder": ("ec", {"path": "/"}, "keyring|folder"),
    "keyring-purpose": ("ec", {"check-purpose": "gardening"}, "failed to configure X509 purpose 'gardening'"),
}


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("name", SIGNERS)
def test_signer(device, maker, pki, tmp_path, name, fmt):
    who, keys, reason = SIGNERS[name]
    (tmp_path / "empty.pem").touch()
    (tmp_path / "garbage.pem").write_text("-----BEGIN CERTIFICATE-----\nno no no\n-----END CERTIFICATE-----\n")
    places = {"ec": pki.keyring(pki.ec_ca.cert), "crl": pki.crl_ring, "empty": tmp_path / "empty.pem",
              "garbage": tmp_path / "garbage.pem"}
    keys = {k: places.get(v, v) for k, v in keys.items()}
    bundle = maker.simple(fmt=fmt, signer=getattr(pki, who))
    device.sections["keyring"].update(keys)
    device.write_conf()
    install_badly(device, bundle, reason)


# --- What is not a bundle at all ----------------------------------------------

def a_fifo(path):
    os.mkfifo(path)
    return path


def a_link(path):
    path.symlink_to(path)
    return path


NO_FILES = {
    "missing": (lambda p: p / "none.raucb", r"No such file: .*/none.raucb"),
    "folder": (lambda p: p, "not a regular file"),
    "fifo": (lambda p: a_fifo(p / "pipe"), "not a regular file"),
    "null": (lambda p: "/dev/null", "not a regular file"),
    "zero": (lambda p: "/dev/zero", "not a regular file"),
    "link-to-itself": (lambda p: a_link(p / "loop"), "No such file|Too many levels"),
    "below-a-file": (lambda p: p / "system.conf" / "x", "No such file|Not a directory"),
    "http": (lambda p: "http://localhost:1/x.raucb", r"http://localhost:1/x.raucb|not supported"),
    "https": (lambda p: "https://localhost:1/x.raucb", "not supported|https://localhost:1/x.raucb"),
    "file-with-host": (lambda p: "file://host/x.raucb", "hostname"),
    "unknown-scheme": (lambda p: "gopher://x/y.raucb", "gopher://x/y.raucb"),
    "empty-name": (lambda p: "", "."),
    "very-long-name": (lambda p: "/" + "x" * 300, "No such file|too long"),
    "percent": (lambda p: p / "100%s%n.raucb", r"No such file: .*100%s%n.raucb"),
}


@pytest.mark.parametrize("verb", ["install", "info"])
@pytest.mark.parametrize("name", NO_FILES)
def test_no_file(device, tmp_path, name, verb):
    make, reason = NO_FILES[name]
    argument = make(tmp_path)
    before = Before.of(device)
    refuse(device, device.call(verb, argument, timeout=60), reason, before)


def test_manifest_hash(device, maker):
    install_badly(device, maker.simple(), "Refusing to install bundle with unexpected hash",
                  "--require-manifest-hash", "0" * 64)
    install_badly(device, maker.simple(fmt="plain"), "Refusing to install plain bundle",
                  "--require-manifest-hash", "0" * 64)


VERSIONS = {
    "lower": ("0.9", "Version mismatch: Expected at least '1.0' but bundle manifest has '0.9'"),
    "none": (None, "Version mismatch: Expected at least '1.0' but bundle manifest has no version"),
    "no-semver": ("two", "Failed to parse semantic version"),
}


@pytest.mark.parametrize("name", VERSIONS)
def test_version(device, maker, name):
    version, reason = VERSIONS[name]
    device.change("system", min_bundle_version="1.0")
    line = f"version={version}\n" if version else ""
    bundle = maker.forge({"rootfs.img": IMAGE}, text=GOOD.replace("version=1\n", line))
    install_badly(device, bundle, reason)
    install_well(device, bundle, IMAGE, "--ignore-version-limit")


@pytest.mark.parametrize("allowed,fmt", [("plain", "verity"), ("verity", "plain"), ("crypt", "verity")])
def test_format_not_allowed(device, maker, allowed, fmt):
    device.change("system", bundle_formats=allowed)
    install_badly(device, maker.simple(fmt=fmt), f"Bundle format '{fmt}' not allowed")


# --- The device ---------------------------------------------------------------

CONFIGS = {
    "unknown-key": (lambda d: d.change("system", colour="blue"), r"Invalid key 'colour' in group '\[system\]'"),
    "unknown-group": (lambda d: d.change("colours", sky="blue"), r"Invalid group '\[colours\]'"),
    "unknown-slot-key": (lambda d: d.change("slot.rootfs.1", colour="blue"), r"Invalid key 'colour' in group '\[slot.rootfs.1\]'"),
    "no-compatible": (lambda d: d.change("system", compatible=None), "System compatible string is not set"),
    "no-bootloader": (lambda d: d.change("system", bootloader=None, grubenv=None), "No bootloader selected in system config"),
    "bad-bootloader": (lambda d: d.change("system", bootloader="lilo", grubenv=None), "Unsupported bootloader 'lilo'"),
    "bad-bool": (lambda d: d.change("system", activate_installed="maybe"), "maybe"),
    "no-device": (lambda d: d.change("slot.rootfs.1", device=None), "device"),
    "bad-slot-type": (lambda d: d.change("slot.rootfs.1", type="floppy"), "Unsupported slot type 'floppy'"),
    "same-bootname": (lambda d: d.change("slot.rootfs.1", bootname="A"), "[Bb]ootname"),
    "bad-slot-name": (lambda d: d.change("slot.rootfs", device="/dev/null"), r"slot.rootfs"),
    "bad-parent": (lambda d: d.change("slot.appfs.0", device="/dev/null", parent="rootfs.9"), "rootfs.9"),
    "bad-formats": (lambda d: d.change("system", bundle_formats="tar"), "tar"),
    "bad-version": (lambda d: d.change("system", min_bundle_version="one"), "Min version format invalid|one"),
    "missing": (lambda d: d.conf.unlink(), "No such file or directory"),
    "empty": (lambda d: d.conf.write_text(""), "empty"),
    "binary": (lambda d: d.conf.write_bytes(bytes(range(256))), "system.conf"),
    "folder": (lambda d: (d.conf.unlink(), d.conf.mkdir()), "folder|directory"),
    "huge": (lambda d: d.conf.write_text("#" * (2 << 20)), "system.conf"),
    "no-key": (lambda d: d.conf.write_text("[system]\ncompatible\n"), "line 2|compatible"),
    "not-booted": (lambda d: setattr(d, "cmdline", "rauc.slot=Z"), r"Did not find booted slot \(matching 'Z'\)"),
    "no-root": (lambda d: setattr(d, "cmdline", "quiet"), "Could not find any root device or rauc slot information"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_config(device, maker, name):
    bundle = maker.simple()
    change, reason = CONFIGS[name]
    change(device)
    result = install_badly(device, bundle, reason)
    if name not in ("not-booted", "no-root"):
        assert "system.conf" in result.err, "it names the file"


def test_no_config(rauc, maker, tmp_path):
    if any(pathlib.Path(p, "rauc/system.conf").exists() for p in ("/etc", "/run", "/usr/lib")):
        pytest.skip("this machine has a system.conf of its own")
    result = devices.run(rauc, "install", maker.simple(), cwd=tmp_path,
                         env={"RAUC_TEST_RUNTIME_DIRECTORY": str(tmp_path / "run")})
    assert_one_line(result, r"Failed to load system config \(/etc/rauc/system.conf\): No such file or directory")
    assert not list(tmp_path.iterdir())


TARGETS = {
    "missing": (lambda d: d.path("rootfs.1").unlink(), r"Destination device '.*slot-B' for slot 'rootfs.1' not found"),
    "folder": (lambda d: (d.path("rootfs.1").unlink(), d.path("rootfs.1").mkdir()), "slot-B.*(Is a directory|folder)"),
    "fifo": (lambda d: (d.path("rootfs.1").unlink(), os.mkfifo(d.path("rootfs.1"))), "slot-B"),
    "readonly": (lambda d: d.change("slot.rootfs.1", readonly="true"),
                 "Target slot for class 'rootfs' of image 'rootfs.img' is readonly"),
    "link-nowhere": (lambda d: (d.path("rootfs.1").unlink(), d.path("rootfs.1").symlink_to("/nonexistent")),
                     r"Destination device '.*slot-B' for slot 'rootfs.1' not found"),
    "data-directory-is-file": (lambda d: d.data.write_text("x"), r"saving slot status: .*/data"),
    "status-is-folder": (lambda d: d.status_file.mkdir(parents=True), None),
    "run-is-file": (lambda d: d.run_folder.write_text("x"), r"lock.*/run"),
    "grubenv-is-folder": (lambda d: (d.grubenv.unlink(), d.grubenv.mkdir()), "grubenv"),
    "grubenv-is-huge": (lambda d: d.grubenv.write_bytes(bytes(1 << 20)), "grubenv"),
    "grubenv-nowhere": (lambda d: d.change("system", grubenv="/nonexistent/folder/grubenv"), "/nonexistent/folder/grubenv"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_target(device, maker, name):
    bundle = maker.simple()
    change, reason = TARGETS[name]
    change(device)
    if name == "fifo" or name == "folder":
        del device.slots["rootfs.1"]
    if reason is None:
        device.ok("install", bundle)
        assert device.chosen() == "B"
    else:
        install_badly(device, bundle, reason)


def old_file(tmp_path, name, size):
    path = tmp_path / name
    path.write_bytes(bundles.image(size, 50))
    return path


@pytest.fixture
def loop_device(make_device, loops, tmp_path):
    """A is a file, B a loop device."""
    def make(size=4 * MIB, *args, **keys):
        file_a, file_b = old_file(tmp_path, "file-A", 4 * MIB), old_file(tmp_path, "file-B", size)
        return make_device(slots={"rootfs.0": {"device": file_a, "bootname": "A"},
                                  "rootfs.1": {"device": loops(file_b, *args), "bootname": "B", **keys}})
    return make


def test_image_larger_than_slot(loop_device, maker):
    device = loop_device(MIB)
    for fmt in FORMATS:
        install_badly(device, maker.simple(fmt=fmt),
                      r"rootfs.1.*Slot \(1048576 bytes\) is too small for image \(2097152 bytes\)")


def test_image_one_sector_larger(loop_device, maker):
    device = loop_device(2 * MIB - 512)
    install_badly(device, maker.simple(), r"Slot \(2096640 bytes\) is too small for image \(2097152 bytes\)")


def test_image_fits_exactly(loop_device, maker):
    install_well(loop_device(2 * MIB), maker.simple(), IMAGE)


def test_read_only_device(loop_device, maker):
    device = loop_device(4 * MIB, "-r")
    install_badly(device, maker.simple(), r"/dev/loop\d+ for writing: Read-only file system")


def test_device_set_read_only(loop_device, maker):
    device = loop_device()
    node = device.path("rootfs.1")
    subprocess.run(["blockdev", "--setro", node], check=True)
    try:
        install_badly(device, maker.simple(), r"/dev/loop\d+ for writing: Read-only file system")
    finally:
        subprocess.run(["blockdev", "--setrw", node], check=True)
    install_well(device, maker.simple(), IMAGE)


@pytest.mark.parametrize("slot_is", ["device", "file"])
def test_mounted(make_device, loops, mount, maker, tool, tmp_path, slot_is):
    file_a, file_b = old_file(tmp_path, "file-A", 4 * MIB), old_file(tmp_path, "file-B", 8 * MIB)
    subprocess.run([tool("mkfs.ext4"), "-q", "-F", file_b], check=True)
    node = loops(file_b)
    target = node if slot_is == "device" else file_b
    device = make_device(slots={"rootfs.0": {"device": file_a, "bootname": "A"},
                                "rootfs.1": {"device": target, "bootname": "B"}})
    point = mount(node, "a mount point", "-o", "ro")
    install_badly(device, maker.simple(), rf"Destination device '{target}' already mounted.*{point}")


def test_data_directory_full(device, mount, maker, tmp_path):
    device.data.mkdir()
    mount("tmpfs", "data", "-t", "tmpfs", "-o", "size=8k")
    (device.data / "filler").write_bytes(bytes(4096))
    (device.data / "more").write_bytes(bytes(1))
    before = Before.of(device)
    result = device.install(maker.simple())
    refuse(device, result, r"saving slot status: .*No space left on device", before)
    (device.data / "filler").unlink()
    (device.data / "more").unlink()
    install_well(device, maker.simple(), IMAGE)


def test_data_directory_read_only(device, mount, maker):
    device.data.mkdir()
    mount("tmpfs", "data", "-t", "tmpfs", "-o", "ro")
    install_badly(device, maker.simple(), r"saving slot status: .*Read-only file system")


def test_slot_file_without_room(make_device, mount, maker, tmp_path):
    """A slot that is a file on a full file system: nobody can know before the write."""
    file_a = old_file(tmp_path, "file-A", MIB)
    point = mount("tmpfs", "small", "-t", "tmpfs", "-o", "size=1m")
    (point / "slot-B").write_bytes(b"old")
    device = make_device(slots={"rootfs.0": {"device": file_a, "bootname": "A"},
                                "rootfs.1": {"device": point / "slot-B", "bootname": "B"}})
    install_badly(device, maker.simple(), r"Failed updating slot rootfs.1: .*slot-B.*No space left on device", touched=True)


def test_grubenv_read_only(device, mount, maker, tmp_path):
    folder = tmp_path / "boot"
    folder.mkdir()
    shutil.move(device.grubenv, folder / "grubenv")
    device.grubenv = folder / "grubenv"
    device.change("system", grubenv=device.grubenv)
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        install_badly(device, maker.simple(),
                      r"Failed marking slot rootfs.1 non-bootable \(bad\): grub backend: .*grubenv.*Read-only file system")
    finally:
        subprocess.run(["umount", folder], check=True)
    install_well(device, maker.simple(), IMAGE)


# Damaged memory that must not stand in the way of an update.
DAMAGED_ENV = {
    "missing": lambda env: None,
    "empty": lambda env: b"",
    "zeroes": lambda env: bytes(1024),
    "ones": lambda env: b"\xff" * 1024,
    "cut": lambda env: env[:500],
    "no-header": lambda env: b"x" + env[1:],
    "no-newline": lambda env: env.replace(b"\n", b" ", 3),
    "noise": lambda env: env[:25] + bundles.image(999, 9),
    "long": lambda env: env + b"#" * 1024,
    "full": lambda env: env.rstrip(b"#") + b"filler=" + b"x" * (1024 - len(env.rstrip(b"#")) - 8) + b"\n",
    "crlf": lambda env: env.replace(b"\n", b"\r\n")[:1024],
    "no-order": lambda env: env.replace(b"ORDER=A B\n", b"") + b"#" * 10,
    "twice": lambda env: (env.rstrip(b"#") + b"A_OK=0\n").ljust(1024, b"#"),
}


@pytest.mark.parametrize("name", DAMAGED_ENV)
def test_grubenv_damaged(device, maker, name):
    changed = DAMAGED_ENV[name](device.grubenv.read_bytes())
    if changed is None:
        device.grubenv.unlink()
    else:
        device.grubenv.write_bytes(changed)
    install_well(device, maker.simple(), IMAGE)
    assert device.boot["ORDER"] == "B A" and device.boot["B_OK"] == "1" and device.boot["B_TRY"] == "0"
    assert device.grubenv.stat().st_size % 1024 == 0


DAMAGED_STATUS = {
    "empty": b"",
    "zeroes": bytes(4096),
    "noise": bundles.image(3000, 3),
    "cut": b"[slot.rootfs.1]\nstatus=ok\nsha2",
    "no-group": b"status=ok\n",
    "no-utf8": b"[slot.rootfs.1]\nbundle.version=\xff\xfe\nstatus=ok\n",
    "numbers": b"[slot.rootfs.1]\nstatus=ok\nsize=many\ninstalled.count=99999999999999999999\nactivated.count=-1\n",
    "dates": b"[slot.rootfs.1]\nstatus=ok\ninstalled.timestamp=yesterday\nactivated.timestamp=\n",
    "status-word": b"[slot.rootfs.1]\nstatus=wonderful\nsha256=xyz\n",
    "foreign": b"[notes]\nauthor=someone\n\n[slot.rootfs.7]\nstatus=ok\n",
    "huge": b"#" * (5 << 20),
}


@pytest.mark.parametrize("name", DAMAGED_STATUS)
def test_status_damaged(device, maker, name):
    device.data.mkdir()
    device.status_file.write_bytes(DAMAGED_STATUS[name])
    install_well(device, maker.simple(), IMAGE)
    status = device.status("rootfs.1")
    assert status["sha256"] == bundles.sha256(IMAGE) and status["size"] == str(len(IMAGE))
    assert int(status["installed.count"]) >= 1
    broken = pathlib.Path(str(device.status_file) + ".broken")
    if name in ("zeroes", "noise", "cut", "no-group", "no-utf8"):
        assert broken.read_bytes() == DAMAGED_STATUS[name], "what could not be read is kept"
    if name == "foreign":
        assert "author=someone" in device.status_file.read_text()


# --- Two at once --------------------------------------------------------------

def test_second_install(device, maker):
    """Busy, and the message names who is; looking is allowed."""
    device.run_folder.mkdir()
    with open(device.run_folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        before = Before.of(device)
        for args in (["install", maker.simple()], ["status", "mark-good"], ["status", "mark-bad", "rootfs.1"],
                     ["status", "mark-active", "rootfs.1"]):
            result = devices.run(device.rauc, "--conf", device.conf, *args, env=device.env)
            refuse(device, result, rf"another rauc \(process {os.getpid()}\).*{lock.name}", before)
        for args in (["status"], ["info", maker.simple()]):
            result = devices.run(device.rauc, "--conf", device.conf, *args, env=device.env)
            assert result.code == 0, result.text


# --- Standard streams ---------------------------------------------------------

@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-", ">/dev/full", "2>/dev/full"])
def test_closed_streams(device, maker, closed):
    """Nothing that would have been printed lands in a slot, whatever is closed."""
    before = Before.of(device)
    device.call("install", maker.simple(), wrap=["sh", "-c", f'exec "$@" {closed}', "sh"])
    assert device.content("rootfs.0") == before.slots["rootfs.0"]
    assert device.content("rootfs.1", len(IMAGE)) == IMAGE
    assert device.chosen() == "B"


def test_reader_goes_away(device, maker):
    """`rauc install | head -1` installs all the same."""
    script = '"$@" | head -n 1'
    subprocess.run(["sh", "-c", script, "sh", device.rauc, "--conf", device.conf, "install", maker.simple()], env={**os.environ, **device.env, "ASAN_OPTIONS": devices.ASAN}, check=True,
                   capture_output=True, timeout=60)
    for _ in range(200):
        if device.chosen() == "B":
            break
        time.sleep(0.05)
    assert device.chosen() == "B" and device.content("rootfs.1", len(IMAGE)) == IMAGE


# --- On the host: bundle and extract ------------------------------------------

def content(tmp_path, images=None, **kwargs):
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "rootfs.img").write_bytes(bundles.image(MIB, 4))
    (folder / "manifest.raucm").write_text(bundles.input_manifest(images or {"rootfs": "rootfs.img"}, **kwargs))
    return folder


def rewrite(folder, old, new):
    path = folder / "manifest.raucm"
    path.write_text(path.read_text().replace(old, new))


FAILED = "^Failed to create bundle: .*"
HOST = {
    "output-exists": (lambda c, o: o.write_bytes(b"precious"), FAILED + "already exists"),
    "output-dangles": (lambda c, o: o.symlink_to("/nonexistent/x"), FAILED + "already exists"),
    "no-manifest": (lambda c, o: (c / "manifest.raucm").unlink(), FAILED + "Failed to load manifest: .*No such file"),
    "manifest-empty": (lambda c, o: (c / "manifest.raucm").write_text(""), FAILED + MANIFEST),
    "manifest-garbage": (lambda c, o: (c / "manifest.raucm").write_bytes(bytes(range(256))), FAILED + MANIFEST),
    "manifest-huge": (lambda c, o: (c / "manifest.raucm").write_bytes(b"#" * (8 << 20)), FAILED + "manifest"),
    "manifest-folder": (lambda c, o: ((c / "manifest.raucm").unlink(), (c / "manifest.raucm").mkdir()), FAILED + "manifest"),
    "unknown-key": (lambda c, o: rewrite(c, "filename=", "colour=blue\nfilename="), FAILED + "Invalid key 'colour'"),
    "unknown-format": (lambda c, o: rewrite(c, "format=verity", "format=pdf"), FAILED + "Invalid format value 'pdf'"),
    "digest-given": (lambda c, o: rewrite(c, "filename=", "sha256=" + "a" * 64 + "\nfilename="), FAILED + "sha256"),
    "image-above": (lambda c, o: rewrite(c, "=rootfs.img", "=../secret.img"), FAILED + r"'\.\./secret\.img'"),
    "image-missing": (lambda c, o: rewrite(c, "=rootfs.img", "=other.img"),
                      FAILED + r"image file 'other.img' for slot 'rootfs' does not exist in bundle content dir"),
    "image-is-folder": (lambda c, o: ((c / "rootfs.img").unlink(), (c / "rootfs.img").mkdir()), FAILED + "rootfs.img"),
    "hook-missing": (lambda c, o: rewrite(c, "[image.", "[hooks]\nfilename=hook.sh\n\n[image."),
                     FAILED + "hook file 'hook.sh' does not exist"),
    "link-absolute": (lambda c, o: (c / "x").symlink_to("/etc/passwd"), FAILED + r"absolute symlinks are not supported .*\(x\)"),
    "link-above": (lambda c, o: (c / "x").symlink_to("../secret"), FAILED + r"symlinks containing slashes .*\(x\)"),
    "fifo": (lambda c, o: os.mkfifo(c / "pipe"), FAILED + r"only regular files are supported .*\(pipe\)"),
    "hidden-folder": (lambda c, o: (c / ".git").mkdir(), FAILED + r"hidden directories are not supported .*\(\.git\)"),
    "tiny": (lambda c, o: ((c / "rootfs.img").write_bytes(b"x"),), FAILED + r"must be larger than 4096 bytes"),
}


def snapshot(folder):
    return {str(p.relative_to(folder)): (p.lstat().st_mode, p.read_bytes() if stat.S_ISREG(p.lstat().st_mode) else None)
            for p in folder.rglob("*")}


@pytest.mark.parametrize("name", HOST)
def test_host(rauc, pki, tmp_path, name):
    change, reason = HOST[name]
    folder, out = content(tmp_path), tmp_path / "out.raucb"
    change(folder, out)
    before = snapshot(tmp_path)
    result = devices.run(rauc, "bundle", "--cert", pki.ec.cert, "--key", pki.ec.key, folder, out, timeout=30)
    assert_one_line(result, reason)
    assert snapshot(tmp_path) == before, "something was left behind or changed"


def run_bundle(rauc, tmp_path, *args, out=None, **kwargs):
    folder = tmp_path / "content" if (tmp_path / "content").exists() else content(tmp_path)
    before = snapshot(tmp_path)
    result = devices.run(rauc, "bundle", *args, folder, out or tmp_path / "out.raucb", timeout=30, **kwargs)
    if result.code:
        assert snapshot(tmp_path) == before, "something was left behind or changed"
    return result


KEYS = {
    "missing": (lambda p, t: ("/nonexistent.pem", p.ec.cert), r"/nonexistent.pem.*No such file"),
    "cert-missing": (lambda p, t: (p.ec.key, "/nonexistent.pem"), r"/nonexistent.pem.*No such file"),
    "folder": (lambda p, t: (t, p.ec.cert), r"folder|directory"),
    "swapped": (lambda p, t: (p.ec.cert, p.ec.key), r"(cert|key)\.pem"),
    "mismatch": (lambda p, t: (p.rsa.key, p.ec.cert), r"does not belong to certificate"),
    "garbage": (lambda p, t: (write(t / "key.pem", b"no key\n"), p.ec.cert), r"key\.pem"),
    "empty": (lambda p, t: (write(t / "key.pem", b""), p.ec.cert), r"key\.pem is empty"),
    "no-passphrase": (lambda p, t: (p.encrypted.key, p.ec.cert), r"encrypted.*RAUC_KEY_PASSPHRASE"),
}


def write(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", KEYS)
def test_keys(rauc, pki, tmp_path, name):
    make, reason = KEYS[name]
    key, cert = make(pki, tmp_path)
    assert_one_line(run_bundle(rauc, tmp_path, "--key", key, "--cert", cert), reason)


def test_passphrase(rauc, pki, tmp_path):
    keys = ["--key", pki.encrypted.key, "--cert", pki.encrypted.cert]
    wrong = run_bundle(rauc, tmp_path, *keys, env={"RAUC_KEY_PASSPHRASE": "guess"})
    assert_one_line(wrong, "passphrase")
    assert "guess" not in wrong.err and "secret" not in wrong.err
    assert run_bundle(rauc, tmp_path, *keys, env={"RAUC_KEY_PASSPHRASE": "secret"}).code == 0
    assert_one_line(run_bundle(rauc, tmp_path), "already exists|Cert and key files must be provided")


def test_host_paths(rauc, pki, tmp_path):
    keys = ["--key", pki.ec.key, "--cert", pki.ec.cert]
    folder = content(tmp_path)
    for out, reason in ((folder / "out.raucb", "Bundle path must be located outside input directory!"),
                        (folder / ".." / "content" / "x.raucb", "Bundle path must be located outside input directory!"),
                        (tmp_path / "none" / "out.raucb", r"none.*No such file"),
                        (tmp_path / "content.raucb" / "x", r"No such file")):
        assert_one_line(run_bundle(rauc, tmp_path, *keys, out=out), reason)
    missing = devices.run(rauc, "bundle", *keys, tmp_path / "nothing", tmp_path / "out.raucb")
    assert_one_line(missing, "Input path must point to a directory!")
    beside = run_bundle(rauc, tmp_path, *keys, out=tmp_path / "content-2.raucb")
    assert beside.code == 0, "a name that only begins like the input folder is outside of it"


def test_host_disk_full(rauc, pki, mount, tmp_path):
    point = mount("tmpfs", "small", "-t", "tmpfs", "-o", "size=64k")
    result = run_bundle(rauc, tmp_path, "--key", pki.ec.key, "--cert", pki.ec.cert, out=point / "out.raucb")
    assert result.code == 1, result.text
    assert re.search("Failed to create bundle: .*(space|mksquashfs)", result.err), result.text
    assert not list(point.iterdir()), "a half bundle stayed"


EXTRACT = {
    "output-exists": (lambda t: (t / "out").mkdir(), "output directory '.*/out' exists already"),
    "output-is-file": (lambda t: (t / "out").write_text("precious"), "exists already"),
    "output-dangles": (lambda t: (t / "out").symlink_to("/nonexistent/x"), "."),
}


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("name", EXTRACT)
def test_extract(rauc, maker, pki, tmp_path, name, fmt):
    change, reason = EXTRACT[name]
    change(tmp_path)
    before = snapshot(tmp_path)
    result = devices.run(rauc, "extract", "--keyring", pki.ring, maker.simple(fmt=fmt), tmp_path / "out")
    assert_one_line(result, "^Failed to extract bundle: .*" + reason)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("fmt", FORMATS)
def test_extract_disk_full(rauc, maker, pki, mount, tmp_path, fmt):
    point = mount("tmpfs", "small", "-t", "tmpfs", "-o", "size=64k")
    result = devices.run(rauc, "extract", "--keyring", pki.ring, maker.simple(fmt=fmt), point / "out")
    assert_one_line(result, "^Failed to extract bundle: .*No space left on device")
    assert not list(point.iterdir()), "half a folder stayed"


def test_extract_nowhere(rauc, maker, pki, tmp_path):
    result = devices.run(rauc, "extract", "--keyring", pki.ring, maker.simple(), tmp_path / "a" / "b")
    assert_one_line(result, "^Failed to extract bundle: .*/a/b.*No such file")
