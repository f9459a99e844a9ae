# SPDX-License-Identifier: MIT
"""Media that fail or lie: each call that changes something, one after the other, made to fail, or to
claim success without having done anything. strace does it; the program is the real one."""

import re
import subprocess

import pytest

import device as devices
from test_bad_input import complaints
from strikes import CHANGES, STEADY, calls, moments, strike
from test_power import Bench, IMAGE, OLD

SLOT, ENV, STATUS = r"slot-B>", r"grubenv>", r"central\.raucs"


@pytest.fixture
def bench(make_device, maker):
    bench = Bench(make_device(content=OLD), maker)
    bench.reset()
    return bench


@pytest.fixture
def faulty(bench, tool, tmp_path):
    """faulty(strace options...): an installation under them, and the trace."""
    if subprocess.run([tool("strace"), "-o", "/dev/null", "true"], capture_output=True).returncode:
        pytest.skip("strace may not trace here")

    def run(*options, verb=("install",)):
        bench.reset()
        path = tmp_path / "trace"
        device = bench.device
        result = devices.run(device.rauc, "--conf", device.conf, *verb, bench.bundle,
                             wrap=[tool("strace"), "-f", "-y", "-qq", "-s", "64", "-o", path, *options],
                             env={**device.env, **STEADY})
        return result, calls(path)
    return run


@pytest.fixture
def changes(bench, faulty):
    result, trace = faulty("-e", "trace=" + ",".join("?" + c for c in CHANGES))
    assert result.code == 0, result.text
    found = moments(trace, bench.device.folder)
    assert len([c for c in found if re.search(SLOT, c[2])]) > 8, "the trace shows the installation"
    return found


def judge(bench, result, what):
    """It says why, or it has succeeded; in both cases what boots is whole."""
    device = bench.device
    chosen = bench.judge(what) if device.status("rootfs.1").get("status") != "failed" else device.chosen()
    assert device.content("rootfs.0") == OLD, what
    assert result.code in (0, 1), f"{what}\n{result.text}"
    if result.code == 1:
        assert len(complaints(result)) == 1, f"{what}\n{result.text}"
    else:
        assert chosen == "B" and device.content("rootfs.1", len(IMAGE)) == IMAGE, f"{what}\n{result.text}"
    assert chosen == "A" or device.content("rootfs.1", len(IMAGE)) == IMAGE, f"{what}\n{result.text}"
    return chosen


def test_every_change_fails(bench, changes, faulty):
    """EIO wherever the medium could say it."""
    deciding = [i for i, (_, _, call) in enumerate(changes) if re.search(ENV, call) and "write" in call][-1]
    for n, (name, number, call) in enumerate(changes):
        what = f"{name} number {number} fails: {call[:150]}"
        rest = "+" if name == "mkdir" else ""  # GLib tries a folder twice
        result, trace = strike(faulty, "error=EIO", changes, n, bench.device.folder, rest)
        assert "(INJECTED)" in str(trace), what
        chosen = judge(bench, result, what)
        # the note who holds the lock, and the journal, are but a help
        if n <= deciding and "/run/lock>" not in call and "/slot.rootfs.1" not in call:
            assert result.code == 1 and chosen == "A", f"{what}\n{result.text}"
            assert re.search("Input/output error", result.err), f"{what}\n{result.text}"
        if name != "unlink":
            bench.device.check_rest()
        bench.install_after(what, chosen)


def test_every_write_is_a_lie(bench, changes, faulty):
    """A call that says yes and does nothing: reading back finds it."""
    lies = [n for n, c in enumerate(changes) if c[0] in ("pwrite64", "fallocate") and re.search(f"{SLOT}|{ENV}", c[2])]
    assert len(lies) > 8
    for n in lies:
        name, number, call = changes[n]
        what = f"{name} number {number} lies: {call[:150]}"
        told = re.search(r"= (\d+)$", call)[1]
        result, trace = strike(faulty, f"retval={told}", changes, n, bench.device.folder)
        assert "(INJECTED)" in str(trace), what
        assert judge(bench, result, what) == "A", what
        assert result.code == 1, f"{what}\n{result.text}"
        reason = "does not keep what is written" if re.search(ENV, call) else "reads back differently|ends at byte"
        assert re.search(reason, result.err), f"{what}\n{result.text}"


TOLERATED = {
    "interrupted": ("pwrite64", "error=EINTR:when=3..6"),
    "no-direct-writes": ("pwrite64", "error=EINVAL:when=3"),
    "no-holes": ("fallocate", "error=EOPNOTSUPP"),
    "no-holes-here": ("fallocate", "error=EINVAL"),
    "no-such-call": ("fallocate", "error=ENOSYS"),
}


@pytest.mark.parametrize("name", TOLERATED)
def test_tolerated(bench, faulty, name):
    call, fault = TOLERATED[name]
    result, trace = faulty("-e", f"trace={call}", "-e", f"inject={call}:{fault}")
    assert "(INJECTED)" in str(trace)
    assert result.code == 0, result.text
    assert judge(bench, result, name) == "B"


@pytest.mark.parametrize("fmt", ["plain", "verity"])
@pytest.mark.parametrize("nth", [1, 2, 3, 5, 8, 13])
def test_bundle_cannot_be_read(bench, faulty, fmt, nth):
    """A stick that is pulled out, or wears out."""
    bench.bundle = bench.bundles[fmt == "plain"]
    result, trace = faulty("-P", bench.bundle, "-e", "trace=pread64", "-e", f"inject=pread64:error=EIO:when={nth}+")
    if "(INJECTED)" not in str(trace):
        assert result.code == 0, "no thread read that often"
        return
    assert judge(bench, result, f"read {nth} fails") == "A"
    assert result.code == 1 and re.search("bundle.raucb.*Input/output error", result.err), result.text
    bench.install_after("the stick is back", "A")


def test_slot_cannot_be_read_back(bench, faulty):
    result, trace = faulty("-P", bench.device.path("rootfs.1"), "-e", "trace=pread64", "-e", "inject=pread64:error=EIO:when=2+")
    assert "(INJECTED)" in str(trace)
    assert judge(bench, result, "read back") == "A"
    assert result.code == 1 and re.search("slot-B.*Input/output error", result.err), result.text


@pytest.mark.parametrize("error", ["ENOMEM", "EMFILE", "EACCES"])
def test_slot_cannot_be_opened(bench, faulty, error):
    """Refused before anything is touched."""
    before = bench.device.grubenv.read_bytes()
    result, trace = faulty("-P", bench.device.path("rootfs.1"), "-e", "trace=openat", "-e", f"inject=openat:error={error}")
    assert "(INJECTED)" in str(trace)
    assert result.code == 1 and re.search("slot-B", result.err) and len(complaints(result)) == 1, result.text
    assert bench.device.grubenv.read_bytes() == before and bench.device.content("rootfs.1") == OLD
