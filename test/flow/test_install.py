# SPDX-License-Identifier: MIT
"""Installations that shall succeed, and what they leave behind: slots, boot state, status."""

import json
import re
import shlex
import subprocess
import time

import pytest

import bundles
import device as devices
from bundles import MIB

IMAGE = bundles.image(2 * MIB, 1)
APP = bundles.image(MIB + 512, 2)
FILES = {"hello.txt": b"hello\n" * 1000, "big.bin": bundles.image(600 * 1024, 3)}


def sh(*args):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """kind -> bytes of a real file system image with FILES in it."""
    folder = tmp_path_factory.mktemp("images")
    root = folder / "root"
    root.mkdir()
    for name, data in FILES.items():
        (root / name).write_bytes(data)
    ext4, vfat, squashfs = folder / "x.ext4", folder / "x.vfat", folder / "x.squashfs"
    sh("mkfs.ext4", "-q", "-F", "-b", "1024", "-d", root, ext4, "4096k")
    vfat.write_bytes(bytes(4 * MIB))
    sh("mkfs.vfat", vfat)
    sh("mcopy", "-i", vfat, *[root / name for name in FILES], "::")
    sh("mksquashfs", root, squashfs, "-noappend", "-quiet", "-no-progress")
    return {"ext4": ext4.read_bytes(), "vfat": vfat.read_bytes(), "squashfs": squashfs.read_bytes(), "img": IMAGE}


def judge_ext4(node, tmp_path):
    sh("e2fsck", "-fn", node)
    for name, data in FILES.items():
        sh("debugfs", "-R", f"dump /{name} {tmp_path / name}", node)
        assert (tmp_path / name).read_bytes() == data


def judge_vfat(node, tmp_path):
    sh("fsck.vfat", "-n", node)
    for name, data in FILES.items():
        sh("mcopy", "-n", "-i", node, f"::{name}", tmp_path / name)
        assert (tmp_path / name).read_bytes() == data


def judge_squashfs(node, tmp_path):
    sh("unsquashfs", "-dest", tmp_path / "unpacked", node)
    for name, data in FILES.items():
        assert (tmp_path / "unpacked" / name).read_bytes() == data


JUDGES = {"ext4": judge_ext4, "vfat": judge_vfat, "squashfs": judge_squashfs, "img": lambda node, tmp_path: None}

MATRIX = [("img", "raw"), ("ext4", "raw"), ("vfat", "raw"), ("squashfs", "raw"),
          ("img", "ext4"), ("ext4", "ext4"), ("img", "vfat"), ("vfat", "vfat")]
KINDS = ["img", "ext4", "vfat", "squashfs"]


@pytest.fixture
def slot_b(make_device, loops, tmp_path):
    """slot_b(is_loop, type=..., size): a device whose B is a file or a loop device."""
    def make(is_loop=False, size=8 * MIB, **keys):
        file_a, file_b = tmp_path / "file-A", tmp_path / "file-B"
        file_a.write_bytes(bundles.image(4 * MIB, 50))
        file_b.write_bytes(bundles.image(size, 51))
        return make_device(slots={"rootfs.0": {"device": file_a, "bootname": "A", **keys},
                                  "rootfs.1": {"device": loops(file_b) if is_loop else file_b, "bootname": "B", **keys}})
    return make


@pytest.mark.parametrize("slot_is", ["file", "loop"])
@pytest.mark.parametrize("fmt", ["plain", "verity"])
@pytest.mark.parametrize("kind,slot_type", MATRIX)
def test_matrix(slot_b, maker, images, tmp_path, kind, slot_type, fmt, slot_is):
    device = slot_b(slot_is == "loop", type=slot_type)
    before = device.content("rootfs.1")
    name, data = f"rootfs.{kind}", images[kind]
    result = device.ok("install", maker.forge({name: data}, {"rootfs": name}, fmt=fmt))
    written = device.content("rootfs.1")
    assert written[: len(data)] == data
    assert written[len(data) :] == before[len(data) :], "what lies behind the image is left alone"
    JUDGES[kind](device.path("rootfs.1"), tmp_path)
    assert device.chosen() == "B"
    assert re.search(r"^100% Installing done\.$", result.out, re.M), result.text
    assert result.out.splitlines()[-1].startswith("Installing `"), result.text


@pytest.mark.parametrize("kind,slot_type", [(k, s) for k in KINDS for s in ("raw", "ext4", "vfat") if (k, s) not in MATRIX])
def test_matrix_refuses(slot_b, maker, images, kind, slot_type):
    device = slot_b(type=slot_type)
    before = device.content("rootfs.1"), device.grubenv.read_bytes()
    result = device.install(maker.forge({f"x.{kind}": images[kind]}, {"rootfs": f"x.{kind}"}))
    assert result.code == 1 and f"Unsupported image type '{kind}' for slot type '{slot_type}'" in result.err, result.text
    assert (device.content("rootfs.1"), device.grubenv.read_bytes()) == before


SIZES = [0, 1, 511, 512, 513, 4095, 4096, 4097, 65535, 65536, 65537, MIB - 1, MIB, MIB + 1, 3 * MIB + 777]


@pytest.mark.parametrize("slot_is", ["file", "loop"])
def test_sizes(slot_b, maker, slot_is):
    """Images of every odd length, one after the other, onto the same slot."""
    device = slot_b(slot_is == "loop")
    for size in SIZES:
        before = device.content("rootfs.1")
        data = bundles.image(size, size + 1) if size else b""
        files = {"rootfs.img": data, "filler": bundles.image(9000, 8)}
        device.ok("install", maker.forge(files, {"rootfs": "rootfs.img"}))
        assert device.content("rootfs.1") == data + before[size:], size
        assert device.status("rootfs.1")["size"] == str(size)


ZEROES = {"all": bytes(2 * MIB), "behind": bundles.image(4096, 1) + bytes(2 * MIB - 4096),
          "before": bytes(MIB) + bundles.image(MIB, 1), "between": b"x" * 70000 + bytes(300000) + b"y" * 70000}


@pytest.mark.parametrize("slot_is", ["file", "loop"])
@pytest.mark.parametrize("name", ZEROES)
def test_zeroes_replace_old_data(slot_b, maker, name, slot_is):
    """Zeroes may be written cheaply, but they must be there."""
    device = slot_b(slot_is == "loop")
    before = device.content("rootfs.1")
    device.ok("install", maker.forge({"rootfs.img": ZEROES[name], "filler": bundles.image(9000, 8)}, {"rootfs": "rootfs.img"}))
    assert device.content("rootfs.1") == ZEROES[name] + before[len(ZEROES[name]) :]


def test_file_slot_grows(make_device, maker):
    device = make_device(content=b"short")
    device.ok("install", maker.simple())
    assert device.content("rootfs.1") == IMAGE


@pytest.mark.parametrize("resize", [True, False])
def test_resize(slot_b, maker, images, tool, tmp_path, resize):
    tool("resize2fs")
    device = slot_b(True, size=16 * MIB, type="ext4", resize=str(resize).lower())
    device.ok("install", maker.forge({"rootfs.ext4": images["ext4"]}, {"rootfs": "rootfs.ext4"}))
    node = device.path("rootfs.1")
    blocks = int(re.search(r"Block count:\s+(\d+)", sh("dumpe2fs", "-h", node))[1])
    assert blocks == (16 if resize else 4) * 1024
    judge_ext4(node, tmp_path)


def test_install_same(make_device, maker):
    device = make_device()
    for name in ("rootfs.0", "rootfs.1"):
        device.change(f"slot.{name}", install_same="false")
    bundle = maker.simple()
    device.ok("install", bundle)
    first = device.status("rootfs.1")
    device.path("rootfs.1").write_bytes(b"not read again")
    result = device.ok("install", bundle)
    assert "Skipping update for correct image 'rootfs.img'" in result.err
    assert device.content("rootfs.1") == b"not read again"
    assert device.status("rootfs.1")["installed.count"] == str(int(first["installed.count"]) + 1)
    assert device.chosen() == "B"
    device.change("slot.rootfs.1", install_same="true")
    device.ok("install", bundle)
    assert device.content("rootfs.1") == IMAGE
    device.change("slot.rootfs.1", install_same="false")
    device.ok("install", maker.simple(seed=2))
    assert device.content("rootfs.1") == bundles.image(2 * MIB, 2), "another image is written"


def test_not_activated(make_device, maker):
    device = make_device(system={"activate-installed": "false"})
    device.ok("install", maker.simple())
    assert device.content("rootfs.1", len(IMAGE)) == IMAGE
    assert device.boot["B_OK"] == "0" and device.boot["ORDER"] == "A B" and device.chosen() == "A"
    assert "activated.timestamp" not in device.status("rootfs.1")
    device.ok("status", "mark-active", "other")
    assert device.chosen() == "B" and device.status("rootfs.1")["activated.count"] == "1"


def test_there_and_back(device, maker):
    """A to B, boot B, mark it good, B to A: as a device lives."""
    bundle = maker.simple()
    for n, (booted, target, name) in enumerate((("A", "rootfs.1", "B"), ("B", "rootfs.0", "A"), ("A", "rootfs.1", "B"))):
        device.cmdline = f"rauc.slot={booted}"
        device.ok("install", bundle)
        assert device.content(target, len(IMAGE)) == IMAGE
        before = device.grubenv.read_bytes()
        for left in ("2", "1", "0"):
            choice = devices.model.choose(device.grubenv.read_bytes())
            assert choice.slot == name
            device.grubenv.write_bytes(choice.grubenv)
            assert device.boot[f"{name}_LEFT"] == left
        assert device.boot[f"{name}_TRY"] == "1"
        assert device.chosen() == booted, "not marked good: after three attempts the next boot falls back"
        device.grubenv.write_bytes(devices.model.choose(before).grubenv)
        device.cmdline = f"rauc.slot={name}"
        device.ok("status", "mark-good")
        assert device.boot[f"{name}_TRY"] == "0" and device.boot[f"{name}_COMMIT"] == "1" and device.chosen() == name
        after = device.grubenv.read_bytes()
        device.ok("status", "mark-good")
        assert devices.model.choose(after).grubenv == device.grubenv.read_bytes() == after, "a committed slot: nothing is written"
        assert device.status(target)["installed.count"] == str(1 + n // 2)


# --- Marks: command, then ORDER, OK and TRY of A and B ------------------------

MARKS = {
    "good": (["mark-good"], "A B", "1 0", "1 0"),
    "good-booted": (["mark-good", "booted"], "A B", "1 0", "1 0"),
    "bad": (["mark-bad"], "A B", "0 0", "1 0"),
    "bad-other": (["mark-bad", "other"], "A B", "1 0", "0 0"),
    "bad-name": (["mark-bad", "rootfs.1"], "A B", "1 0", "0 0"),
    "active-other": (["mark-active", "other"], "B A", "1 0", "1 0"),
    "active-name": (["mark-active", "rootfs.1"], "B A", "1 0", "1 0"),
    "active-booted": (["mark-active", "booted"], "A B", "1 0", "1 0"),
}


@pytest.mark.parametrize("tried", [False, True])
@pytest.mark.parametrize("name", MARKS)
def test_mark(device, name, tried):
    args, order, a, b = MARKS[name]
    if tried:
        device.editenv("set", "A_TRY=1", "B_TRY=1", "other=kept")
        touched = "rootfs.1" in args or "other" in args
        a, b = (a if not touched else "1 1"), (b if touched else "1 1")
    device.ok("status", *args)
    boot = device.boot
    assert (boot["ORDER"], f"{boot['A_OK']} {boot['A_TRY']}", f"{boot['B_OK']} {boot['B_TRY']}") == (order, a, b)
    assert not tried or boot["other"] == "kept"
    count = device.status("rootfs.1" if "rootfs.1" in args or "other" in args else "rootfs.0").get("activated.count")
    assert count == ("1" if args[0] == "mark-active" else None)


WRONG_MARKS = {
    "unknown-slot": (["mark-good", "rootfs.9"], "No slot with class rootfs and name rootfs.9 found"),
    "no-slot-name": (["mark-good", "everything"], "Invalid slot name format: 'everything'"),
    "no-bootname": (["mark-bad", "data.0"], "Slot data.0 has no bootname set"),
    "unknown-word": (["mark-best"], "unknown subcommand mark-best"),
    "two-arguments": (["mark-good", "booted", "other"], "Too many arguments"),
}


@pytest.mark.parametrize("name", WRONG_MARKS)
def test_wrong_mark(device, tmp_path, name):
    args, reason = WRONG_MARKS[name]
    (tmp_path / "data-slot").touch()
    device.change("slot.data.0", device=tmp_path / "data-slot")
    before = device.grubenv.read_bytes()
    result = device.call("status", *args)
    assert result.code == 1 and reason in result.err, result.text
    assert device.grubenv.read_bytes() == before


def test_prevent_late_fallback(make_device):
    device = make_device(system={"prevent-late-fallback": "true"})
    device.ok("status", "mark-good")
    assert device.boot["B_OK"] == "0" and device.boot["A_OK"] == "1"


# --- Status -------------------------------------------------------------------

def shell_status(device):
    lines = device.ok("status", "--detailed", "--output-format=shell").out.splitlines()
    return {k: (shlex.split(v) or [""])[0] for k, v in (line.split("=", 1) for line in lines)}


def test_status_tells_the_truth(device, maker):
    def told():
        shell = shell_status(device)
        whole = json.loads(device.ok("status", "--detailed", "--output-format=json").out)
        numbers = {shell[f"RAUC_SLOT_BOOTNAME_{n}"]: n for n in shell["RAUC_SLOTS"].split()}
        slots = {name: slot for entry in whole["slots"] for name, slot in entry.items()}
        assert whole["boot_primary"] == shell["RAUC_BOOT_PRIMARY"]
        for name, boot_name in (("rootfs.0", "A"), ("rootfs.1", "B")):
            n = numbers[boot_name]
            assert slots[name]["boot_status"] == shell[f"RAUC_SLOT_BOOT_STATUS_{n}"]
            assert slots[name]["state"] == shell[f"RAUC_SLOT_STATE_{n}"]
        return whole["boot_primary"], slots

    primary, slots = told()
    assert primary == "rootfs.0" and slots["rootfs.1"]["boot_status"] == "good"
    assert slots["rootfs.0"]["state"] == "booted" and slots["rootfs.1"]["state"] == "inactive"
    device.ok("status", "mark-bad", "other")
    assert told()[1]["rootfs.1"]["boot_status"] == "bad"
    device.ok("install", maker.simple())
    primary, slots = told()
    assert primary == "rootfs.1" and slots["rootfs.1"]["boot_status"] == "good"
    note = slots["rootfs.1"]["slot_status"]
    assert note["checksum"] == {"sha256": bundles.sha256(IMAGE), "size": len(IMAGE)}
    assert note["status"] == "ok" and note["bundle"]["compatible"] == "Test" and note["bundle"]["version"] == "1.0"
    assert note["installed"]["count"] == 1 and note["activated"]["count"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", note["installed"]["timestamp"])
    device.ok("status", "mark-active", "booted")
    assert told()[0] == "rootfs.0"


def test_status_file(device, maker):
    bundle = maker.simple()
    device.ok("install", "--transaction-id", "11111111-2222-3333-4444-555555555555", bundle)
    status = device.status("rootfs.1")
    signed, signature = bundles.disassemble(bundle.read_bytes())
    (device.temporary / "cms").write_bytes(signature)
    sh("openssl", "cms", "-verify", "-noverify", "-inform", "DER", "-in", device.temporary / "cms", "-out",
       device.temporary / "manifest")
    assert status["bundle.hash"] == bundles.sha256((device.temporary / "manifest").read_bytes())
    assert status["installed.transaction"] == "11111111-2222-3333-4444-555555555555"
    assert status["status"] == "ok" and not device.status("rootfs.0")
    assert list(status)[:4] == ["bundle.compatible", "bundle.version", "bundle.hash", "status"], "RAUC's order"
    assert device.status_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("system", [{"data-directory": None}, {"data-directory": None, "statusfile": "per-slot"}])
def test_without_central_status(make_device, maker, system):
    device = make_device(system=system)
    device.ok("install", maker.simple())
    assert device.chosen() == "B" and not device.data.exists()


def test_status_file_elsewhere(make_device, maker, tmp_path):
    device = make_device(system={"data-directory": None, "statusfile": tmp_path / "elsewhere" / "slots.raucs"})
    device.ok("install", maker.simple())
    assert "status=ok" in (tmp_path / "elsewhere" / "slots.raucs").read_text()


# --- Which slot ---------------------------------------------------------------

@pytest.fixture
def two_classes(make_device, tmp_path):
    """rootfs and appfs, appfs being a child."""
    def make(**kwargs):
        slots = {}
        for index, name in enumerate("AB"):
            for kind in ("rootfs", "appfs"):
                path = tmp_path / f"{kind}-{name}"
                path.write_bytes(bundles.image(3 * MIB, index + len(kind)))
                slots[f"{kind}.{index}"] = {"device": path}
            slots[f"rootfs.{index}"]["bootname"] = name
            slots[f"appfs.{index}"]["parent"] = f"rootfs.{index}"
        return make_device(slots=slots, **kwargs)
    return make


def test_two_classes(two_classes, maker):
    device = two_classes()
    before = {name: device.content(name) for name in device.slots}
    device.ok("install", maker.forge({"rootfs.img": IMAGE, "app.img": APP}, {"rootfs": "rootfs.img", "appfs": "app.img"}))
    assert device.content("rootfs.1", len(IMAGE)) == IMAGE and device.content("appfs.1", len(APP)) == APP
    assert all(device.content(name) == before[name] for name in ("rootfs.0", "appfs.0"))
    device.cmdline = "rauc.slot=B"
    device.ok("install", maker.forge({"app.img": APP}, {"appfs": "app.img"}))
    assert device.content("appfs.0", len(APP)) == APP
    assert device.chosen() == "B", "no bootable slot was written: nothing about booting changes"


def test_second_image_fails(two_classes, maker):
    device = two_classes()
    before = {name: device.content(name) for name in device.slots}
    text = bundles.manifest({"rootfs.img": IMAGE, "app.img": APP}, {"rootfs": "rootfs.img", "appfs": "app.img"})
    text = text.replace(bundles.sha256(APP), "0" * 64)
    result = device.install(maker.forge({"rootfs.img": IMAGE, "app.img": APP}, text=text))
    assert result.code == 1 and "Failed updating slot appfs.1: " in result.err, result.text
    assert device.status("rootfs.1")["status"] == "ok" and device.status("appfs.1")["status"] == "failed"
    assert device.boot["B_OK"] == "0" and device.chosen() == "A"
    assert all(device.content(name) == before[name] for name in ("rootfs.0", "appfs.0"))


def test_second_image_refused(two_classes, maker, loops, tmp_path):
    """Everything is checked before the first image is written."""
    device = two_classes()
    (tmp_path / "tiny").write_bytes(bytes(512 * 1024))
    device.slots["appfs.1"]["device"] = loops(tmp_path / "tiny")
    device.write_conf()
    before = device.content("rootfs.1"), device.grubenv.read_bytes()
    result = device.install(maker.forge({"rootfs.img": IMAGE, "app.img": APP}, {"rootfs": "rootfs.img", "appfs": "app.img"}))
    assert result.code == 1 and "is too small for image" in result.err, result.text
    assert (device.content("rootfs.1"), device.grubenv.read_bytes()) == before


VARIANTS = {"none": (None, "default.img"), "one": ("board-1", "one.img"), "two": ("board.2", "two.img"),
            "other": ("board-3", "default.img")}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("source", ["variant-name", "variant-file"])
def test_variant(make_device, maker, tmp_path, name, source):
    variant, expected = VARIANTS[name]
    (tmp_path / "variant").write_text(f"{variant}\n")
    value = {"variant-name": variant, "variant-file": tmp_path / "variant" if variant else None}[source]
    device = make_device(system={source: value})
    files = {"default.img": IMAGE, "one.img": APP, "two.img": bundles.image(MIB, 4)}
    device.ok("install", maker.forge(files, {"rootfs.board-1": "one.img", "rootfs": "default.img", "rootfs.board.2": "two.img"}))
    assert device.content("rootfs.1", len(files[expected])) == files[expected]


def test_no_variant(make_device, maker):
    device = make_device(system={"variant-name": "board-3"})
    before = device.content("rootfs.1"), device.grubenv.read_bytes()
    result = device.install(maker.forge({"one.img": APP}, {"rootfs.board-1": "one.img"}))
    assert result.code == 1 and "Failed to find matching variant of image for slot class 'rootfs'" in result.err, result.text
    assert (device.content("rootfs.1"), device.grubenv.read_bytes()) == before


def test_oldest_of_three(make_device, maker, tmp_path):
    slots = {}
    for index, name in enumerate("ABC"):
        (tmp_path / name).write_bytes(bundles.image(3 * MIB, index))
        slots[f"rootfs.{index}"] = {"device": tmp_path / name, "bootname": name}
    device = make_device(slots=slots)
    device.data.mkdir()

    def note(**ages):
        text = "".join(f"[slot.rootfs.{n}]\nstatus={status}\ninstalled.timestamp={when}\ninstalled.count=1\n\n"
                       for n, (status, when) in ages.items())
        device.status_file.write_text(text.replace("rootfs.n", "rootfs."))

    rows = [
        ({"n1": ("ok", "2026-01-01T00:00:00Z"), "n2": ("ok", "2025-01-01T00:00:00Z")}, "C"),
        ({"n1": ("ok", "2025-01-01T00:00:00Z"), "n2": ("ok", "2026-01-01T00:00:00Z")}, "B"),
        ({"n0": ("ok", "2020-01-01T00:00:00Z"), "n1": ("ok", "2026-01-01T00:00:00Z"), "n2": ("failed", "2026-02-02T00:00:00Z")}, "C"),
        ({"n1": ("ok", "2026-01-01T00:00:00Z")}, "C"),
    ]
    for ages, expected in rows:
        note(**ages)
        device.reset_boot("ABC")
        device.ok("install", maker.simple())
        assert device.chosen() == expected, ages
        assert device.boot["ORDER"].split()[0] == expected
    # On its own it goes round.
    chosen = []
    device.status_file.unlink()
    for _ in range(3):
        device.ok("install", maker.simple())
        chosen.append(device.chosen())
        time.sleep(1.1)
    assert chosen in (["B", "C", "B"], ["C", "B", "C"])


WAYS = {
    "rauc-slot": ({"cmdline": "quiet rauc.slot=A"}, [], "B"),
    "slot-name": ({"cmdline": "rauc.slot=rootfs.1"}, [], "A"),
    "override": ({"cmdline": "rauc.slot=A"}, ["--override-boot-slot=B"], "A"),
    "root-device": ({"cmdline": "root={B} ro"}, [], "A"),
    "external": ({"cmdline": "rauc.external root=/dev/sda1"}, [], "A"),
    "nfs": ({"cmdline": "root=/dev/nfs"}, [], "A"),
}


@pytest.mark.parametrize("name", WAYS)
def test_who_is_booted(device, maker, name):
    ways, args, expected = WAYS[name]
    device.cmdline = ways["cmdline"].format(B=device.path("rootfs.1"))
    device.ok("install", *args, maker.simple())
    assert device.chosen() == expected


# --- Boot loaders -------------------------------------------------------------

BACKEND = """#!/bin/sh
# Boot state as files: primary, and one of each slot.
cd "{folder}" || exit 1
echo "$*" >>calls
case $1 in
get-primary) cat primary ;;
set-primary) echo "$2" >primary ;;
get-state) cat "state-$2" ;;
set-state) {on_set_state}
	echo "$3" >"state-$2" ;;
get-current) echo A ;;
*) exit 1 ;;
esac
"""


@pytest.fixture
def custom(make_device, tmp_path):
    def make(on_set_state=":", **kwargs):
        folder = tmp_path / "backend"
        folder.mkdir()
        for name, value in (("primary", "A"), ("state-A", "good"), ("state-B", "good"), ("calls", "")):
            (folder / name).write_text(value)
        script = folder / "backend.sh"
        script.write_text(BACKEND.format(folder=folder, on_set_state=on_set_state))
        script.chmod(0o755)
        device = make_device(system={"bootloader": "custom", "grubenv": None},
                             handlers={"bootloader-custom-backend": script}, **kwargs)
        return device, folder
    return make


def test_custom_boot_loader(custom, maker):
    device, folder = custom()
    device.cmdline = "quiet"
    device.ok("install", maker.simple())
    assert device.content("rootfs.1", len(IMAGE)) == IMAGE
    calls = (folder / "calls").read_text().splitlines()
    changes = [call for call in calls if call.startswith("set-")]
    assert changes == ["set-state B bad", "set-primary B"], "bad before, active after"
    assert (folder / "primary").read_text().strip() == "B"
    (folder / "calls").write_text("")
    device.ok("status", "mark-good", "rootfs.1")
    assert "set-state B good" in (folder / "calls").read_text()
    assert shell_status(device)["RAUC_BOOT_PRIMARY"] == "rootfs.1"


def test_custom_boot_loader_fails(custom, maker):
    device, folder = custom(on_set_state="exit 7;")
    before = device.content("rootfs.1")
    result = device.install(maker.simple())
    assert result.code == 1, result.text
    assert re.search(r"Failed marking slot rootfs.1 non-bootable \(bad\): custom backend: .*7", result.err), result.text
    assert device.content("rootfs.1") == before, "a slot that could not be marked is not written"


def test_second_install_meets_the_first(custom, maker):
    """A real installation in the way: busy, and its process is named."""
    device, folder = custom(on_set_state='touch here; while [ -e here ]; do sleep 0.02; done;')
    first = subprocess.Popen([device.rauc, "--conf", device.conf, "install", maker.simple()], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True,
                             env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "ASAN_OPTIONS": devices.ASAN, **device.env})
    try:
        for _ in range(500):
            if (folder / "here").exists():
                break
            time.sleep(0.02)
        assert (folder / "here").exists(), "the first one runs"
        result = devices.run(device.rauc, "--conf", device.conf, "install", maker.simple(), env=device.env)
        assert result.code == 1, result.text
        assert re.search(rf"another rauc \(process {first.pid}\) is installing or marking", result.err), result.text
    finally:
        (folder / "here").unlink(missing_ok=True)
        out, _ = first.communicate(timeout=60)
    assert first.returncode == 0, out
    assert device.content("rootfs.1", len(IMAGE)) == IMAGE and (folder / "primary").read_text().strip() == "B"


def test_noop_boot_loader(make_device, maker):
    device = make_device(system={"bootloader": "noop", "grubenv": None})
    device.ok("install", maker.simple())
    assert device.content("rootfs.1", len(IMAGE)) == IMAGE
    assert device.status("rootfs.1")["status"] == "ok"
    device.ok("status", "mark-good")


# --- The bundle is left alone -------------------------------------------------

def test_bundle_names(device, maker, tmp_path):
    """Names a shell, a printf or an option parser would stumble over."""
    for name in ("with blank.raucb", "100%s%n.raucb", "ünï.raucb", "-dash.raucb", "no-suffix", "a:b.raucb"):
        path = bundles.copy_of(maker.simple(), tmp_path / name)
        device.reset_boot()
        argument = path if not name.startswith("-") else f"./{name}"
        device.ok("install", argument, cwd=tmp_path)
        assert device.chosen() == "B" and path.read_bytes() == maker.simple().read_bytes()
    device.reset_boot()
    device.ok("install", "no-suffix", cwd=tmp_path)
    device.reset_boot()
    device.ok("install", f"file://{tmp_path}/no-suffix")
    assert device.chosen() == "B"


def test_plain_taken_into_possession(device, maker, tmp_path):
    """A plain bundle others may write: made ours before it is believed, or refused."""
    path = bundles.copy_of(maker.simple(fmt="plain"), tmp_path / "open.raucb")
    path.chmod(0o666)
    device.ok("install", path)
    assert path.stat().st_mode & 0o777 == 0o644
    device.reset_boot()
    with open(path, "r+b"):
        before = device.content("rootfs.1")
        result = device.install(path)
        assert result.code == 1 and "could not ensure exclusive bundle access" in result.err, result.text
        assert device.content("rootfs.1") == before
    device.ok("install", path)


@pytest.mark.parametrize("fmt", ["plain", "verity"])
@pytest.mark.parametrize("kind", ["vfat", "ext4"])
def test_bundle_on_a_stick(device, maker, loops, mount, tmp_path, kind, fmt):
    """Bundles come on media of their own, and those know no owners or modes."""
    stick = tmp_path / "stick"
    stick.write_bytes(bytes(16 * MIB))
    sh(*{"vfat": ["mkfs.vfat"], "ext4": ["mkfs.ext4", "-q", "-F"]}[kind], stick)
    node = loops(stick)
    point = mount(node, "usb")
    path = bundles.copy_of(maker.simple(fmt=fmt), point / "update.raucb") if kind == "ext4" else point / "UPDATE.RAU"
    path.write_bytes(maker.simple(fmt=fmt).read_bytes())
    for option in ("rw", "ro"):
        sh("mount", "-o", f"remount,{option}", point)
        device.reset_boot()
        device.ok("install", path)
        assert device.chosen() == "B" and device.content("rootfs.1", len(IMAGE)) == IMAGE


def test_slot_behind_a_link(make_device, maker, loops, mount, tool, tmp_path):
    """/dev/disk/by-partlabel/x: what counts is where it leads."""
    files = [tmp_path / "file-A", tmp_path / "file-B"]
    links = [tmp_path / "by-label-A", tmp_path / "by-label-B"]
    for file, link in zip(files, links):
        file.write_bytes(bytes(8 * MIB))
        link.symlink_to(loops(file))
    device = make_device(slots={f"rootfs.{n}": {"device": links[n], "bootname": "AB"[n]} for n in (0, 1)})
    device.cmdline = f"root={links[0].resolve()} rw"
    device.ok("install", maker.simple())
    assert links[1].is_symlink() and device.content("rootfs.1", len(IMAGE)) == IMAGE
    sh(tool("mkfs.ext4"), "-q", "-F", links[1].resolve())
    mount(links[1].resolve(), "somewhere")
    result = device.install(maker.simple())
    assert result.code == 1 and "already mounted" in result.err, result.text


# --- The bundle changes after it was believed ---------------------------------

def truncate(path, size):
    with open(path, "r+b") as file:
        file.truncate(size // 3)


def scribble(path, size):
    with open(path, "r+b") as file:
        file.seek(size // 2)
        file.write(b"\xa5" * 8192)


def replace(path, size):
    path.unlink()
    path.write_bytes(bytes(size))


@pytest.mark.parametrize("fmt", ["plain", "verity"])
@pytest.mark.parametrize("change", [truncate, scribble, replace])
def test_bundle_changes_meanwhile(custom, maker, tmp_path, change, fmt):
    """While the target is marked bad somebody gets at the file: what is written is what was signed, or nothing boots."""
    device, folder = custom(on_set_state='touch here; while [ -e here ]; do sleep 0.02; done;')
    path = bundles.copy_of(maker.simple(fmt=fmt), tmp_path / "update.raucb")
    process = subprocess.Popen([device.rauc, "--conf", device.conf, "install", path], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "ASAN_OPTIONS": devices.ASAN, **device.env})
    for _ in range(500):
        if (folder / "here").exists():
            break
        time.sleep(0.02)
    change(path, path.stat().st_size)
    (folder / "here").unlink()
    out, _ = process.communicate(timeout=60)
    assert not devices.REPORTS.search(out), out
    if change is replace:
        assert process.returncode == 0, out
        assert device.content("rootfs.1", len(IMAGE)) == IMAGE, "the file that was verified was also read"
        return
    assert process.returncode == 1 and "Failed updating slot rootfs.1: " in out, out
    assert (folder / "state-B").read_text().strip() == "bad" and (folder / "primary").read_text().strip() == "A"
    assert device.status("rootfs.1")["status"] == "failed"
