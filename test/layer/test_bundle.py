# SPDX-License-Identifier: MIT
"""What the bundle recipes tell meta-rauc's class, given to the real client as that class gives it."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import fakebb  # noqa: E402
import layers  # noqa: E402
from boards import LAYER  # noqa: E402

TOP = layers.TOP
BUNDLES = LAYER / "recipes-core" / "bundles"
INC, BRIDGE = BUNDLES / "moonforge-bundle.inc", BUNDLES / "moonforge-bundle-keyring.bb"
RAUC = os.environ.get("RAUC", str(TOP / "build" / "release" / "src" / "rauc"))
pytestmark = pytest.mark.skipif(not os.access(RAUC, os.X_OK), reason=f"{RAUC} is not built")


def openssl(*argv):
    subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True, timeout=60)


def root(folder, name):
    """A root that signs by itself: key, certificate."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650", "-subj", f"/CN={name}",
            "-addext", "keyUsage=digitalSignature,keyCertSign", "-addext", "extendedKeyUsage=codeSigning,emailProtection",
            "-keyout", folder / f"{name}.key.pem", "-out", folder / f"{name}.cert.pem")
    return str(folder / f"{name}.key.pem"), str(folder / f"{name}.cert.pem")


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roots")
    old, new = root(folder, "old"), root(folder, "new")
    both = folder / "both.pem"
    both.write_text(pathlib.Path(old[1]).read_text() + pathlib.Path(new[1]).read_text())
    return {"old": old, "new": new, "both": str(both)}


def bundle(folder, recipe, key, certificate, keyring, **more):
    """As the class does: its manifest, its command with BUNDLE_ARGS as shell words."""
    content = folder / "content"
    content.mkdir()
    (content / "rootfs.ext4").write_bytes(os.urandom(1 << 20))
    recipes = [INC] + ([BRIDGE] if recipe is BRIDGE else [])
    slot = {flag: layers.value(INC, "RAUC_SLOT_rootfs", flag) for flag in ("fstype", "adaptive")}
    (content / "manifest.raucm").write_text(
        f"[update]\ncompatible=qemux86-64\nversion=1\n\n[bundle]\nformat={layers.value(INC, 'RAUC_BUNDLE_FORMAT')}\n\n"
        f"[image.{layers.value(INC, 'RAUC_BUNDLE_SLOTS')}]\nfilename=rootfs.{slot['fstype']}\nadaptive={slot['adaptive']}\n")
    d = fakebb.Data(RAUC_KEYRING_FILE=keyring, **{"RAUC_DEPLOYED_KEYRINGS": "", "RAUC_ACCEPTED_UNTIL": "", "RAUC_NEXT_CERT_FILE": "", **more})
    words = " ".join(d.expand(layers.value(path, "BUNDLE_ARGS")) for path in recipes)
    command = f"'{RAUC}' bundle --debug --cert='{certificate}' --key='{key}' {words} '{content}' '{folder}/out.raucb'"
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, check=False)


def test_bundle(roots, tmp_path):
    done = bundle(tmp_path, INC, *roots["old"], roots["old"][1])
    assert done.returncode == 0, done.stderr
    shown = subprocess.run([RAUC, "info", f"--keyring={roots['old'][1]}", "--output-format=json", tmp_path / "out.raucb"], check=True, capture_output=True, text=True).stdout
    info = json.loads(shown)
    assert info["format"] == "verity" and info["compatible"] == "qemux86-64"
    assert info["images"][0]["rootfs"]["adaptive"] == ["block-hash-index"]


def test_deployed_devices_are_asked(roots, tmp_path):
    for number, (deployed, until, fits) in enumerate((("old", "", True), ("old", "2030-01-01", True), ("new", "", False), ("old", "2999-01-01", False))):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = bundle(folder, INC, *roots["old"], roots["old"][1], RAUC_DEPLOYED_KEYRINGS=roots[deployed][1], RAUC_ACCEPTED_UNTIL=until)
        assert (done.returncode == 0) is fits and (folder / "out.raucb").exists() is fits, done.stderr


def test_bridge(roots, tmp_path):
    """Both roots in what it carries: it is made. The old one alone: devices could not take the next bundle."""
    more = {"RAUC_DEPLOYED_KEYRINGS": roots["old"][1], "RAUC_NEXT_CERT_FILE": roots["new"][1]}
    for name, keyring, fits in (("good", roots["both"], True), ("stranding", roots["old"][1], False)):
        (tmp_path / name).mkdir()
        done = bundle(tmp_path / name, BRIDGE, *roots["old"], keyring, **more)
        assert (done.returncode == 0) is fits and (tmp_path / name / "out.raucb").exists() is fits, done.stderr


def test_demo_keys_need_a_word_from_the_build(tmp_path):
    """What the native client is built with decides: this one is built as for a release."""
    done = bundle(tmp_path, INC, str(TOP / "pki/demo/demo.key.pem"), str(TOP / "pki/demo/demo.cert.pem"), str(TOP / "pki/demo/demo-ca.cert.pem"))
    assert done.returncode != 0 and "demo" in done.stderr and not (tmp_path / "out.raucb").exists()
