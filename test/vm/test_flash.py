# SPDX-License-Identifier: MIT
"""Flash, as the kernel's simulators have it: nandsim, UBI on it, and mtdram for NOR. What is to hold is in flash/."""

import os
import pathlib
import random
import shutil
import subprocess

import pytest

import matrix

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
# 128 MiB with pages of 2 KiB; mtd1 and mtd2 each have their blocks 3 and 40 bad, mtd3 its block 1
NAND = "nandsim first_id_byte=0x20 second_id_byte=0xa1 third_id_byte=0x00 fourth_id_byte=0x15"
CHIP = NAND + " parts=256,48,48,32 badblocks=259,296,307,344,353"
MODULES = [CHIP, "mtdram total_size=4096 erase_size=64", "ubi", "zstd", "lzo", "deflate", "ubifs", "jffs2", "mtdblock", "squashfs"]
PROGRAMS = ["ubiattach", "ubidetach", "ubimkvol", "ubiblock", "ubiupdatevol", "flash_erase", "nanddump", "nandwrite", "nandflipbits",
            "flashcp", "mkfs.ubifs", "mount", "umount", "tar", "gzip", "strace"]
BLOCK, PAGE = 128 << 10, 2048
GOOD_BLOCKS = 46


def run(*args, **kwargs):
    done = subprocess.run([str(arg) for arg in args], text=True, capture_output=True, timeout=120,
                          env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, **kwargs)
    assert done.returncode == 0, f"{args}: {done.stderr}{done.stdout}"


def make_tree(tree):
    chance = random.Random(1)
    (tree / "etc").mkdir(parents=True)
    (tree / "usr" / "a folder with a name that is rather long, as some are" / "below").mkdir(parents=True)
    (tree / "etc" / "version").write_text("2.0\n")
    (tree / "etc" / "zeroes").write_bytes(bytes(300000))
    (tree / "etc" / "empty").write_bytes(b"")
    (tree / "usr" / "random").write_bytes(chance.randbytes(700001))
    os.link(tree / "usr" / "random", tree / "usr" / "hard link")
    (tree / "usr" / "link").symlink_to("../etc/version")
    (tree / "usr" / "secret").write_text("x" * 5000)
    (tree / "usr" / "secret").chmod(0o4750)
    for number in range(40):
        (tree / "usr" / f"file{number}").write_text(f"{number}\n" * number * 50)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """What goes into the guest: a tree, and the same in every kind of image."""
    folder = tmp_path_factory.mktemp("flash")
    tree, chance = folder / "tree", random.Random(2)
    make_tree(tree)
    for script in (HERE / "flash").iterdir():
        (folder / script.name).write_bytes(script.read_bytes())
    for name, size in {"raw": 3000001, "small": 5, "empty": 0, "old": 4 << 20, "full": GOOD_BLOCKS * BLOCK,
                       "large": GOOD_BLOCKS * BLOCK + 1}.items():
        (folder / f"{name}.img").write_bytes(chance.randbytes(size))
    run("mksquashfs", tree, folder / "tree.squashfs", "-quiet", "-no-progress", "-all-root")
    run("mkfs.ubifs", "-m", PAGE, "-e", BLOCK - PAGE, "-c", 60, "-x", "zlib", "--squash-uids", "-r", tree, folder / "tree.ubifs")
    (folder / "ubifs.img").write_bytes((folder / "tree.ubifs").read_bytes())
    run("mkfs.jffs2", "--eraseblock=64KiB", "--squash-uids", "--root", tree, "--output", folder / "jffs2.img")
    run("tar", "czf", folder / "tree.tar.gz", "--format=pax", "--owner=0", "--group=0", "-C", tree, ".")
    return folder


HOOK = """#!/bin/sh
if grep -q " $RAUC_SLOT_MOUNT_POINT $RAUC_SLOT_TYPE " /proc/mounts; then mounted=mounted; else mounted=-; fi
echo "$1 $RAUC_SLOT_NAME $RAUC_SLOT_TYPE $mounted" >>/work/hooks.log
[ "$1 $mounted" != "slot-post-install mounted" ] || echo "by the hook" >"$RAUC_SLOT_MOUNT_POINT/from-hook"
"""
IMAGES = {"rootfs": "tree.ubifs", "app": "tree.tar.gz", "overlay": "tree.squashfs", "kernel": "raw.img", "fpga": "small.img",
          "data": "tree.tar.gz"}


def make_bundle(rauc, signer, folder, name, hooks):
    content = folder / f"{name}.content"
    content.mkdir()
    manifest = "[update]\ncompatible=Test\nversion=2.0\n\n[bundle]\nformat=verity\n"
    manifest += "\n[hooks]\nfilename=hook\n" if hooks else ""
    for image in set(IMAGES.values()):
        os.link(folder / image, content / image)
    for slot, image in IMAGES.items():
        manifest += f"\n[image.{slot}]\nfilename={image}\n" + ("hooks=pre-install;post-install\n" if hooks else "")
    (content / "manifest.raucm").write_text(manifest)
    (content / "hook").write_text(HOOK)
    (content / "hook").chmod(0o755)
    run(rauc, "bundle", f"--cert={signer.cert}", f"--key={signer.key}", content, folder / f"{name}.raucb")
    shutil.rmtree(content)


@pytest.fixture(scope="session")
def bundles(rauc, pki, folder):
    make_bundle(rauc, pki.ec, folder, "hooks", hooks=True)
    make_bundle(rauc, pki.ec, folder, "plain", hooks=False)
    shutil.copy(pki.ec_ca.cert, folder / "ca.pem")
    (folder / "old-kernel.img").write_bytes(bytes(100000))
    (folder / "grubenv").write_bytes(b"# GRUB Environment Block\nORDER=A B\nA_OK=1\nB_OK=1\nA_TRY=0\nB_TRY=0\n".ljust(1024, b"#"))


@pytest.fixture
def guest(emulated, rauc, folder):
    """guest(script): runs it there and shows what did not hold."""
    def go(script, modules=MODULES, **kwargs):
        done = emulated(f"cd /work && . ./{script}", programs=[*PROGRAMS, rauc], files={"/work": folder}, modules=modules,
                        env={"RAUC": rauc}, **kwargs)
        bad = [line for line in done.stdout.splitlines() if not line.startswith("held:")]
        assert done.returncode == 0 and bad and bad[-1].endswith(" held, 0 failed"), "\n".join(bad) + "\n" + done.stderr[-3000:]
        return done.stdout
    return go


def test_rows(guest):
    """Each kind of image into each kind of slot that takes it."""
    said = guest("rows.sh")
    for image, slot in matrix.rows(__file__):
        assert f"held: {image} to {slot}" in said


def test_trouble(guest):
    """What is refused, interrupted, or damaged."""
    guest("trouble.sh", seconds=200)


def test_worn(guest):
    """Blocks that can no longer be erased or written are marked, and left out."""
    guest("worn.sh", modules=[NAND + f" parts=12 weakblocks=2:1 weakpages={5 * 64 + 2}:1"])


def test_install(guest, bundles):
    """Signed bundles into a device that has nothing but flash."""
    guest("install.sh")
