# SPDX-License-Identifier: MIT
"""`rauc service` on a private bus, asked by gdbus and busctl: every member, an installation from call to
Completed, and what happens when clients, bus or service go away in the middle."""

import pathlib
import re
import signal
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

import bundles
import bus as buses
from bundles import MIB
from bus import INTERFACE, NAME, PATH, wait_until

IMAGE = bundles.image(2 * MIB, 1)
MANIFEST_MORE = "\n[meta.update]\nchannel=beta\n"


@pytest.fixture
def service(start):
    return start()


@pytest.fixture
def listener(bus, service, tmp_path_factory):
    listener = buses.Listener(bus, tmp_path_factory.mktemp("heard"))
    yield listener
    listener.stop()


@pytest.fixture
def bundle(maker):
    return maker.simple(name="rootfs.img")


# --- The interface ------------------------------------------------------------

METHODS = {
    "Install": ("s", ""), "InstallBundle": ("sa{sv}", ""), "Info": ("s", "ss"), "InspectBundle": ("sa{sv}", "a{sv}"),
    "Mark": ("ss", "ss"), "GetSlotStatus": ("", "a(sa{sv})"), "GetArtifactStatus": ("", "aa{sv}"),
    "GetPrimary": ("", "s"), "GetTrustStatus": ("", "a{sv}"),
    "GetKeyringStatus": ("", "a{sv}"), "Cancel": ("", ""),
}
PROPERTIES = {"Operation": "s", "LastError": "s", "LastErrorInfo": "a{sv}", "LastStatistics": "a{sv}", "Waiting": "a{sv}",
              "Progress": "(isi)", "Compatible": "s", "Variant": "s",
              "SystemVersion": "s", "BootSlot": "s"}
ANNOTATED = {
    ("InstallBundle", "In1"): "QVariantMap", ("InspectBundle", "In1"): "QVariantMap",
    ("InspectBundle", "Out0"): "QVariantMap", ("GetSlotStatus", "Out0"): "RaucSlotStatusArray",
    ("GetArtifactStatus", "Out0"): "QList<QVariantMap>", ("GetTrustStatus", "Out0"): "QVariantMap",
    ("GetKeyringStatus", "Out0"): "QVariantMap",
}
QT = "org.qtproject.QtDBus.QtTypeName"


def members(interface):
    def types(node, way):
        return "".join(a.get("type") for a in node.findall("arg") if a.get("direction", way) == way)

    annotated = {}
    for method in interface.findall("method"):
        for note in method.findall("annotation"):
            if note.get("name").startswith(QT):
                annotated[method.get("name"), note.get("name").removeprefix(QT + ".")] = note.get("value")
    return ({m.get("name"): (types(m, "in"), types(m, "out")) for m in interface.findall("method")},
            {p.get("name"): p.get("type") for p in interface.findall("property") if p.get("access") == "read"},
            {s.get("name"): types(s, "out") for s in interface.findall("signal")}, annotated)


def test_interface(bus, service):
    told = bus.gdbus("introspect", "--session", "--dest", NAME, "--object-path", PATH, "--xml")
    assert told.returncode == 0, told.stderr
    node = ElementTree.fromstring(told.stdout)
    assert {i.get("name") for i in node.findall("interface")} == {
        "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Peer",
        INTERFACE}
    found = members(node.find(f"interface[@name='{INTERFACE}']"))
    assert found == (METHODS, PROPERTIES, {"Completed": "i"}, ANNOTATED)
    installed = ElementTree.parse(pathlib.Path(__file__).parents[2] / "data" / f"{INTERFACE}.xml")
    assert members(installed.find("interface")) == found


def test_properties(device, bus, service):
    values = {"Operation": "idle", "LastError": "", "LastErrorInfo": {}, "Progress": [0, "", 0], "Compatible": "Test", "Variant": "",
              "SystemVersion": "", "BootSlot": "A"}
    for name, value in values.items():
        assert bus.property(name) == {"type": PROPERTIES[name], "data": value}, name


def test_slot_status(device, bus, service, bundle):
    device.ok("install", bundle)
    (slots,) = bus.json("GetSlotStatus")
    assert [name for name, _ in slots] == ["rootfs.0", "rootfs.1"]
    first, second = (facts for _, facts in slots)
    assert first == {
        "class": {"type": "s", "data": "rootfs"}, "device": {"type": "s", "data": str(device.path("rootfs.0"))},
        "type": {"type": "s", "data": "raw"}, "bootname": {"type": "s", "data": "A"},
        "state": {"type": "s", "data": "booted"}, "boot-status": {"type": "s", "data": "good"}}
    types = {"bundle.compatible": "s", "bundle.version": "s", "bundle.hash": "s", "status": "s", "sha256": "s",
             "size": "t", "installed.transaction": "s", "installed.timestamp": "s", "installed.count": "u",
             "activated.timestamp": "s", "activated.count": "u"}
    assert {key: value["type"] for key, value in second.items() if key not in first} == types
    assert second["size"]["data"] == 2 * MIB and second["status"]["data"] == "ok"
    assert second["installed.count"]["data"] == 1
    assert bus.json("GetPrimary") == ["rootfs.1"]
    assert bus.ok("GetArtifactStatus") == "(@aa{sv} [],)"


def test_inspect(bus, service, maker):
    files = {"rootfs.img": IMAGE}
    text = bundles.manifest(files, {"rootfs": "rootfs.img"}) + MANIFEST_MORE
    bundle = maker.forge(files, {"rootfs": "rootfs.img"}, text=text)
    (told,) = bus.json("InspectBundle", "sa{sv}", str(bundle), "0")
    assert re.fullmatch(r"[0-9a-f]{64}", told["manifest-hash"]["data"])
    assert {key: (value["type"], value["data"].get("type") if value["type"] == "v" else None)
            for key, value in told.items()} == {
        "manifest-hash": ("s", None), "update": ("v", "a{sv}"), "bundle": ("v", "a{sv}"), "hooks": ("v", "a{sv}"),
        "handler": ("v", "a{sv}"), "images": ("v", "aa{sv}"), "meta": ("v", "a{sa{ss}}")}
    assert told["update"]["data"]["data"] == {"compatible": {"type": "s", "data": "Test"},
                                              "version": {"type": "s", "data": "1.0"}}
    assert told["meta"]["data"]["data"] == {"update": {"channel": "beta"}}
    assert {key: value["type"] for key, value in told["bundle"]["data"]["data"].items()} == {
        "format": "s", "verity-hash": "s", "verity-salt": "s", "verity-size": "t"}
    (image,) = told["images"]["data"]["data"]
    assert image == {
        "slot-class": {"type": "s", "data": "rootfs"}, "filename": {"type": "s", "data": "rootfs.img"},
        "type": {"type": "s", "data": "raw"}, "checksum": {"type": "s", "data": bundles.sha256(IMAGE)},
        "size": {"type": "t", "data": len(IMAGE)}, "hooks": {"type": "as", "data": []}}
    assert bus.json("Info", "s", str(bundle)) == ["Test", "1.0"]


def test_mark(device, bus, service):
    assert bus.ok("Mark", "bad", "other") == "('rootfs.1', 'marked slot(s) rootfs.1 as bad')"
    assert device.boot["B_OK"] == "0"
    assert bus.ok("Mark", "active", "rootfs.1") == "('rootfs.1', 'marked slot(s) rootfs.1 as active')"
    assert device.boot["ORDER"] == "B A"
    assert bus.ok("Mark", "good", "booted") == "('rootfs.0', 'marked slot(s) rootfs.0 as good')"
    device.check_rest()


REFUSALS = [
    (("Mark", "fine", "booted"), "unknown subcommand fine"),
    (("Mark", "good", "rootfs"), "Invalid slot name format: 'rootfs'"),
    (("Mark", "good", "x.1"), "No slot with class x and name x.1 found"),
    (("InspectBundle", "/nowhere", "{'ignore-compatible': <true>}"), "Unsupported key: ignore-compatible"),
    (("InstallBundle", "/nowhere", "{'colour': <'red'>}"), "Unsupported key: colour"),
    (("InstallBundle", "/nowhere", "{'ignore-compatible': <'yes'>}"), "Unsupported key: ignore-compatible"),
    (("Info", "/nowhere"), "No such file"),
]


@pytest.mark.parametrize("call, reason", REFUSALS, ids=lambda value: "-".join(value[:2]) if isinstance(value, tuple) else "")
def test_refusals(bus, service, call, reason):
    assert reason in bus.refused(*call)
    assert bus.property("Operation")["data"] == "idle"


# --- Installing ---------------------------------------------------------------

SEQUENCE = """0 Installing 1
0 Determining slot states 2
10 Determining slot states done. 2
10 Checking bundle 2
10 Verifying signature 3
20 Verifying signature done. 3
20 Checking bundle done. 2
20 Checking manifest contents 2
30 Checking manifest contents done. 2
30 Determining target install group 2
40 Determining target install group done. 2
40 Updating slots 2
40 Checking slot rootfs.1 (B) 3
46 Checking slot rootfs.1 (B) done. 3
46 Copying image to rootfs.1 3
99 Copying image to rootfs.1 done. 3
99 Updating slots done. 2
100 Installing done. 1"""


def test_install(device, bus, service, listener, bundle):
    assert bus.ok("InstallBundle", bundle, "{'transaction-id': <'my-id'>}") == "()"
    listener.wait("Completed")
    wait_until(lambda: listener.events()[-1] == ("Operation", "idle"))
    events = listener.events()
    assert events[0] == ("Operation", "installing")
    assert events[-2:] == [("Completed", 0), ("Operation", "idle")]
    assert events[-3][0] == "LastStatistics" and events[-3][1]["bytes-written"] + events[-3][1]["bytes-zero"] == len(IMAGE)
    progress = [value for name, value in events if name == "Progress"]
    assert {name for name, _ in events[1:-3]} == {"Progress"}
    assert [p for p, _, _ in progress] == sorted(p for p, _, _ in progress)
    copying = [p for p in progress if p[1] == "Copying image to rootfs.1"]
    assert len(copying) > 3
    short = [p for p in progress if p not in copying[1:]]
    assert "\n".join("{} {} {}".format(*p) for p in short) == SEQUENCE
    assert device.content("rootfs.1", len(IMAGE)) == IMAGE
    assert device.chosen() == "B" and device.status("rootfs.1")["installed.transaction"] == "my-id"
    assert bus.property("Progress")["data"] == [100, "Installing done.", 1]
    device.check_rest()


def test_failure_is_told(device, bus, service, listener, maker):
    files, images = {"rootfs.img": IMAGE}, {"rootfs": "rootfs.img"}
    wrong = maker.forge(files, images, text=bundles.manifest(files, images, compatible="Other"))
    bus.ok("Install", wrong)
    listener.wait("Completed (1,)")
    wait_until(lambda: listener.events()[-1] == ("Operation", "idle"))
    reason = bus.property("LastError")["data"]
    assert "Compatible mismatch" in reason
    info = {"code": "compatible", "stage": "check", "message": reason, "hint": "take the bundle for this kind of device",
            "can-retry": False}
    assert {key: value["data"] for key, value in bus.property("LastErrorInfo")["data"].items()} == info
    assert {key: value["type"] for key, value in bus.property("LastErrorInfo")["data"].items()} == {
        key: "b" if key == "can-retry" else "s" for key in info}
    assert listener.events()[-4:] == [("LastErrorInfo", info), ("LastError", reason), ("Completed", 1),
                                      ("Operation", "idle")]
    assert ("Progress", (100, "Installing failed.", 1)) in listener.events()
    bus.ok("InstallBundle", wrong, "{'ignore-compatible': <true>}")
    listener.wait("Completed (0,)")
    assert bus.property("LastError")["data"] == "" and bus.property("LastErrorInfo")["data"] == {}


def test_busy(device, bus, slow, start, bundle):
    start()
    bus.ok("Install", bundle)
    slow.wait()
    assert "Already processing a different method" in bus.refused("Install", bundle)
    assert bus.property("Operation")["data"] == "installing"
    for call in (("GetSlotStatus",), ("GetPrimary",), ("GetArtifactStatus",), ("Mark", "good", "booted"),
                 ("Info", bundle), ("InspectBundle", bundle, "{}")):
        assert "already processing a different method" in bus.refused(*call)
    direct = device.call  # the same lock holds for whoever works without the service
    assert subprocess.run(["flock", "-n", device.run_folder / "lock", "true"]).returncode == 1
    slow.go()
    wait_until(lambda: bus.property("Operation")["data"] == "idle")
    assert bus.property("LastError")["data"] == "" and device.chosen() == "B"
    assert direct("status").code == 0


def test_direct_sees_the_service(device, bus, slow, start, bundle):
    start()
    bus.ok("Install", bundle)
    slow.wait()
    direct = buses.devices.run(device.rauc, "--conf", device.conf, "status", "mark-good", env=device.env)
    assert direct.code == 1 and "another rauc (process" in direct.err, direct.text
    slow.go()
    wait_until(lambda: bus.property("Operation")["data"] == "idle")


def test_service_sees_a_direct_one(device, bus, service, bundle):
    device.run_folder.mkdir(exist_ok=True)
    holder = subprocess.Popen(["flock", "--no-fork", device.run_folder / "lock", "sh", "-c", "echo held; exec sleep 60"],
                              stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert holder.stdout.readline() == "held\n"
        assert "another rauc" in bus.refused("Mark", "good", "booted")
        bus.ok("Install", bundle)
        wait_until(lambda: bus.property("LastError")["data"] != "")
        assert "another rauc" in bus.property("LastError")["data"]
    finally:
        buses.os.killpg(holder.pid, signal.SIGKILL)
        holder.wait()
    bus.ok("Mark", "good", "booted")


def test_client_vanishes(device, bus, slow, start, bundle):
    """An installation belongs to nobody: gdbus is long gone when it goes on."""
    start()
    client = subprocess.Popen(["gdbus", "call", "--session", "--dest", NAME, "--object-path", PATH, "--method",
                               f"{INTERFACE}.Install", bundle], env={**buses.os.environ, **bus.env},
                              stdout=subprocess.DEVNULL)
    slow.wait()
    client.kill()
    client.wait()
    slow.go()
    wait_until(lambda: bus.property("Operation")["data"] == "idle")
    assert device.chosen() == "B"


def test_autoinstall(device, bus, start, bundle):
    path = device.folder / "auto.raucb"
    bundles.copy_of(bundle, path)
    device.change("autoinstall", path=path)
    start()
    wait_until(lambda: bus.property("Progress")["data"] == [100, "Installing done.", 1])
    assert device.chosen() == "B"


def test_run_links(device, start):
    start()
    link = device.run_folder / "slots" / "active" / "rootfs"
    assert link.is_symlink() and link.readlink() == device.path("rootfs.0")


# --- The end ------------------------------------------------------------------

def test_sigterm_idle(device, service):
    assert service.end() == 0
    assert "stopping service" in service.text
    device.check_rest()


def test_sigterm_while_installing(device, bus, slow, start, bundle):
    service = start()
    bus.ok("Install", bundle)
    slow.wait()
    assert service.end() == 0
    slow.go()
    device.check_rest()
    assert device.chosen() == "A"
    assert device.ok("install", bundle) and device.chosen() == "B"


def test_killed_while_installing(device, bus, slow, start, bundle):
    service = start()
    bus.ok("Install", bundle)
    slow.wait()
    assert service.end(signal.SIGKILL) == -signal.SIGKILL
    slow.go()
    assert device.chosen() == "A"
    assert device.ok("install", bundle) and device.chosen() == "B"
    start()
    assert bus.json("GetPrimary") == ["rootfs.1"]


LOST = "Failed to obtain name de.pengutronix.rauc on session bus\n"
GENERIC = "Failed to execute service: generic failure (check logs)\n"


def test_bus_goes(bus, service):
    bus.stop()
    assert service.end(None) == 1
    assert service.text.endswith(LOST + GENERIC)


def test_bus_restarts_while_installing(device, bus, slow, start, bundle):
    """What is being written is written to its end; then the service goes, and a new one comes."""
    service = start()
    bus.ok("Install", bundle)
    slow.wait()
    bus.stop()
    wait_until(lambda: LOST in service.text)
    bus.start()
    slow.go()
    assert service.end(None) == 1
    assert service.text.endswith(GENERIC) and device.chosen() == "B"
    start()
    assert bus.json("GetPrimary") == ["rootfs.1"]


def test_name_is_taken(service, start):
    second = start(wait=False)
    assert second.end(None) == 1
    assert second.text.endswith(LOST + GENERIC)
    assert service.process.poll() is None


def test_no_bus(device, bus, start):
    bus.stop()
    service = start(wait=False)
    assert service.end(None) == 1
    assert "Connection to the session bus can't be made for de.pengutronix.rauc" in service.text
    assert service.text.endswith(GENERIC)


def test_unknown_boot_slot(device, start):
    service = start("--override-boot-slot=Z", wait=False)
    assert service.end(None) == 1
    assert "Failed to determine slot states: Did not find booted slot (matching 'Z')" in service.text
