# SPDX-License-Identifier: MIT
"""Adaptive installations of ours and of Debian's rauc on one device: each goes by what the other kept."""

import hashlib
import random

import pytest

import bundles
from bundles import BLOCK, MIB

SIZE = 6 * MIB + 2 * BLOCK
OLD = random.Random(1).randbytes(3 * MIB) + bytes(MIB) + random.Random(2).randbytes(2 * MIB + 2 * BLOCK)
NEW = OLD[:MIB] + random.Random(3).randbytes(5 * BLOCK) + OLD[MIB + 5 * BLOCK:]
IMAGES = {"old": OLD, "new": NEW}


def index(data):
    return b"".join(hashlib.sha256(data[at:at + BLOCK]).digest() for at in range(0, len(data), BLOCK))


@pytest.fixture(params=["ours", "debian"])
def made(request, rauc, debian, pki, tmp_path):
    """Bundles of both images, made by one of the two."""
    program = rauc if request.param == "ours" else debian
    for name, data in IMAGES.items():
        folder = tmp_path / f"in-{name}"
        folder.mkdir()
        (folder / "rootfs.img").write_bytes(data)
        (folder / "manifest.raucm").write_text(
            f"[update]\ncompatible=Test\nversion={name}\n\n[bundle]\nformat=verity\n\n[image.rootfs]\nfilename=rootfs.img\n"
            f"adaptive=block-hash-index\n")
        bundles.run(program, "bundle", "--cert", pki.rsa.cert, "--key", pki.rsa.key, folder, tmp_path / f"{name}.raucb")
    return tmp_path


def conf(folder, pki):
    path = folder / "system.conf"
    path.write_text(f"[system]\ncompatible=Test\nbootloader=noop\nmountprefix=/tmp/mnt\ndata-directory={folder}/data\n\n"
                    f"[keyring]\npath={pki.ring}\n\n[slot.rootfs.0]\ndevice=/dev/loop0\nbootname=A\n\n"
                    f"[slot.rootfs.1]\ndevice=/dev/loop1\nbootname=B\n")
    return path


SCRIPT = """
export DBUS_STARTER_BUS_TYPE=session RAUC_TEST_CMDLINE=rauc.slot=A G_MESSAGES_DEBUG=all
losetup /dev/loop0 {folder}/a && losetup /dev/loop1 {folder}/b || exit 1
debian() {{
    {debian} --conf={conf} --override-boot-slot=A service >{folder}/$1.log 2>&1 &
    service=$!
    gdbus wait --session --timeout 30 de.pengutronix.rauc
    {debian} --conf={conf} install {folder}/$2.raucb >>{folder}/$1.out 2>&1 || {{ cat {folder}/$1.log; exit 1; }}
    kill $service
    wait $service
}}
ours() {{
    {ours} --conf={conf} --override-boot-slot=A install {folder}/$2.raucb >{folder}/$1.log 2>&1 || {{ cat {folder}/$1.log; exit 1; }}
}}
step() {{ # number, who, what
    $2 $1 $3
    cmp -n {size} /dev/loop1 {folder}/in-$3/rootfs.img || exit 1
    (cd {folder}/data/slot.rootfs.1 && echo $1 hash-*) >>{folder}/kept
    cp {folder}/data/slot.rootfs.1/hash-*/block-hash-index {folder}/$1.index
}}
"""


def run(guest, rauc, debian, made, pki, steps):
    """Log of each step; what is kept after each of them is right."""
    (made / "a").write_bytes(OLD + bytes(BLOCK))
    (made / "b").write_bytes(bytes(SIZE + 16 * BLOCK))
    script = made / "script.sh"
    script.write_text(SCRIPT.format(folder=made, debian=debian, ours=rauc, conf=conf(made, pki), size=SIZE)
                      + "".join(f"step {i} {who} {what}\n" for i, (who, what) in enumerate(steps)))
    done = guest(f"dbus-run-session -- sh {script}", writable=[made], seconds=240)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = (made / "kept").read_text().splitlines()
    for i, (_, what) in enumerate(steps):
        assert kept[i] == f"{i} hash-{bundles.sha256(IMAGES[what])}"
        assert (made / f"{i}.index").read_bytes() == index(IMAGES[what])
    return [(made / f"{i}.log").read_text() for i in range(len(steps))]


def test_ours_after_debian(guest, rauc, debian, made, pki):
    logs = run(guest, rauc, debian, made, pki, [("debian", "old"), ("ours", "new"), ("ours", "new")])
    assert "building new hash index for target_slot" in logs[0]
    assert "hash index for rootfs.1" not in logs[1], logs[1]
    assert f" {5 * BLOCK} of {SIZE} bytes are to be fetched" in logs[1], logs[1]
    assert f" {5 * BLOCK} bytes written" in logs[1]
    assert "Building" not in logs[2]
    assert " 0 bytes written" in logs[2]


def test_debian_after_ours(guest, rauc, debian, made, pki):
    logs = run(guest, rauc, debian, made, pki, [("ours", "old"), ("debian", "new"), ("ours", "new"), ("debian", "old"), ("ours", "old")])
    assert "Building new hash index for rootfs.1" in logs[0]
    for log in (logs[1], logs[3]):
        assert "building new hash index for target_slot" not in log, log
        assert "existing hash index for target_slot from" in log, log
        assert "opened hash index for slot rootfs.1 as target_slot" in log, log
        assert "adaptive mode error" not in log, log
    for log in (logs[2], logs[4]):
        assert "Building new hash index for rootfs.1" not in log and " 0 bytes written" in log, log
