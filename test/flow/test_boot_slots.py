# SPDX-License-Identifier: MIT
"""Boot loaders in boot-* slots: made with `rauc bundle`, installed on partitioned disks, judged by sfdisk."""

import json
import shutil
import subprocess

import pytest

import bundles
import device as devices
from bundles import MIB

DISK = 16 * MIB
START, HALF = 2 * MIB, 2 * MIB
OLD, NEW = bundles.image(MIB + 700, 61), bundles.image(MIB + 1500, 62)
TABLES = {
    "boot-mbr-switch": "label: dos\nlabel-id: 0x1234abcd\nstart={at}, size={n}, type=c, bootable\n"
                       "start=16384, size=4096, type=83\n",
    "boot-gpt-switch": "label: gpt\nstart={at}, size={n}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=boot\n"
                       "start=16384, size=4096, name=data\n",
    "boot-raw-fallback": None,
}
SWITCHES = ["boot-mbr-switch", "boot-gpt-switch"]
HOOK = """#!/bin/sh
set -e
env | grep ^RAUC_ | sort > {folder}/$1.env
cp "$RAUC_SLOT_DEVICE" {folder}/$1.disk
test ! -e {folder}/fail-$1
"""


def partitions(disk):
    done = subprocess.run(["sfdisk", "-J", disk], check=True, capture_output=True, text=True, timeout=20)
    return json.loads(done.stdout)["partitiontable"]


class Boot:
    """A device with a boot loader in half `active` of a region."""

    def __init__(self, make_device, tmp_path, rauc, pki, kind, active=0, **keys):
        self.kind, self.rauc, self.pki, self.folder = kind, rauc, pki, tmp_path
        self.disk = tmp_path / "disk.img"
        self.disk.write_bytes(bytes(MIB) + b"\x5a" * (DISK - 2 * MIB) + bytes(MIB))
        if TABLES[kind]:
            table = TABLES[kind].format(at=(START + active * HALF) // 512, n=HALF // 512)
            subprocess.run(["sfdisk", "-q", self.disk], input=table, text=True, check=True, timeout=20)
        self.put(OLD.ljust(HALF, b"\0"), START + active * HALF)
        if kind == "boot-raw-fallback":
            self.put(OLD.ljust(HALF, b"\0") * 2, START)
        slots = {}
        for index, name in enumerate("AB"):
            path = tmp_path / f"slot-{name}"
            path.write_bytes(bytes(MIB))
            slots[f"rootfs.{index}"] = {"device": path, "bootname": name}
        slots["bootloader.0"] = {"device": self.disk, "type": kind, "region-start": f"{START // 1024}K",
                                 "region-size": "4M", **keys}
        self.device = make_device(slots=slots)
        self.before = self.disk.read_bytes()

    def put(self, data, at):
        with open(self.disk, "r+b") as file:
            file.seek(at)
            file.write(data)

    def half(self, n, content=None):
        return (content or self.disk.read_bytes())[START + n * HALF : START + (n + 1) * HALF]

    def bundle(self, image=NEW, name="boot.img", hooks=True):
        folder, out = self.folder / "in", self.folder / "update.raucb"
        shutil.rmtree(folder, ignore_errors=True)
        out.unlink(missing_ok=True)
        folder.mkdir()
        (folder / name).write_bytes(image)
        (folder / "rootfs.img").write_bytes(bundles.image(5000, 9))
        more = "\n[hooks]\nfilename=hook.sh\n" if hooks else ""
        text = bundles.input_manifest({"rootfs": "rootfs.img"}, more=more)
        text += f"\n[image.bootloader]\nfilename={name}\n" + ("hooks=pre-install;post-install;\n" if hooks else "")
        if hooks:
            (folder / "hook.sh").write_text(HOOK.format(folder=self.folder))
            (folder / "hook.sh").chmod(0o755)
        (folder / "manifest.raucm").write_text(text)
        done = devices.run(self.rauc, "bundle", "--cert", self.pki.ec.cert, "--key", self.pki.ec.key, folder, out)
        assert done.code == 0, done.text
        return out

    def env_of(self, verb):
        lines = (self.folder / f"{verb}.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def same_outside(self, spans):
        before, after = bytearray(self.before), bytearray(self.disk.read_bytes())
        for start, end in spans:
            before[start:end] = after[start:end] = bytes(end - start)
        assert before == after, "bytes outside of region and table were changed"


@pytest.fixture
def boot(make_device, tmp_path, rauc, pki):
    return lambda kind, active=0, **keys: Boot(make_device, tmp_path, rauc, pki, kind, active, **keys)


def table_spans(kind):
    return [(446, 462)] if kind == "boot-mbr-switch" else [(512, 34 * 512), (DISK - 33 * 512, DISK)]


@pytest.mark.parametrize("active", [0, 1])
@pytest.mark.parametrize("kind", SWITCHES)
def test_switch(boot, kind, active):
    made = boot(kind, active)
    other = 1 - active
    before = partitions(made.disk)
    made.device.ok("install", made.bundle())
    assert made.half(other) == NEW.ljust(HALF, b"\0") and made.half(active) == OLD.ljust(HALF, b"\0")
    after = partitions(made.disk)
    first = after["partitions"][0]
    assert (first["start"], first["size"]) == ((START + other * HALF) // 512, HALF // 512)
    first.update(start=before["partitions"][0]["start"], size=before["partitions"][0]["size"])
    assert after == before, "only start and size of partition 1 may differ"
    made.same_outside([*table_spans(kind), (START + other * HALF, START + (other + 1) * HALF)])

    for verb in ("slot-pre-install", "slot-post-install"):
        env = made.env_of(verb)
        assert env["RAUC_BOOT_PARTITION_ACTIVATING"] == str(other)
        assert env["RAUC_BOOT_PARTITION_START"] == str(START + other * HALF)
        assert env["RAUC_BOOT_PARTITION_SIZE"] == str(HALF)
        assert env["RAUC_SLOT_DEVICE"] == str(made.disk) and "RAUC_SLOT_MOUNT_POINT" not in env
    # Before: nothing is written. After: all is written, but the table is still the old one.
    assert (made.folder / "slot-pre-install.disk").read_bytes() == made.before
    seen = (made.folder / "slot-post-install.disk").read_bytes()
    assert made.half(other, seen) == NEW.ljust(HALF, b"\0") and seen[: MIB] == made.before[: MIB]
    assert seen[-MIB:] == made.before[-MIB:]
    assert made.device.status("bootloader.0")["status"] == "ok" and made.device.chosen() == "B"

    # And back: the next update goes to the half that was active before.
    made.device.ok("install", made.bundle(OLD, hooks=False))
    assert made.half(active) == OLD.ljust(HALF, b"\0") and partitions(made.disk) == before


@pytest.mark.parametrize("kind", SWITCHES)
def test_switch_vfat(boot, kind, tmp_path):
    made = boot(kind)
    vfat = tmp_path / "boot.vfat"
    vfat.write_bytes(bytes(MIB))
    (tmp_path / "loader.bin").write_bytes(bundles.image(100000, 5))
    subprocess.run(["mkfs.vfat", vfat], check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", vfat, tmp_path / "loader.bin", "::"], check=True)
    made.device.ok("install", made.bundle(vfat.read_bytes(), "boot.vfat"))
    start = partitions(made.disk)["partitions"][0]["start"] * 512
    assert start == START + HALF
    back = subprocess.run(["mtype", "-i", f"{made.disk}@@{start}", "::loader.bin"], check=True, capture_output=True)
    assert back.stdout == bundles.image(100000, 5)


@pytest.mark.parametrize("verb", ["slot-pre-install", "slot-post-install"])
@pytest.mark.parametrize("kind", [*SWITCHES, "boot-raw-fallback"])
def test_hook_fails(boot, kind, verb):
    made = boot(kind)
    (made.folder / f"fail-{verb}").touch()
    result = made.device.install(made.bundle())
    assert result.code == 1 and "bootloader.0" in result.err, result.text
    assert made.device.status("bootloader.0")["status"] == "failed"
    if kind in SWITCHES:
        assert partitions(made.disk)["partitions"][0]["start"] == START // 512, "the old boot loader is still in use"
    if kind in SWITCHES or verb == "slot-pre-install":
        assert made.half(0) == OLD.ljust(HALF, b"\0")


def test_fallback(boot):
    made = boot("boot-raw-fallback")
    made.device.ok("install", made.bundle())
    assert made.half(0) == made.half(1) == NEW.ljust(HALF, b"\0")
    made.same_outside([(START, START + 2 * HALF)])
    for verb in ("slot-pre-install", "slot-post-install"):
        env = made.env_of(verb)
        assert (env["RAUC_BOOT_REGION_START"], env["RAUC_BOOT_REGION_SIZE"]) == (str(START), str(2 * HALF))
    assert (made.folder / "slot-pre-install.disk").read_bytes() == made.before
    assert made.half(0, (made.folder / "slot-post-install.disk").read_bytes()) == NEW.ljust(HALF, b"\0")


def test_loop(boot, loops):
    """A real block device, of which another part is in use."""
    made = boot("boot-mbr-switch")
    node = loops(made.disk)
    made.device.change("slot.bootloader.0", device=node)
    made.device.ok("install", made.bundle(hooks=False))
    assert made.half(1) == NEW.ljust(HALF, b"\0")
    assert partitions(made.disk)["partitions"][0]["start"] == (START + HALF) // 512
    made.same_outside([*table_spans("boot-mbr-switch"), (START + HALF, START + 2 * HALF)])


# What is wrong -> (kind, change of the slot's keys, change of the disk, image, message)
def magic(made):
    made.put(b"\0\0", 510)


def no_first(made):
    subprocess.run(["sfdisk", "-q", "--delete", made.disk, "1"], check=True)


def overlap(made):
    subprocess.run(["sfdisk", "-q", "--append", made.disk], input="start=10000, size=2048\n", text=True, check=True)


BAD = {
    "too-large": (SWITCHES + ["boot-raw-fallback"], {}, None, bytes([1]) * (HALF + 1),
                  f"Size of image ({HALF + 1}) does not fit to slot size {HALF}"),
    "elsewhere": (SWITCHES, {"region_start": "3M"}, None, NEW,
                  "Boot partition's start address does not match region configuration"),
    "at-the-end": (SWITCHES, {"region_size": "14M"}, None, NEW, "the region ends at byte"),
    "crooked": (["boot-mbr-switch"], {"region_start": str(START + 1)}, None, NEW, "not a multiple of"),
    "crooked-gpt": (["boot-gpt-switch"], {"region_start": str(START + 512)}, None, NEW, "not a multiple of"),
    "no-room": (SWITCHES, {"region_start": "0"}, None, NEW, "no valid configuration for region"),
    "no-magic": (["boot-mbr-switch"], {}, magic, NEW, "there is no MBR on"),
    "no-gpt": (["boot-gpt-switch"], {}, lambda made: made.put(bytes(MIB), 0), NEW, "there is no GPT on"),
    "no-partition": (SWITCHES, {}, no_first, NEW, "No boot partition found in entry 0"),
    "overlap": (SWITCHES, {}, overlap, NEW, "overlaps partition 3"),
    "empty": (SWITCHES + ["boot-raw-fallback"], {}, None, b"", "is empty"),
}


@pytest.mark.parametrize("name,kind", [(name, kind) for name, row in BAD.items() for kind in row[0]])
def test_refused_before_anything_changes(boot, name, kind):
    _, keys, spoil, image, message = BAD[name]
    made = boot(kind)
    if keys:
        made.device.change("slot.bootloader.0", **keys)
    if spoil:
        spoil(made)
    before = made.disk.read_bytes(), made.device.grubenv.read_bytes(), made.device.content("rootfs.1")
    result = made.device.install(made.bundle(image, hooks=False))
    assert result.code == 1 and message in result.err and "bootloader.0" in result.err, result.text
    assert (made.disk.read_bytes(), made.device.grubenv.read_bytes(), made.device.content("rootfs.1")) == before


@pytest.mark.parametrize("kind,name", [("boot-mbr-switch", "boot.ext4"), ("boot-raw-fallback", "boot.vfat"),
                                       ("boot-raw-fallback", "boot.ext4")])
def test_matrix_refuses(boot, kind, name):
    made = boot(kind)
    result = made.device.install(made.bundle(name=name, hooks=False))
    assert result.code == 1 and f"for slot type '{kind}'" in result.err, result.text
