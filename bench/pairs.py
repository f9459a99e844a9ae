# SPDX-License-Identifier: MIT
"""What an update costs that only fetches what has changed: pairs of real root file systems, before and after an update
of their packages. Built with mmdebstrap from Debian, made into images by image/, kept in build/pairs."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import material
from link import Link
from process import digest

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "image"))

from make import layout, rootfs  # noqa: E402

KEPT = TOP / "build" / "pairs"
MAIN, UPDATES, SECURITY = (f"deb http://deb.debian.org/{archive} {suite} main" for archive, suite in (
    ("debian", "bookworm"), ("debian", "bookworm-updates"), ("debian-security", "bookworm-security")))
DEVICE = ["systemd", "systemd-sysv", "udev", "dbus", "kmod", "e2fsprogs", "ca-certificates", "curl", "iproute2", "nftables"]
# what is updated: all there is, or only packages whose name is one of these
PAIRS = {
    "security": {"packages": [*DEVICE, "openssh-server", "openssl", "perl", "nginx-light", "bind9-host", "sudo", "vim-tiny", "network-manager"],
                 "updated": None},
    "python": {"packages": [*DEVICE, "python3", "python3-requests", "python3-yaml", "python3-gi", "python3-cryptography", "python3-numpy"],
               "updated": ["python3.11*", "libpython3.11*"]},
    "kernel": {"packages": [*DEVICE, "linux-image-cloud-amd64", "zstd"], "updated": ["linux-image-*"]},
}
EPOCH = {"old": "1750000000", "new": "1760000000"}  # each is built on its day
WASTE = ("/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/info", "/usr/share/lintian")
NOT_ON_DEVICE = "dev proc sys run tmp var/lib/apt var/cache var/log var/tmp".split()
SQUASH = "-comp zstd -Xcompression-level 3"
FOUND = re.compile(r"^prediction (.*?) base=", re.MULTILINE)


def preferences(updated):
    """Everything from bookworm, but those from where they are newer."""
    return ("Package: *\nPin: release l=Debian-Security\nPin-Priority: 100\n\n"
            f"Package: {' '.join(updated)}\nPin: release l=Debian-Security\nPin-Priority: 990\n")


def make_tar(tar, pair, age):
    """A root file system as it is on the device: nothing in it of the tools that made it."""
    script = tar.with_suffix(".hook")
    updated = pair["updated"]
    if age == "new" and updated:
        script.write_text(f"#!/bin/sh\ncat >\"$1/etc/apt/preferences.d/bench\" <<'END'\n{preferences(updated)}END\n")
        script.chmod(0o755)
    hooks = [f"--setup-hook=mkdir -p \"$1/etc/apt/preferences.d\" && {script} \"$1\""] if script.exists() else []
    clean = " ".join(f'"$1/{folder}"' for folder in NOT_ON_DEVICE)
    sources = [MAIN] if age == "old" else [MAIN, UPDATES, SECURITY]
    new = tar.with_suffix(".new")
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--mode=auto", "--variant=essential", "--architectures=amd64", "--include=" + ",".join(pair["packages"]),
         "--format=tar", '--aptopt=Apt::Install-Recommends "false"', *(f"--dpkgopt=path-exclude={waste}/*" for waste in WASTE), *hooks,
         f"--customize-hook=for folder in {clean}; do find \"$folder\" -mindepth 1 -delete 2>/dev/null || :; done",
         "bookworm", new, *sources],
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH[age]}, capture_output=True, text=True, timeout=1800, stdin=subprocess.DEVNULL)
    script.unlink(missing_ok=True)
    if done.returncode:
        raise RuntimeError(f"mmdebstrap: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    new.rename(tar)


def make_image(image, tar, age):
    """As image/build makes the image of a slot, with the date of its day."""
    scratch = image.with_suffix(".scratch")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    os.environ["SOURCE_DATE_EPOCH"] = EPOCH[age]
    try:
        rootfs.make(tar, scratch / "image", f"rootfs bench {age}", layout.load("qemux86-64", "2048M"), scratch)
        (scratch / "image").rename(image)
    finally:
        del os.environ["SOURCE_DATE_EPOCH"]
        shutil.rmtree(scratch)


def short(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:10]


def image_of(name, age):
    """The image, made if its recipe has none yet; the tars are kept too, being what takes minutes."""
    pair = PAIRS[name]
    KEPT.mkdir(parents=True, exist_ok=True)
    tar = KEPT / f"{name}-{age}-{short(pair, WASTE, NOT_ON_DEVICE, EPOCH[age])}.tar"
    if not tar.exists():
        print(f"bench: pairs: making {tar.name}", flush=True)
        make_tar(tar, pair, age)
    recipe = short(*(path.read_bytes() for path in sorted((TOP / "image" / "make").glob("*.py"))))
    image = tar.with_name(f"{tar.stem}-{recipe}.img")
    if not image.exists():
        print(f"bench: pairs: making {image.name}", flush=True)
        make_image(image, tar, age)
    return image


def make_bundle(rauc, bundle, image, age, squash=SQUASH, base=None):
    """What `rauc bundle` said."""
    stage = bundle.with_suffix(".stage")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    os.link(image, stage / "rootfs.ext4")
    (stage / "manifest.raucm").write_text(f"[update]\ncompatible=bench\nversion={age}\n\n[bundle]\nformat=verity\n\n"
                                          "[image.rootfs]\nfilename=rootfs.ext4\nadaptive=block-hash-index\n")
    bundle.unlink(missing_ok=True)
    done = subprocess.run([rauc, "-C", "keyring:allow-demo-keys=true", f"--cert={material.CERT}", f"--key={material.KEY}",
                           f"--keyring={material.KEYRING}", "bundle", f"--mksquashfs-args={squash}", *([f"--from={base}"] if base else []),
                           stage, bundle], capture_output=True, text=True, timeout=1800, stdin=subprocess.DEVNULL)
    shutil.rmtree(stage)
    if done.returncode:
        raise RuntimeError(f"rauc bundle: {done.stderr.strip()}")
    return done.stdout


def predict(rauc, name, squash=SQUASH):
    """Both bundles of a pair, and what is said of the way from one to the other."""
    bundles = {age: KEPT / f"{name}-{age}.raucb" for age in EPOCH}
    images = {age: image_of(name, age) for age in EPOCH}
    make_bundle(rauc, bundles["old"], images["old"], "old", squash)
    said = make_bundle(rauc, bundles["new"], images["new"], "new", squash, bundles["old"])
    words = dict(word.split("=") for word in FOUND.search(said)[1].split())
    return {"pair": name, "bundles": {age: str(path) for age, path in bundles.items()}, "images": {a: str(p) for a, p in images.items()},
            **{key: int(value) for key, value in words.items() if key != "image"}}


SYSTEM_CONF = """\
[system]
compatible=bench
bootloader=noop
data-directory={work}/data
mountprefix={work}/mnt

[keyring]
path={keyring}

[slot.rootfs.0]
device={work}/slot0
bootname=A

[slot.rootfs.1]
device={work}/slot1
bootname=B
"""


def stream(rauc, found):
    """The same, done: a device that runs the old one installs the new one from a server. What came over the wire."""
    work = pathlib.Path("/run/rauc-bench")
    shutil.rmtree(work, ignore_errors=True)
    for name in ("mnt", "bin", "data"):
        (work / name).mkdir(parents=True)
    slots = [KEPT / f"slot{n}" for n in (0, 1)]
    shutil.copy(found["images"]["old"], slots[0])
    with open(slots[1], "wb") as file:
        file.truncate(found["size"])
    for n, slot in enumerate(slots):
        (work / f"slot{n}").symlink_to(slot)
    shutil.copy(pathlib.Path(rauc).parent / "fetch" / "rauc-fetch", work / "bin")
    (work / "bin" / "rauc-fetch").chmod(0o755)
    (work / "system.conf").write_text(SYSTEM_CONF.format(work=work, keyring=material.KEYRING))
    with Link(work, KEPT) as link:
        before, begin = link.received(), time.monotonic()
        done = subprocess.run([rauc, f"--conf={work}/system.conf", "-C", "keyring:allow-demo-keys=true", "install", "--override-boot-slot=A",
                               f"--tls-ca={link.ca}", link.url(os.path.basename(found["bundles"]["new"]), True)],
                              env={**os.environ, "RAUC_FETCH": f"{work}/bin/rauc-fetch"}, capture_output=True, text=True, timeout=900)
        wall, wire = time.monotonic() - begin, link.received() - before
        time.sleep(0.2)  # nginx writes down what it has sent when the connection ends
        asked = link.asked()
    right = done.returncode == 0 and digest(slots[1], found["size"]) == digest(found["images"]["new"], found["size"])
    for slot in slots:
        slot.unlink()
    shutil.rmtree(work)
    if not right:
        raise RuntimeError(f"{found['pair']}: installing it: {done.stderr.strip() or 'the slot has other bytes'}")
    return {"wire": wire, "body": sum(a[3] for a in asked), "requests": len(asked), "wall": wall}


COLUMNS = ["size", "bundle", "download", "tables", "index", "blocks", "tree", "missing", "writes"]


def show(found, about):
    lines = ["", "== pairs of root file systems: from the old to the new, in MB ==", *(f"  {key}: {value}" for key, value in about.items()), "",
             "  " + f"{'predicted':10}" + "".join(f"{title:>10}" for title in ["image", *COLUMNS[1:], "of bundle"])]
    for one in found:
        lines.append("  " + f"{one['pair']:10}" + "".join(f"{one[key] / 1e6:10.2f}" for key in COLUMNS) + f"{one['download'] / one['bundle']:10.2%}")
    lines += ["", "  " + f"{'streamed':10}" + "".join(f"{title:>10}" for title in ["body", "wire", "requests", "time s", "of bundle"])]
    for one in (one for one in found if "streamed" in one):
        done = one["streamed"]
        lines.append("  " + f"{one['pair']:10}" + "".join(f"{done[key] / 1e6:10.2f}" for key in ("body", "wire"))
                     + f"{done['requests']:10}{done['wall']:10.1f}{done['body'] / one['bundle']:10.2%}")
    return "\n".join(lines + [""])


def run(args, out, programs, about):
    if "ours" not in programs:
        return ["pairs: no rauc to measure"]
    found, failed = [], []
    try:
        for name in PAIRS:
            found.append(predict(programs["ours"], name))
            if os.geteuid() == 0:
                found[-1]["streamed"] = stream(programs["ours"], found[-1])
        if os.geteuid() != 0:
            failed.append("pairs, streamed: needs root (a network namespace for the server)")
    except RuntimeError as why:
        failed.append(f"pairs: {why}")
    (out / "pairs.json").write_text(json.dumps({"about": about, "pairs": found}, indent=1))
    print(show(found, about), flush=True)
    return failed
