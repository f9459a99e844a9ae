# SPDX-License-Identifier: MIT
"""Death at any moment: the boot loader never chooses a slot that is half written.

Two ways to die: at random times (the seed is printed; RAUC_SEED repeats it), and
right before every single system call that changes anything. And because a kill
leaves the page cache alone while a power cut does not: the order in which an
installation writes and flushes, from its trace.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

import bundles
import device as devices
from bundles import MIB
from strikes import CHANGES, STEADY, calls, moments, strike

IMAGE = bundles.image(6 * MIB + 4096, 21)
OLD = bundles.image(7 * MIB, 22)
N_RUNS = 100


class Bench:
    """A device that is set back to A booted, B old, before every run."""

    def __init__(self, device, maker):
        self.device = device
        self.bundles = [maker.forge({"rootfs.img": IMAGE}, {"rootfs": "rootfs.img"}, fmt=fmt) for fmt in ("verity", "plain")]
        self.bundle = self.bundles[0]

    def reset(self):
        device = self.device
        device.cmdline = "rauc.slot=A"
        device.reset_boot()
        shutil.rmtree(device.data, ignore_errors=True)
        shutil.rmtree(device.run_folder, ignore_errors=True)
        for name in ("rootfs.0", "rootfs.1"):
            if device.content(name) != OLD:
                device.path(name).write_bytes(OLD)

    def start(self, wrap=(), **env):
        return subprocess.Popen([*map(str, wrap), str(self.device.rauc), "--conf", str(self.device.conf), "install",
                                 str(self.bundle)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                stdin=subprocess.DEVNULL, start_new_session=True,
                                env={**os.environ, **self.device.env, "ASAN_OPTIONS": devices.ASAN, **env})

    def judge(self, what):
        """Whatever boots now is whole, the other one can be installed. Returns what boots."""
        device = self.device
        assert device.content("rootfs.0") == OLD, f"{what}: the running slot was touched"
        assert device.grubenv.stat().st_size == 1024, what
        assert device.boot["A_OK"] == "1" and device.boot["A_TRY"] == "0", what
        chosen = device.chosen()
        is_whole = device.content("rootfs.1", len(IMAGE)) == IMAGE
        assert chosen == "A" or is_whole, f"{what}: a half-written slot boots"
        status = device.status("rootfs.1")
        assert status.get("status") in (None, "pending", "ok"), what
        assert status.get("status") != "ok" or is_whole, f"{what}: status ok without the image"
        if chosen == "A" and device.boot["B_OK"] == "1":
            assert device.content("rootfs.1") == OLD or is_whole, f"{what}: a half-written slot counts as good"
        return chosen

    def install_after(self, what, chosen):
        device = self.device
        device.cmdline = f"rauc.slot={chosen}"
        target, name = ("rootfs.1", "B") if chosen == "A" else ("rootfs.0", "A")
        result = devices.run(device.rauc, "--conf", device.conf, "install", self.bundle, env=device.env)
        assert result.code == 0, f"{what}: {result.text}"
        assert device.content(target, len(IMAGE)) == IMAGE, what
        assert device.chosen() == name, what
        assert device.status(target)["status"] == "ok", what


@pytest.fixture
def bench(make_device, maker):
    bench = Bench(make_device(content=OLD), maker)
    bench.reset()
    return bench


def test_killed_at_random(bench, note):
    seed = os.environ.get("RAUC_SEED") or f"{random.SystemRandom().getrandbits(64):016x}"
    note(f"test_killed_at_random: RAUC_SEED={seed}")
    lengths = []
    for _ in range(3):
        bench.reset()
        begin = time.monotonic()
        assert bench.start().wait(60) == 0
        lengths.append(time.monotonic() - begin)
    chance = random.Random(seed)
    ends = {"A": 0, "B": 0, "bad": 0}
    for n in range(N_RUNS):
        what = f"RAUC_SEED={seed} run {n}"
        bench.reset()
        bench.bundle = bench.bundles[n % 2]
        process = bench.start()
        time.sleep(chance.uniform(0, min(lengths) * 1.3))
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(20)
        chosen = bench.judge(what)
        ends[chosen] += 1
        ends["bad"] += bench.device.boot["B_OK"] == "0"
        bench.install_after(what, chosen)
    note(f"{N_RUNS} kills within {min(lengths) * 1.3:.3f} s, then booted: A {ends['A']} (B half-written "
         f"or marked bad {ends['bad']}), B {ends['B']}")
    assert ends["bad"] >= N_RUNS // 10, f"too few hit the installation: {ends}"


def traced(bench, tool, path, *args):
    """strace with all files named."""
    process = bench.start(wrap=[tool("strace"), "-f", "-y", "-qq", "-s", "64", "-o", path, *args],
                          **STEADY)
    try:
        return process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


@pytest.fixture
def trace(bench, tool, tmp_path):
    path = tmp_path / "trace"
    if subprocess.run([tool("strace"), "-o", "/dev/null", "true"], capture_output=True).returncode:
        pytest.skip("strace may not trace here")
    code = traced(bench, tool, path, "-e", "trace=" + ",".join(["?" + c for c in CHANGES] + ["pread64", "execve"]))
    assert code == 0
    return calls(path)


def test_killed_at_every_change(bench, trace, tool, tmp_path, note):
    folder = bench.device.folder
    all_moments = moments(trace, folder)
    names = [m[0] for m in all_moments]
    assert names.count("pwrite64") > 8 and "fallocate" in names, "the trace shows the installation"
    deciding = [i for i, m in enumerate(all_moments) if "grubenv>" in m[2] and "write" in m[0]][-1]

    def killed(*options):
        bench.reset()
        traced(bench, tool, tmp_path / "killed", *options)
        return None, calls(tmp_path / "killed")

    for n, (name, number, call) in enumerate(all_moments):
        what = f"killed before {name} number {number}: {call[:150]}"
        _, trace = strike(killed, "signal=SIGKILL", all_moments, n, folder)
        assert "killed by SIGKILL" in str(trace), what
        chosen = bench.judge(what)
        assert chosen == ("A" if n <= deciding else "B"), f"{what}: one write decides, and it is the last of boot state"
        bench.install_after(what, chosen)
    note(f"test_killed_at_every_change: {len(all_moments)} moments, {deciding + 1} of them before the deciding write")


def positions(trace, *patterns):
    return [i for i, (_, call) in enumerate(trace) if all(re.search(p, call) for p in patterns)]


def test_order_of_writes(bench, trace):
    """What a power cut may lose is what was not flushed: so flushes come before what relies on them."""
    slot, env, data = r"slot-B>", r"grubenv>", r"central\.raucs"
    slot_writes = positions(trace, r"^(pwrite64|fallocate|ftruncate)\(", slot)
    env_writes = positions(trace, r"^p?write(64)?\(", env)
    flush = r"^f(data)?sync\("
    assert len(env_writes) == 2, "bad before, active after: one write each"
    bad, active = env_writes
    first, last = slot_writes[0], slot_writes[-1]
    assert "# GRUB Environment" in trace[bad][1]
    assert bad < first and last < active
    assert [i for i in positions(trace, flush, env) if bad < i < first], "bad is on the medium before the first byte"
    flushes = [i for i in positions(trace, flush, slot) if last < i < active]
    assert flushes, "the slot is on the medium before it may boot"
    reads = [i for i in positions(trace, r"^pread64\(", slot) if flushes[0] < i < active]
    assert len(reads) * MIB >= len(IMAGE) - MIB, "it was read back before it may boot"
    assert [i for i in positions(trace, flush, env) if i > active], "active is flushed, too"

    renames = positions(trace, r"^rename", data)
    pending = [i for i in renames if i < first]
    assert pending, "pending is noted before the first byte"
    assert [i for i in renames if last < i], "ok is noted after the last"
    for i in renames:
        temporary = re.search(r'"([^"]*central\.raucs\.\w+)"', trace[i][1])[1]
        assert [j for j in positions(trace, flush, re.escape(temporary)) if j < i], "flushed before the rename"
        assert [j for j in positions(trace, flush, r"/data>") if j > i], "the folder after it"
    ok = [i for i in renames if last < i][0]
    assert flushes[0] < ok, "ok is noted when the slot is on the medium"


@pytest.mark.parametrize("args,before,after", [(["mark-active", "other"], "A", "B"), (["mark-bad", "booted"], "A", "B")])
def test_marks_killed_at_every_change(bench, tool, tmp_path, args, before, after):
    """A mark is one write: it has happened or it has not."""
    device, path = bench.device, tmp_path / "trace"

    def mark(*options):
        bench.reset()
        device.status_file.parent.mkdir(exist_ok=True)
        subprocess.run([tool("strace"), "-f", "-y", "-qq", "-o", path, *options, device.rauc, "--conf", device.conf,
                        "status", *args], capture_output=True, timeout=60,
                       env={**os.environ, **device.env, **STEADY})
        return None, calls(path)

    found = moments(mark("-e", "trace=" + ",".join("?" + c for c in CHANGES))[1], device.folder)
    assert device.chosen() == after
    deciding = [i for i, m in enumerate(found) if "grubenv>" in m[2] and "write" in m[0]]
    assert len(deciding) == 1
    for n, (_, _, call) in enumerate(found):
        _, trace = strike(mark, "signal=SIGKILL", found, n, device.folder)
        assert "killed by SIGKILL" in str(trace), call
        assert device.chosen() == (before if n <= deciding[0] else after), call
