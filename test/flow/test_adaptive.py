# SPDX-License-Identifier: MIT
"""adaptive=block-hash-index: what the device has already is neither fetched nor written, whatever its slots and indexes are worth."""

import hashlib
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import time

import pytest

import bundles
import device as devices
import webserver
from bundles import BLOCK, MIB

SIZE = 24 * MIB + 3 * BLOCK
FRAME = 300 * 1024  # signature, tables, and what comes with them
PACKED = 128 * 1024  # a squashfs block: what one changed chunk costs at most


def base(seed=1):
    """Nothing in it compresses, so that bytes can be compared; some of it are zeroes."""
    data = bytearray(random.Random(seed).randbytes(SIZE))
    data[5 * MIB:6 * MIB] = bytes(MIB)
    return bytes(data)


def changed(data, n, seed=2):
    """The same with n chunks changed."""
    data, chance = bytearray(data), random.Random(seed)
    for chunk in chance.sample(range(SIZE // BLOCK), n):
        data[chunk * BLOCK + 100:chunk * BLOCK + 108] = chance.randbytes(8)
    return bytes(data)


def index(data):
    return b"".join(hashlib.sha256(data[at:at + BLOCK]).digest() for at in range(0, len(data), BLOCK))


OLD, SAME = base(), base()
NEW = changed(OLD, 12)
MOVED = OLD[:MIB] + random.Random(9).randbytes(BLOCK) + OLD[MIB:-BLOCK]  # everything one chunk further on
OTHER = base(3)


def text(data, adaptive="block-hash-index;", version="1"):
    return (f"[update]\ncompatible=Test\nversion={version}\n\n[bundle]\nformat=verity\n\n[image.rootfs]\n"
            f"sha256={bundles.sha256(data)}\nsize={len(data)}\nfilename=rootfs.img\nadaptive={adaptive}\n")


@pytest.fixture(scope="module")
def forge(maker):
    """forge(data): a bundle with the index of data, or the one that is given; None: without."""
    def make(data, said="its own", adaptive="block-hash-index;"):
        files = {"rootfs.img": data}
        said = index(data) if said == "its own" else said
        if said is not None:
            files["rootfs.img.block-hash-index"] = said
        return maker.forge(files, text=text(data, adaptive))
    return make


@pytest.fixture(scope="module")
def site(public, forge):
    folder = public("site")
    for name, data in (("old", OLD), ("new", NEW), ("moved", MOVED), ("other", OTHER)):
        shutil.copy(forge(data), folder / f"{name}.raucb")
    for path in folder.iterdir():
        path.chmod(0o644)
    return folder


@pytest.fixture
def server(site, public, fetcher):
    made = webserver.Nginx(public("nginx"), site).start()
    yield made
    made.stop()


class Adaptive:
    """A device that installs from a server, and what that cost."""

    def __init__(self, device, server):
        self.device, self.server = device, server

    def install(self, where, data):
        self.server.forget()
        result = devices.run(self.device.rauc, "--conf", self.device.conf, "install", f"{self.server.url}/{where}.raucb",
                             env={**self.device.env, "G_MESSAGES_DEBUG": "rauc"})
        assert result.code == 0, result.text
        self.expect(data)
        time.sleep(0.05)  # nginx writes its log when all is sent
        return sum(a.sent for a in self.server.asked()), result

    def expect(self, data):
        assert self.device.content(self.target, SIZE) == data
        assert self.device.status(self.target)["sha256"] == bundles.sha256(data)
        assert self.kept(self.target) == {f"hash-{bundles.sha256(data)}": index(data)}

    @property
    def target(self):
        return "rootfs.1" if "rauc.slot=A" in self.device.cmdline else "rootfs.0"

    def boot(self, name):
        self.device.cmdline = f"rauc.slot={name}"

    def kept(self, slot):
        folder = self.device.data / f"slot.{slot}"
        found = {}
        for path in folder.glob("hash-*"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
            found[path.name] = (path / "block-hash-index").read_bytes()
        return found


@pytest.fixture
def adaptive(device, server):
    for name in ("rootfs.0", "rootfs.1"):
        device.path(name).write_bytes(bytes(SIZE))
    return Adaptive(device, server)


def written(result):
    """What the slot got, from the log."""
    words = next(line for line in result.err.splitlines() if "bytes written" in line).split(" bytes written")
    return int(words[0].split()[-1])


def test_local(device, forge):
    """Without a server too: the second time nothing is written."""
    device.path("rootfs.1").write_bytes(OTHER)
    for n in (1, 2):
        result = device.ok("install", forge(NEW), env={"G_MESSAGES_DEBUG": "rauc"})
        assert device.content("rootfs.1", SIZE) == NEW
        assert (written(result) == 0) == (n == 2), result.text
    kept = device.data / "slot.rootfs.1" / f"hash-{bundles.sha256(NEW)}"
    assert [p.name for p in kept.parent.glob("hash-*")] == [kept.name]
    assert (kept / "block-hash-index").read_bytes() == index(NEW)


def test_same_again(adaptive):
    adaptive.install("old", OLD)
    fetched, result = adaptive.install("old", OLD)
    assert fetched < FRAME
    assert written(result) == 0, result.text


def test_booted_has_it(adaptive):
    """Both slots get the same: the second one from the first, index included."""
    adaptive.install("old", OLD)
    adaptive.boot("B")
    fetched, result = adaptive.install("old", OLD)
    assert fetched < FRAME
    assert written(result) <= SIZE


def test_small_change(adaptive):
    adaptive.install("old", OLD)
    adaptive.boot("B")
    fetched, _ = adaptive.install("new", NEW)
    assert fetched < FRAME + SIZE // 128 + 12 * 2 * PACKED
    adaptive.boot("A")
    fetched, result = adaptive.install("new", NEW)  # over OLD; A has it
    assert fetched < FRAME
    assert written(result) == 12 * BLOCK, result.text
    assert re.search(r"fetched .*, reused 25\.2 MB \(slot rootfs\.1 25\.1 MB, slot rootfs\.0 49\.2 kB\)", result.out + result.err), result.text


def test_moved(adaptive):
    """Nothing is at its place, and almost nothing is fetched."""
    adaptive.install("old", OLD)
    adaptive.boot("B")
    fetched, _ = adaptive.install("moved", MOVED)
    assert fetched < FRAME + SIZE // 128 + 4 * PACKED


def test_first_of_all(adaptive):
    """Neither status nor index: what runs is indexed, and then it is used."""
    device = adaptive.device
    device.path("rootfs.0").write_bytes(OLD + random.Random(4).randbytes(BLOCK))
    fetched, result = adaptive.install("new", NEW)
    assert f"Building new hash index for rootfs.0 with {SIZE // BLOCK + 1} chunks" in result.err
    assert "Building new hash index for rootfs.1 with" in result.err
    assert fetched < FRAME + SIZE // 128 + 12 * 2 * PACKED
    fetched, result = adaptive.install("other", OTHER)
    assert "Building" not in result.err, "it was kept"


def test_from_the_factory(adaptive):
    """As image/build leaves it: status and index of the slot that is filled, index of the empty one. The first update is small."""
    device = adaptive.device
    device.path("rootfs.0").write_bytes(OLD)
    kept = {"rootfs.0": (f"hash-{bundles.sha256(OLD)}", OLD), "rootfs.1": ("hash-unknown", bytes(SIZE))}
    for slot, (name, data) in kept.items():
        folder = device.data / f"slot.{slot}" / name
        folder.mkdir(parents=True)
        (folder / "block-hash-index").write_bytes(index(data))
    device.status_file.write_text(f"[slot.rootfs.0]\nstatus=ok\nsha256={bundles.sha256(OLD)}\nsize={SIZE}\n")
    fetched, result = adaptive.install("new", NEW)
    assert "Building" not in result.err
    assert fetched < FRAME + SIZE // 128 + 12 * 2 * PACKED
    assert device.status("rootfs.0")["sha256"] == bundles.sha256(OLD)


def test_content_is_not_what_the_index_says(adaptive):
    adaptive.install("old", OLD)
    adaptive.boot("B")
    adaptive.install("new", NEW)
    # somebody wrote to both slots
    adaptive.device.path("rootfs.1").write_bytes(changed(OLD, 8, 5))
    adaptive.device.path("rootfs.0").write_bytes(changed(NEW, 8, 6))
    fetched, _ = adaptive.install("new", NEW)
    assert fetched < FRAME + 16 * 2 * PACKED
    adaptive.device.path("rootfs.1").write_bytes(OTHER)
    adaptive.device.path("rootfs.0").write_bytes(OTHER)
    fetched, _ = adaptive.install("new", NEW)
    assert SIZE - MIB <= fetched < SIZE * 1.1 + FRAME


BAD_INDEXES = {
    "garbage": lambda data: random.Random(7).randbytes(len(data)),
    "short": lambda data: data[: len(data) // 2 // 32 * 32],
    "cut": lambda data: data[: len(data) // 2 + 5],
    "empty": lambda data: b"",
    "of-another": lambda data: index(OTHER),
    "one-digest": lambda data: data[:32] * (len(data) // 32),
    "long": lambda data: data + data,
}


@pytest.mark.parametrize("kind", BAD_INDEXES)
@pytest.mark.parametrize("same", [True, False])
def test_kept_indexes_are_bad(adaptive, kind, same):
    """The image is right all the same, and so is what is kept the next time."""
    adaptive.install("old", OLD)
    adaptive.boot("B")
    adaptive.install("new", NEW)
    for slot, data in (("rootfs.0", NEW), ("rootfs.1", OLD)):
        path = adaptive.device.data / f"slot.{slot}" / f"hash-{bundles.sha256(data)}" / "block-hash-index"
        path.write_bytes(BAD_INDEXES[kind](path.read_bytes()))
    data = NEW if same else OTHER
    adaptive.device.ok("install", f"{adaptive.server.url}/{'new' if same else 'other'}.raucb")
    assert adaptive.device.content("rootfs.0", SIZE) == data
    kept = adaptive.kept("rootfs.0")
    assert kept in ({}, {f"hash-{bundles.sha256(data)}": index(data)})
    adaptive.install("other", OTHER)
    fetched, result = adaptive.install("other", OTHER)
    assert fetched < FRAME and written(result) == 0


def adaptive_error(result):
    return [line for line in result.err.splitlines() if "Continuing after adaptive mode error: " in line]


BAD_BUNDLES = {
    "none": (None, "rootfs.img.block-hash-index"),
    "short": (index(NEW)[:-32], "block hash index of "),
    "empty": (b"", "block hash index of 0 bytes"),
    "of-what-the-slot-has": (index(OLD), "image digest is "),
}


@pytest.mark.parametrize("kind", BAD_BUNDLES)
def test_index_in_the_bundle_is_bad(device, forge, kind):
    device.path("rootfs.1").write_bytes(OTHER)
    device.ok("install", forge(OLD))
    said, why = BAD_BUNDLES[kind]
    result = device.ok("install", forge(NEW, said))
    assert len(adaptive_error(result)) == 1 and why in adaptive_error(result)[0], result.text
    assert device.content("rootfs.1", SIZE) == NEW
    assert not list((device.data / "slot.rootfs.1").glob("hash-*"))
    device.ok("install", forge(OLD))
    assert device.content("rootfs.1", SIZE) == OLD


def test_useless_index_is_not_kept(device, forge):
    device.path("rootfs.1").write_bytes(bytes(SIZE))
    result = device.ok("install", forge(NEW, index(OTHER)))
    assert device.content("rootfs.1", SIZE) == NEW
    assert "is that of another image" in result.err
    assert not list((device.data / "slot.rootfs.1").glob("hash-*"))


def test_no_data_directory(device, forge):
    device.change("system", data_directory=None)
    device.path("rootfs.1").write_bytes(OLD)
    result = device.ok("install", forge(NEW))
    assert "Ignoring adaptive method since 'data-directory' is not configured" in result.err
    assert device.content("rootfs.1", SIZE) == NEW


def test_unknown_method(device, forge):
    result = device.ok("install", forge(NEW, adaptive="adaptive-test-method;"))
    assert "adaptive-test-method" in result.err
    assert device.content("rootfs.1", SIZE) == NEW


def test_data_directory_is_full(device, forge, mount, tmp_path):
    """No room for the index: one line, and the image."""
    device.data.mkdir()
    mount("none", "data", "-t", "tmpfs", "-o", "size=1200k,mode=700")
    result = device.ok("install", forge(NEW))
    assert len(adaptive_error(result)) == 1 and "no space in" in result.err, result.text
    assert device.content("rootfs.1", SIZE) == NEW


def test_without_adaptive_nothing_old_is_kept(device, forge, maker):
    device.ok("install", forge(OLD))
    device.ok("install", maker.forge({"rootfs.img": NEW}, {"rootfs": "rootfs.img"}))
    assert not list((device.data / "slot.rootfs.1").glob("hash-*"))


def test_verify_is_off(device, forge):
    device.change("system", verify_written="false")
    device.path("rootfs.1").write_bytes(OLD)
    for data in (OLD, NEW, NEW):
        device.ok("install", forge(data))
        assert device.content("rootfs.1", SIZE) == data


@pytest.mark.parametrize("round", range(6))
def test_killed(adaptive, note, round):
    """At a random moment, and again: what was written is not fetched again, and the end is right."""
    seed = os.environ.get("RAUC_SEED") or f"{random.SystemRandom().getrandbits(64):016x}"
    note(f"test_adaptive killed {round}: RAUC_SEED={seed}")
    chance, device = random.Random(f"{seed} {round}"), adaptive.device
    adaptive.install("old", OLD)
    adaptive.boot("B")
    for kill in range(2):
        process = subprocess.Popen([device.rauc, "--conf", device.conf, "install", f"{adaptive.server.url}/other.raucb"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                   start_new_session=True,
                                   env={**os.environ, **device.env, "ASAN_OPTIONS": devices.ASAN})
        time.sleep(chance.uniform(0.02, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert device.content("rootfs.1", SIZE) == OLD
    has = device.content("rootfs.0", SIZE)
    there = sum(has[at:at + BLOCK] == OTHER[at:at + BLOCK] for at in range(0, SIZE, BLOCK)) * BLOCK
    finished = device.status("rootfs.0").get("status") == "ok"
    fetched, _ = adaptive.install("other", OTHER)
    assert fetched < SIZE * 1.005 - there + FRAME + SIZE // 128 + MIB, (there, finished)
