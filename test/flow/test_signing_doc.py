# SPDX-License-Identifier: MIT
"""The commands of doc/signing.md, in their order, as somebody would type them."""

import os
import pathlib
import re
import subprocess

import pytest

import bundles
import device as devices
import tokens

TOP = pathlib.Path(__file__).resolve().parents[2]
DOC = TOP / "doc" / "signing.md"
MADE = {  # bundle: (keyring, subject of the signer)
    "files.raucb": ("openssl-ca/dev/ca.cert.pem", "CN = Development"),
    "locked.raucb": ("openssl-ca/dev/ca.cert.pem", "CN = Development"),
    "token.raucb": ("openssl-ca/dev/ca.cert.pem", "CN = release-1"),
    "token-2.raucb": ("openssl-ca/dev/ca.cert.pem", "CN = release-1"),
    "release.raucb": ("room.cert.pem", "O = Room, CN = release"),
    "plain-release.raucb": ("room.cert.pem", "O = Room, CN = release"),
}


def commands():
    lines = [line[4:] for line in DOC.read_text().splitlines() if line.startswith("    ")]
    assert len(lines) > 40
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def walked(rauc, tmp_path_factory):
    """The folder in which everything was typed."""
    if not tokens.SOFTHSM.exists():
        pytest.skip("SoftHSM is not installed (softhsm2)")
    folder = tmp_path_factory.mktemp("signing")
    (folder / "content").mkdir()
    (folder / "content" / "rootfs.ext4").write_bytes(bundles.image(bundles.MIB, 3))
    (folder / "content" / "manifest.raucm").write_text(bundles.input_manifest({"rootfs": "rootfs.ext4"}))
    (folder / "bin").mkdir()
    (folder / "bin" / "rauc").symlink_to(rauc)
    (folder / "pki").symlink_to(TOP / "pki")
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands()], cwd=folder, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL,
                          env={"PATH": f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(folder),
                               "ASAN_OPTIONS": devices.ASAN, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"})
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.parametrize("name", MADE)
def test_bundle(rauc, debian, walked, name):
    ring, subject = MADE[name]
    for judge in (rauc, debian):
        shown = devices.run(judge, "info", "--keyring", walked / ring, walked / name)
        assert shown.code == 0 and subject in shown.out, shown.text


def test_room_signs_readable_text(walked):
    text = (walked / "to-be-signed").read_text()
    assert len(text) < 1000 and re.search("(?m)^verity-hash=[0-9a-f]{64}$", text)


def test_signature_over_something_else_is_refused(rauc, walked, tmp_path):
    """The room signed another bundle's manifest."""
    (tmp_path / "other").write_text((walked / "to-be-signed").read_text().replace("version=1.0", "version=1.1"))
    tokens.run("openssl", "cms", "-sign", "-binary", "-nosmimecap", "-nodetach", "-in", tmp_path / "other", "-signer",
               walked / "room.cert.pem", "-inkey", walked / "room.key.pem", "-outform", "DER", "-out", tmp_path / "other.sig")
    result = devices.run(rauc, "replace-signature", "--keyring", walked / "openssl-ca/dev/ca.cert.pem", "--signing-keyring",
                         walked / "room.cert.pem", walked / "plain.raucb", tmp_path / "other.sig", tmp_path / "out.raucb")
    assert result.code == 1 and "Failed to replace signature: " in result.err, result.text
    assert sorted(os.listdir(tmp_path)) == ["other", "other.sig"]


def test_every_message_of_the_table_is_said(walked):
    """What the page quotes stands in the sources, or is OpenSSL's."""
    rows = re.findall(r"(?m)^\| (.*?) \| .* \|$", DOC.read_text().split("### What it says")[1].split("###")[0])[2:]
    said = "".join(p.read_text() for p in (TOP / "src" / "crypto").glob("*.c"))
    said = re.sub(r'"\s*\n?\s*"', "", said)
    said += said.replace("no %s matches", "no private key matches")
    assert len(rows) > 7
    for row in rows:
        for part in re.split(r"…|;|: |\(", row):
            part = part.strip(" :()")
            assert part in said or part in ("Device removed", ""), part
