#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes should-fail/: one small image of stored metadata, and what breaks it.

Each file is the good image with the few bytes changed that its name says. Run
it in this folder; it needs mksquashfs."""

import os
import pathlib
import struct
import subprocess
import tempfile

OPTIONS = ("-noappend -quiet -no-progress -noI -noId -noD -noF -b 4K -nopad -all-root -all-time 1 "
           "-mkfs-time 1 -processors 1 -no-exports -no-xattrs").split()


def good():
    with tempfile.TemporaryDirectory() as place:
        tree = pathlib.Path(place) / "tree"
        (tree / "folder/inner").mkdir(parents=True)
        (tree / "folder/ab").write_text("ab\n")
        (tree / "folder/cd").write_bytes(b"0123456789" * 500)
        (tree / "link").symlink_to("folder/ab")
        image = pathlib.Path(place) / "image"
        subprocess.run(["mksquashfs", tree, image, *OPTIONS], check=True, stdout=subprocess.DEVNULL)
        return image.read_bytes()


class Image:
    """Knows where things are in the good image."""

    def __init__(self, raw):
        self.raw = bytearray(raw)
        (self.root, self.used, self.ids, _, self.inodes, self.folders,
         self.fragments) = struct.unpack_from("<7Q", raw, 32)
        self.table = {}  # inode number -> offset of the inode
        at, end = self.inodes + 2, self.folders
        while at < end:
            kind, number = struct.unpack_from("<H", raw, at)[0], struct.unpack_from("<I", raw, at + 12)[0]
            self.table[number] = (kind, at)
            if kind == 1:
                at += 32
            elif kind == 2:
                fragment, size = struct.unpack_from("<I", raw, at + 20)[0], struct.unpack_from("<I", raw, at + 28)[0]
                at += 32 + 4 * (size // 4096 if fragment != 0xffffffff else -(-size // 4096))
            else:
                at += 24 + struct.unpack_from("<I", raw, at + 20)[0]

    def inode(self, kind, pick=0):
        return sorted(at for k, at in self.table.values() if k == kind)[pick]

    def file(self, size):
        return next(at for k, at in self.table.values()
                    if k == 2 and struct.unpack_from("<I", self.raw, at + 28)[0] == size)

    def entry(self, name):
        """Where the directory entry begins; its name is 8 bytes on."""
        return self.raw.index(name, self.folders) - 8


def put(image, at, form, *values):
    struct.pack_into("<" + form, image.raw, at, *values)


# What the image shows -> how to make it so.
CHANGES = {
    "no-magic": lambda i: put(i, 0, "I", 0),
    "no-inodes": lambda i: put(i, 4, "I", 0),
    "block-size-not-a-power-of-two": lambda i: put(i, 12, "I", 4097),
    "block-size-too-large": lambda i: (put(i, 12, "I", 1 << 21), put(i, 22, "H", 21)),
    "block-log-does-not-match": lambda i: put(i, 22, "H", 17),
    "compressor-lzo": lambda i: put(i, 20, "H", 3),
    "compressor-lzma1": lambda i: put(i, 20, "H", 2),
    "compressor-unknown": lambda i: put(i, 20, "H", 77),
    "flags-unknown": lambda i: put(i, 24, "H", 0x8000),
    "no-ids": lambda i: put(i, 26, "H", 0),
    "ids-past-the-end": lambda i: put(i, 26, "H", 65535),
    "version-3": lambda i: put(i, 28, "H", 3),
    "root-outside": lambda i: put(i, 32, "Q", 0x7fffffff0000),
    "root-is-a-file": lambda i: put(i, 32, "Q", i.inode(2) - i.inodes - 2),
    "used-past-the-end": lambda i: put(i, 40, "Q", len(i.raw) + 1),
    "used-overflows": lambda i: put(i, 40, "Q", (1 << 64) - 1),
    "id-table-outside": lambda i: put(i, 48, "Q", len(i.raw)),
    "id-table-points-behind-itself": lambda i: put(i, i.ids, "Q", i.ids + 1),
    "inode-table-behind-directories": lambda i: put(i, 64, "Q", i.folders),
    "directory-table-outside": lambda i: put(i, 72, "Q", 1 << 40),
    "fragment-table-outside": lambda i: put(i, 80, "Q", (1 << 64) - 1),
    "metadata-empty": lambda i: put(i, i.inodes, "H", 0x8000),
    "metadata-too-large": lambda i: put(i, i.inodes, "H", 0x8000 | 8193),
    "metadata-not-packed": lambda i: put(i, i.inodes, "H", 100),
    "inode-type-0": lambda i: put(i, i.inode(2), "H", 0),
    "inode-type-15": lambda i: put(i, i.inode(2), "H", 15),
    "inode-number-0": lambda i: put(i, i.inode(2) + 12, "I", 0),
    "inode-number-too-large": lambda i: put(i, i.inode(2) + 12, "I", 1000),
    "inode-number-not-that-of-the-entry": lambda i: put(i, i.inode(2) + 12, "I", 1),
    "uid-index-too-large": lambda i: put(i, i.inode(2) + 4, "H", 9),
    "gid-index-too-large": lambda i: put(i, i.inode(2) + 6, "H", 0xffff),
    "file-larger-than-its-blocks": lambda i: put(i, i.file(5000) + 28, "I", 0xffffffff),
    "file-starts-outside": lambda i: put(i, i.file(5000) + 16, "I", 0xfffffff0),
    "file-starts-in-superblock": lambda i: put(i, i.file(5000) + 16, "I", 0),
    "block-larger-than-block-size": lambda i: put(i, i.file(5000) + 32, "I", 4097),
    "block-shorter-than-the-file": lambda i: put(i, i.file(5000) + 32, "I", 0x1000000 | 4095),
    "block-of-unknown-kind": lambda i: put(i, i.file(5000) + 32, "I", 0x2001000),
    "block-not-packed": lambda i: put(i, i.file(5000) + 32, "I", 4096),
    "fragment-unknown": lambda i: put(i, i.file(3) + 20, "I", 5),
    "fragment-offset-outside": lambda i: put(i, i.file(3) + 24, "I", 4096),
    "fragment-offset-overflows": lambda i: put(i, i.file(3) + 24, "I", 0xffffffff),
    "symlink-to-nothing": lambda i: put(i, i.inode(3) + 20, "I", 0),
    "symlink-too-long": lambda i: put(i, i.inode(3) + 20, "I", 0x10000),
    "symlink-overflows": lambda i: put(i, i.inode(3) + 20, "I", 0xffffffff),
    "symlink-with-nul": lambda i: put(i, i.inode(3) + 26, "B", 0),
    "name-dot-dot": lambda i: put(i, i.entry(b"ab") + 8, "2s", b".."),
    "name-slash": lambda i: put(i, i.entry(b"ab") + 8, "2s", b"/b"),
    "name-nul": lambda i: put(i, i.entry(b"ab") + 8, "2s", b"a\0"),
    "names-twice": lambda i: put(i, i.entry(b"cd") + 8, "2s", b"ab"),
    "names-out-of-order": lambda i: put(i, i.entry(b"ab") + 8, "2s", b"ce"),
    "name-longer-than-the-listing": lambda i: put(i, i.entry(b"inner") + 6, "H", 200),
    "entry-type-not-that-of-the-inode": lambda i: put(i, i.entry(b"ab") + 4, "H", 7),
    "entry-points-outside": lambda i: put(i, i.entry(b"ab"), "H", 8000),
    "run-of-257": lambda i: put(i, i.entry(b"ab") - 12, "I", 256),
    "run-overflows": lambda i: put(i, i.entry(b"ab") - 12, "I", 0xffffffff),
    "listing-too-long": lambda i: put(i, i.inode(1, 1) + 24, "H", 0xffff),
    "listing-outside": lambda i: put(i, i.inode(1, 1) + 16, "I", 0x7fffffff),
    "folder-in-itself": lambda i: loop(i),
    "cut-in-superblock": lambda i: cut(i, 50),
    "cut-in-tables": lambda i: cut(i, i.folders + 5),
    "empty": lambda i: cut(i, 0),
}


def loop(image):
    """"inner" becomes the folder it is in."""
    at = image.inode(1, 1)
    number = struct.unpack_from("<I", image.raw, at + 12)[0]
    run = struct.unpack_from("<I", image.raw, image.entry(b"ab") - 12 + 8)[0]
    put(image, image.entry(b"inner"), "Hh", at - image.inodes - 2, number - run)


def cut(image, size):
    del image.raw[size:]


def main():
    raw = good()
    os.makedirs("should-fail", exist_ok=True)
    for name, change in CHANGES.items():
        image = Image(raw)
        change(image)
        pathlib.Path("should-fail", name).write_bytes(image.raw)


if __name__ == "__main__":
    main()
