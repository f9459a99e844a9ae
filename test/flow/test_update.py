# SPDX-License-Identifier: MIT
"""rauc update against the nginx of backend/: what is new comes, what is not costs nothing, what failed stays away."""

import configparser
import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

import bundles
import device as devices
import webserver
from bundles import MIB
from bus import wait_until
from strikes import ASAN_TRACED

TOP = pathlib.Path(__file__).resolve().parents[2]
BACKEND = TOP / "backend"
SIZE = 4 * MIB
LINE = re.compile(r'^\S+ \[\S+\] "(\S+) (\S+) (\S+)" (\d+) (\d+) range="([^"]*)" known="(.*)" agent="([^"]*)" version="([^"]*)"$')


class Backend(webserver.Nginx):
    """backend/ as it is, but for places and ports."""

    def __init__(self, folder, root, tls=None):
        super().__init__(folder, root, tls=tls)
        self.places = {"/srv/bundles": str(root), "/var/log/nginx": str(self.folder), "/run/nginx-bundles.pid": f"{self.folder}/pid"}
        self.ports = {"listen 3333": f"listen 127.0.0.1:{webserver.free_port() if tls else self.port}",
                      "listen 3443": f"listen 127.0.0.1:{self.port}"}
        for name in ("nginx.conf", "bundles.conf", "rollout.conf"):
            self.copy(name, self.folder / name)
        if tls:
            (self.folder / "tls").mkdir(exist_ok=True)
            self.copy("tls.conf", self.folder / "tls" / "tls.conf")
            shutil.copy(tls[0], self.folder / "tls" / "cert.pem")
            shutil.copy(tls[1], self.folder / "tls" / "key.pem")

    def copy(self, name, to):
        text = (BACKEND / name).read_text()
        for old, new in {**self.places, **self.ports}.items():
            text = text.replace(old, new)
        to.write_text(text)

    def nginx(self, *args):
        return [webserver.NGINX, "-p", self.folder, "-c", self.folder / "nginx.conf", "-g", "daemon off;", *args]

    def start(self):
        done = subprocess.run(self.nginx("-t"), capture_output=True, text=True)
        assert done.returncode == 0 and "[emerg]" not in done.stderr, done.stderr
        self.process = subprocess.Popen(self.nginx(), stderr=subprocess.DEVNULL, start_new_session=True)
        wait_until(lambda: (self.folder / "pid").exists() and (self.folder / "pid").read_text().strip())
        return self

    def asked(self):
        """(status, bytes with headers, range, ETag that was known) of every request."""
        path = self.folder / "access.log"
        found = [LINE.match(line) for line in (path.read_text().splitlines() if path.exists() else [])]
        assert all(found), path.read_text()
        return [(int(m[4]), int(m[5]), m[6], m[7]) for m in found]


@pytest.fixture
def folder(public):
    return public("site")


@pytest.fixture
def backend(tmp_path_factory, folder, fetcher):
    if not webserver.NGINX:
        pytest.skip("nginx is not installed")
    made = []

    def make(**kwargs):
        made.append(Backend(tmp_path_factory.mktemp("nginx"), folder, **kwargs))
        return made[-1].start()
    yield make
    for server in made:
        server.stop()


@pytest.fixture
def server(backend):
    return backend()


@pytest.fixture
def publish(maker, folder):
    """publish("2.0", seed): this bundle is offered from now on, as backend/README.md says; its image."""
    def go(version, seed, name="device.raucb", **kwargs):
        image = bundles.image(SIZE, seed)
        text = bundles.manifest({"rootfs.img": image}, {"rootfs": "rootfs.img"}, version=version, **kwargs)
        shutil.copy(maker.forge({"rootfs.img": image}, text=text), folder / ".new")
        (folder / ".new").chmod(0o644)
        stamp = 1700000000 + seed  # another second, as between any two releases
        os.utime(folder / ".new", (stamp, stamp))
        (folder / ".new").rename(folder / name)
        return image
    return go


class Updater:
    """`rauc update` on a device that boots when it is told to."""

    def __init__(self, device, server):
        self.device, self.server, self.env = device, server, {}
        self.boot("A", "first")
        device.change("streaming", retry_max_sec=1)

    def boot(self, slot, number):
        self.device.cmdline = f"quiet rauc.slot={slot} ro"
        self.env["RAUC_TEST_BOOT_ID"] = number
        shutil.rmtree(self.device.run_folder, ignore_errors=True)  # it is a tmpfs

    def call(self, *args, env=None):
        return self.device.call("update", *args, env={**self.env, "RAUC_BUNDLE_URL": f"{self.server.url}/device.raucb", **(env or {})})

    def __call__(self, *args, code=0, **kwargs):
        """What it says as JSON."""
        done = self.call("--output-format=json", *args, **kwargs)
        assert done.code == code, done.text
        told = json.loads(done.out)
        assert told["exit-code"] == code, told
        return told

    def decision(self, *args, **kwargs):
        return self(*args, **kwargs)["decision"]

    def good(self):
        assert self.device.call("status", "mark-good", env=self.env).code == 0

    @property
    def state(self):
        parser = configparser.RawConfigParser()
        parser.read_string((self.device.data / "update.state").read_text())
        return {section: dict(parser[section]) for section in parser.sections()}


@pytest.fixture
def updater(device, server):
    return Updater(device, server)


def test_new_is_installed_and_the_same_costs_nothing(updater, device, server, publish, note):
    image = publish("2.0", 1)
    told = updater.call()
    assert told.code == 0, told.text
    assert "2.0 is on offer, an unknown version runs: it is installed now\n" in told.out
    assert "succeeded\na restart is needed to run it\n" in told.out, told.text
    assert "%" not in told.out, "a journal keeps every line"
    assert device.content("rootfs.1", SIZE) == image and device.chosen() == "B"
    first = server.asked()

    updater.boot("B", "second")
    updater.good()
    server.forget()
    told = updater()
    asked = server.asked()
    assert told["decision"] == "current" and told["not-modified"] and told["bytes"] == 0 and told["reboot"] == "none", told
    assert [(a[0], a[3] != "-") for a in asked] == [(304, True)], asked
    assert asked[0][1] < 400, "a poll of a device that is up to date"
    told = updater.call()
    assert told.code == 0 and told.out == "nothing to install: this bundle (2.0) is what runs\n", told.text
    assert len(server.asked()) == 2
    note(f"a poll costs {asked[0][1]} bytes in 1 request; the first one and {SIZE >> 20} MiB took {len(first)} requests")


def test_a_poll_of_something_new_is_small(updater, server, publish, note):
    """Signature and manifest, not the bundle."""
    publish("2.0", 1)
    assert updater("--check", code=6)["decision"] == "install"
    asked = server.asked()
    assert len(asked) <= 4 and sum(a[1] for a in asked) < 40000, asked
    note(f"a poll that finds something costs {sum(a[1] for a in asked)} bytes in {len(asked)} requests")


def test_the_next_one_comes_too(updater, device, server, publish):
    """A to B to A, and the ETag of the one before does not hide the new one."""
    publish("2.0", 1)
    assert updater()["installed"]
    updater.boot("B", "second")
    updater.good()
    assert updater.decision() == "current"
    server.forget()
    image = publish("3.0", 2)
    told = updater()
    assert told["installed"] and not told["not-modified"] and device.chosen() == "A"
    assert device.content("rootfs.0", SIZE) == image
    assert server.asked()[0][3] != "-" and server.asked()[0][0] == 206, server.asked()[:2]


def test_what_was_rolled_back_is_not_tried_again(updater, device, server, publish):
    publish("2.0", 1)
    assert updater()["installed"]
    updater.boot("A", "second")  # B was tried in between, and failed
    server.forget()
    done = updater.call()
    assert done.code == 0 and "was installed and did not boot" in done.out, done.text
    assert "it is not tried again" in done.err, done.text
    for number in ("third", "fourth"):
        updater.boot("A", number)
        assert updater.decision() == "rejected"
    assert [a[0] for a in server.asked()] == [304] * 3
    assert updater("--force", "--check", code=6)["decision"] == "install"
    publish("2.1", 2)
    assert updater()["installed"]
    updater.boot("B", "fifth")
    updater.good()
    assert updater.decision() == "current"
    publish("2.0", 1)
    assert updater.decision() == "rejected", "it is the same that failed"
    assert updater("--force")["installed"]


def test_nothing_is_updated_on_trial(updater, publish):
    publish("2.0", 1)
    assert updater()["installed"]
    updater.boot("B", "second")
    publish("3.0", 2)
    assert updater.decision() == "on-trial"
    updater.good()
    assert updater.decision("--check", code=6) == "install"


def test_awaits_its_boot(updater, server, publish):
    publish("2.0", 1)
    assert updater()["reboot"] == "needed"
    server.forget()
    told = updater()
    assert told["decision"] == "awaits-boot" and told["reboot"] == "needed" and not told["installed"]
    assert [a[0] for a in server.asked()] == [304]


def test_server_down(updater, server, publish):
    """A code of its own, longer and longer pauses for who is started by a timer, none for who is asked by a person."""
    publish("2.0", 1)
    server.stop()
    done = updater.call()
    assert done.code == 5 and done.err.count("\n") == 1 and "server not responding: connection refused" in done.err, done.text
    assert updater.state["server"]["errors"] == "1"
    timer = {"TRIGGER_UNIT": "rauc-update.timer"}
    told = updater(env=timer)
    assert told["decision"] is None and 0 < told["asked-again-in"] <= 900
    assert "left alone for" in updater.call(env=timer).out
    assert updater(code=5)["error"]["code"] == "network"
    assert updater.state["server"]["errors"] == "2" and 900 * 3 // 4 < updater(env=timer)["asked-again-in"] <= 1800
    server.start()
    assert updater("--check", "--force", env=timer, code=6)["decision"] == "install"
    assert "server" not in updater.state
    assert updater(env=timer)["installed"]


def test_no_such_bundle(updater):
    done = updater.call()
    assert done.code == 5 and "not found: unexpected HTTP response code 404" in done.err, done.text


def test_not_ours(updater, device, server, folder, maker, publish):
    """Signed by somebody else: an error, and nothing is changed."""
    shutil.copy(maker.simple(MIB, 3, signer=maker.pki.rogue), folder / "device.raucb")
    (folder / "device.raucb").chmod(0o644)
    before = device.content("rootfs.1")
    done = updater.call()
    assert done.code == 1 and "signature" in done.err, done.text
    assert device.content("rootfs.1") == before and device.chosen() == "A"
    publish("2.0", 1, compatible="Other")
    told = updater()
    assert told["decision"] == "incompatible" and "for 'Other', this device is a 'Test'" in told["reason"]
    assert updater("--force")["decision"] == "incompatible"
    assert device.content("rootfs.1") == before


def test_an_installation_that_always_fails(updater, device, publish):
    publish("2.0", 1)
    device.change("system", min_bundle_version="9.0")
    for _ in range(3):
        assert updater(code=1)["error"]["code"] == "version"
    assert updater.decision() == "refused"
    device.change("system", min_bundle_version=None)
    assert updater.decision() == "refused"
    assert updater("--force")["installed"]


def hours(first, last):
    now = datetime.datetime.now(datetime.timezone.utc)
    return "-".join((now + datetime.timedelta(hours=n)).strftime("%H:%M") for n in (first, last))


def test_maintenance_window(updater, device, publish):
    updater.env["TZ"] = "UTC"
    publish("2.0", 1)
    device.change("update", window=f"{hours(2, 4)};{hours(6, 7)}")
    told = updater()
    assert told["decision"] == "closed" and re.search(r"opens in (119|120) min|opens in 2 h", told["reason"]), told
    device.change("update", window=f"{hours(6, 7)};{hours(-1, 1)}")
    assert updater()["installed"]
    device.change("update", window="at night")
    assert "Invalid maintenance window 'at night'" in updater.call().err


def test_roll_out(updater, device, publish):
    publish("2.0", 1)
    device.change("update", rollout_percent=0)
    assert updater.decision() == "held-back"
    share = float(re.search(r"at (\d+\.\d+) %", updater()["reason"])[1])
    if share >= 1:  # of a device without a serial number and a machine id it is known
        device.change("update", rollout_percent=int(share))
        assert updater.decision() == "held-back"
    device.change("update", rollout_percent=int(share) + 1)
    assert updater("--check", code=6)["decision"] == "install"
    device.change("update", rollout_percent=100)
    assert updater()["installed"]


def test_inhibit_file(updater, device, publish):
    publish("2.0", 1)
    busy = device.folder / "busy"
    busy.touch()
    device.change("update", inhibit_files=f"/nowhere;{busy}")
    assert updater()["reason"] == f"{busy} is there"
    busy.unlink()
    assert updater()["installed"]


def test_criteria(updater, device, publish):
    image = device.folder / "image" / "etc" / "os-release"
    image.parent.mkdir(parents=True)
    image.write_text("ID=moonforge\nIMAGE_VERSION=2.0\n")
    publish("1.5", 1)
    device.change("update", criteria="higher-semver")
    assert updater()["reason"] == "1.5 is on offer, 2.0 runs: that is nothing new (higher-semver)"
    publish("2.0", 2)
    device.change("update", criteria="different-version")
    assert updater.decision() == "not-new"
    device.change("update", criteria="different-bundle")
    assert updater.decision() == "not-new", "a factory image of that version"
    publish("2.0.1", 3)
    device.change("update", criteria="higher-semver")
    assert updater.decision("--check", code=6) == "install"
    publish("today", 4)
    done = updater.call()
    assert done.code == 1 and "candidate criteria check failed: " in done.err, done.text


def test_where_the_address_comes_from(updater, device, server, publish):
    publish("2.0", 1, name="other.raucb")
    none = {"RAUC_BUNDLE_URL": ""}
    done = updater.call(env=none)
    assert done.code == 1 and "no address to look for updates" in done.err, done.text
    url = f"{server.url}/other.raucb"
    for change in (lambda: (device.folder / "update.env").write_text(f'# where\nRAUC_BUNDLE_URL="{url}"\n'),
                   lambda: device.change("update", url=url),
                   lambda: device.change("polling", url=url, candidate_criteria="different-version")):
        change()
        assert updater("--check", env=none, code=6)["url"] == url
        (device.folder / "update.env").unlink(missing_ok=True)
        device.sections.pop("update", None)
    assert updater("--check", "--url", url, code=6)["url"] == url


@pytest.fixture
def logind(tmp_path, bus):
    """A logind on the private bus."""
    log, inhibitors = tmp_path / "logind.log", tmp_path / "inhibitors"
    process = subprocess.Popen(["/usr/bin/python3", pathlib.Path(__file__).parent / "logind.py", log, inhibitors],
                               stdout=subprocess.PIPE, text=True, env={**os.environ, **bus.env})
    assert process.stdout.readline() == "ready\n"

    class Logind:
        def calls(self):
            return log.read_text().splitlines() if log.exists() else []

        def inhibit(self, *lines):
            inhibitors.write_text("".join(f"{line}\n" for line in lines))
    yield Logind()
    process.kill()
    process.communicate()


def test_reboot(updater, bus, start, logind, publish):
    """By the service, and then through logind: not while somebody holds it back, and again until it is done."""
    start()
    updater.env.update(bus.env)
    updater.env["RAUC_FORCE_REBOOT_ON_UPDATE"] = "1"
    publish("2.0", 1)
    logind.inhibit("sleep:shutdown|Flasher|writing firmware|block")
    told = updater()
    assert told["installed"] and told["reboot"] == "held-back" and logind.calls() == []
    done = updater.call()
    assert done.code == 0 and "a restart is held back by Flasher (process 4711: writing firmware); it is asked for again" in done.out, done.text
    logind.inhibit("shutdown|NetworkManager|x|delay")
    told = updater()
    assert told["decision"] == "awaits-boot" and told["reboot"] == "requested" and not told["installed"]
    assert logind.calls() == ["RebootWithFlags(1,)"]


def test_no_reboot_unless_configured(updater, bus, start, logind, publish):
    start()
    updater.env.update(bus.env)
    publish("2.0", 1)
    assert updater()["reboot"] == "needed" and updater()["reboot"] == "needed" and logind.calls() == []


def test_reboot_waits_for_the_window(updater, device, bus, start, logind, publish):
    start()
    updater.env.update(bus.env, TZ="UTC", RAUC_FORCE_REBOOT_ON_UPDATE="1")
    publish("2.0", 1)
    logind.inhibit("shutdown|Flasher|x|block")
    assert updater()["reboot"] == "held-back"
    logind.inhibit()
    device.change("update", window=hours(2, 3))
    assert updater()["reboot"] == "held-back" and logind.calls() == []
    device.change("update", window=hours(-1, 1))
    assert updater()["reboot"] == "requested"


def test_no_reboot_into_what_others_installed(updater, device, bus, start, logind, publish, folder):
    start()
    updater.env.update(bus.env, RAUC_FORCE_REBOOT_ON_UPDATE="1")
    publish("2.0", 1)
    assert device.call("install", folder / "device.raucb", env=updater.env).code == 0
    told = updater()
    assert told["decision"] == "awaits-boot" and told["reboot"] == "needed" and logind.calls() == []


def test_never_a_reboot_loop(updater, bus, start, logind, publish):
    """It was restarted and is not what runs: no restart will help, and none is asked for."""
    start()
    updater.env.update(bus.env, RAUC_FORCE_REBOOT_ON_UPDATE="1")
    publish("2.0", 1)
    assert updater()["reboot"] == "requested"
    for number in ("second", "third"):
        updater.env["RAUC_TEST_BOOT_ID"] = number
        told = updater()
        assert told["decision"] == "rejected" and told["reboot"] == "none", told
    assert len(logind.calls()) == 1


def test_without_logind(updater, bus, start, publish):
    """Nobody to ask: that is an error, the update stays installed."""
    start()
    updater.env.update(bus.env, RAUC_FORCE_REBOOT_ON_UPDATE="1")
    publish("2.0", 1)
    told = updater(code=1)
    assert told["installed"] and told["reboot"] == "failed" and "does not restart the device" in told["error"]["message"]


def test_three_slots(make_device, tmp_path, server, publish):
    """Whatever their number: the one that runs stays, another one is written."""
    slots = {}
    for index, name in enumerate("ABC"):
        path = tmp_path / f"slot-{name}"
        path.write_bytes(bytes(SIZE))
        slots[f"rootfs.{index}"] = {"device": path, "type": "raw", "bootname": name}
    device = make_device(slots=slots)
    updater = Updater(device, server)
    booted = "A"
    for seed in range(1, 5):
        image = publish(f"{seed}.0", seed)
        assert updater()["installed"]
        chosen = device.chosen()
        assert chosen != booted and device.content(f"rootfs.{'ABC'.index(chosen)}", SIZE) == image
        booted = chosen
        updater.boot(booted, str(seed))
        updater.good()
        assert updater.decision() == "current"


def test_https(backend, device, server_identity, publish, note):
    """HTTP/2, the same costs as little."""
    server = backend(tls=server_identity)
    updater = Updater(device, server)
    device.change("streaming", tls_ca=server_identity[0])
    publish("2.0", 1)
    assert updater()["installed"]
    assert all(line.split('"')[1].endswith("HTTP/2.0") for line in (server.folder / "access.log").read_text().splitlines())
    updater.boot("B", "second")
    server.forget()
    assert updater()["not-modified"] and [a[0] for a in server.asked()] == [304]
    note(f"a poll over HTTP/2 costs {server.asked()[0][1]} bytes")


def test_the_backend_serves_bundles_only(server, folder, publish):
    publish("2.0", 1)
    (folder / "secret.txt").write_text("x")
    (folder / "secret.txt").chmod(0o644)

    def curl(path, *args):
        done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{size_download}", *args, f"{server.url}/{path}"],
                              capture_output=True, text=True, timeout=20)
        return done.stdout
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    assert curl("secret.txt").startswith("404") and curl("").startswith("404") and curl(".new").startswith("404")
    assert curl("device.raucb", "-X", "PUT").startswith("403")
    assert curl("device.raucb", "-r", "0-3") == "206 4"


def test_the_container_gets_what_there_is():
    """compose.yaml names files that exist, and the places and ports the configuration uses."""
    text = (BACKEND / "compose.yaml").read_text()
    conf = "".join((BACKEND / name).read_text() for name in ("nginx.conf", "bundles.conf", "tls.conf"))
    mounts = re.findall(r"- \./(\S+?):(\S+?):ro", text)
    assert len(mounts) == 5 and all((BACKEND / here).exists() for here, _ in mounts)
    assert "/srv/bundles" in [there for _, there in mounts] and "root /srv/bundles;" in conf
    assert set(re.findall(r'- "(\d+):\1"', text)) == set(re.findall(r"listen (\d+)", conf)) == {"3333", "3443"}


def test_serve(updater, folder, publish, tmp_path):
    """The same without containers, for trying."""
    publish("2.0", 1)
    port = webserver.free_port()
    process = subprocess.Popen(["sh", BACKEND / "serve", folder, str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert f"on port {port}" in process.stdout.readline()

        def is_up():
            assert process.poll() is None, process.stdout.read()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
        wait_until(is_up)
        assert updater("--url", f"http://127.0.0.1:{port}/device.raucb")["installed"]
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_state_that_is_lost_costs_one_poll(updater, device, publish):
    publish("2.0", 1)
    assert updater()["installed"]
    updater.boot("B", "second")
    updater.good()
    (device.data / "update.state").write_text("\x01 not ours")
    told = updater()
    assert told["decision"] == "current" and not told["not-modified"]
    assert updater()["not-modified"]


@pytest.mark.parametrize("args", [["--output-format=shell"], ["excess"], ["--url", "ftp://x/y"], ["--nonsense"]])
def test_wrong_calls(device, args):
    done = device.call("update", *args)
    assert done.code == 1 and done.err.strip(), done.text


def test_killed_in_between(updater, device, publish, slow):
    """A power cut while it is installed: the next one goes on, it is no verdict about the bundle."""
    image = publish("2.0", 1)
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent",
                   **device.env, **updater.env, "RAUC_BUNDLE_URL": f"{updater.server.url}/device.raucb"}
    process = subprocess.Popen([device.rauc, "--conf", device.conf, "update"], env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    slow.wait()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    slow.go()
    updater.boot("A", "second")
    assert updater()["installed"] and device.content("rootfs.1", SIZE) == image


def test_while_somebody_else_installs(updater, device, bus, start, publish, folder, slow):
    """It is left alone, which is no failure of the unit."""
    start()
    updater.env.update(bus.env)
    publish("2.0", 1)
    publish("3.0", 2, name="by-hand.raucb")
    other = subprocess.Popen([device.rauc, "--conf", device.conf, "install", folder / "by-hand.raucb"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **device.env, **bus.env})
    slow.wait()
    ours = {**device.env, **updater.env, "RAUC_BUNDLE_URL": f"{updater.server.url}/device.raucb"}
    done = devices.run(device.rauc, "--conf", device.conf, "update", env=ours)
    assert done.code == 0 and "left alone: another installation is running" in done.out, done.text
    done = devices.run(device.rauc, "--conf", device.conf, "update", "--output-format=json", env=ours)
    assert done.code == 0 and json.loads(done.out)["exit-code"] == 0, done.text
    slow.go()
    assert other.wait(60) == 0
    assert device.chosen() == "B"


def test_roll_out_by_the_server(updater, device, server, folder, publish):
    """The share is the server's to change, and a device stays where it is."""
    (folder / "next").mkdir()
    (folder / "next").chmod(0o755)
    old, new = publish("1.5", 1), publish("2.0", 2, name="next/device.raucb")
    info = device.folder / "info.sh"
    info.write_text("#!/bin/sh\necho RAUC_SYSTEM_SERIAL=4711\necho RAUC_SYSTEM_VERSION=1.0\n")
    info.chmod(0o755)
    device.change("handlers", system_info=info)
    device.change("streaming", send_headers="serial")
    url = ["--url", f"{server.url}/roll-out/device.raucb"]
    conf = server.folder / "rollout.conf"
    text = conf.read_text()

    def share(line):
        conf.write_text(text.replace("    10% /next/;\n", line))
        server.stop()
        (server.folder / "pid").unlink(missing_ok=True)
        server.start()

    def rings(n):
        ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{redirect_url}"]
        return ["/next/" in subprocess.run([*ask, "-H", f"RAUC-Serial: {i}", url[1]], capture_output=True, text=True, timeout=20).stdout
                for i in range(n)]
    share("")
    assert not any(rings(3))
    assert updater(*url, "--check", code=6)["offer"]["version"] == "1.5"
    share("50% /next/;\n")
    half = rings(60)
    assert 15 < sum(half) < 45 and rings(60) == half
    share("75% /next/;\n")
    more = rings(60)
    assert sum(more) > sum(half) and all(b for a, b in zip(half, more) if a)
    share("100% /next/;\n")
    told = updater(*url)
    assert told["installed"] and told["offer"]["version"] == "2.0" and device.content("rootfs.1", SIZE) == new != old
    updater.boot("B", "second")
    updater.good()
    assert updater(*url)["not-modified"]


UNIT = (TOP / "data/rauc-update.service.in").read_text()


def setting(name):
    return re.findall(rf"(?m)^{name}=(.*)$", UNIT)


def test_with_the_rights_of_the_unit(updater, bus, start, logind, publish, tool):
    """The capabilities rauc-update.service keeps are enough for all of it, and rauc-fetch is still nobody."""
    kept = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in " ".join(setting("CapabilityBoundingSet")).split())
    wrap = [tool("setpriv"), f"--bounding-set=-all,{kept}", "--inh-caps=-all", "--no-new-privs"]
    if os.geteuid() != 0:
        pytest.skip("needs root")
    start()
    updater.env.update(bus.env, RAUC_FORCE_REBOOT_ON_UPDATE="1")
    publish("2.0", 1)
    done = updater.device.call("update", "--output-format=json", wrap=wrap,
                               env={**updater.env, "RAUC_BUNDLE_URL": f"{updater.server.url}/device.raucb"})
    assert done.code == 0, done.text
    told = json.loads(done.out)
    assert told["installed"] and told["reboot"] == "requested", told


def denied(tool):
    """System calls the unit does not have."""
    names, allowed = set(), set()
    for line in setting("SystemCallFilter"):
        if not line.startswith("~"):
            allowed |= set(line.split())
            continue
        for group in line[1:].split():
            names |= members(tool, group)
    return names - allowed


def members(tool, group):
    done = subprocess.run([tool("systemd-analyze"), "syscall-filter", group], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    words = {line.strip() for line in done.stdout.splitlines()[1:] if line.strip() and not line.strip().startswith("#")}
    return set().union(*(members(tool, word) if word.startswith("@") else {word} for word in words))


def test_with_the_system_calls_of_the_unit(updater, bus, start, publish, tool, tmp_path):
    log = tmp_path / "trace"
    start()
    updater.env.update(bus.env)
    publish("2.0", 1)
    done = updater.device.call("update", wrap=[tool("strace"), "-f", "-qq", "-o", log], timeout=120,
                               env={**updater.env, "RAUC_BUNDLE_URL": f"{updater.server.url}/device.raucb",
                                    "ASAN_OPTIONS": ASAN_TRACED})
    assert done.code == 0, done.text
    used = set(re.findall(r"(?m)^\d+ +(\w+)\(", log.read_text()))
    assert {"socket", "execve", "setgroups"} <= used and {"mount", "reboot", "ptrace"} <= denied(tool)
    assert not used & denied(tool)
