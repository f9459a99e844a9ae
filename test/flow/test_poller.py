# SPDX-License-Identifier: MIT
"""The service's own poller ([polling]) against a real nginx: as RAUC's, and without what is known to be wrong with it."""

import re
import shutil
import time

import pytest

import bundles
import webserver
from bundles import MIB
from bus import INTERFACE, NAME, PATH, wait_until

SIZE = 2 * MIB
POLLER = "de.pengutronix.rauc.Poller"
SPEEDUP = "200"  # an interval of a minute is 300 ms


@pytest.fixture
def folder(public):
    return public("site")


@pytest.fixture
def server(tmp_path_factory, folder, fetcher):
    if not webserver.NGINX:
        pytest.skip("nginx is not installed")
    made = webserver.Nginx(tmp_path_factory.mktemp("nginx"), folder, extra="location /none { return 204; }")
    yield made.start()
    made.stop()


@pytest.fixture
def publish(maker, folder):
    def go(version, seed):
        image = bundles.image(SIZE, seed)
        text = bundles.manifest({"rootfs.img": image}, {"rootfs": "rootfs.img"}, version=version)
        if version is None:
            text = re.sub(r"(?m)^version=.*\n", "", text)
        shutil.copy(maker.forge({"rootfs.img": image}, text=text), folder / ".new")
        (folder / ".new").chmod(0o644)
        (folder / ".new").rename(folder / "device.raucb")
        return image
    return go


@pytest.fixture
def polled(device, server, bus, start, monkeypatch):
    """polled(install_criteria=...): the service of a device of version 1.0, polling."""
    info = device.folder / "info.sh"
    info.write_text("#!/bin/sh\necho RAUC_SYSTEM_VERSION=1.0\n")
    info.chmod(0o755)
    device.change("handlers", system_info=info)

    class Polled:
        def __init__(self, good=True, **keys):
            device.change("polling", url=f"{server.url}/device.raucb", interval_sec=60, **keys)
            self.restart(good)

        def restart(self, good=True, boot=None, slot="A", speedup=SPEEDUP):
            """The service, of another boot if one is named."""
            if boot:
                shutil.rmtree(device.run_folder, ignore_errors=True)
                device.cmdline = f"quiet rauc.slot={slot} ro"
            environment = {**type(device).env.fget(device), "RAUC_TEST_POLLING_SPEEDUP": speedup,
                           "RAUC_TEST_BOOT_ID": boot or "first"}
            with monkeypatch.context() as patch:
                patch.setattr(type(device), "env", environment)
                self.service = start()
            if good:
                bus.ok("Mark", "good", "booted")

        @property
        def status(self):
            found = bus.busctl("get-property", NAME, PATH, POLLER, "Status")["data"]
            return {key: value["data"] for key, value in found.items()}

        @property
        def next(self):
            return bus.busctl("get-property", NAME, PATH, POLLER, "NextPoll")["data"]

        def wait(self, n=1):
            """n polls more have come to an end: another one has begun."""
            before = self.status["attempt-count"]
            wait_until(lambda: self.status["attempt-count"] > before + n)
            return self.status
    return Polled


def test_no_version(polled, bus, device):
    info = device.folder / "info.sh"
    info.write_text("#!/bin/sh\necho RAUC_SYSTEM_SERIAL=1\n")
    made = polled(good=False)
    assert made.service.end(None) == 1
    assert ("Failed to execute service: failed to set up polling: system version not provided via system-info handler\n"
            in made.service.text), made.service.text


def test_only_where_it_is_configured(device, bus, start):
    start()
    found = bus.run("busctl", f"--address=unix:path={bus.socket}", "introspect", NAME, PATH)
    assert INTERFACE in found.stdout and POLLER not in found.stdout


def test_asks_only_what_is_good(polled, bus, publish, server):
    publish("2.0", 1)
    made = polled(good=False)
    assert made.next > 0
    time.sleep(1.5)
    assert made.status["attempt-count"] == 0 and server.asked() == []
    bus.ok("Mark", "good", "booted")
    assert made.wait()["update-available"]
    assert re.search(r"scheduled next poll in no less than \d+s \(the booted slot is not marked good yet\)", made.service.text)


def test_a_candidate_is_told_and_not_installed(polled, bus, device, publish, server, folder):
    """Without install-criteria somebody has to confirm it."""
    publish("2.0", 1)
    made = polled()
    status = made.wait(3)
    assert status["summary"] == "update candidate found: higher semantic version" and status["update-available"]
    assert status["recent-error-count"] == 0 and status["decision"] == "unconfirmed" and "attempted-hash" not in status
    assert status["last-success-time"] > 0 and status["last-attempt-time"] > 0
    size = (folder / "device.raucb").stat().st_size
    assert status["bundle"]["size"]["data"] == size and status["bundle"]["effective-url"]["data"] == f"{server.url}/device.raucb"
    assert re.fullmatch(r'"[0-9a-f]+-[0-9a-f]+"', status["bundle"]["etag"]["data"])
    assert abs(status["bundle"]["modified-time"]["data"] - time.time()) < 10000
    assert re.fullmatch("[0-9a-f]{64}", status["manifest"]["manifest-hash"]["data"])
    assert status["manifest"]["update"]["type"] == "v" and status["manifest"]["update"]["data"]["data"]["version"]["data"] == "2.0"
    assert device.status("rootfs.1") == {} and bus.property("Operation")["data"] == "idle"
    asked = server.asked()
    assert [a.status for a in asked if a.range == "bytes=0-3"][1:] and {a.status for a in asked[4:]} == {304}, asked


def test_no_candidate(polled, publish):
    publish("0.9", 1)
    made = polled(install_criteria="always")
    status = made.wait()
    assert status["summary"] == "no update candidate available" and not status["update-available"], status
    publish("1.0.0", 2)
    assert made.wait(2)["summary"] == "no update candidate available"


def test_different_version(polled, publish, device):
    image = publish("0.9", 1)
    made = polled(candidate_criteria="higher-semver;different-version", install_criteria="different-version")
    wait_until(lambda: device.status("rootfs.1").get("status") == "ok")
    assert device.content("rootfs.1", SIZE) == image
    assert made.status["summary"] == "update candidate found: different version"


def test_installs_once(polled, publish, device, bus):
    image = publish("2.0", 1)
    made = polled(install_criteria="higher-semver")
    wait_until(lambda: made.status.get("attempted-hash"))
    wait_until(lambda: bus.property("Operation")["data"] == "idle" and device.status("rootfs.1").get("activated.count"))
    status = made.wait(2)
    assert device.content("rootfs.1", SIZE) == image and device.chosen() == "B"
    assert status["attempted-hash"] == status["manifest"]["manifest-hash"]["data"] and status["decision"] == "awaits-boot"
    assert device.status("rootfs.1")["installed.count"] == "1"
    other = publish("3.0", 2)
    wait_until(lambda: device.status("rootfs.1").get("installed.count") == "2" and device.status("rootfs.1").get("status") == "ok")
    assert device.content("rootfs.1", SIZE) == other


def test_reboot(polled, publish, device):
    publish("2.0", 1)
    marker = device.folder / "restarted"
    made = polled(install_criteria="always", reboot_criteria="updated-slots", reboot_cmd=f"touch '{marker}'")
    wait_until(marker.exists)
    wait_until(lambda: made.next == 0)
    count = made.status["attempt-count"]
    time.sleep(1.5)
    assert made.status["attempt-count"] == count, "polling has stopped"


def test_reboot_that_fails_is_tried_again(polled, publish, device):
    publish("2.0", 1)
    script = device.folder / "reboot.sh"
    script.write_text(f"#!/bin/sh\necho >> {device.folder}/tried\n[ $(wc -l < {device.folder}/tried) -ge 3 ]\n")
    script.chmod(0o755)
    made = polled(install_criteria="always", reboot_criteria="updated-slots", reboot_cmd=str(script))
    wait_until(lambda: made.next == 0)
    assert (device.folder / "tried").read_text().count("\n") == 3
    assert "the device is not restarted" in made.service.text


def test_no_reboot_after_a_failure(polled, publish, device, server):
    """Unless that is wanted; and what failed for a reason that stays is not tried again."""
    publish("2.0", 1)
    marker = device.folder / "restarted"
    device.change("system", min_bundle_version="9.0")
    made = polled(install_criteria="always", reboot_criteria="updated-slots", reboot_cmd=f"touch {marker}")
    wait_until(lambda: "installation failed" in made.service.text)
    made.wait(2)
    assert not marker.exists() and made.service.text.count("input bundle:") == 1
    assert "this bundle was attempted already" in made.service.text
    made.service.end()
    device.change("polling", reboot_criteria="failed-update")
    made.restart()
    wait_until(marker.exists)


def test_rolled_back(polled, publish, device, bus):
    """Also of an earlier boot: RAUC's poller installs it over and over."""
    publish("2.0", 1)
    made = polled(install_criteria="always")
    wait_until(lambda: device.status("rootfs.1").get("activated.count"))
    wait_until(lambda: bus.property("Operation")["data"] == "idle")
    made.wait()
    made.service.end()
    made.restart(boot="second")
    status = made.wait(2)
    assert status["decision"] == "rejected" and "did not boot" in status["reason"] and status["update-available"]
    assert device.status("rootfs.1")["installed.count"] == "1"


def test_errors(polled, publish, server, bus):
    made = polled()

    def says(words):
        wait_until(lambda: words in made.status.get("last-error-message", ""))
    says("404")
    publish(None, 1)
    says("higher-semver needs two versions, but the bundle has none")
    assert made.status["recent-error-count"] >= 2 and made.status["last-success-time"] == 0
    publish("today", 1)
    says("candidate criteria check failed: Failed to parse semantic version")
    server.stop()
    says("connection refused")
    publish("2.0", 2)
    server.start()
    wait_until(lambda: made.status["recent-error-count"] == 0 and made.status["last-success-time"])
    assert "last-error-message" not in made.status


def test_no_bundle(polled, publish, device, server):
    publish("2.0", 1)
    made = polled()
    made.wait()
    made.service.end()
    device.change("polling", url=f"{server.url}/none")
    made.restart()
    status = made.wait(2)
    assert status["summary"] == "no update bundle available" and not status["update-available"], status
    assert "manifest" not in status and "bundle" not in status and status["recent-error-count"] == 0


def test_inhibit_file(polled, publish, device):
    publish("2.0", 1)
    busy = device.folder / "busy"
    busy.touch()
    made = polled(inhibit_files=f"/nowhere;{busy}")
    time.sleep(1.5)
    assert made.status["attempt-count"] == 0 and f"({busy})" in made.service.text
    busy.unlink()
    made.wait()


def test_poll(polled, publish, bus):
    """Asked for, it comes sooner than by itself."""
    publish("2.0", 1)
    made = polled(good=False)
    made.service.end()
    made.restart(speedup="1")
    first = made.next
    done = bus.run("busctl", f"--address=unix:path={bus.socket}", "call", NAME, PATH, POLLER, "Poll")
    assert done.returncode == 0, done.stderr
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert 20e6 < made.next - now * 1e6 <= 30e6 and first != made.next


def test_window_and_roll_out_hold_here_too(polled, publish, device):
    publish("2.0", 1)
    device.change("update", rollout_percent=0)
    made = polled(install_criteria="always")
    status = made.wait(2)
    assert status["decision"] == "held-back" and status["update-available"] and device.status("rootfs.1") == {}


def test_speedup_of_no_kind(polled, publish):
    made = polled(good=False)
    made.service.end()
    made.restart(good=False, speedup="fast")
    assert made.service.end(None) == 1 and "RAUC_TEST_POLLING_SPEEDUP is 'fast'" in made.service.text
