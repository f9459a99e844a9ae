# SPDX-License-Identifier: MIT
"""What is installed: a root file system of this machine's own files, and bundles of it. Made once, then kept."""

import hashlib
import os
import pathlib
import shutil
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent
KEY, CERT = TOP / "pki/demo/demo.key.pem", TOP / "pki/demo/demo.cert.pem"
JUDGE = "/usr/bin/rauc"  # Debian's: is it a bundle?
KEYRING = TOP / "pki/demo/demo-ca.cert.pem"
CODECS = {"gzip": "-comp gzip", "xz": "-comp xz", "zstd": "-comp zstd -Xcompression-level 3"}
FORMATS = ("plain", "verity")
FILLED = 0.8  # the rest of the file system is free: zeroes


def empty(path, mib):
    with open(path, "wb") as file:
        file.truncate(mib << 20)
        os.posix_fallocate(file.fileno(), 0, mib << 20)
    return path


def pick_files(budget):
    """Files of /usr, in an order that is the same everywhere and mixes programs, libraries and data."""
    found = []
    for folder, folders, names in os.walk("/usr"):
        folders.sort()
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path) and os.access(path, os.R_OK):
                size = os.path.getsize(path)
                if size < budget // 8:
                    found.append((hashlib.sha1(path.encode(errors="surrogateescape")).digest(), path, size))
    chosen, folders, total = [], set(), 0
    for _, path, size in sorted(found):
        new = set(map(str, pathlib.PurePath(path).parents)) - folders
        cost = -(-size // 4096) * 4096 + 256 + len(new) * (4096 + 256)
        if total + cost <= budget:
            chosen.append(path)
            folders |= new
            total += cost
    return chosen, len(chosen) + len(folders)


def make_image(image, mib):
    stage = image.with_suffix(".stage")
    shutil.rmtree(stage, ignore_errors=True)
    files, n_inodes = pick_files(int((mib << 20) * FILLED))
    for path in files:
        copy = stage / path.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    new = empty(image.with_suffix(".new"), mib)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-J", "size=4", "-N", str(n_inodes + 64),
                    "-d", stage, new], check=True)
    shutil.rmtree(stage)
    new.rename(image)


def make_bundle(bundle, image, form, codec, adaptive=False):
    stage = bundle.with_suffix(".stage")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    os.link(image, stage / "rootfs.img")
    (stage / "manifest.raucm").write_text(f"[update]\ncompatible=bench\nversion=1\n\n[bundle]\nformat={form}\n\n"
                                          "[image.system]\nfilename=rootfs.img\n" + "adaptive=block-hash-index\n" * adaptive)
    new = bundle.with_suffix(".new")
    new.unlink(missing_ok=True)
    subprocess.run(["rauc", f"--cert={CERT}", f"--key={KEY}", f"--keyring={KEYRING}", "bundle",
                    f"--mksquashfs-args={CODECS[codec]}", stage, new], check=True, capture_output=True)
    shutil.rmtree(stage)
    new.rename(bundle)


def zero_share(path):
    blocks = zeroes = 0
    with open(path, "rb") as file:
        while block := file.read(4096):
            blocks += 1
            zeroes += not any(block)
    return zeroes / blocks


def image_of(out, mib):
    image = out / f"rootfs-{mib}.img"
    if not image.exists():
        print(f"bench: making {image.name} from files of /usr", flush=True)
        make_image(image, mib)
    return image


def make(out, mib, codecs):
    image = image_of(out, mib)
    bundles = {}
    for form in FORMATS:
        for codec in codecs:
            bundles[form, codec] = out / f"rootfs-{mib}-{form}-{codec}.raucb"
            if not bundles[form, codec].exists():
                print(f"bench: making {bundles[form, codec].name}", flush=True)
                make_bundle(bundles[form, codec], image, form, codec)
    sizes = ", ".join(f"{c} {bundles['plain', c].stat().st_size >> 20}" for c in codecs)
    return {"image": image, "bundles": bundles,
            "about": {"image": f"{mib} MiB ext4, {zero_share(image):.0%} of its blocks are zero", "bundles, MiB": sizes}}
