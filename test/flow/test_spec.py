# SPDX-License-Identifier: MIT
"""Every name, type, line and member that others rely on, as tables: what RAUC's documentation and interface say is on the
left, what the program says is on the right. The same types are seen by busctl and by dasbus."""

import json
import re
import shlex
import shutil
import signal
import subprocess

import pytest

import bundles
import bus as buses
import device as devices
from bundles import MIB
from bus import INTERFACE, NAME

IMAGE = bundles.image(MIB, 1)
HASH = re.compile(r"[0-9a-f]{64}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
MANIFEST = """[update]
compatible=Test
version=1.0
description=it's one
build=20261101

[bundle]
format=verity

[image.rootfs]
sha256={digest}
size={size}
filename=rootfs.img

[meta.update-info]
release-notes=none
"""
# Signed, but never installed: all that a manifest can say.
FULL = MANIFEST.replace("[image.rootfs]", """[hooks]
filename=hook
hooks=install-check;

[handler]
filename=handler
args=-v --fast

[image.rootfs]""") + """
[image.appfs.wide]
sha256={digest}
size={size}
filename=rootfs.img
type=ext4
hooks=pre-install;post-install;
adaptive=block-hash-index;

[image.apps/shop]
sha256={digest}
size={size}
filename=rootfs.img
convert=tar-extract;keep;
converted=a;b;

[image.data]
hooks=install;
"""


@pytest.fixture(scope="module")
def scene(tmp_path_factory, rauc, pki, maker):
    """A device on which all that can be known is known, and its service."""
    if not shutil.which("dbus-daemon"):
        pytest.skip("dbus-daemon is not installed")
    folder = tmp_path_factory.mktemp("scene")
    slots = {}
    for name, kind, more in (("rootfs.0", "raw", {"bootname": "A"}),
                             ("appfs.0", "ext4", {"parent": "rootfs.0"}),
                             ("rootfs.1", "raw", {"bootname": "B", "description": "the other's"}),
                             ("appfs.1", "ext4", {"parent": "rootfs.1"}), ("data.0", "vfat", {})):
        (folder / name).write_bytes(bytes(2 * MIB))
        slots[name] = {"device": folder / name, "type": kind, **more}
    info = folder / "info"
    info.write_text("#!/bin/sh\necho RAUC_SYSTEM_VERSION=7.1\n")
    info.chmod(0o755)
    device = devices.Device(folder, rauc, pki.ring, slots, system={"variant-name": "wide"}, handlers={"system-info": info})
    device.sections["artifacts.apps"] = {"path": folder, "type": "files", "description": "from the shop"}
    device.write_conf()
    text = MANIFEST.format(digest=bundles.sha256(IMAGE), size=len(IMAGE))
    device.ok("install", "--transaction-id=tx", maker.forge({"rootfs.img": IMAGE}, text=text))
    device.mounted = mount(folder, folder / "data.0")
    full = maker.forge({"rootfs.img": IMAGE}, text=FULL.format(digest=bundles.sha256(IMAGE), size=len(IMAGE)))
    bus = buses.Bus(tmp_path_factory.mktemp("bus"))
    service = buses.Service(device, bus)
    device.bus, device.bundle = bus, full
    yield device
    service.end(signal.SIGKILL)
    bus.stop()
    if device.mounted:
        subprocess.run(["umount", device.mounted], check=True)


def mount(folder, image):
    """The data slot, mounted by somebody else; None where that cannot be."""
    point = folder / "elsewhere"
    point.mkdir()
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    return point if subprocess.run(["mount", "-o", "loop", image, point], capture_output=True).returncode == 0 else None


def matches(value, expected):
    return expected.fullmatch(value) if isinstance(expected, re.Pattern) else value == expected


def slot(scene, name):
    return str(scene.folder / name)


# --- D-Bus --------------------------------------------------------------------


def slot_facts(scene):
    """Per slot: key -> (type, value)."""
    def one(name, kind, state, more):
        return {"class": ("s", name.split(".")[0]), "device": ("s", slot(scene, name)), "type": ("s", kind),
                "state": ("s", state), **more}
    installed = {
        "bundle.compatible": ("s", "Test"), "bundle.version": ("s", "1.0"), "bundle.description": ("s", "it's one"),
        "bundle.build": ("s", "20261101"), "bundle.hash": ("s", HASH), "status": ("s", "ok"),
        "sha256": ("s", bundles.sha256(IMAGE)), "size": ("t", MIB), "installed.transaction": ("s", "tx"),
        "installed.timestamp": ("s", TIME), "installed.count": ("u", 1), "activated.timestamp": ("s", TIME),
        "activated.count": ("u", 1)}
    return {
        "rootfs.0": one("rootfs.0", "raw", "booted", {"bootname": ("s", "A"), "boot-status": ("s", "good")}),
        "appfs.0": one("appfs.0", "ext4", "active", {"parent": ("s", "rootfs.0")}),
        "rootfs.1": one("rootfs.1", "raw", "inactive", {
            "bootname": ("s", "B"), "boot-status": ("s", "good"), "description": ("s", "the other's"), **installed}),
        "appfs.1": one("appfs.1", "ext4", "inactive", {"parent": ("s", "rootfs.1")}),
        "data.0": one("data.0", "vfat", "inactive", {"mountpoint": ("s", str(scene.mounted))} if scene.mounted else {}),
    }


IMAGE_FACTS = {"filename": ("s", "rootfs.img"), "checksum": ("s", bundles.sha256(IMAGE)), "size": ("t", MIB)}
INSPECTED = {
    "manifest-hash": ("s", HASH),
    "update": ("a{sv}", {"compatible": ("s", "Test"), "version": ("s", "1.0"), "description": ("s", "it's one"),
                         "build": ("s", "20261101")}),
    "bundle": ("a{sv}", {"format": ("s", "verity"), "verity-hash": ("s", HASH), "verity-salt": ("s", HASH),
                         "verity-size": ("t", None)}),
    "hooks": ("a{sv}", {"filename": ("s", "hook"), "hooks": ("v", ("as", ["install-check"]))}),
    "handler": ("a{sv}", {"filename": ("s", "handler"), "args": ("s", "-v --fast")}),
    "images": ("aa{sv}", [
        {"slot-class": ("s", "rootfs"), "type": ("s", "raw"), "hooks": ("as", []), **IMAGE_FACTS},
        {"slot-class": ("s", "appfs"), "variant": ("s", "wide"), "type": ("s", "ext4"),
         "hooks": ("as", ["pre-install", "post-install"]), "adaptive": ("as", ["block-hash-index"]), **IMAGE_FACTS},
        {"slot-class": ("s", "apps"), "artifact": ("s", "shop"), "hooks": ("as", []), "convert": ("as", ["tar-extract", "keep"]),
         "converted": ("as", ["a", "b"]), **IMAGE_FACTS},
        {"slot-class": ("s", "data"), "hooks": ("as", ["install"]), "size": ("t", 2**64 - 1)},
    ]),
    "meta": ("a{sa{ss}}", {"update-info": {"release-notes": "none"}}),
}
PROPERTIES = {
    "Operation": ("s", "idle"), "LastError": ("s", ""), "LastErrorInfo": ("a{sv}", {}), "LastStatistics": ("a{sv}", {}),
    "Waiting": ("a{sv}", {}), "Progress": ("(isi)", [0, "", 0]),
    "Compatible": ("s", "Test"), "Variant": ("s", "wide"), "SystemVersion": ("s", "7.1"), "BootSlot": ("s", "A"),
}


def typed(value):
    """busctl's {"type": …, "data": …} as (type, data), all the way down."""
    if isinstance(value, dict) and set(value) == {"type", "data"}:
        return value["type"], typed(value["data"])
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    return [typed(inner) for inner in value] if isinstance(value, list) else value


def check_facts(found, expected):
    assert set(found) == set(expected)
    for key, (kind, value) in expected.items():
        assert found[key][0] == kind, key
        assert value is None or matches(found[key][1], value), (key, found[key])


def check_images(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        if "artifact" in other or "size" in other and other["size"][1] > MIB:
            one.pop("type", None)  # what an image without a known ending or file is, is open
        check_facts(one, other)


def test_slot_status(scene):
    (slots,) = scene.bus.json("GetSlotStatus")
    found = {name: typed(facts) for name, facts in slots}
    expected = slot_facts(scene)
    assert list(found) == list(expected)  # in the order of system.conf
    for name, facts in expected.items():
        check_facts(found[name], facts)


def test_inspect_bundle(scene):
    (told,) = scene.bus.json("InspectBundle", "sa{sv}", str(scene.bundle), "0")
    found = typed(told)
    assert set(found) == set(INSPECTED)
    for key, (kind, value) in INSPECTED.items():
        if key == "manifest-hash":
            assert found[key][0] == kind and HASH.fullmatch(found[key][1])
            continue
        assert found[key][0] == "v" and found[key][1][0] == kind, key  # a variant in a variant
        inner = found[key][1][1]
        if key == "images":
            check_images(inner, value)
        elif key == "meta":
            assert inner == value
        else:
            check_facts(inner, value)


def test_artifact_status(scene):
    (repos,) = scene.bus.json("GetArtifactStatus")
    (found,) = map(typed, repos)
    check_facts(found, {"name": ("s", "apps"), "description": ("s", "from the shop"), "path": ("s", str(scene.folder)),
                        "type": ("s", "files"), "artifacts": ("aa{sv}", [])})


def test_properties(scene):
    for name, expected in PROPERTIES.items():
        assert typed(scene.bus.property(name)) == expected
    told = scene.bus.busctl("call", NAME, "/", "org.freedesktop.DBus.Properties", "GetAll", "s", INTERFACE)
    assert {key: typed(value) for key, value in told["data"][0].items()} == PROPERTIES


# --- dasbus -------------------------------------------------------------------

DASBUS = """
import json, sys
from dasbus.connection import AddressedMessageBus
from dasbus.typing import get_native
from gi.repository import GLib

def spell(value):
    if isinstance(value, GLib.Variant):
        return {"type": value.get_type_string(), "data": spell_native(value)}
    if isinstance(value, dict):
        return {key: spell(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [spell(inner) for inner in value]
    return value

def spell_native(value):
    kind = value.get_type_string()
    if kind == "v":
        return spell(value.get_variant())
    if value.is_container():
        children = [value.get_child_value(i) for i in range(value.n_children())]
        if kind.startswith("a{"):
            return {c.get_child_value(0).unpack(): inner(c.get_child_value(1)) for c in children}
        return [inner(c) for c in children]
    return value.unpack()

def inner(value):
    return spell(value.get_variant()) if value.get_type_string() == "v" else spell_native(value)

bus = AddressedMessageBus(sys.argv[1])
rauc = bus.get_proxy("de.pengutronix.rauc", "/", interface_name="de.pengutronix.rauc.Installer")
out = {"slots": spell(rauc.GetSlotStatus()), "info": spell(rauc.InspectBundle(sys.argv[2], {})),
       "repos": spell(rauc.GetArtifactStatus()), "primary": rauc.GetPrimary(), "old": rauc.Info(sys.argv[2]),
       "mark": rauc.Mark("good", "booted"), "progress": list(rauc.Progress)}
for name in ("Operation", "LastError", "Compatible", "Variant", "SystemVersion", "BootSlot"):
    out[name] = getattr(rauc, name)
try:
    rauc.Mark("good", "nosuch")
except Exception as error:
    out["error"] = str(error)
print(json.dumps(out))
"""


def test_dasbus_sees_what_busctl_sees(scene):
    if subprocess.run(["/usr/bin/python3", "-c", "import dasbus, gi"], capture_output=True).returncode:
        pytest.skip("python3-dasbus is not installed")
    done = subprocess.run(["/usr/bin/python3", "-c", DASBUS, f"unix:path={scene.bus.socket}", scene.bundle], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["slots"] == scene.bus.json("GetSlotStatus")[0]
    assert told["info"] == scene.bus.json("InspectBundle", "sa{sv}", str(scene.bundle), "0")[0]
    assert told["repos"] == scene.bus.json("GetArtifactStatus")[0]
    assert [told["primary"]] == scene.bus.json("GetPrimary")
    assert told["old"] == ["Test", "1.0"] and told["progress"] == [0, "", 0]
    assert told["mark"] == ["rootfs.0", "marked slot(s) rootfs.0 as good"]
    assert {name: told[name] for name in PROPERTIES if name in told} == {
        name: PROPERTIES[name][1] for name in PROPERTIES if name in told}
    assert told["error"].endswith("Invalid slot name format: 'nosuch'")


# --- The outputs --------------------------------------------------------------


@pytest.fixture(params=["direct", "service"])
def told(request, scene):
    """told(verb, …): what is printed, by both doors."""
    def run(*args):
        if request.param == "direct":
            done = scene.call(*args)
        else:
            done = devices.run(scene.rauc, *args, env={**scene.env, **scene.bus.env})
        assert done.code == 0 and done.err == "", done.text
        return done.out
    return run


def shell_lines(scene, detailed):
    """Key and value of every line, in order."""
    facts = slot_facts(scene)
    lines = [("RAUC_SYSTEM_COMPATIBLE", "Test"), ("RAUC_SYSTEM_VARIANT", "wide"), ("RAUC_SYSTEM_VERSION", "7.1"),
             ("RAUC_SYSTEM_BOOTED_BOOTNAME", "A"), ("RAUC_BOOT_PRIMARY", "rootfs.1"),
             ("RAUC_SYSTEM_SLOTS", " ".join(facts)), ("RAUC_SLOTS", "1 2 3 4 5")]
    short = {"STATE": "state", "CLASS": "class", "DEVICE": "device", "TYPE": "type", "BOOTNAME": "bootname",
             "PARENT": "parent", "MOUNTPOINT": "mountpoint", "BOOT_STATUS": "boot-status"}
    long = {"BUNDLE_COMPATIBLE": "bundle.compatible", "BUNDLE_VERSION": "bundle.version",
            "BUNDLE_DESCRIPTION": "bundle.description", "BUNDLE_BUILD": "bundle.build", "BUNDLE_HASH": "bundle.hash",
            "CHECKSUM_SHA256": "sha256", "CHECKSUM_SIZE": "size", "INSTALLED_TIMESTAMP": "installed.timestamp",
            "INSTALLED_COUNT": "installed.count", "ACTIVATED_TIMESTAMP": "activated.timestamp",
            "ACTIVATED_COUNT": "activated.count", "STATUS": "status"}
    numbers = {"CHECKSUM_SIZE", "INSTALLED_COUNT", "ACTIVATED_COUNT"}
    for n, one in enumerate(facts.values(), 1):
        lines += [(f"RAUC_SLOT_{key}_{n}", one.get(fact, ("s", ""))[1]) for key, fact in short.items()]
        for key, fact in long.items() if detailed else ():
            value = one.get(fact, ("s", "0" if key in numbers else ""))[1]
            lines.append((f"RAUC_SLOT_STATUS_{key}_{n}", value if isinstance(value, re.Pattern) else str(value)))
    return lines + [("RAUC_REPO_NAME_1", "apps"), ("RAUC_REPO_PATH_1", str(scene.folder)), ("RAUC_REPO_TYPE_1", "files"),
                    ("RAUC_REPO_ARTIFACTS_1", ""), ("RAUC_REPOS", "1")]


@pytest.mark.parametrize("detailed", [False, True])
def test_status_shell(scene, told, detailed):
    text = told("status", "--output-format=shell", *(["--detailed"] if detailed else []))
    found = []
    for line in text.splitlines():
        key, quoted = line.split("=", 1)
        assert quoted.startswith("'") and quoted.endswith("'"), line
        (value,) = shlex.split(quoted)
        found.append((key, value))
    # what RAUC does not have
    assert found[-5:] == [("RAUC_TRUST_SECURITY_EPOCH", "0"), ("RAUC_TRUST_TIME_FLOOR", ""), ("RAUC_TRUST_TIME_FLOOR_SOURCE", ""),
                          ("RAUC_TRUST_KEPT", "1"), ("RAUC_TRUST_DEMO_KEYS", "")]
    found = [(key, value) for key, value in found[:-5] if "SECURITY_EPOCH" not in key]
    expected = shell_lines(scene, detailed)
    assert [key for key, _ in found] == [key for key, _ in expected]
    for (key, value), (_, wanted) in zip(found, expected):
        assert matches(value, wanted), (key, value, wanted)


def status_json(scene, detailed):
    def value(facts, key):
        return facts[key][1] if key in facts else None

    slots = []
    for name, facts in slot_facts(scene).items():
        one = {"class": value(facts, "class"), "device": value(facts, "device"), "type": value(facts, "type"),
               "bootname": value(facts, "bootname"), "state": value(facts, "state"), "parent": value(facts, "parent"),
               "mountpoint": value(facts, "mountpoint"), "boot_status": value(facts, "boot-status")}
        if detailed:
            one["slot_status"] = {"bundle": {"compatible": value(facts, "bundle.compatible")}}
            if "status" in facts:
                one["slot_status"] = {
                    "bundle": {key: value(facts, f"bundle.{key}")
                               for key in ("compatible", "version", "description", "build", "hash")},
                    "checksum": {"sha256": value(facts, "sha256"), "size": MIB},
                    "installed": {"timestamp": TIME, "count": 1},
                    "activated": {"timestamp": TIME, "count": 1}, "status": "ok"}
        slots.append({name: one})
    return {"compatible": "Test", "variant": "wide", "system_version": "7.1", "booted": "A", "boot_primary": "rootfs.1",
            "slots": slots, "artifact-repositories": [
                {"name": "apps", "description": "from the shop", "path": str(scene.folder), "type": "files", "artifacts": []}]}


def check_json(found, expected, where="$"):
    """The same members in the same order."""
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key, value in expected.items():
            check_json(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for n, value in enumerate(expected):
            check_json(found[n], value, f"{where}[{n}]")
    else:
        assert matches(found, expected), (where, found, expected)


@pytest.mark.parametrize("form", ["json", "json-pretty"])
@pytest.mark.parametrize("detailed", [False, True])
def test_status_json(scene, told, form, detailed):
    text = told("status", f"--output-format={form}", *(["--detailed"] if detailed else []))
    found = json.loads(text)
    # what RAUC does not have
    assert found.pop("trust") == {"security_epoch": 0, "time_floor": None, "time_floor_source": None, "kept": True,
                                  "demo_keys": None}
    check_json(found, status_json(scene, detailed))
    assert text.count("\n") == 1 if form == "json" else '\n  "compatible" : "Test",\n' in text


TRUST = """
=== Trust ===
Security epoch: 0
Time floor:     unknown
"""

READABLE = """=== System Info ===
Compatible:     Test
Variant:        wide
System Version: 7.1
Booted from:    rootfs.0 (A)

=== Bootloader ===
Activated: rootfs.1 (B)

=== Slot States ===
○ [rootfs.0] ({folder}/rootfs.0, raw, booted)
      bootname: A
      boot status: good
{none}    [appfs.0] ({folder}/appfs.0, ext4, active)
{none}
⏺ [rootfs.1] ({folder}/rootfs.1, raw, inactive)
      bootname: B
      description: the other's
      boot status: good
{all}    [appfs.1] ({folder}/appfs.1, ext4, inactive)
{none}
  [data.0] ({folder}/data.0, vfat, inactive)
{mounted}{none}
=== Artifact Repo States ===
[apps] ({folder})
  type: files
  artifacts: (none)
"""
NONE = "      slot status:\n          bundle:\n              compatible=(null)\n"
ALL = """      slot status:
          bundle:
              compatible=Test
              version=1.0
              description=it's one
              build=20261101
              hash=HASH
          checksum:
              sha256={digest}
              size=1.0\u00a0MB (1048576 bytes)
          installed:
              timestamp=TIME
              count=1
              transaction=tx
          activated:
              timestamp=TIME
              count=1
          status=ok
"""


@pytest.mark.parametrize("detailed", [False, True])
def test_status_readable(scene, told, detailed):
    text = told("status", *(["--detailed"] if detailed else []))
    text = re.sub(r"=" + TIME.pattern, "=TIME", re.sub(r"hash=" + HASH.pattern, "hash=HASH", text))
    assert text == READABLE.format(
        folder=scene.folder, none=NONE if detailed else "",
        all=ALL.format(digest=bundles.sha256(IMAGE)) if detailed else "",
        mounted=f"      mounted: {scene.mounted}\n" if scene.mounted else "") + (TRUST if detailed else "")


# --- info ---------------------------------------------------------------------


def info(scene, form):
    done = devices.run(scene.rauc, "--conf", scene.conf, "info", f"--output-format={form}", scene.bundle)
    assert done.code == 0 and done.err == "", done.text
    return done.out


DIGEST = bundles.sha256(IMAGE)
INFO_SHELL = [
    ("RAUC_MF_COMPATIBLE", "Test"), ("RAUC_MF_VERSION", "1.0"), ("RAUC_MF_DESCRIPTION", "it's one"),
    ("RAUC_MF_BUILD", "20261101"), ("RAUC_MF_HASH", HASH), ("RAUC_MF_FORMAT", "verity"), ("RAUC_MF_IMAGES", "4"),
    ("RAUC_MF_HOOKS", "install-check"), ("RAUC_META_UPDATE_INFO_RELEASE_NOTES", "none"),
    ("RAUC_IMAGE_NAME_0", "rootfs.img"), ("RAUC_IMAGE_CLASS_0", "rootfs"), ("RAUC_IMAGE_ARTIFACT_0", ""),
    ("RAUC_IMAGE_VARIANT_0", ""), ("RAUC_IMAGE_DIGEST_0", DIGEST), ("RAUC_IMAGE_SIZE_0", str(MIB)), ("RAUC_IMAGE_HOOKS_0", ""),
    ("RAUC_IMAGE_NAME_1", "rootfs.img"), ("RAUC_IMAGE_CLASS_1", "appfs"), ("RAUC_IMAGE_ARTIFACT_1", ""),
    ("RAUC_IMAGE_VARIANT_1", "wide"), ("RAUC_IMAGE_DIGEST_1", DIGEST), ("RAUC_IMAGE_SIZE_1", str(MIB)),
    ("RAUC_IMAGE_HOOKS_1", "pre-install post-install"), ("RAUC_IMAGE_ADAPTIVE_1", "block-hash-index"),
    ("RAUC_IMAGE_NAME_2", "rootfs.img"), ("RAUC_IMAGE_CLASS_2", "apps"), ("RAUC_IMAGE_ARTIFACT_2", "shop"),
    ("RAUC_IMAGE_VARIANT_2", ""), ("RAUC_IMAGE_DIGEST_2", DIGEST), ("RAUC_IMAGE_SIZE_2", str(MIB)), ("RAUC_IMAGE_HOOKS_2", ""),
    ("RAUC_IMAGE_CONVERT_2", "tar-extract keep"), ("RAUC_IMAGE_CONVERTED_2", "a b"),
    ("RAUC_IMAGE_NAME_3", ""), ("RAUC_IMAGE_CLASS_3", "data"), ("RAUC_IMAGE_ARTIFACT_3", ""), ("RAUC_IMAGE_VARIANT_3", ""),
    ("RAUC_IMAGE_DIGEST_3", ""), ("RAUC_IMAGE_SIZE_3", "-1"), ("RAUC_IMAGE_HOOKS_3", "install"),
]


def test_info_shell(scene):
    found = [(key, shlex.split(value)) for key, value in (line.split("=", 1) for line in info(scene, "shell").splitlines())]
    assert [key for key, _ in found] == [key for key, _ in INFO_SHELL]
    for (key, values), (_, wanted) in zip(found, INFO_SHELL):
        assert len(values) == 1 and matches(values[0], wanted), (key, values)


def info_image(**more):
    return {"artifact": None, "variant": None, "filename": "rootfs.img", "type": re.compile(r"raw|ext4"), "checksum": DIGEST,
            "size": MIB, "hooks": [], "adaptive": [], **more}


@pytest.mark.parametrize("form", ["json", "json-pretty"])
def test_info_json(scene, form):
    found = json.loads(info(scene, form))
    types = found["images"][2]["apps"].pop("type"), found["images"][3]["data"].pop("type")
    shop, data = info_image(artifact="shop", convert=["tar-extract", "keep"], converted=["a", "b"]), info_image(
        filename=None, checksum=None, size=-1, hooks=["install"])
    del shop["type"], data["type"]
    check_json(found, {
        "compatible": "Test", "version": "1.0", "description": "it's one", "build": "20261101", "format": "verity",
        "hooks": ["install-check"], "hash": HASH, "images": [
            {"rootfs": info_image()},
            {"appfs": info_image(variant="wide", hooks=["pre-install", "post-install"], adaptive=["block-hash-index"])},
            {"apps": shop}, {"data": data}]})
    assert types[1] is None


def test_info_json_2(scene):
    """As InspectBundle, without types."""
    def plain(value):
        if isinstance(value, tuple):
            return plain(value[1])
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    (told,) = scene.bus.json("InspectBundle", "sa{sv}", str(scene.bundle), "0")
    expected = plain(typed(told))
    expected["images"][3]["size"] = -1
    assert json.loads(info(scene, "json-2")) == expected


def test_info_readable(scene):
    text = info(scene, "readable")
    for line in ["Compatible:     'Test'", "Version:        '1.0'", "Description:    'it's one'", "Build:          '20261101'",
                 "Hooks:          'install-check'", "Bundle Format:  verity", "Metadata:", "  update-info:",
                 "    release-notes: none", "4 Images:", "    Variant:   wide", "    Artifact:  shop", "    Type:      ext4",
                 f"    Checksum:  {DIGEST}", "    Size:      1.0\u00a0MB (1048576 bytes)", "    Hooks:     pre-install post-install",
                 "    Adaptive:  block-hash-index", "    Convert:   tar-extract keep", "    Converted: 'a' 'b'",
                 "    (no image file)", "Certificate Chain:"]:
        assert line in text.splitlines(), line
    for pattern in [r"  Verity Salt:  '[0-9a-f]{64}'", r"  Verity Hash:  '[0-9a-f]{64}'", r"  Verity Size:  \d+",
                    r"Manifest Hash:  '[0-9a-f]{64}'", r" 0 Subject: .*", r"   Issuer: .*", r"   SPKI sha256: ([0-9A-F]{2}:?){32}",
                    r"   Not Before: .* GMT", r"   Not After:  .* GMT"]:
        assert re.search(f"(?m)^{pattern}$", text), pattern
