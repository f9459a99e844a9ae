# SPDX-License-Identifier: MIT
"""rauc bundle --from: what it says of two images is what a count of their chunks says."""

import hashlib
import random
import re

import pytest

import device as devices
from bundles import BLOCK, MIB

MANIFEST = "[update]\ncompatible=Test\nversion={version}\n\n[bundle]\nformat={fmt}\n\n[image.rootfs]\nfilename=a.img\n{more}"
INDEX = "adaptive=block-hash-index\n"


def chunks(data):
    return [hashlib.sha256(data[at:at + BLOCK]).digest() for at in range(0, len(data), BLOCK)]


def old_image():
    """Random, with a hole."""
    data = bytearray(random.Random(1).randbytes(6 * MIB))
    data[MIB:2 * MIB] = bytes(MIB)
    return bytes(data)


def new_image():
    """Some chunks new, one of them three times, a hole more, and 400 KiB moved by three chunks."""
    chance, data = random.Random(2), bytearray(old_image())
    for at in (0, 77, 1000, 1001):
        data[at * BLOCK:(at + 1) * BLOCK] = chance.randbytes(BLOCK)
    data[900 * BLOCK:902 * BLOCK] = data[:BLOCK] * 2
    data[800 * BLOCK:810 * BLOCK] = bytes(10 * BLOCK)
    data[600 * BLOCK:700 * BLOCK] = data[603 * BLOCK:703 * BLOCK]
    return bytes(data)


@pytest.fixture
def bundle(rauc, pki, tmp_path):
    """bundle(name, image, *options): what `rauc bundle` said, and the file."""
    def make(name, image, *options, more=INDEX, fmt="verity"):
        content = tmp_path / f"{name}.content"
        content.mkdir()
        (content / "a.img").write_bytes(image)
        (content / "manifest.raucm").write_text(MANIFEST.format(version=name, fmt=fmt, more=more))
        out = tmp_path / f"{name}.raucb"
        return devices.run(rauc, "bundle", "--cert", pki.ec.cert, "--key", pki.ec.key, *options, content, out), out
    return make


def predictions(done):
    """Each line for programs, as a dict."""
    lines = [line for line in done.out.splitlines() if line.startswith("prediction ")]
    found = []
    for line in lines:
        rest, _, base = line.partition(" base=")
        words = dict(word.split("=") for word in rest.split()[1:])
        found.append({"image": words.pop("image"), "base": base, **{key: int(value) for key, value in words.items()}})
    return found


def check(told, old, new, out):
    had, wanted = chunks(old), chunks(new)
    zero = hashlib.sha256(bytes(BLOCK)).digest()
    missing = {digest for digest in wanted if digest != zero and digest not in had}
    assert told["size"] == len(new) == sum(told[key] for key in ("reused", "zero", "repeated", "missing"))
    assert told["zero"] == wanted.count(zero) * BLOCK
    assert told["missing"] == len(missing) * BLOCK
    assert told["repeated"] == sum(digest in missing for digest in wanted) * BLOCK - told["missing"]
    assert told["writes"] == sum(a != b for a, b in zip(wanted, had)) * BLOCK
    assert told["bundle"] == out.stat().st_size
    assert told["download"] == sum(told[key] for key in ("tables", "index", "blocks", "tree", "signature"))
    assert told["missing"] <= told["blocks"] < told["bundle"], "whole squashfs blocks"
    assert len(new) // 128 <= told["index"] + 2 * BLOCK


def test_prediction(bundle):
    """Against a bundle with an index and one without; one line for people and one for programs each."""
    old, new = old_image(), new_image()
    _, with_index = bundle("1.0", old)
    _, without = bundle("0.9", old, more="", fmt="plain")
    done, out = bundle("2.0", new, "--from", with_index, f"--from={without}")
    assert done.code == 0, done.text
    first, second = predictions(done)
    check(first, old, new, out)
    assert (first["base"], second["base"]) == (str(with_index), str(without))
    assert {**first, "base": ""} == {**second, "base": ""}, "the index that is computed is the one there would have been"
    assert re.search(r"A device that has '.*/1\.0\.raucb' \(version 1\.0\) will need:\n  rootfs: download [\d.]+ MiB of [\d.]+ MiB", done.out)


def test_the_same_again(bundle):
    old = old_image()
    _, before = bundle("1.0", old)
    done, out = bundle("1.1", old, "--from", before)
    told, = predictions(done)
    check(told, old, old, out)
    assert (told["missing"], told["blocks"], told["writes"]) == (0, 0, 0)


def test_without_index(bundle):
    _, before = bundle("1.0", old_image())
    done, _ = bundle("1.1", new_image(), "--from", before, more="")
    assert done.code == 0 and not predictions(done)
    assert "will need all of it: no image has adaptive=block-hash-index" in done.out


REFUSED = {"missing": (lambda p: p / "none.raucb", "verity", "none.raucb"),
           "no-bundle": (lambda p: p / "text", "verity", "Invalid bundle format"),
           "plain": (lambda p: p / "1.0.raucb", "plain", "a plain bundle is fetched whole")}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(bundle, tmp_path, case):
    """Before anything is made."""
    path, fmt, message = REFUSED[case]
    (tmp_path / "text").write_text("no bundle\n" * 1000)
    bundle("1.0", old_image())
    done, out = bundle("2.0", new_image(), "--from", path(tmp_path), fmt=fmt)
    assert done.code == 1 and "--from" in done.err and message in done.err, done.text
    assert not out.exists()
