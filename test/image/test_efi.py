# SPDX-License-Identifier: MIT

"""image/build --layout qemux86-64-efi and qemuarm64-efi: the disk boots in OVMF, or AAVMF, with nothing in NVRAM, and the
bundle updates it by BootNext.

The kernel is a payload that says which slot it is; the real rauc works on the disk's own partitions, and through
the real efibootmgr on the variables of the machine's flash."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test" / "boot"))

import efi_machine as machine  # noqa: E402
import efi_nvram as nvram  # noqa: E402

RAUC = pathlib.Path(os.environ.get("RAUC", TOP / "build/release/src/rauc")).resolve()
KEYRING = TOP / "pki" / "demo" / "demo-ca.cert.pem"
BOARDS = {"qemux86-64-efi": machine.PC, "qemuarm64-efi": machine.ARM}
SLOT = 16 << 20
PARTS = {"esp": 1, "boot_a": 2, "boot_b": 3, "root_a": 4, "root_b": 5, "data": 6}


@pytest.fixture(scope="module", params=BOARDS)
def layout(request):
    return TOP / "image" / "layout" / request.param


def build(layout, folder, version, kernel, *more):
    tree = folder / version
    for name, data in {"boot/vmlinuz-1": kernel, "boot/initrd.img": b"initramfs " + version.encode(), "sbin/init": b"#!/bin/sh\n",
                       "etc/version": version.encode()}.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(data)
    (tree / "boot" / "vmlinuz").symlink_to("vmlinuz-1")
    return subprocess.run([TOP / "image" / "build", "--rootfs", tree, "--version", version, "--compatible", "PC", "--layout", layout.name,
                           "--slot-size", "16M", "--output", folder / "out", *more],
                          env={**os.environ, "RAUC": str(RAUC)}, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def made(layout, tmp_path_factory):
    """Version 1 is the payload that says A, version 2 the one that says B."""
    board = BOARDS[layout.name]
    compiler = {"x86_64": "gcc", "aarch64": "aarch64-linux-gnu-gcc"}[board.arch]
    gone = machine.missing(f"{board.qemu.split()[0]} efibootmgr {compiler} genimage mtype", [board.code, board.vars, "/usr/include/efi/efi.h", RAUC])
    if gone:
        pytest.skip(f"not there: {' '.join(gone)}")
    folder = tmp_path_factory.mktemp("efi")
    for version, kernel in zip("12", machine.payloads(folder, board).values()):
        done = build(layout, folder, version, kernel)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


def partitions(disk):
    """{number: (first byte, size)}."""
    listed = machine.run("sfdisk", "-d", disk).decode()
    return {int(m[1]): (int(m[2]) * 512, int(m[3]) * 512) for m in re.finditer(r"img(\d+) : start= *(\d+), size= *(\d+)", listed)}


def take(disk, name, to):
    start, size = partitions(disk)[PARTS[name]]
    with disk.open("rb") as file:
        file.seek(start)
        to.write_bytes(file.read(size))
    return to


def put(disk, name, image):
    with disk.open("r+b") as file:
        file.seek(partitions(disk)[PARTS[name]][0])
        file.write(image.read_bytes())


def test_partitions_and_status(made, tmp_path):
    disk = made / "PC-1.img"
    names = re.findall(r'name="(\w+)"', machine.run("sfdisk", "-d", disk).decode())
    assert names == list(PARTS)
    assert [size >> 20 for _, size in partitions(disk).values()] == [36, 40, 40, 16, 16, 256]
    assert machine.run("mtype", "-i", take(disk, "boot_a", tmp_path / "a"), "::initrd.img") == b"initramfs 1"
    status = machine.run("debugfs", "-R", "cat /rauc/central.raucs", take(disk, "data", tmp_path / "data")).decode()
    assert re.findall(r"(?m)^\[slot\.(.*)\]$", status) == ["rootfs.0", "boot.0"]


def test_the_list_and_the_configuration_agree(layout):
    """The fallback and the backend make the same entries."""
    listed = [line.split(" ", 3) for line in (layout / "slots").read_text().splitlines() if line and line[0] != "#"]
    conf = (layout / "system.conf").read_text().replace("\\\\", "\\")
    said = re.findall(r"bootname=(.)\nefi-loader=(.*)\nefi-cmdline=(.*)", conf)
    assert said == [(name, loader, options) for name, _, loader, options in listed]
    assert [int(part) for _, part, _, _ in listed] == [PARTS["boot_a"], PARTS["boot_b"]]


@pytest.mark.parametrize("kernel, says", [(b"\x1f\x8bgzip", "is no EFI program"), (b"MZ" + bytes(41 << 20), "the boot slots have")], ids=["compressed", "large"])
def test_kernels_that_are_refused(layout, tmp_path, kernel, says):
    done = build(layout, tmp_path, "1", kernel, "--slot-size", "80M")
    assert done.returncode and says in done.stderr
    assert not list(tmp_path.glob("out/*"))


class Device:
    def __init__(self, layout, folder, disk):
        self.folder, self.disk, self.flash, self.board = folder, folder / "disk.img", folder / "vars", BOARDS[layout.name]
        self.disk.write_bytes(disk.read_bytes())
        self.lose_nvram()
        conf = (layout / "system.conf").read_text().replace("@COMPATIBLE@", "PC")
        conf = re.sub(r"/dev/disk/by-partlabel/(\w+)", lambda m: str(folder / m[1]), conf)
        conf = conf.replace("/data/rauc", str(folder / "data")).replace("/run/rauc/mnt", str(folder / "mnt"))
        (folder / "system.conf").write_text(conf.replace("keyring.pem", f"{KEYRING}\nallow-demo-keys=true"))

    def lose_nvram(self):
        self.flash.write_bytes(self.board.vars.read_bytes())

    def power_on(self):
        return machine.power_on(self.disk, self.flash, board=self.board)[0]

    def entries(self):
        """The boot names that NVRAM has entries for."""
        variables = nvram.load(self.flash.read_bytes())
        return {nvram.label(v.data) for v in variables if re.fullmatch("Boot[0-9A-F]{4}", v.name)} & {"A", "B"}

    def rauc(self, slot, *words):
        """The running system: its slots are the disk's, its variables those of the flash."""
        variables, flash = self.folder / "efivars", self.flash.read_bytes()
        nvram.unfold(variables, nvram.load(flash))
        slots = [name for name in PARTS if name[:4] in ("boot", "root")]
        for name in slots:
            take(self.disk, name, self.folder / name)
        env = {**os.environ, "RAUC_TEST_CMDLINE": f"rauc.slot={slot}", "EFIVARFS_PATH": f"{variables}/",
               "RAUC_TEST_RUNTIME_DIRECTORY": str(self.folder / "run"), "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
        said = machine.run(RAUC, "--conf", self.folder / "system.conf", *words, env=env).decode()
        for name in slots:
            put(self.disk, name, self.folder / name)
        self.flash.write_bytes(nvram.save(flash, nvram.fold(variables)))
        for file in variables.iterdir():
            file.unlink()
        variables.rmdir()
        return said


def line(layout, slot):
    return re.search(f"(?m)^{slot} .*(initrd=.*)$", (layout / "slots").read_text())[1]


def test_an_update_by_bootnext(layout, made, tmp_path):
    """Factory, all of NVRAM lost, version 2 on trial, which is not marked good, back; once more, and marked good: it stays."""
    device = Device(layout, tmp_path, made / "PC-1.img")
    a, b = (("A", line(layout, "A")), ("B", line(layout, "B")))
    assert device.entries() == set()
    assert (device.power_on(), device.entries()) == (a, {"A", "B"})
    device.rauc("A", "status", "mark-good")
    assert device.power_on() == a
    device.lose_nvram()
    assert (device.power_on(), device.entries()) == (a, {"A", "B"})
    device.rauc("A", "status", "mark-good")
    device.rauc("A", "install", made / "PC-2.raucb")
    assert device.power_on() == b
    assert device.power_on() == a
    device.rauc("A", "status", "mark-active", "other")
    assert device.power_on() == b
    device.rauc("B", "status", "mark-good")
    assert device.power_on() == b
    assert machine.run("debugfs", "-R", "cat /etc/version", take(device.disk, "root_b", tmp_path / "b")) == b"2"
