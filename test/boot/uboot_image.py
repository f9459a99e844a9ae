# SPDX-License-Identifier: MIT

"""What image/build makes for boards with U-Boot, booted in the real U-Boot (qemu_arm64).

One command, image and bundle; then the disk is used as a device would: rauc works
on the environment where the root file system's fw_env.config says it lies. The
Raspberry Pi's image boots here too: its firmware is not there, all else is.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import backend  # noqa: E402
import uboot_truth as uboot  # noqa: E402

BUILD = uboot.TOP / "image" / "build"
SAID = re.compile(rb"<<kernel=(\S+) line=(.*?)>>", re.DOTALL)
FW_ENV = {
    "qemuarm64": "# both\n/dev/disk/by-partlabel/ubootenv  0x0 0x1000\n/dev/disk/by-partlabel/ubootenv2 0 4096\n",
    "raspberrypi": "/dev/mmcblk0 0x400000 0x1000\n/dev/mmcblk0 0x800000 0x1000\n",
}
KERNEL = {"qemuarm64": "boot/vmlinuz", "raspberrypi": "boot/Image"}
ROOT = {("qemuarm64", "A"): "PARTLABEL=root_a", ("qemuarm64", "B"): "PARTLABEL=root_b",
        ("raspberrypi", "A"): "PARTUUID=6d667261-02", ("raspberrypi", "B"): "PARTUUID=6d667261-03"}
FIRMWARE = ("start4.elf", "u-boot.bin", "overlays/x.dtbo")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    gone = uboot.what_is_missing()
    if gone:
        pytest.skip(f"not installed: {' '.join(gone)}")
    return uboot.Bench(tmp_path_factory.mktemp("image"))


def make_tree(folder, board, kernel, fw_env=None):
    files = {KERNEL[board]: kernel, "boot/initrd.img": os.urandom(100_000), "sbin/init": b"#!/bin/sh\n", "etc/fw_env.config": fw_env or FW_ENV[board].encode()}
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def build(board, tree, out, *more):
    return subprocess.run([BUILD, "--rootfs", tree, "--version", "1.0", "--compatible", "Board", "--layout", board, "--slot-size", "16M",
                           "--output", out, *more], env={**os.environ, "RAUC": str(backend.RAUC)}, capture_output=True, text=True, timeout=300)


def firmware(folder):
    for name in FIRMWARE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"the board's")
    return folder


def kernel(bench, tag):
    return bench.payload.ljust(4096, b"\0") + tag.encode() + b"\0"


def partitions(disk):
    """[(name or None, first byte, size)] in their order."""
    found = subprocess.run(["sfdisk", "-d", disk], capture_output=True, text=True, check=True, timeout=60).stdout
    return [((re.search(r'name="([^"]*)"', line) or [0, None])[1], *(int(re.search(rf"{key}= *(\d+)", line)[1]) * 512 for key in ("start", "size")))
            for line in found.splitlines() if "start=" in line]


def boot(bench, board, disk):
    """The slot that runs, and what its kernel was told."""
    said = SAID.findall(uboot.start(bench.uboot, disk, False))
    assert len(said) == 1
    line = said[0][1].decode()
    slot = re.search(r"rauc\.slot=(\S+)", line)[1]
    assert said[0][0].decode() == slot and line.startswith(f"root={ROOT[board, slot]} rauc.slot={slot} "), line
    return slot


@pytest.mark.parametrize("board", sorted(FW_ENV))
def test_image(board, bench, tmp_path):
    more = ["--boot-files", firmware(tmp_path / "firmware")] if board == "raspberrypi" else []
    done = build(board, make_tree(tmp_path / "tree", board, kernel(bench, "A")), tmp_path / "out", *more)
    assert done.returncode == 0, done.stdout + done.stderr
    disk = tmp_path / "out" / "Board-1.0.img"
    assert (tmp_path / "out" / "Board-1.0.raucb").stat().st_size > 4096
    parts = partitions(disk)
    assert [p[0] for p in parts] == (["boot", "ubootenv", "ubootenv2", "root_a", "root_b", "data"] if board == "qemuarm64" else [None] * 4)
    root_a, root_b, _ = parts[-3:]
    assert root_a[2] == root_b[2] == 16 << 20
    listed = subprocess.run(["mdir", "-/", "-b", "-i", f"{disk}@@{parts[0][1]}", "::"], capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert {"::/boot.scr", "::/slots.env"} <= set(listed)
    if board == "raspberrypi":
        assert {"::/config.txt", *(f"::/{name}" for name in FIRMWARE)} <= set(listed)

    assert boot(bench, board, disk) == "A"
    at = [p[1] for p in parts[1:3]] if board == "qemuarm64" else [0x400000, 0x800000]
    (tmp_path / "fw_env.config").write_text("".join(f"{disk} {n:#x} 0x1000\n" for n in at))
    system = backend.Backend(tmp_path / "device", {"bootloader": "uboot", "fw-env-config": tmp_path / "fw_env.config"})
    before = disk.read_bytes()
    system.act("A", "good")
    assert disk.read_bytes() == before, "the factory's slot is committed: nothing is written"
    system.act("A", "install B")
    assert boot(bench, board, disk) == "A", "an empty slot B does not load"

    slot = bytearray(disk.read_bytes()[root_a[1] : root_a[1] + root_a[2]])
    assert slot.count(kernel(bench, "A")[-16:]) == 1
    slot[slot.index(kernel(bench, "A")) + 4096] = ord("B")
    with open(disk, "r+b") as file:
        file.seek(root_b[1])
        file.write(slot)
    assert boot(bench, board, disk) == "B"
    system.act("B", "good")
    assert boot(bench, board, disk) == "B"


@pytest.mark.parametrize("board, fw_env, more, why", [
    ("qemuarm64", b"/dev/mmcblk0 0x0 0x4000\n", [], "fw_env.config names another place .* than layout qemuarm64: /dev/mmcblk0 0x0 0x4000; it has to be: "
                                                  "/dev/disk/by-partlabel/ubootenv 0x0 0x1000; /dev/disk/by-partlabel/ubootenv2"),
    ("qemuarm64", b"/dev/disk/by-partlabel/ubootenv 0x0 0x1000\n", [], "names another place"),
    ("qemuarm64", b"/dev/disk/by-partlabel/ubootenv here there\n", [], "names another place"),
    ("raspberrypi", None, [], "the boot partition of layout raspberrypi needs start4.elf, u-boot.bin: .*--boot-files"),
    ("raspberrypi", None, ["--boot-files", "/nowhere"], "'/nowhere' is not a folder"),
])
def test_refused(board, fw_env, more, why, tmp_path):
    done = build(board, make_tree(tmp_path / "tree", board, b"kernel", fw_env), tmp_path / "out", *more)
    assert done.returncode == 1 and re.search(why, done.stderr), done.stderr
    assert len([line for line in done.stderr.splitlines() if "DEMO keys" not in line]) == 1
    assert not list((tmp_path / "out").glob("*")), "nothing half made is left"


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", os.path.abspath(__file__)]))
