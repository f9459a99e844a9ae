# SPDX-License-Identifier: MIT
"""The signed bundle, made by the project's own rauc (or what $RAUC names)."""

import json
import os
import pathlib
import shutil

from . import keys as signing_keys
from .tool import Refusal, run

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILT = ("build/release/src/rauc", "build/src/rauc")


def find_rauc(given=None):
    """--rauc, $RAUC, the build folder, PATH: the first there is."""
    given = given or os.environ.get("RAUC")
    if given:
        path = shutil.which(given)
        if not path:
            raise Refusal(f"the rauc program '{given}' does not exist or cannot be run")
        return os.path.abspath(path)
    for path in (TOP / built for built in BUILT):
        if os.access(path, os.X_OK):
            return str(path)
    path = shutil.which("rauc")
    if not path:
        raise Refusal("no rauc program: build it (meson setup build && ninja -C build) or set RAUC")
    return path


def find_fetch(rauc):
    """rauc-fetch of this very rauc: where it was built, or installed; None: it has none."""
    folder = pathlib.Path(rauc).resolve().parent
    for path in (folder / "fetch" / "rauc-fetch", folder.parent / "libexec" / "rauc" / "rauc-fetch"):
        if os.access(path, os.X_OK):
            return str(path)
    return None


def manifest(version, compatible, epoch, more=()):
    others = "".join(f"\n[image.{name}]\nfilename={file}\n" for name, file in more)
    return (f"[update]\ncompatible={compatible}\nversion={version}\n\n"
            f"[bundle]\nformat=verity\n\n"
            f"[image.rootfs]\nfilename=rootfs.ext4\nadaptive=block-hash-index\n" + others + (f"\n[meta.moonforge]\nsecurity-epoch={epoch}\n" if epoch else ""))


def demo_words(rauc):
    """What makes our rauc use the demo keys, if nobody named others."""
    return ["-C", "keyring:allow-demo-keys=true"] if signing_keys.is_demo() and signing_keys.must_be_allowed(rauc) else []


def make(rauc, slot_image, output, facts, keys, scratch, more=None):
    """Write the bundle to output; what rauc itself then reads from it, as a dict."""
    key, certificate, keyring = keys
    version, compatible = facts["version"], facts["compatible"]
    demo = demo_words(rauc)
    content = scratch / "bundle"
    content.mkdir()
    os.link(slot_image, content / "rootfs.ext4")
    names = [(name, f"{name}{image.suffix}") for name, image in (more or {}).items()]
    for name, file in names:
        os.link(more[name], content / file)
    (content / "manifest.raucm").write_text(manifest(version, compatible, facts["epoch"], names))
    check = ["--keyring", keyring] if keyring else []
    run([rauc, *demo, "bundle", "--cert", certificate, "--key", key, *check, "--mksquashfs-args=-comp zstd -Xcompression-level 3",
         content, output], "making the bundle")
    shutil.rmtree(content)
    if not keyring:
        return {}
    shown = run([rauc, *demo, "info", "--keyring", keyring, "--output-format=json", output],
                "checking the bundle against RAUC_KEYRING_FILE")
    info = json.loads(shown)
    for name, wanted in (("version", version), ("compatible", compatible)):
        if info.get(name) != wanted:
            raise Refusal(f"the bundle says {name} '{info.get(name)}' instead of '{wanted}'")
    return info
