# SPDX-License-Identifier: MIT
"""The service under ten thousand calls while it installs, and what valgrind says of a complete installation."""

import pathlib
import random
import re
import secrets
import signal
import subprocess
import time

import pytest

import bundles
import device as devices
from bundles import MIB
from bus import INTERFACE, NAME, PATH, wait_until

CALLS = 10000
WARM = 2000  # calls until caches, threads and arenas of the allocator are what they stay
GROWTH = 1024  # KiB that may come after that: less than 150 bytes a call
AT_ONCE = 32

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def pss(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"(?m)^Pss: +(\d+) kB", text)[1])


class Crowd:
    """Many clients on one connection, whose calls overlap."""

    def __init__(self, bus, random_source, bundle, broken):
        gi = pytest.importorskip("gi", reason="python3-gi is not installed")
        gi.require_version("Gio", "2.0")
        from gi.repository import Gio, GLib
        self.Gio, self.GLib, self.random = Gio, GLib, random_source
        flags = Gio.DBusConnectionFlags
        self.connection = Gio.DBusConnection.new_for_address_sync(
            f"unix:path={bus.socket}", flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
        self.loop = GLib.MainLoop()
        self.bundle, self.broken = str(bundle), str(broken)
        self.sent = self.answered = self.refused = self.installed = 0
        self.kinds = {}
        self.fatal = None

    def pick(self):
        """Interface, method and arguments of the next call: sensible and silly ones."""
        one, GLib = self.random, self.GLib
        path = one.choice([self.bundle, self.broken, "/nowhere", "", "/", "gopher://nowhere/x"])
        options = one.choice([{}, {"ignore-compatible": GLib.Variant("b", True)}, {"colour": GLib.Variant("s", "red")},
                              {"tls-no-verify": GLib.Variant("b", True)}, {"http-headers": GLib.Variant("as", ["a: b"])}])
        slot = one.choice(["booted", "other", "rootfs.0", "rootfs.1", "nosuch.7", "", "ö"])
        kind = one.choice(["Install", "InstallBundle", "InstallBundle", "Info", "InspectBundle", "Mark", "GetSlotStatus",
                           "GetArtifactStatus", "GetPrimary", "Get", "GetAll", "Introspect", "Frobnicate", "WrongType"])
        arguments = {
            "Install": GLib.Variant("(s)", (self.bundle,)), "InstallBundle": GLib.Variant("(sa{sv})", (path, options)),
            "Info": GLib.Variant("(s)", (path,)), "InspectBundle": GLib.Variant("(sa{sv})", (path, options)),
            "Mark": GLib.Variant("(ss)", (one.choice(["good", "bad", "active", "fine"]), slot)),
            "Get": GLib.Variant("(ss)", (INTERFACE, one.choice(["Operation", "Progress", "LastStatistics", "Nothing"]))),
            "GetAll": GLib.Variant("(s)", (INTERFACE,)), "WrongType": GLib.Variant("(i)", (7,)),
        }.get(kind)
        interface = {"Get": "org.freedesktop.DBus.Properties", "GetAll": "org.freedesktop.DBus.Properties",
                     "Introspect": "org.freedesktop.DBus.Introspectable"}.get(kind, INTERFACE)
        return kind, interface, "Mark" if kind == "WrongType" else kind, arguments

    def send(self):
        kind, interface, method, arguments = self.pick()
        self.sent += 1
        self.connection.call(NAME, PATH, interface, method, arguments, None, self.Gio.DBusCallFlags.NO_AUTO_START, 60000,
                             None, self.answer, kind)

    def answer(self, connection, result, kind):
        self.answered += 1
        good, bad = self.kinds.get(kind, (0, 0))
        try:
            connection.call_finish(result)
            self.kinds[kind] = good + 1, bad
        except self.GLib.Error as error:
            self.kinds[kind] = good, bad + 1
            if re.search(r"NoReply|Disconnected|ServiceUnknown|Timeout|closed", error.message):
                self.fatal = error.message
        if self.fatal or self.answered == self.until:
            self.loop.quit()
        elif self.sent < self.until:
            self.send()

    def call(self, n):
        """n calls, AT_ONCE of them on their way at any time."""
        self.until = self.sent + n
        for _ in range(min(AT_ONCE, n)):
            self.send()
        self.loop.run()
        assert not self.fatal, self.fatal


def test_ten_thousand_calls(device, bus, start, maker, note, rauc):
    seed = secrets.token_hex(4)
    note(f"test_ten_thousand_calls: seed {seed}")
    bundle = maker.simple(name="rootfs.img", size=MIB)
    broken = bundles.copy_of(bundle, device.folder / "broken.raucb", lambda data: data[:5000] + b"X" + data[5001:-300])
    service = start()
    crowd = Crowd(bus, random.Random(seed), bundle, broken)
    crowd.call(WARM)
    before = pss(service.process.pid)
    crowd.call(CALLS)
    wait_until(lambda: bus.property("Operation")["data"] == "idle")
    after = pss(service.process.pid)
    assert service.process.poll() is None
    kinds = crowd.kinds
    note("  " + ", ".join(f"{kind} {good}+{bad}" for kind, (good, bad) in sorted(kinds.items())))
    note(f"  installations begun: {kinds['Install'][0] + kinds['InstallBundle'][0]}; PSS {before} -> {after} KiB")
    assert sum(good + bad for good, bad in kinds.values()) == CALLS + WARM and kinds["Install"][0] + kinds["InstallBundle"][0] > 20
    assert kinds["GetAll"][1] == kinds["Introspect"][1] == kinds["Frobnicate"][0] == kinds["WrongType"][0] == 0
    if "dev" not in str(rauc):  # the sanitizers remember what was freed
        assert after - before < GROWTH, f"{before} -> {after} KiB"
    # And it still does what it is for.
    for method, *args in (("GetSlotStatus",), ("GetPrimary",), ("GetArtifactStatus",), ("Info", bundle), ("Mark", "good", "booted"),
                          ("InspectBundle", bundle, "{}")):
        bus.ok(method, *args)
    device.reset_boot()
    done = devices.run(device.rauc, "install", bundle, env={**device.env, **bus.env})
    assert done.code == 0 and device.chosen() == "B", done.text
    assert service.end() == 0
    device.check_rest()


# --- valgrind -----------------------------------------------------------------

VALGRIND = ["--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect",
            "--error-exitcode=99", "--child-silent-after-fork=yes", "--trace-children=no", "--num-callers=30"]


@pytest.fixture
def valgrind(tool, rauc, without_fuse):
    """Without FUSE: valgrind runs one thread at a time, so the one that asks would wait for ever for the one that serves.
    What FUSE leaves in memory the sanitizers say, in their run of these same tests."""
    if "dev" in str(rauc):
        pytest.skip("the sanitizers of this build and valgrind exclude each other")
    return [*without_fuse, tool("valgrind"), *VALGRIND]


@pytest.fixture
def hooked(device, rauc, pki, tmp_path):
    """A bundle with everything that runs around an installation."""
    content = tmp_path / "content"
    content.mkdir()
    (content / "rootfs.img").write_bytes(bundles.image(MIB, 1))
    (content / "hook").write_text("#!/bin/sh\nexit 0\n")
    (content / "hook").chmod(0o755)
    (content / "manifest.raucm").write_text(
        bundles.input_manifest({"rootfs": "rootfs.img"}) + "hooks=pre-install;post-install\n\n"
        "[hooks]\nfilename=hook\nhooks=install-check\n\n[meta.more]\nkey=value\n")
    bundle = tmp_path / "hooked.raucb"
    bundles.run(rauc, "--cert", pki.ec.cert, "--key", pki.ec.key, "bundle", content, bundle)
    handler = tmp_path / "handler"
    handler.write_text("#!/bin/sh\necho 'RAUC_SYSTEM_VERSION=7'\n")
    handler.chmod(0o755)
    device.change("handlers", pre_install=handler, post_install=handler, system_info=handler)
    device.change("log.all", filename="events.log")
    return bundle


def test_valgrind_in_process(device, valgrind, hooked):
    done = device.call("install", hooked, wrap=valgrind, timeout=300)
    assert done.code == 0 and "==" not in done.err and device.chosen() == "B", done.text
    for args in (["status", "--detailed", "--output-format=json"], ["status", "mark-good"], ["info", hooked]):
        done = device.call(*args, wrap=valgrind, timeout=120)
        assert done.code == 0 and "==" not in done.err, done.text


def test_valgrind_failed_installation(device, valgrind, hooked):
    device.change("system", compatible="Other")
    (device.folder / "content/hook").unlink()
    done = device.call("install", "--require-manifest-hash=" + 64 * "0", hooked, wrap=valgrind, timeout=300)
    assert done.code == 1 and "==" not in done.err, done.text


def test_valgrind_service_and_client(device, bus, valgrind, hooked):
    log = device.folder / "service.log"
    with open(log, "w") as out:
        service = subprocess.Popen([*map(str, valgrind), device.rauc, "--conf", device.conf, "service"], stdout=out, stderr=out,
                                   stdin=subprocess.DEVNULL, start_new_session=True,
                                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **device.env, **bus.env})
    try:
        wait_until(lambda: bus.has_owner() or service.poll() is not None, 120)
        done = devices.run(device.rauc, "install", hooked, env={**device.env, **bus.env}, wrap=valgrind, timeout=300)
        assert done.code == 0 and "==" not in done.err, done.text + log.read_text()
        done = devices.run(device.rauc, "status", env={**device.env, **bus.env}, wrap=valgrind, timeout=120)
        assert done.code == 0 and "==" not in done.err, done.text
        for method, args in (("InspectBundle", [hooked, "{}"]), ("Info", [hooked]), ("GetArtifactStatus", []),
                             ("Mark", ["good", "booted"])):
            bus.ok(method, *args)
        time.sleep(0.2)
        service.send_signal(signal.SIGTERM)
        assert service.wait(120) == 0 and "==" not in log.read_text(), log.read_text()
    finally:
        if service.poll() is None:
            service.kill()
            service.wait()
