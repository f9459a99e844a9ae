# SPDX-License-Identifier: MIT

"""image/build --layout qemux86-64-systemd-boot: the disk boots in OVMF through the real systemd-boot, and the bundle updates it by boot counting.

The kernel is a payload that says which slot it is; the real rauc works on the disk's own partitions, the EFI system partition among them."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "test" / "boot"), str(TOP / "image")]

import efi_machine as machine  # noqa: E402
from make import layout  # noqa: E402
from make.tool import Refusal  # noqa: E402

RAUC = pathlib.Path(os.environ.get("RAUC", TOP / "build/release/src/rauc")).resolve()
KEYRING = TOP / "pki" / "demo" / "demo-ca.cert.pem"
LAYOUT = TOP / "image" / "layout" / "qemux86-64-systemd-boot"
SYSTEMD_BOOT = pathlib.Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
PARTS = ["esp", "boot_a", "boot_b", "root_a", "root_b", "data"]
SLOTS = PARTS[1:5]
OF_VERSION = "console=ttyS0 quiet mitigations=off"


def build(folder, version, kernel, *more):
    tree = folder / version
    for name, data in {"boot/vmlinuz": kernel, "boot/initrd.img": b"initramfs " + version.encode(), "sbin/init": b"#!/bin/sh\n",
                       "etc/version": version.encode()}.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(data)
    return subprocess.run([TOP / "image" / "build", "--rootfs", tree, "--version", version, "--compatible", "PC", "--layout", LAYOUT.name,
                           "--slot-size", "16M", "--output", folder / "out", *more],
                          env={**os.environ, "RAUC": str(RAUC)}, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """Version 1 is the payload that says A, version 2 the one that says B."""
    gone = machine.missing("qemu-system-x86_64 gcc genimage mcopy mdeltree mdel", [machine.CODE, machine.VARS, SYSTEMD_BOOT, RAUC])
    if gone:
        pytest.skip(f"not there: {' '.join(gone)}")
    return dict(zip("12", machine.payloads(tmp_path_factory.mktemp("kernels")).values()))


@pytest.fixture(scope="module")
def made(kernels, tmp_path_factory):
    folder = tmp_path_factory.mktemp("systemd-boot")
    for version, kernel in kernels.items():
        done = build(folder, version, kernel)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


class Device:
    """A disk, and a folder that is the root of the system that runs from it."""

    def __init__(self, folder, disk):
        self.folder, self.disk, self.flash = folder, folder / "disk.img", folder / "vars"
        shutil.copy(disk, self.disk)
        listed = machine.run("sfdisk", "-d", self.disk).decode()
        starts = re.findall(r"start= *(\d+), size= *(\d+).*name=\"(\w+)\"", listed)
        self.parts = {name: (int(start) * 512, int(size) * 512) for start, size, name in starts}
        self.esp = ("-i", f"{self.disk}@@{self.parts['esp'][0]}")
        conf = (LAYOUT / "system.conf").read_text().replace("@COMPATIBLE@", "PC").replace("keyring.pem", f"{KEYRING}\nallow-demo-keys=true")
        for path in re.findall(r"(?m)^(?:device|efi-path|data-directory|mountprefix)=(.*)$", conf):
            conf = conf.replace(f"={path}\n", f"={folder}{path}\n")
        (folder / "system.conf").write_text(conf)
        (folder / "dev/disk/by-partlabel").mkdir(parents=True)

    def slot(self, name):
        return self.folder / "dev/disk/by-partlabel" / name

    def read(self, name):
        start, size = self.parts[name]
        with self.disk.open("rb") as file:
            file.seek(start)
            return file.read(size)

    def power_on(self):
        """What boots. NVRAM is as it left the factory each time: nothing is kept there."""
        shutil.copy(machine.VARS, self.flash)
        return machine.power_on(self.disk, self.flash)[0]

    def entries(self):
        return sorted(machine.run("mdir", "-b", *self.esp, "::loader/entries").decode().replace("::/loader/entries/", "").split())

    def mounted(self, work):
        """work(), while slots and EFI system partition are in the folder."""
        esp = self.folder / "boot" / "efi"
        shutil.rmtree(esp, ignore_errors=True)
        esp.mkdir(parents=True)
        machine.run("mcopy", "-s", *self.esp, "::loader", esp)
        for name in SLOTS:
            self.slot(name).write_bytes(self.read(name))
        said = work()
        machine.run("mdeltree", *self.esp, "::loader/entries")
        machine.run("mcopy", "-s", *self.esp, esp / "loader" / "entries", "::loader/")
        with self.disk.open("r+b") as file:
            for name in SLOTS:
                file.seek(self.parts[name][0])
                file.write(self.slot(name).read_bytes())
        return said

    def rauc(self, slot, *words):
        env = {**os.environ, "RAUC_TEST_CMDLINE": f"rauc.slot={slot}", "RAUC_TEST_RUNTIME_DIRECTORY": str(self.folder / "run"),
               "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
        return self.mounted(lambda: machine.run(RAUC, "--conf", self.folder / "system.conf", *words, env=env).decode())

    def doctor(self, slot):
        """What it finds wrong with disk, boot loader and configuration of the running system. This folder has no programs and no units."""
        for name, text in {"etc/rauc/system.conf": (LAYOUT / "system.conf").read_text().replace("@COMPATIBLE@", "PC"),
                           "proc/cmdline": line(slot), "proc/uptime": "120.00 100.00\n"}.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)

        def examine():
            done = subprocess.run([RAUC, "doctor", "--root", self.folder, "--output-format=json"], capture_output=True, text=True, timeout=60)
            return {finding["id"] for finding in json.loads(done.stdout)["findings"]}

        return {name for name in self.mounted(examine) if name.partition(".")[0] in ("boot", "slots", "config")}


def line(slot):
    """Of the version first, then of the slot, which so has the last word."""
    return f"{OF_VERSION} initrd=\\initrd.img root=PARTLABEL=root_{slot.lower()} rauc.slot={slot} panic=5"


def test_partitions_and_files(made, tmp_path):
    device = Device(tmp_path, made / "PC-1.img")
    assert list(device.parts) == PARTS
    assert [size >> 20 for _, size in device.parts.values()] == [36, 40, 40, 16, 16, 256]
    assert device.entries() == ["A.conf", "B+0.conf"]
    (tmp_path / "boot").write_bytes(device.read("boot_a"))
    assert machine.run("mtype", "-i", tmp_path / "boot", "::cmdline").decode() == OF_VERSION + "\n"
    assert machine.run("mtype", "-i", tmp_path / "boot", "::initrd.img") == b"initramfs 1"
    (tmp_path / "data").write_bytes(device.read("data"))
    status = machine.run("debugfs", "-R", "cat /rauc/central.raucs", tmp_path / "data").decode()
    assert re.findall(r"(?m)^\[slot\.(.*)\]$", status) == ["rootfs.0", "boot.0"]


def test_what_boot_files_has_wins(kernels, tmp_path):
    for name, data in {"EFI/systemd/systemd-bootx64.efi": b"MZ signed", "EFI/rauc/slot.efi": b"MZ signed too"}.items():
        (tmp_path / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / name).write_bytes(data)
    done = build(tmp_path, "1", kernels["1"], "--only", "disk", "--boot-files", tmp_path / "files")
    assert done.returncode == 0, done.stdout + done.stderr
    device = Device(tmp_path / "out", tmp_path / "out" / "PC-1.img")
    for path, says in (("EFI/systemd/systemd-bootx64.efi", b"MZ signed"), ("EFI/rauc/slot.efi", b"MZ signed too")):
        assert machine.run("mtype", *device.esp, f"::{path}") == says


@pytest.mark.parametrize("listed, says", [
    ("A 2 linux.efi x\n", "expected NAME PARTITION"),
    ("A 0 \\linux.efi x\n", "expected NAME PARTITION"),
    ("A-1 2 \\linux.efi x\n", "expected NAME PARTITION"),
    ("# nothing\n", "has no slot"),
], ids=["kernel", "partition", "name", "none"])
def test_lists_of_slots_that_are_refused(tmp_path, listed, says):
    (tmp_path / "slots").write_text(listed)
    done = subprocess.run([TOP / "boot/systemd-boot/mkesp.sh", "--slots", tmp_path / "slots", "--systemd-boot", tmp_path / "slots", tmp_path / "esp"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode and says in done.stderr
    assert not (tmp_path / "esp").exists()


@pytest.mark.parametrize("text", ["quiet\tx", "größe", "x" * 1001], ids=["tab", "not ASCII", "long"])
def test_command_lines_that_are_refused(text):
    board = layout.load(LAYOUT.name)
    with pytest.raises(Refusal, match="CMDLINE has to be printable ASCII"):
        layout.loader(board.loader).cmdline(dataclasses.replace(board, words={**board.words, "CMDLINE": text}))


def test_an_update_by_boot_counting(made, tmp_path):
    """Factory; version 2 on trial, never marked good, back after three attempts; once more, and marked good: it stays."""
    device = Device(tmp_path, made / "PC-1.img")
    before = device.disk.read_bytes()
    assert device.power_on() == ("A", line("A"))
    assert device.disk.read_bytes() == before, "the boot of a committed slot wrote something"
    device.rauc("A", "status", "mark-good")
    assert device.entries() == ["A.conf", "B+0.conf"]
    device.rauc("A", "install", made / "PC-2.raucb")
    assert device.entries() == ["A.conf", "B+3.conf"]
    assert [device.power_on() for _ in range(4)] == [("B", line("B"))] * 3 + [("A", line("A"))]
    assert device.entries() == ["A.conf", "B+0-3.conf"]

    device.rauc("A", "status", "mark-active", "other")
    assert device.power_on() == ("B", line("B"))
    device.rauc("B", "status", "mark-good")
    assert device.entries() == ["A.conf", "B.conf"]
    before = device.disk.read_bytes()
    assert device.power_on() == ("B", line("B"))
    assert device.disk.read_bytes() == before, "the boot of a committed slot wrote something"
    assert machine.run("debugfs", "-R", "cat /etc/version", device.slot("root_b")) == b"2"
    assert device.doctor("B") == set()


@pytest.mark.parametrize("what", ["no kernel", "no file system", "a kernel that does not load"])
def test_a_boot_partition_that_does_not_boot(made, tmp_path, what):
    """slot.efi comes back, the guard goes on: the other slot boots in the same power-on, from a trial or a commitment."""
    device = Device(tmp_path, made / "PC-1.img")
    device.rauc("A", "install", made / "PC-2.raucb")
    boot_b = ("-i", f"{device.disk}@@{device.parts['boot_b'][0]}")
    if what == "no file system":
        with device.disk.open("r+b") as file:
            file.seek(device.parts["boot_b"][0])
            file.write(bytes(1 << 20))
    else:
        machine.run("mdel", *boot_b, "::linux.efi")
    if what == "a kernel that does not load":
        (tmp_path / "noise").write_bytes(b"MZ" + bytes(8190))
        machine.run("mcopy", *boot_b, tmp_path / "noise", "::linux.efi")
        device.rauc("B", "status", "mark-good")
    is_committed = device.entries() == ["A.conf", "B.conf"]
    assert device.power_on() == ("A", line("A"))
    assert device.entries() == ["A.conf", "B.conf" if is_committed else "B+2-1.conf"]


def test_without_the_versions_command_line(made, tmp_path):
    device = Device(tmp_path, made / "PC-1.img")
    machine.run("mdel", "-i", f"{device.disk}@@{device.parts['boot_a'][0]}", "::cmdline")
    assert device.power_on() == ("A", line("A").removeprefix(OF_VERSION + " "))
