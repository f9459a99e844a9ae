# SPDX-License-Identifier: MIT
"""The folders of a new ext4 image, one behind the other.

mke2fs puts the block of a folder before those of its files. When a file comes or goes, all inodes behind it get other
numbers, so every folder that names them is another one: thousands of blocks of 4 KiB, one here, one there. An update that
fetches what has changed fetches a whole compressed block of the bundle for each. Side by side they cost next to nothing."""

import os
import re

from .tool import need, run

BLOCK = 4096
STAT = re.compile(r"^Inode: (\d+) +Type: (\w+)", re.MULTILINE)
EXTENT = re.compile(r"\((\d+)(?:-(\d+))?\):(\d+)")


def debugfs(image, commands, *options):
    script = image.with_name(image.name + ".debugfs")
    environ = dict(os.environ)
    if environ.get("SOURCE_DATE_EPOCH"):
        environ["E2FSPROGS_FAKE_TIME"] = environ["SOURCE_DATE_EPOCH"]
    script.write_text("".join(f"{command}\n" for command in commands), encoding="ascii")
    try:
        return run([need("debugfs", "e2fsprogs"), *options, "-f", script, image], f"looking into {image.name}", env=environ)
    finally:
        script.unlink()


def facts(image):
    """(number of used inodes, blocks a group, free runs as (first, last), free blocks of each group)."""
    text = run([need("dumpe2fs", "e2fsprogs"), image], f"reading {image.name}")
    number = {key: int(re.search(rf"^{key}:\s+(\d+)", text, re.MULTILINE)[1])
              for key in ("Inode count", "Free inodes", "Blocks per group")}
    lists = re.findall(r"^  Free blocks: (.*)$", text, re.MULTILINE)
    runs = [(int(m[1]), int(m[2] or m[1])) for found in lists for m in re.finditer(r"(\d+)(?:-(\d+))?", found)]
    free = [int(n) for n in re.findall(r"^  (\d+) free blocks, ", text, re.MULTILINE)]
    return number["Inode count"] - number["Free inodes"], number["Blocks per group"], runs, free


def find(image, n_inodes):
    """(inode, logical, physical) of each block of each folder, by inode."""
    text = debugfs(image, [f"stat <{n}>" for n in (2, *range(11, n_inodes + 1))])
    blocks = []
    for part in re.split(r"(?=^Inode: )", text, flags=re.MULTILINE):
        head = STAT.match(part)
        extents = part.partition("EXTENTS:")[2]
        if not head or head[2] != "directory" or not extents:
            continue
        for first, last, at in ((int(m[1]), int(m[2] or m[1]), int(m[3])) for m in EXTENT.finditer(extents)):
            blocks += [(int(head[1]), n, at + n - first) for n in range(first, last + 1)]
    return blocks


def pick_room(runs, n_blocks):
    """Where the last free run begins that takes them all, or None. Runs of neighbouring groups are one."""
    joined = []
    for first, last in sorted(runs):
        if joined and joined[-1][1] + 1 == first:
            joined[-1][1] = last
        else:
            joined.append([first, last])
    fitting = [first for first, last in joined if last - first + 1 >= n_blocks]
    return fitting[-1] if fitting else None


def move(image, blocks, room):
    """The bytes of each to its new place; zeroes where it was."""
    with open(image, "r+b") as file:
        for new, (_, _, old) in enumerate(blocks, room):
            data = os.pread(file.fileno(), BLOCK, old * BLOCK)
            os.pwrite(file.fileno(), data, new * BLOCK)
            os.pwrite(file.fileno(), bytes(BLOCK), old * BLOCK)
        file.flush()


def commands(blocks, room, per_group, free):
    """What tells the file system: extents, bitmaps, and the counts of the groups, which debugfs leaves alone."""
    counts = list(free)
    opened = None
    for new, (inode, logical, old) in enumerate(blocks, room):
        if inode != opened:
            yield from (["extent_close"] if opened else [])
            yield f"extent_open <{inode}>"
            yield "root_node"
            opened = inode
        yield f"set_bmap {logical} {new}"
        counts[old // per_group] += 1
        counts[new // per_group] -= 1
    yield "extent_close"
    for new, (_, _, old) in enumerate(blocks, room):
        yield f"freeb {old}"
        yield f"setb {new}"
    for group, count in enumerate(counts):
        if count != free[group]:
            yield f"set_bg {group} free_blocks_count {count}"
            yield f"set_bg {group} checksum calc"


def gather(image):
    """False where there is no room for it: nothing has changed then."""
    n_inodes, per_group, runs, free = facts(image)
    blocks = find(image, n_inodes)
    room = pick_room(runs, len(blocks))
    if room is None:
        return False
    move(image, blocks, room)
    debugfs(image, commands(blocks, room, per_group, free), "-w")
    # debugfs goes on after what it could not do
    run([need("e2fsck", "e2fsprogs"), "-fn", image], f"checking {image.name}")
    return True
