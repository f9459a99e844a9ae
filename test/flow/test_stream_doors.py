# SPDX-License-Identifier: MIT
"""What a person and a program see of an installation from a server, and how they end it: cancelled by a signal or over D-Bus,
the network awaited, what it cost; in process and by the service."""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

import bundles
import bus as buses
import device as devices
import webserver
from bundles import MIB
from bus import wait_until
from conftest import OLD, fetchers
from test_cli import on_terminal

SIZE = 40 * MIB
CANCELLED = "Installation cancelled {} while slot rootfs.1 was written"
CUSTOM_CANCELLED = "Installation cancelled {} while the bundle's handler was running"
POLITE = "trap 'touch {0}/told; exit 1' TERM; touch {0}/running; while :; do sleep 0.05; done"
DEAF = "trap '' TERM; touch {0}/running; while :; do sleep 0.05; done"
UNTIL_GO = "touch {0}/running; while [ ! -e {0}/go ]; do sleep 0.05; done"
HOOKED = "[hooks]\nfilename=program\n[image.rootfs]\nfilename=rootfs.img\nhooks=pre-install\n"
HANDLED = "[handler]\nfilename=program\n[image.rootfs]\nfilename=rootfs.img\n"


@pytest.fixture(scope="module")
def image():
    return random.Random(91).randbytes(SIZE)


@pytest.fixture(scope="module")
def folder(public, maker, image):
    """What the server has: an image that does not compress, so that bytes are comparable."""
    folder = public("site")
    shutil.copy(maker.forge({"rootfs.img": image}, {"rootfs": "rootfs.img"}), folder / "good.raucb")
    (folder / "good.raucb").chmod(0o644)
    return folder


@pytest.fixture
def server(folder, public, fetcher):
    """server(extra lines): an nginx."""
    if not webserver.NGINX:
        pytest.skip("nginx is not installed")
    made = []

    def make(extra=""):
        made.append(webserver.Nginx(public("nginx"), folder, extra=extra).start())
        return made[-1]
    yield make
    for each in made:
        each.stop()


@pytest.fixture
def slow(server):
    return server("limit_rate 8m;")


@pytest.fixture(autouse=True)
def no_helper_left(fetcher):
    yield
    wait_until(lambda: not fetchers(fetcher))


class Running:
    """`rauc install` while the test does something else."""

    def __init__(self, device, location, *args, env=None, program=None):
        words = [program or device.rauc, *(() if env else ("--conf", device.conf)), "install", *args, location]
        self.out, self.err = (tempfile.TemporaryFile("w+") for _ in range(2))
        self.process = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err,
                                        start_new_session=True,
                                        env={**os.environ, "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": devices.ASAN,
                                             **device.env, **(env or {})})

    def send(self, number):
        self.process.send_signal(number)

    def said(self, file=None):
        return os.pread((file or self.out).fileno(), 1 << 20, 0).decode()

    def wait_said(self, text):
        wait_until(lambda: text in self.said())

    def end(self):
        """Exit code, stdout, stderr."""
        code = self.process.wait(60)
        out, err = self.said(), self.said(self.err)
        self.out.close()
        self.err.close()
        assert not devices.REPORTS.search(err), err
        return code, out, err


@pytest.fixture(params=["service", "direct"])
def run(request, device):
    """run(location, options...): through either door; the service is started by the first one."""
    is_service = request.param == "service"
    start, bus = (request.getfixturevalue(name) if is_service else None for name in ("start", "bus"))
    services = []

    def go(location, *args):
        if is_service and not services:
            services.append(start())
        return Running(device, location, *args, env=bus.env if is_service else None)
    go.by = "over D-Bus" if is_service else "by a signal"
    go.log = lambda err: services[0].text if is_service else err
    return go


@pytest.fixture
def handler(device):
    """handler(name, script): of the system."""
    def make(name, script):
        path = device.folder / f"handler-{name}"
        path.write_text(f"#!/bin/sh\n{script.format(device.folder)}\n")
        path.chmod(0o755)
        device.change("handlers", **{name: path})
    return make


@pytest.fixture
def pack(rauc, pki, tmp_path):
    """pack(more of the manifest, script): a small bundle with a program in it."""
    def make(more, script):
        content, bundle = tmp_path / "content", tmp_path / "hooked.raucb"
        content.mkdir()
        (content / "rootfs.img").write_bytes(OLD[:MIB])
        (content / "program").write_text(f"#!/bin/sh\n{script}\n")
        (content / "program").chmod(0o755)
        (content / "manifest.raucm").write_text("[update]\ncompatible=Test\nversion=1.0\n[bundle]\nformat=verity\n" + more)
        done = devices.run(rauc, "--cert", pki.ec.cert, "--key", pki.ec.key, "bundle", content, bundle)
        assert done.code == 0, done.text
        return bundle
    return make


def wait_running(device):
    """A hook or handler."""
    wait_until((device.folder / "running").exists)


def known(device):
    path = device.data / "slot.rootfs.1" / "write-journal"
    return (path.stat().st_size - 128) // 32 * MIB if path.exists() else 0


def wait_written(device):
    """Half of it is being written, and some of it is there for good."""
    wait_until(lambda: known(device) >= 8 * MIB)


def check_old(device):
    assert device.chosen() == "A" and device.content("rootfs.0") == OLD
    assert device.status("rootfs.1").get("status") != "ok"


# --- Cancelled --------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_cancelled_by_a_signal(run, device, slow, server, image, number):
    """The old system boots; the same bundle again goes on where it was."""
    running = run(f"{slow.url}/good.raucb", "--cancel-on-interrupt")
    wait_written(device)
    running.send(number)
    code, out, err = running.end()
    assert code == 4, out + err
    assert "\nCancelling the installation...\n" in out, out
    assert f"\nLastError: {CANCELLED.format(run.by)}\n" in out, out
    assert re.search(r"^fetched \d+\.\d MB of 4\d\.\d MB in \d+ requests?, wrote ", out, re.M), out
    assert "` was cancelled\nhint: install the bundle again" in err, err
    check_old(device)
    fast, there = server(), known(device)
    code, out, err = run(f"{fast.url}/good.raucb").end()
    assert code == 0, out + err
    assert device.content("rootfs.1", SIZE) == image and device.chosen() == "B"
    assert sum(a.sent for a in fast.asked()) <= SIZE - there + MIB


def test_cancelled_over_dbus(device, bus, start, slow, tmp_path):
    """Whoever asks: everybody who listens hears of it, and a client that did not ask says so."""
    service = start()
    listener = buses.Listener(bus, tmp_path)
    running = Running(device, f"{slow.url}/good.raucb", "--output-format=json", env=bus.env)
    wait_written(device)
    assert bus.ok("Cancel") == "()"
    code, out, err = running.end()
    told = json.loads(out)
    assert code == 4 and told["result"] == "cancelled" and told["exit-code"] == 4, out + err
    assert (told["error"]["code"], told["error"]["stage"], told["error"]["slot"]) == ("cancelled", "write", "rootfs.1")
    assert told["error"]["message"] == CANCELLED.format("over D-Bus") and told["error"]["can-retry"]
    assert 0 < told["statistics"]["bytes-fetched"] < SIZE
    wait_until(lambda: listener.events()[-1] == ("Operation", "idle"))
    assert [name for name, _ in listener.events()[-5:]] == ["LastStatistics", "LastErrorInfo", "LastError", "Completed",
                                                            "Operation"]
    assert listener.events()[-2] == ("Completed", 1)
    listener.stop()
    check_old(device)
    assert bus.refused("Cancel") == "no installation is running"
    assert "the installation is to be cancelled" in service.text
    assert bus.ok("GetPrimary") == "('rootfs.0',)"


def test_cancelled_while_nobody_is_there(run, device, fetcher):
    """Before there is a bundle: nothing has changed, not even the boot state."""
    before = device.boot
    running = run(f"http://127.0.0.1:{webserver.free_port()}/good.raucb", "--cancel-on-interrupt")
    wait_until(lambda: fetchers(fetcher))
    running.send(signal.SIGINT)
    code, out, err = running.end()
    assert code == 4 and f"LastError: Installation cancelled {run.by} before a slot was changed\n" in out, out + err
    assert device.boot == before and device.content("rootfs.1") == OLD


def test_cancelled_handler(run, device, handler, folder):
    """Without a network it works as well: a handler hears of it, and is waited for."""
    handler("pre_install", POLITE)
    running = run(folder / "good.raucb", "--cancel-on-interrupt")
    wait_running(device)
    running.send(signal.SIGINT)
    code, out, err = running.end()
    assert code == 4 and f"Installation cancelled {run.by} before a slot was changed" in out, out + err
    assert (device.folder / "told").exists() and device.content("rootfs.1") == OLD and device.chosen() == "A"


@pytest.mark.parametrize("more,message", [(HOOKED, CANCELLED), (HANDLED, CUSTOM_CANCELLED)], ids=["hook", "full-custom"])
def test_cancelled_program_of_the_bundle(run, device, pack, more, message):
    """One that will not end is killed."""
    running = run(pack(more, DEAF.format(device.folder)), "--cancel-on-interrupt")
    wait_running(device)
    running.send(signal.SIGINT)
    code, out, err = running.end()
    assert code == 4 and message.format(run.by) in out, out + err
    check_old(device)


def test_too_late(run, device, handler, folder):
    """When the new system is the one that boots, nobody is told that it was cancelled."""
    handler("post_install", UNTIL_GO)
    running = run(folder / "good.raucb", "--cancel-on-interrupt")
    wait_running(device)
    running.send(signal.SIGTERM)
    running.wait_said("oo late to cancel: ")
    (device.folder / "go").touch()
    code, out, err = running.end()
    assert code == 0 and "Cancelling" not in out, out + err
    assert device.chosen() == "B"


def test_too_late_for_dbus(device, bus, start, handler, folder):
    handler("post_install", UNTIL_GO)
    start()
    running = Running(device, folder / "good.raucb", env=bus.env)
    wait_running(device)
    assert bus.refused("Cancel").startswith("too late to cancel: ")
    (device.folder / "go").touch()
    assert running.end()[0] == 0 and device.chosen() == "B"


def test_second_interrupt_leaves(device, bus, start, handler, folder):
    """The client goes, the service carries out what it was told."""
    handler("pre_install", DEAF)
    start()
    running = Running(device, folder / "good.raucb", "--cancel-on-interrupt", env=bus.env)
    wait_running(device)
    running.send(signal.SIGINT)
    running.wait_said("Cancelling the installation...")
    running.send(signal.SIGINT)
    assert running.end()[0] == 3
    wait_until(lambda: bus.property("Operation")["data"] == "idle")
    assert bus.property("LastErrorInfo")["data"]["code"]["data"] == "cancelled" and device.chosen() == "A"


def test_service_stopped(device, bus, start, slow, server, image):
    """SIGTERM to the service ends it at once, as ever; again goes on."""
    service = start()
    running = Running(device, f"{slow.url}/good.raucb", "--cancel-on-interrupt", env=bus.env)
    wait_written(device)
    assert service.end() == 0
    code, out, err = running.end()
    assert code == 2 and "RAUC service disappeared" in err, out + err
    check_old(device)
    start()
    code, out, err = Running(device, f"{server().url}/good.raucb", env=bus.env).end()
    assert code == 0 and re.search(r"left \d+\.\d MB in place", out), out + err
    assert device.content("rootfs.1", SIZE) == image


# --- The network is awaited ---------------------------------------------------------


def outage(device, server, seconds):
    """In the middle of what is written."""
    wait_written(device)
    server.stop()
    time.sleep(seconds)


def progress_of(listener):
    return [value for name, value in listener.events() if name == "Progress"]


def test_waiting_over_dbus(device, bus, start, slow, tmp_path):
    device.change("streaming", retry_max_sec=2)
    service = start()
    listener = buses.Listener(bus, tmp_path)
    running = Running(device, f"{slow.url}/good.raucb", env=bus.env)
    wait_written(device)
    assert bus.property("Waiting")["data"] == {}
    slow.stop()
    wait_until(lambda: bus.property("Waiting")["data"])
    facts = {key: value["data"] for key, value in bus.property("Waiting")["data"].items()}
    assert set(facts) == {"message", "reason", "seconds", "attempt"}
    assert re.fullmatch(r"waiting for network: .+, next try in \d+ s", facts["message"])
    assert facts["reason"] in facts["message"] and facts["seconds"] <= 2 and facts["attempt"] >= 1
    percent, text, depth = bus.property("Progress")["data"]
    assert text.startswith("waiting for network: ") and depth == 4 and percent < 100
    time.sleep(3)  # more than one try
    slow.start()
    code, out, err = running.end()
    assert code == 0, out + err
    assert bus.property("Waiting")["data"] == {}
    assert out.count("waiting for network") == 1, out
    assert re.search(r"^ *\d+% waiting for network, next try in \d s: ", out, re.M), out
    assert re.search(r"; waited \d+ s for the network$", out, re.M), out
    percents = [percent for percent, _, _ in progress_of(listener)]
    assert percents == sorted(percents)
    assert any(text.startswith("waiting for network") and depth == 4 for _, text, depth in progress_of(listener))
    names = [name for name, _ in listener.events()]
    assert names.count("Waiting") >= 2 and [v for n, v in listener.events() if n == "Waiting"][-1] == {}
    listener.stop()
    assert service.text.count("waiting for network") == 1 and "the network is back after " in service.text, service.text


def test_waiting_seen_by_others(device, bus, start, slow, debian):
    """Debian's client, which knows nothing of it, says why nothing moves."""
    device.change("streaming", retry_max_sec=2)
    start()
    running = Running(device, f"{slow.url}/good.raucb", env=bus.env, program=debian)
    outage(device, slow, 2)
    slow.start()
    code, out, err = running.end()
    assert code == 0 and re.search(r"^ *\d+% waiting for network: .+, next try in \d+ s$", out, re.M), out + err
    assert device.chosen() == "B"


def test_waiting_in_lines(device, slow):
    """No terminal: a line when it begins, and the log has the same."""
    device.change("streaming", retry_max_sec=1)
    running = Running(device, f"{slow.url}/good.raucb")
    outage(device, slow, 4)
    slow.start()
    code, out, err = running.end()
    assert code == 0 and out.count("waiting for network") == err.count("waiting for network") == 1, out + err
    assert "the network is back after " in err


def test_waiting_on_a_terminal(device, bus, start, slow):
    """Through both doors, the seconds run down in the line that is drawn again, and then it goes on."""
    device.change("streaming", retry_max_sec=8)
    start()
    for env in (None, bus.env):
        device.reset_boot()
        shutil.rmtree(device.data, ignore_errors=True)
        device.path("rootfs.1").write_bytes(OLD)
        seen = []

        def when(process, data):
            if not seen and known(device) >= 8 * MIB:
                seen.append("written")
                slow.stop()
            if re.search(rb"next try in 4 s.*next try in 3 s.*next try in 2 s", data, re.S) and len(seen) == 1:
                seen.append("counted")
                slow.start()
            return when
        words = [device.rauc, *(() if env else ("--conf", device.conf)), "install", "--progress", f"{slow.url}/good.raucb"]
        text, code = on_terminal(words, {**device.env, **(env or {})}, columns=120, when=when)
        assert code == 0 and seen == ["written", "counted"], text
        lines = re.findall(r"\r\033\[K *(\d+)% \[[# ]*\] (waiting for network, next try in \d+ s)", text)
        # what had come before is still written when the first pause begins; then the bar stands still
        percents = [int(percent) for percent, _ in lines]
        assert len(lines) >= 3 and percents == sorted(percents) and len(set(percents[-3:])) == 1, lines
        assert text.endswith(f"Installing `{slow.url}/good.raucb` succeeded\n"), text[-300:]


def test_cancelled_while_waiting(device, bus, start, slow):
    """It does not wait for the next try to notice."""
    device.change("streaming", retry_max_sec=3600)
    start()
    running = Running(device, f"{slow.url}/good.raucb", env=bus.env)
    wait_written(device)
    slow.stop()
    wait_until(lambda: bus.property("Waiting")["data"])
    bus.ok("Cancel")
    code, out, err = running.end()
    assert code == 4 and CANCELLED.format("over D-Bus") in out, out + err
    assert bus.property("Waiting")["data"] == {}
    assert bus.property("Progress")["data"] == [100, "Installing failed.", 1]
    check_old(device)


# --- What it cost -------------------------------------------------------------------


def test_statistics(run, device, server, image):
    """What is told is what the server has seen."""
    device.change("log.all", filename="all.log", format="json")
    one = server()
    code, out, err = run(f"{one.url}/good.raucb", "--output-format=json").end()
    told = json.loads(out)["statistics"]
    assert code == 0, out + err
    check_statistics(told, one, image)
    assert f": {told['summary']}\n" in run.log(err)
    records = map(json.loads, (device.data / "all.log").read_text().splitlines())
    (record,) = [r for r in records if "RAUC_STATISTICS" in r]
    assert record["RAUC_STATISTICS"] == told["summary"] and record["RAUC_BYTES_FETCHED"] == str(told["bytes-fetched"])
    assert record["RAUC_REQUESTS"] == str(told["requests"]) and record["MESSAGE"].endswith(" succeeded")


def check_statistics(told, server, image):
    wait_until(lambda: sum(a.sent for a in server.asked()) >= told["bytes-fetched"])  # nginx logs what has been sent
    asked = server.asked()
    size = (server.root / "good.raucb").stat().st_size
    assert told["bundle-size"] == size and told["requests"] == len(asked), (told, asked)
    assert told["bytes-fetched"] == sum(a.sent for a in asked), (told, asked)
    assert told["bytes-written"] + told["bytes-zero"] == len(image) and told["bytes-in-place"] == 0
    assert told["retries"] == 0 and told["waited-ms"] == 0 and told["seeds"] == {}
    assert told["summary"] == (f"fetched {told['bytes-fetched'] / 1e6:.1f} MB of {size / 1e6:.1f} MB in {len(asked)} requests, "
                               f"wrote {told['bytes-written'] / 1e6:.1f} MB"), told


def test_statistics_over_dbus(device, bus, start, server, image):
    start()
    assert bus.property("LastStatistics")["data"] == {}
    one = server()
    code, out, err = Running(device, f"{one.url}/good.raucb", env=bus.env).end()
    told = {key: value["data"] for key, value in bus.property("LastStatistics")["data"].items()}
    assert code == 0 and f"\n{told['summary']}\n" in out, out + err
    check_statistics(told, one, image)
    device.reset_boot()
    code, out, err = Running(device, "/nowhere.raucb", env=bus.env).end()
    assert code == 1
    assert Running(device, one.root / "good.raucb", "--require-manifest-hash=" + 64 * "0", env=bus.env).end()[0] == 1
    assert bus.property("LastStatistics")["data"]["bytes-fetched"]["data"] == 0  # of the last one, not of all


def test_statistics_of_an_adaptive_update(run, device, server, folder, maker, image):
    """What was not fetched is told by where it came from, to a program and to a person."""
    new = bytearray(image)
    for at in range(0, SIZE, 4 * MIB):
        new[at:at + 8] = b"changed!"
    index = b"".join(hashlib.sha256(new[at:at + 4096]).digest() for at in range(0, SIZE, 4096))
    text = ("[update]\ncompatible=Test\nversion=2\n[bundle]\nformat=verity\n[image.rootfs]\n"
            f"sha256={bundles.sha256(new)}\nsize={SIZE}\nfilename=rootfs.img\nadaptive=block-hash-index;\n")
    made = maker.forge({"rootfs.img": bytes(new), "rootfs.img.block-hash-index": index}, text=text)
    shutil.copy(made, folder / "adaptive.raucb")
    (folder / "adaptive.raucb").chmod(0o644)
    device.path("rootfs.0").write_bytes(image)
    one = server()
    code, out, err = run(f"{one.url}/adaptive.raucb", "--output-format=json").end()
    told = json.loads(out)["statistics"]
    assert code == 0 and device.content("rootfs.1", SIZE) == new, out + err
    assert told["seeds"]["slot rootfs.0"] == SIZE - SIZE // (4 * MIB) * 4096, told
    assert told["bytes-fetched"] < SIZE / 10 and told["bytes-fetched"] == sum(a.sent for a in one.asked())
    assert re.search(r", reused 4\d\.\d MB \(slot rootfs\.0 4\d\.\d MB\), wrote 4\d\.\d MB$", told["summary"]), told


def test_statistics_of_an_outage(device, slow):
    device.change("streaming", retry_max_sec=1)
    running = Running(device, f"{slow.url}/good.raucb", "--output-format=json")
    outage(device, slow, 3)
    slow.start()
    code, out, err = running.end()
    told = json.loads(out)["statistics"]
    assert code == 0 and told["retries"] >= 1 and told["waited-ms"] >= 1000, out + err
    assert told["summary"].endswith(f"; waited {told['waited-ms'] // 1000} s for the network")
