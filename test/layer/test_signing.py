# SPDX-License-Identifier: MIT
"""Who signs, whom devices trust, what fits a slot, what the factory's data partition holds: the layer's own modules."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layers  # noqa: E402
from boards import BOARDS, LAYER, conf  # noqa: E402
from moonforge_rauc import factory, pem, signing, slotsize  # noqa: E402

TOP = layers.TOP
DEMO = TOP / "pki" / "demo"
DEMO_FILES = tuple(str(DEMO / name) for name in ("demo.key.pem", "demo.cert.pem", "demo-ca.cert.pem"))
SIZES = [("rsa:2048", []), ("ec", ["-pkeyopt", "ec_paramgen_curve:P-256"])]


def openssl(*argv):
    return subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True, timeout=60).stdout


@pytest.fixture(scope="module", params=SIZES, ids=lambda kind: kind[0])
def own(request, tmp_path_factory):
    """Key, certificate and keyring of somebody's own."""
    folder = tmp_path_factory.mktemp("own")
    kind, more = request.param
    openssl("req", "-x509", "-newkey", kind, *more, "-nodes", "-days", "30", "-subj", "/CN=own", "-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    shutil.copy(folder / "cert.pem", folder / "fleet-2026.pem")
    return tuple(str(folder / name) for name in ("key.pem", "cert.pem", "fleet-2026.pem"))


def judge(files, is_release=False):
    return signing.judge(*files, str(DEMO), is_release)


def test_demo_keys_warn():
    errors, warnings = judge(DEMO_FILES)
    assert errors == [] and len(warnings) == 1 and "NOT FOR PRODUCTION" in warnings[0]


def test_demo_keys_are_no_release():
    errors, warnings = judge(DEMO_FILES, True)
    assert warnings == [] and "RAUC_RELEASE_BUILD" in errors[0] and all(name in errors[0] for name in signing.NAMES)


@pytest.mark.parametrize("is_release", [False, True])
def test_own_keys(own, is_release):
    assert judge(own, is_release) == ([], [])


@pytest.mark.parametrize("url", ["pkcs11:token=release;object=signer", "pkcs11:token=release;object=signer?pin-source=/run/pin"])
def test_tokens(own, url):
    assert judge((url, own[1], own[2]), True) == ([], [])
    assert judge((url, url, own[2]), True) == ([], [])
    assert "need a file" in judge((url, url, url), True)[0][0]


def test_demo_keys_by_content_not_by_name(own, tmp_path):
    """Copied, converted, between others: they are found all the same."""
    key, certificate = tmp_path / "product.key.pem", tmp_path / "product.cert.der"
    openssl("pkey", "-in", DEMO_FILES[0], "-traditional", "-out", key)
    openssl("x509", "-in", DEMO_FILES[1], "-outform", "DER", "-out", certificate)
    mixed = tmp_path / "mixed.pem"
    mixed.write_text("# fleet\n" + pathlib.Path(own[2]).read_text() + "\nSubject: x\n" + pathlib.Path(DEMO_FILES[2]).read_text())
    for files, name in (((str(key), *own[1:]), "RAUC_KEY_FILE"), ((own[0], str(certificate), own[2]), "RAUC_CERT_FILE"),
                        ((*own[:2], str(mixed)), "RAUC_KEYRING_FILE")):
        errors, _ = judge(files, True)
        assert errors and f"but {name} is public" in errors[0]
    assert judge((*own[:2], str(mixed)))[1], "in a build for trying it is allowed, with a warning"


@pytest.mark.parametrize("ours", [(0,), (0, 1), (2,), (1, 2)])
def test_some_of_the_three_are_an_error(own, ours):
    """What exporting only some of them does: the others are the layer's defaults."""
    files = [own[i] if i in ours else DEMO_FILES[i] for i in range(3)]
    errors, _ = judge(files)
    assert errors and "set all three" in errors[0]


@pytest.mark.parametrize("value, why", [("", "is empty"), ("keys/key.pem", "no absolute path"), ("/nowhere/key.pem", "cannot read")])
def test_unusable(own, value, why):
    for number, name in enumerate(signing.NAMES):
        files = list(own)
        files[number] = value
        errors, warnings = judge(files)
        assert len(errors) == 1 and why in errors[0] and name in errors[0] and warnings == []


def test_only_the_keyring_matters_on_the_device(own):
    assert signing.judge(None, None, own[2], str(DEMO), True) == ([], [])
    assert signing.judge(None, None, DEMO_FILES[2], str(DEMO), True)[0]
    assert signing.trusts_demo(DEMO_FILES[2], str(DEMO)) and not signing.trusts_demo(own[2], str(DEMO))


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x82\xff\xff", b"-----BEGIN X-----\n!!!\n-----END X-----\n", bytes(64)])
def test_nonsense_is_no_certificate(data):
    with pytest.raises(ValueError):
        pem.public_key(pem.blocks(data)[0])


def test_known_keys_are_those_of_the_certificates():
    modulus = re.search(rb"Modulus=([0-9A-F]+)", openssl("x509", "-in", DEMO_FILES[2], "-noout", "-modulus"))
    assert pem.public_key(pem.blocks(pathlib.Path(DEMO_FILES[2]).read_bytes())[0]).lstrip(b"\0") == bytes.fromhex(modulus[1].decode())


def test_demo_certificates_verify_against_the_demo_keyring():
    openssl("verify", "-CAfile", DEMO_FILES[2], DEMO_FILES[1])
    assert openssl("x509", "-in", DEMO_FILES[1], "-noout", "-pubkey") == openssl("pkey", "-in", DEMO_FILES[0], "-pubout")


def test_defaults_are_the_demo_keys():
    for name, path in zip(signing.NAMES, DEMO_FILES):
        assert layers.value(LAYER / "classes" / "moonforge-rauc-lib.bbclass", name).replace("${MOONFORGE_RAUC_CHECKOUT}", str(TOP)) == path


# Slots.


@pytest.mark.parametrize("size, slot, margin, fits", [
    (100 << 20, "1024M", "5", True), (1020054733, "1024M", "5", True), (1020054734, "1024M", "5", False),
    (1 << 30, "1G", "0", True), ((1 << 30) + 1, "1G", "0", False), (512 << 20, "512M", "10", False),
])
def test_gate(size, slot, margin, fits):
    assert slotsize.judge(size, slot, margin)[0] is fits


def test_gate_says_both_sizes():
    assert re.search(r"needs 1100\.0 MiB, but a slot has 1024\.0 MiB", slotsize.judge(1100 << 20, "1024M", "5")[1])


@pytest.mark.parametrize("slot, margin", [("1024", "5"), ("", "5"), ("1T", "5"), ("1024M", "100"), ("1024M", "-1"), ("1024M", "")])
def test_gate_refuses_nonsense(slot, margin):
    with pytest.raises(ValueError, match="MOONFORGE_RAUC_SLOT_"):
        slotsize.judge(1, slot, margin)


# system.conf.


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.override)
def test_system_conf(board):
    known = conf.keys(board.system_conf(False))
    assert known["system", "compatible"] == board.machine and "@" not in board.system_conf()
    assert ("keyring", "allow-demo-keys") not in known
    assert conf.keys(board.system_conf(True))["keyring", "allow-demo-keys"] == "true"
    assert known["streaming", "sandbox-user"] == "rauc-fetch"


@pytest.mark.parametrize("path, name", [("keyring.pem", "keyring.pem"), ("/etc/rauc/ca.pem", "ca.pem")])
def test_keyring_name(path, name):
    assert conf.keyring_name(f"[system]\npath=x\n[keyring]\n# path=y\npath={path}\n") == name


@pytest.mark.parametrize("text", ["[keyring]\n", "[system]\npath=a.pem\n", "[keyring]\npath=/usr/lib/ca.pem\n", "[keyring]\npath=a/b.pem\n"])
def test_keyring_that_would_not_be_found(text):
    with pytest.raises(ValueError):
        conf.keyring_name(text)


def test_with_key():
    text = "[a]\nx=1\n[b]\ny=2\n"
    assert conf.with_key(text, "a", "x", "3") == "[a]\nx=3\n[b]\ny=2\n"
    assert conf.with_key(text, "c", "z", "4") == text + "\n[c]\nz=4\n"


def test_more_keys():
    text = conf.render(BOARDS[0].system_conf(), "x", False, "", "keyring:check-crl=true | update:window=Sat,Sun 00:00-24:00;Mon 1:00-2:00|streaming:sandbox-user=me")
    known = conf.keys(text)
    assert known["keyring", "check-crl"] == "true" and known["update", "window"] == "Sat,Sun 00:00-24:00;Mon 1:00-2:00"
    assert known["streaming", "sandbox-user"] == "me" and text.count("sandbox-user") == 1
    with pytest.raises(ValueError, match="'check-crl' is not section:key=value"):
        conf.options("check-crl")


# The data partition.


def test_factory_data(tmp_path):
    """The status of image/, byte for byte; and a file system that belongs to root."""
    from make import disk, index
    image = tmp_path / "slot.ext4"
    image.write_bytes(os.urandom(8192) + bytes(4096) + b"x" * 4096)
    facts = {"compatible": "qemux86-64", "version": "1.2"}
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    try:
        (tmp_path / "data").mkdir()
        factory.fill(tmp_path / "data", image, facts, str(TOP))
        sha256, blocks = index.digests(image)
        wanted = disk.slot_text("rootfs.0", sha256, 16384, {**facts, "epoch": 0})
    finally:
        del os.environ["SOURCE_DATE_EPOCH"]
    home = tmp_path / "data" / "rauc"
    assert (home / "central.raucs").read_text() == wanted and "installed.timestamp=2023-11-14T22:13:20Z" in wanted
    assert (home / "slot.rootfs.0" / f"hash-{sha256}" / "block-hash-index").read_bytes() == blocks
    command = factory.mke2fs(str(tmp_path / "data.ext4"), str(tmp_path / "data"), "16M", "data x")
    again = factory.mke2fs(str(tmp_path / "again.ext4"), str(tmp_path / "data"), "16M", "data x")
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    for argv in (command, again):
        subprocess.run(argv, check=True, timeout=60, env={**os.environ, "PATH": path, "E2FSPROGS_FAKE_TIME": "1700000000"})
    assert (tmp_path / "data.ext4").read_bytes() == (tmp_path / "again.ext4").read_bytes()
    shown = subprocess.run(["debugfs", "-R", "stat /rauc/central.raucs", tmp_path / "data.ext4"], check=True, capture_output=True, text=True,
                           timeout=60, env={**os.environ, "PATH": path}).stdout
    assert "Mode:  0600" in shown


def test_the_class_calls_the_modules():
    text = (LAYER / "classes" / "moonforge-rauc-image.bbclass").read_text() + (LAYER / "classes" / "moonforge-slot-size.bbclass").read_text()
    for call in ("factory.fill(", "factory.mke2fs(", "moonforge_rauc(d, 'slotsize').judge("):
        assert call in text
