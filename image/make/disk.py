# SPDX-License-Identifier: MIT
"""The factory disk image: boot loader, slot A, an empty slot B, data with a true status file and the indexes of both."""

import hashlib
import os
import shutil
import time

from . import index, layout as layouts, rootfs
from .tool import need, run


def status_text(layout, facts):
    """The central status file of a device that left the factory with slot A filled."""
    filled = {layout.factory_slot: (facts["sha256"], facts["size"]), **facts.get("more", {})}
    return "\n".join(slot_text(slot, sha256, size, facts) for slot, (sha256, size) in filled.items())


def slot_text(slot, sha256, size, facts):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())))
    bundle_hash = f"bundle.hash={facts['hash']}\n" if facts.get("hash") else ""
    return (f"[slot.{slot}]\n"
            f"bundle.compatible={facts['compatible']}\n"
            f"bundle.version={facts['version']}\n"
            f"{bundle_hash}"
            f"status=ok\n"
            f"sha256={sha256}\n"
            f"size={size}\n"
            f"installed.timestamp={stamp}\n"
            f"installed.count=1\n" + (f"bundle.security-epoch={facts['epoch']}\n" if facts["epoch"] else ""))


def make_data(image, folder, layout, facts, empty_slot):
    status = folder / layout.status_file
    folder.mkdir(mode=0o755)
    status.parent.mkdir(mode=0o700, parents=True)
    status.write_text(status_text(layout, facts))
    status.chmod(0o600)
    index.keep(status.parent, layout.factory_slot, facts["sha256"], facts["index"])
    index.keep(status.parent, layout.empty_slot, None, index.digests(empty_slot)[1])
    rootfs.mke2fs(image, layout.data_size, "data", f"data {facts['compatible']}", folder)


def place_more(inputs, layout, facts, more):
    """What else is part of a version: for the disk, and for its status."""
    if not more:
        return
    slots = layouts.loader(layout.loader).factory_slots(layout)
    facts["more"] = {}
    for name, image in more.items():
        os.link(image, inputs / f"{name}_a{image.suffix}")
        with image.open("rb") as file:
            facts["more"][slots[name]] = (hashlib.file_digest(file, "sha256").hexdigest(), image.stat().st_size)


def make(slot_image, output, layout, facts, scratch, boot_files=None, more=None):
    """Write the disk image to output."""
    inputs = scratch / "in"
    inputs.mkdir()
    (scratch / "root").mkdir()
    layouts.loader(layout.loader).make(layout, scratch / "root", inputs, boot_files)
    place_more(inputs, layout, facts, more)
    rootfs.mke2fs(inputs / "root_b.ext4", layout.slot_size, "empty", f"root_b {facts['compatible']}", None)
    make_data(inputs / "data.ext4", scratch / "data", layout, facts, inputs / "root_b.ext4")
    os.link(slot_image, inputs / "root_a.ext4")

    environ = {**os.environ, **{key: f"{size >> 20}M" for key, size in layout.sizes.items()},
               "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    for program, package in (("mcopy", "mtools"), ("mkdosfs", "dosfstools")):
        need(program, package)
    # genimage's own ext4 is not used; the partitions come ready made
    run([need("genimage", "genimage"), "--config", layout.folder / "genimage.cfg", "--rootpath", scratch / "root",
         "--tmppath", scratch / "genimage", "--inputpath", inputs, "--outputpath", scratch / "out"],
        "putting the disk together", env=environ)
    shutil.move(scratch / "out" / "disk.img", output)
