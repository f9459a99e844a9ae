# SPDX-License-Identifier: MIT
"""Every row of the image and slot matrix for disks: `rauc install` of a signed bundle onto a block device of the guest,
and what is on the disk then compared bit by bit, or mounted and compared file by file."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
from dataclasses import dataclass

import pytest

import bundles
import matrix
import update
from bundles import MIB

DISK = 8 * MIB
START, HALF = 2 * MIB, 2 * MIB  # of the boot loaders
SIZE = MIB + MIB // 2  # of images that are a file system
REGION = {"region_start": f"{START >> 10}K", "region_size": f"{2 * HALF >> 10}K"}
TABLES = {
    "boot-mbr-switch": "label: dos\nlabel-id: 0x1234abcd\nstart=4096, size=4096, type=c, bootable\n"
                       "start=12288, size=2048, type=83\n",
    "boot-gpt-switch": "label: gpt\nstart=4096, size=4096, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=boot\n"
                       "start=12288, size=2048, name=data\n",
}
SPANS = {  # what besides a half of the region may change
    "boot-mbr-switch": [(446, 462)],
    "boot-gpt-switch": [(512, 34 * 512), (DISK - 33 * 512, DISK)],
    "boot-raw-fallback": [(START, START + HALF)],
}
SLOTS = ["raw", "ext4", "vfat", *SPANS]
SUFFIX = {"raw": "img", "tar": "tar.gz"}


@dataclass
class Row:
    image: str
    slot: str
    resize: bool = False

    @property
    def name(self):
        return f"{self.image}-{self.slot}" + ("-resize" if self.resize else "")

    @property
    def disk(self):
        return f"/dev/ubd{chr(ord('a') + SLOTS.index(self.slot))}"

    @property
    def content(self):
        """Which file system is there then, if any: an image may be raw and still be one."""
        if self.image == "raw":
            return self.slot if self.slot in ("ext4", "vfat") else None
        return {"tar": self.slot, "emptyfs": "ext4"}.get(self.image, self.image)

    @property
    def is_made(self):
        """The file system is not the image's."""
        return self.image in ("tar", "emptyfs") or self.resize


ROWS = {row.name: row for row in [*(Row(*row) for row in matrix.rows(__file__)), Row("ext4", "ext4", resize=True)]}

SCRIPT = """
row() { # name, slot, disk
    dd if=in/$2.before of=$3 bs=1M conv=fsync 2>/dev/null
    blockdev --rereadpt $3
    $RAUC --conf in/$1.conf install in/$1.raucb >out/$1.log 2>&1
    echo $? >out/$1.code
    echo 3 >/proc/sys/vm/drop_caches
    dd if=$3 of=out/$1.after bs=1M 2>/dev/null
}
judge() { # name, folder with what has to be there, file system, device
    {
        case $3 in
            ext4) fsck.ext4 -f -n $4 && test $(dumpe2fs -h $4 2>/dev/null | sed -n 's/^Filesystem state: *//p') = clean ;;
            vfat) fsck.vfat -n $4 ;;
        esac && mount -t $3 -o ro $4 /mnt && {
            diff -r --no-dereference -x lost+found $2 /mnt && { [ $3 = vfat ] || [ $2 = in/nothing ] || tar dzf in/tree.tar.gz -C /mnt; }
            code=$?
            umount /mnt
            [ $code = 0 ]
        }
    } >out/$1.judge 2>&1
    echo "judge: $?" >>out/$1.judge
}
"""


def tree(folder):
    """What is in every file system here, and FAT can hold."""
    (folder / "EFI" / "boot").mkdir(parents=True)
    (folder / "EFI" / "boot" / "loader.bin").write_bytes(bundles.image(300000, 5))
    (folder / "a name that is longer than eight.three").write_text("x\n")
    (folder / "empty").touch()
    for number in range(20):
        (folder / f"file{number}.txt").write_text(f"{number}\n" * number)
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (1e9, 1e9))
    return folder


def image(kind, source, out):
    """The tree as an image of this kind."""
    if kind == "ext4":
        bundles.run("mke2fs", "-q", "-t", "ext4", "-d", source, out, f"{SIZE >> 10}K")
    elif kind == "vfat":
        bundles.run("mkfs.vfat", "-C", out, SIZE >> 10)
        bundles.run("mcopy", "-s", "-m", "-i", out, *sorted(source.iterdir()), "::")
    elif kind == "squashfs":
        bundles.run("mksquashfs", source, out, "-quiet", "-no-progress")
    elif kind == "tar":
        bundles.run("tar", "czf", out, "--owner=0", "--group=0", "-C", source, ".")
    else:
        out.write_bytes(bundles.image(SIZE + 700, 7))
    return out.read_bytes()


def before(slot, out):
    """What is on a disk before: dirt everywhere, and a boot loader in the first half."""
    data = bytearray(bundles.image(DISK, 31))
    if slot in SPANS:
        data[:MIB] = data[-MIB:] = bytes(MIB)
        data[START : START + HALF] = bundles.image(HALF, 32)
    out.write_bytes(data)
    if slot in TABLES:
        bundles.run("sfdisk", "-q", out, input=TABLES[slot])
    return out.read_bytes()


@dataclass
class Seen:
    """What one install left behind."""
    code: int
    log: str
    judge: str
    before: bytes
    image: bytes
    path: pathlib.Path

    @functools.cached_property
    def after(self):
        return self.path.read_bytes()


def make_row(row, rauc, pki, folder, images):
    keys = {"device": row.disk, "type": row.slot, "resize": row.resize and "true", **(REGION if row.slot in SPANS else {})}
    (folder / f"{row.name}.conf").write_text(update.conf("target.0", pki.ring, **keys))
    if row.image == "emptyfs":  # a bundle cannot be as small as one without any file
        files, sections = {"rootfs.img": images["raw"]}, {"target": "type=emptyfs", "rootfs": "filename=rootfs.img"}
    else:
        name = f"image.{SUFFIX.get(row.image, row.image)}"
        files, sections = {name: image_of(row, images)}, {"target": f"filename={name}"}
    update.bundle(rauc, pki.ec, folder / row.name, files, sections)


def image_of(row, images):
    return images[row.content if row.image == "raw" and row.content else row.image]


@pytest.fixture(scope="module")
def seen(guest, rauc, pki, tmp_path_factory):
    """Every row, installed in one guest: seen[name]."""
    folder = tmp_path_factory.mktemp("block")
    inside, out = folder / "in", folder / "out"
    for each in (inside, out, inside / "nothing"):
        each.mkdir()
    source = tree(inside / "tree")
    images = {kind: image(kind, source, inside / f"tree.{suffix}")
              for kind, suffix in {"raw": "img", "ext4": "ext4", "vfat": "vfat", "squashfs": "squashfs", "tar": "tar.gz"}.items()}
    images["emptyfs"] = b""
    old = {slot: before(slot, inside / f"{slot}.before") for slot in SLOTS}
    for slot in SLOTS:
        (folder / slot).write_bytes(bytes(DISK))
    script = f"cd {folder}; RAUC={rauc}; touch /tmp/a /tmp/b\n{SCRIPT}"
    for row in ROWS.values():
        make_row(row, rauc, pki, inside, images)
        script += f"row {row.name} {row.slot} {row.disk}\n"
        if row.content:
            device = f"{row.disk}1" if row.slot in TABLES else row.disk
            script += (f"blockdev --rereadpt {row.disk}\n"
                       f"judge {row.name} in/{'nothing' if row.image == 'emptyfs' else 'tree'} {row.content} {device}\n")
    done = guest(script, writable=[out], disks=[folder / slot for slot in SLOTS], env=update.ENV)
    assert done.returncode == 0, done.stdout + done.stderr

    def read(name, what):
        path = out / f"{name}.{what}"
        return path.read_text() if path.exists() else ""
    yield {name: Seen(int(read(name, "code")), read(name, "log"), read(name, "judge"), old[row.slot],
                      image_of(row, images), out / f"{name}.after") for name, row in ROWS.items()}
    shutil.rmtree(folder)


def partitions(data, path):
    path.write_bytes(data)
    return json.loads(bundles.run("sfdisk", "-J", path))["partitiontable"]


def same_outside(found, spans):
    old, new = bytearray(found.before), bytearray(found.after)
    for start, end in spans:
        old[start:end] = new[start:end] = bytes(end - start)
    assert old == new, "bytes that are none of the slot's were changed"


def check_boot_loader(row, found, folder):
    full = found.image.ljust(HALF, b"\0")
    halves = [found.after[START + n * HALF : START + (n + 1) * HALF] for n in range(2)]
    assert halves[1] == full
    same_outside(found, [*SPANS[row.slot], (START + HALF, START + 2 * HALF)])
    if row.slot not in TABLES:
        assert halves[0] == full
        return
    assert halves[0] == found.before[START : START + HALF]
    tables = [partitions(data, folder / "disk") for data in (found.before, found.after)]
    first = tables[1]["partitions"][0]
    assert (first["start"], first["size"]) == ((START + HALF) // 512, HALF // 512)
    first["start"] = tables[0]["partitions"][0]["start"]
    assert tables[0] == tables[1], "only the start of partition 1 may differ"


@pytest.mark.parametrize("name", ROWS)
def test_row(seen, name, tmp_path):
    row, found = ROWS[name], seen[name]
    assert found.code == 0, found.log
    if row.content:
        assert found.judge.endswith("judge: 0\n"), found.judge
    if row.slot in SPANS:
        check_boot_loader(row, found, tmp_path)
    elif not row.is_made:
        assert found.after == found.image + found.before[len(found.image) :]


@pytest.mark.parametrize("name", [row.name for row in ROWS.values() if row.is_made])
def test_file_system(seen, name, tmp_path):
    """Made by the install: with the slot's name, and as large as the slot; grown to it, with what the image had."""
    row, disk = ROWS[name], tmp_path / "disk"
    disk.write_bytes(seen[name].after)
    facts = dict(line.split("=", 1) for line in bundles.run("blkid", "-p", "-o", "export", disk).splitlines())
    assert facts["TYPE"] == row.content
    assert facts.get("LABEL") == {"resize": None, "ext4": "target.0", "vfat": "TARGET_0"}["resize" if row.resize else row.slot]
    if row.content == "ext4":
        told = bundles.run("dumpe2fs", "-h", disk)
        count, size = (int(re.search(rf"^{word}: +(\d+)$", told, re.MULTILINE)[1]) for word in ("Block count", "Block size"))
        assert count * size == DISK
    else:
        done = subprocess.run(["fsck.vfat", "-n", "-v", disk], capture_output=True, text=True, timeout=60)
        assert re.search(rf"\b{DISK // 512} sectors total", done.stdout), done.stdout
