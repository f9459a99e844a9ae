# SPDX-License-Identifier: MIT
"""An installation that was cut short goes on: what the slot has is read and compared, not fetched again."""

import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

import device as devices
import webserver
from bundles import MIB
from bus import wait_until
from conftest import OLD, fetchers
from strikes import ASAN_TRACED

SIZE = 40 * MIB + 8192
STEP = 8 * MIB  # between two flushes
AGAIN = 16 * MIB  # what may be fetched although the slot has it
REST = MIB  # signature, hash tree, tables; and a first piece


@pytest.fixture(scope="module")
def image():
    return random.Random(77).randbytes(SIZE)


@pytest.fixture(scope="module")
def folder(public, maker, image):
    """What the server has: an image that does not compress, so that bytes are comparable; and another one."""
    folder = public("site")
    other = image[: SIZE // 2] + random.Random(78).randbytes(SIZE - SIZE // 2)
    for name, content in (("good", image), ("other", other)):
        shutil.copy(maker.forge({"rootfs.img": content}, {"rootfs": "rootfs.img"}), folder / f"{name}.raucb")
    for path in folder.iterdir():
        path.chmod(0o644)
    return folder


@pytest.fixture
def server(folder, public, fetcher):
    made = []

    def make(**kwargs):
        made.append(webserver.Nginx(public("nginx"), folder, **kwargs).start())
        return made[-1]
    yield make
    for each in made:
        each.stop()


class Cut:
    """A device that is killed while it installs, and then is not."""

    def __init__(self, device, server, fetcher, image):
        self.device, self.server, self.fetcher, self.image = device, server, fetcher, image

    def reset(self):
        device = self.device
        device.cmdline = "rauc.slot=A"
        device.reset_boot()
        shutil.rmtree(device.data, ignore_errors=True)
        shutil.rmtree(device.run_folder, ignore_errors=True)
        device.path("rootfs.1").write_bytes(OLD)

    def start(self, name="good"):
        return subprocess.Popen([self.device.rauc, "--conf", self.device.conf, "install", f"{self.server.url}/{name}.raucb"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                start_new_session=True, env={**os.environ, **self.device.env, "ASAN_OPTIONS": devices.ASAN})

    @property
    def written(self):
        """How much of the image the slot has, from its beginning; in MiB, since zeroes and chance may agree with it."""
        has = self.device.content("rootfs.1", SIZE)
        n = 0
        while has[n * MIB:(n + 1) * MIB] == self.image[n * MIB:(n + 1) * MIB] and n * MIB < SIZE:
            n += 1
        return min(n * MIB, SIZE)

    @property
    def known(self):
        path = self.device.data / "slot.rootfs.1" / "write-journal"
        return min((path.stat().st_size - 128) // 32 * MIB, SIZE) if path.exists() else 0

    def fetched(self, what):
        """Whatever was fetched by the one installation that goes through."""
        self.server.forget()
        result = devices.run(self.device.rauc, "--conf", self.device.conf, "install", f"{self.server.url}/good.raucb",
                             env=self.device.env)
        assert result.code == 0, f"{what}\n{result.text}"
        assert self.device.content("rootfs.1", SIZE) == self.image, what
        assert self.device.chosen() == "B" and self.device.status("rootfs.1")["status"] == "ok", what
        self.server.settle()
        return sum(a.sent for a in self.server.asked())

    def check(self, what):
        """Nothing boots that is not whole; what is there is not fetched again."""
        assert self.device.content("rootfs.0") == OLD and self.device.chosen() == "A", what
        written, known = self.written, self.known
        assert known <= written, f"{what}: the journal says {known}, the slot has {written}"
        fetched = self.fetched(what)
        assert fetched <= SIZE - written + AGAIN + REST, f"{what}: {written} written, {known} known, {fetched} fetched"
        assert fetched <= SIZE - known + REST, f"{what}: {known} known, {fetched} fetched"
        return written, known, fetched


@pytest.fixture
def cut(device, server, fetcher, image):
    cut = Cut(device, server(), fetcher, image)
    cut.reset()
    return cut


def seed_of(note, name):
    seed = os.environ.get("RAUC_SEED") or f"{random.SystemRandom().getrandbits(64):016x}"
    note(f"{name}: RAUC_SEED={seed}")
    return seed


def length_of(cut):
    lengths = []
    for _ in range(2):
        cut.reset()
        begin = time.monotonic()
        assert cut.start().wait(60) == 0
        lengths.append(time.monotonic() - begin)
    return min(lengths)


def kill_all(cut, process):
    os.killpg(process.pid, signal.SIGKILL)


def kill_fetcher(cut, _):
    for pid in fetchers(cut.fetcher):
        os.kill(pid, signal.SIGKILL)


def fewer(rauc, runs):
    """The build with sanitizers is slow, and looks for other things."""
    return runs // 5 if "dev" in str(rauc) else runs


@pytest.mark.parametrize("kill,runs", [(kill_all, 50), (kill_fetcher, 30)], ids=["all", "fetcher"])
def test_killed_at_random(cut, kill, runs, note, rauc):
    """One to three kills, one after the other, and then the end."""
    runs = fewer(rauc, runs)
    seed = seed_of(note, f"test_killed_at_random[{kill.__name__}]")
    chance, length = random.Random(seed), length_of(cut)
    saved = hits = again = survived = 0
    for n in range(runs):
        what = f"RAUC_SEED={seed} run {n}"
        cut.reset()
        for _ in range(chance.randint(1, 3)):
            cut.server.forget()
            process = cut.start()
            time.sleep(chance.uniform(length / 5, length))
            kill(cut, process)
            if process.wait(60) == 0:
                break
        if cut.device.chosen() == "B":  # it was not to be stopped: too late, or it started another fetcher
            assert cut.device.content("rootfs.1", SIZE) == cut.image, what
            survived += 1
            cut.server.settle()
            sent = sum(a.sent for a in cut.server.asked())
            assert sent <= SIZE + AGAIN + REST, f"{what}: {sent} sent"
            again = max(again, sent - SIZE)
            continue
        written, known, fetched = cut.check(what)
        hits, saved, again = hits + (written > 0), saved + known, max(again, fetched - (SIZE - written))
    note(f"{runs} runs: {survived} went through, {hits} met a slot in part; {saved / MIB:.0f} MiB were known and not fetched again; "
         f"fetched although it was there: at most {again / MIB:.1f} MiB")


def test_service_killed_at_random(cut, bus, start, note, rauc):
    """The service is killed; the client says so; the next service goes on."""
    seed = seed_of(note, "test_service_killed_at_random")
    chance, length = random.Random(seed), length_of(cut)
    for n in range(fewer(rauc, 20)):
        what = f"RAUC_SEED={seed} run {n}"
        cut.reset()
        service = start()
        client = subprocess.Popen([cut.device.rauc, "install", f"{cut.server.url}/good.raucb"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env={**os.environ, **cut.device.env, **bus.env})
        time.sleep(chance.uniform(length / 5, length))
        service.end(signal.SIGKILL)
        client.wait(30)
        if cut.device.chosen() == "A":
            cut.check(what)


def install_until(cut, n):
    """Killed when the journal knows n bytes."""
    slow = cut.start()
    try:
        wait_until(lambda: cut.known >= n, 30)
    finally:
        os.killpg(slow.pid, signal.SIGKILL)
        slow.wait()


@pytest.fixture
def half(cut, server):
    """Half of it is there: killed by a slow link."""
    fast, cut.server = cut.server, server(extra="limit_rate 24m;")
    install_until(cut, 2 * STEP)
    cut.server = fast
    assert 2 * STEP <= cut.known <= cut.written < SIZE
    return cut


def test_goes_on(half, note):
    written, known, fetched = half.check("half")
    note(f"test_goes_on: {written} written, {known} known, {fetched} fetched of {SIZE}")


def damage(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def test_never_trusts_the_slot(half):
    """A bit that has changed since: that MiB is fetched again, and nothing else."""
    damage(half.device.path("rootfs.1"), 3 * MIB + 17)
    known = half.known
    assert SIZE - known + MIB <= half.fetched("damaged") <= SIZE - known + MIB + 2 * REST


def test_never_trusts_the_journal(half):
    damage(half.device.data / "slot.rootfs.1" / "write-journal", 128 + 32 * 5 + 3)
    half.fetched("damaged digest")
    assert half.fetched("and it was mended") <= REST


def test_read_back_meanwhile(cut, server, tool, tmp_path):
    """Most of it has been read from the medium before the last byte was written to it."""
    if subprocess.run([tool("strace"), "-o", "/dev/null", "true"], capture_output=True).returncode:
        pytest.skip("strace may not trace here")
    try:
        os.close(os.open(cut.device.path("rootfs.1"), os.O_RDONLY | os.O_DIRECT))
    except OSError:
        pytest.skip("this file system has no O_DIRECT")
    slow = server(extra="limit_rate 20m;")
    trace = tmp_path / "trace"
    result = devices.run(tool("strace"), "-f", "-y", "-qq", "-s", "8", "-e", "trace=pread64,pwrite64", "-o", trace, cut.device.rauc,
                         "--conf", cut.device.conf, "install", f"{slow.url}/good.raucb",
                         env={**cut.device.env, "ASAN_OPTIONS": ASAN_TRACED})
    assert result.code == 0 and cut.device.content("rootfs.1", SIZE) == cut.image, result.text
    slot = re.escape(f"<{cut.device.path('rootfs.1')}>")
    calls = [(m[1], int(m[2])) for m in re.finditer(rf"(p\w+64)\(\d+{slot}.*, (\d+), \d+", trace.read_text())]
    last = max(n for n, (call, _) in enumerate(calls) if call == "pwrite64")
    assert sum(size for call, size in calls[:last] if call == "pread64") > SIZE // 2
    assert sum(size for call, size in calls[last:] if call == "pread64") < SIZE // 2


@pytest.mark.parametrize("size", [0, 1, 127, 128, 150])
def test_torn_journal(half, size):
    path = half.device.data / "slot.rootfs.1" / "write-journal"
    path.write_bytes(path.read_bytes()[:size])
    assert half.fetched("torn") >= SIZE - MIB


def test_another_bundle_starts_over(half):
    """Also what both have in common is fetched: nobody knows that it is."""
    half.server.forget()
    half.device.ok("install", f"{half.server.url}/other.raucb")
    assert half.device.content("rootfs.1", SIZE) != half.image and half.device.chosen() == "B"
    half.server.settle()
    assert sum(a.sent for a in half.server.asked()) >= SIZE


def test_same_image_again(cut):
    """What is known of a slot outlives the installation."""
    assert cut.fetched("first") >= SIZE
    assert cut.fetched("second") <= REST


def test_local_bundle(cut, folder):
    """The same from a file: what is there is not written again."""
    cut.device.ok("install", folder / "good.raucb")
    result = cut.device.ok("install", folder / "good.raucb", env={"G_MESSAGES_DEBUG": "all"})
    told = re.search(r"slot rootfs.1: (\d+) bytes written, (\d+) zero bytes without a write, (\d+) in place", result.err)
    assert told and [int(n) for n in told.groups()] == [0, 0, SIZE], result.text


def test_no_data_directory(cut):
    """Nowhere to keep a journal: all of it again, and no other harm."""
    cut.device.change("system", data_directory=None, statusfile=cut.device.status_file)
    cut.device.data.mkdir()
    assert cut.fetched("first") >= SIZE
    assert cut.fetched("second") >= SIZE
