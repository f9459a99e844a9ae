# SPDX-License-Identifier: MIT

"""image/build --layout raspberrypi-tryboot: the disk boots in the model of the firmware, and the bundle updates it.

The real rauc works on autoboot.txt as the image has it, and installs the bundle into slots that are the disk's."""

import os
import pathlib
import random
import re
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "boot" / "raspberrypi"))

import firmware  # noqa: E402

RAUC = pathlib.Path(os.environ.get("RAUC", TOP / "build/release/src/rauc")).resolve()
KEYRING = TOP / "pki" / "demo" / "demo-ca.cert.pem"
SLOT = 16 << 20


def run(*argv, **more):
    done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=300, **more)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def tree(folder, version):
    files = {"boot/Image": b"kernel " + version.encode(), "sbin/init": b"#!/bin/sh\n", "etc/version": version.encode(),
             "usr/blob": random.Random(version).randbytes(300_000)}
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def build(folder, version, *more, boot_files=True):
    board = folder / "board"
    (board / "overlays").mkdir(parents=True, exist_ok=True)
    for name in ("start4.elf", "bcm2711-rpi-4-b.dtb", "overlays/x.dtbo"):
        (board / name).write_bytes(b"the board's")
    words = ["--boot-files", board] if boot_files else []
    return subprocess.run([TOP / "image" / "build", "--rootfs", tree(folder / version, version), "--version", version, "--compatible", "Pi",
                           "--layout", "raspberrypi-tryboot", "--slot-size", "16M", "--output", folder / "out", *words, *more],
                          env={**os.environ, "RAUC": str(RAUC)}, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not RAUC.exists():
        pytest.skip(f"there is no {RAUC}: build it, or name another with RAUC=")
    folder = tmp_path_factory.mktemp("pi")
    for version in ("1", "2"):
        done = build(folder, version)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


def partitions(disk):
    """{number: (first byte, size, type)}."""
    listed = run("sfdisk", "-d", disk).decode()
    return {int(m[1]): (int(m[2]) * 512, int(m[3]) * 512, m[4]) for m in
            re.finditer(r"img(\d+) : start= *(\d+), size= *(\d+), type=(\w+)", listed)}


def part(disk, number, to):
    start, size, _ = partitions(disk)[number]
    with disk.open("rb") as file:
        file.seek(start)
        to.write_bytes(file.read(size))
    return to


def fat_file(image, name):
    return subprocess.run(["mtype", "-i", image, f"::{name}"], capture_output=True, timeout=60).stdout


def bootable(disk, folder):
    """Numbers of the partitions that the firmware takes for systems."""
    found = set()
    for number, (_, _, kind) in partitions(disk).items():
        if kind == "c" and fat_file(part(disk, number, folder / f"p{number}"), "config.txt"):
            found.add(number)
    return found


def test_partitions(made):
    disk = made / "Pi-1.img"
    kinds = {number: (size, kind) for number, (_, size, kind) in partitions(disk).items() if number != 4}
    assert kinds == {1: (32 << 20, "c"), 2: (128 << 20, "c"), 3: (128 << 20, "c"), 5: (SLOT, "83"), 6: (SLOT, "83"), 7: (256 << 20, "83")}
    assert partitions(disk)[4][2] in ("5", "f")
    assert b"label-id: 0x6d6f6f6e" in run("sfdisk", "-d", disk)


def test_the_firmware_boots_a(made, tmp_path):
    disk = made / "Pi-1.img"
    autoboot = fat_file(part(disk, 1, tmp_path / "autoboot"), "autoboot.txt")
    assert len(autoboot) == 512
    board = firmware.Board(bootable(disk, tmp_path))
    assert board.bootable == {2}
    assert board.power_on(autoboot) == (2, False)
    assert board.power_on(None) == (2, False)
    config = fat_file(tmp_path / "p2", "config.txt")
    line = fat_file(tmp_path / "p2", firmware.command_line(config, 2)).decode().split()
    assert "root=PARTUUID=6d6f6f6e-05" in line and "rauc.slot=A" in line
    assert fat_file(tmp_path / "p2", "Image") == b"kernel 1"
    assert fat_file(tmp_path / "p2", "overlays/x.dtbo") == b"the board's"


def test_root_and_status(made, tmp_path):
    disk = made / "Pi-1.img"
    assert run("debugfs", "-R", "cat /etc/version", part(disk, 5, tmp_path / "root")) == b"1"
    status = run("debugfs", "-R", "cat /rauc/central.raucs", part(disk, 7, tmp_path / "data")).decode()
    assert re.findall(r"(?m)^\[slot\.(.*)\]$", status) == ["rootfs.0", "boot.0"]
    assert status.count("status=ok") == 2 and f"size={128 << 20}" in status


def test_update(made, tmp_path):
    """Version 2 into B, trial, commit: rauc on the disk's own partitions, the firmware's model between."""
    disk, state = made / "Pi-1.img", tmp_path / "state"
    state.mkdir()
    slots = {number: part(disk, number, tmp_path / f"p{number}") for number in (2, 3, 5, 6)}
    run("mcopy", "-n", "-i", part(disk, 1, tmp_path / "p1"), "::autoboot.txt", state)
    conf = (TOP / "image/layout/raspberrypi-tryboot/system.conf").read_text()
    conf = re.sub(r"/dev/mmcblk0p(\d)", lambda m: str(slots[int(m[1])]), conf).replace("@COMPATIBLE@", "Pi").replace("/boot/autoboot.txt", str(state / "autoboot.txt"))
    conf = conf.replace("/data/rauc", str(tmp_path / "data")).replace("/run/rauc/mnt", str(tmp_path / "mnt")).replace("keyring.pem", f"{KEYRING}\nallow-demo-keys=true")
    conf = conf.replace("bootname=A", "bootname=A\nboot-partition=2").replace("bootname=B", "bootname=B\nboot-partition=3")
    (tmp_path / "system.conf").write_text(conf)
    flag = tmp_path / "reboot-param"

    def rauc(slot, *words):
        env = {**os.environ, "RAUC_TEST_CMDLINE": f"rauc.slot={slot}", "RAUC_TEST_REBOOT_PARAM": str(flag), "RAUC_TEST_FIRMWARE": "/nowhere",
               "RAUC_TEST_RUNTIME_DIRECTORY": str(tmp_path / "run")}
        return run(RAUC, "--conf", tmp_path / "system.conf", *words, env=env)

    def restart():
        tryboot = flag.exists() and flag.read_text() == "0 tryboot\n"
        flag.unlink(missing_ok=True)
        whole = {number for number in (2, 3) if fat_file(slots[number], "config.txt")}
        return firmware.Board(whole).power_on((state / "autoboot.txt").read_bytes(), tryboot)

    assert restart() == (2, False)
    rauc("A", "install", made / "Pi-2.raucb")
    assert fat_file(slots[3], "Image") == b"kernel 2" and run("debugfs", "-R", "cat /etc/version", slots[6]) == b"2"
    assert fat_file(slots[2], "Image") == b"kernel 1"
    assert restart() == (3, True)
    rauc("B", "status", "mark-good")
    assert restart() == (3, False)


@pytest.mark.parametrize("fault", ["no boot files", "no kernel", "a kernel that is a link"])
def test_refused(fault, tmp_path):
    folder = tree(tmp_path / "1", "1")
    if fault != "no boot files":
        (folder / "boot/Image").unlink()
    if fault == "a kernel that is a link":
        (folder / "boot/kernel").write_bytes(b"kernel")
        (folder / "boot/Image").symlink_to("kernel")
    done = subprocess.run([TOP / "image" / "build", "--rootfs", folder, "--version", "1", "--compatible", "Pi", "--layout", "raspberrypi-tryboot",
                           "--slot-size", "16M", "--output", tmp_path / "out", "--only", "disk"], capture_output=True, text=True, timeout=300)
    says = {"no boot files": "needs start4.elf", "no kernel": "has no /boot/Image", "a kernel that is a link": "has to be a file, no link"}[fault]
    assert done.returncode == 1 and says in done.stderr
    assert not list((tmp_path / "out").glob("Pi*"))
