# SPDX-License-Identifier: MIT
"""Bundles go both ways between this program and Debian's rauc, and other tools agree with both."""

import os
import re
import shlex
import stat
import subprocess

import pytest

import bundles
import device as devices

SIZE = 3 * bundles.MIB + 12345
FORMATS = ["plain", "verity"]
COMPRESSORS = ["gzip", "xz", "zstd"]
KINDS = ["rsa", "ec"]

FILES = {
    "rootfs.img": bundles.image(SIZE, 7),
    "app.squashfs": bundles.image(bundles.MIB, 8),
    "empty.img": b"",
    "one.bin": b"x",
    "folder/inner/notes.txt": b"notes\n" * 3000,
    "hook.sh": b"#!/bin/sh\nexit 0\n",
}


def run(*args):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """content(fmt): a new folder for `rauc bundle`; Debian's writes into it."""
    def make(fmt):
        folder = tmp_path_factory.mktemp("content")
        for name, data in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        (folder / "hook.sh").chmod(0o755)
        (folder / "link").symlink_to("one.bin")
        text = bundles.input_manifest({"rootfs": "rootfs.img", "appfs": "app.squashfs"}, fmt)
        (folder / "manifest.raucm").write_text(text + "\n[meta.test]\nkey=a value\n")
        return folder
    return make


@pytest.fixture(scope="module")
def made_by(rauc, content, pki, tmp_path_factory):
    """made_by(program, fmt, kind, compressor): a bundle, made once."""
    made = {}

    def make(program, fmt, kind, compressor):
        key = (str(program), fmt, kind, compressor)
        if key not in made:
            out = tmp_path_factory.mktemp("made") / "out.raucb"
            signer = getattr(pki, kind)
            result = devices.run(program, "bundle", "--cert", signer.cert, "--key", signer.key,
                                 f"--mksquashfs-args=-comp {compressor}", content(fmt), out)
            assert result.code == 0, result.text
            made[key] = out
        return made[key]
    return make


def assert_same(folder):
    """An extracted folder has what went in, names, bytes, modes and links."""
    found = {str(p.relative_to(folder)): p for p in folder.rglob("*")}
    expected = {"manifest.raucm", "link", "folder", "folder/inner", *FILES}
    assert set(found) == expected
    for name, data in FILES.items():
        assert found[name].read_bytes() == data, name
    assert os.readlink(found["link"]) == "one.bin"
    assert stat.S_IMODE(found["hook.sh"].stat().st_mode) == 0o755
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def shell_info(program, bundle, keyring):
    result = devices.run(program, "info", "--keyring", keyring, "--output-format=shell", bundle)
    assert result.code == 0, result.text
    values = dict(line.split("=", 1) for line in result.out.splitlines() if "=" in line)
    return {key: shlex.split(value) for key, value in values.items()}


matrix = pytest.mark.parametrize("fmt,kind,compressor",
                                 [(f, k, c) for f in FORMATS for k in KINDS for c in COMPRESSORS])


@matrix
def test_debian_reads_ours(rauc, debian, made_by, pki, tmp_path, fmt, kind, compressor):
    bundle = made_by(rauc, fmt, kind, compressor)
    ring = getattr(pki, kind + "_ca").cert
    told = devices.run(debian, "info", "--keyring", ring, bundle)
    assert told.code == 0 and "Compatible: \t'Test'" in told.out, told.text
    taken = devices.run(debian, "extract", "--keyring", ring, bundle, tmp_path / "out")
    assert taken.code == 0, taken.text
    assert_same(tmp_path / "out")


@matrix
def test_we_read_debians(rauc, debian, made_by, pki, tmp_path, fmt, kind, compressor):
    bundle = made_by(debian, fmt, kind, compressor)
    ring = getattr(pki, kind + "_ca").cert
    told = devices.run(rauc, "info", "--keyring", ring, bundle)
    assert told.code == 0, told.text
    taken = devices.run(rauc, "extract", "--keyring", ring, bundle, tmp_path / "out")
    assert taken.code == 0, taken.text
    assert_same(tmp_path / "out")


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("maker_is", ["ours", "debian"])
def test_both_say_the_same_of_it(rauc, debian, made_by, pki, fmt, maker_is):
    bundle = made_by(rauc if maker_is == "ours" else debian, fmt, "ec", "gzip")
    ours, theirs = shell_info(rauc, bundle, pki.ring), shell_info(debian, bundle, pki.ring)
    missing = {key: value for key, value in theirs.items() if ours.get(key) != value}
    assert not missing, f"{missing} != {({k: ours.get(k) for k in missing})}"


@pytest.mark.parametrize("compressor", COMPRESSORS + ["lz4"])
@pytest.mark.parametrize("fmt", FORMATS)
def test_we_install_debians(debian, made_by, make_device, tmp_path, fmt, compressor):
    bundle = made_by(debian, fmt, "rsa", compressor)
    slots = {}
    for index, name in enumerate("AB"):
        for kind in ("rootfs", "appfs"):
            path = tmp_path / f"{kind}-{name}"
            path.write_bytes(bytes(8 * bundles.MIB))
            slots[f"{kind}.{index}"] = {"device": path}
        slots[f"rootfs.{index}"]["bootname"] = name
        slots[f"appfs.{index}"]["parent"] = f"rootfs.{index}"
    device = make_device(slots=slots)
    device.ok("install", bundle)
    assert device.content("rootfs.1", SIZE) == FILES["rootfs.img"]
    assert device.content("appfs.1", bundles.MIB) == FILES["app.squashfs"]
    assert device.chosen() == "B"
    for name, file in (("rootfs.1", "rootfs.img"), ("appfs.1", "app.squashfs")):
        assert device.status(name)["status"] == "ok"
        assert device.status(name)["sha256"] == bundles.sha256(FILES[file])
        assert device.status(name)["size"] == str(len(FILES[file]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fmt", FORMATS)
def test_openssl_verifies_ours(rauc, made_by, pki, tmp_path, fmt, kind):
    signed, signature = bundles.disassemble(made_by(rauc, fmt, kind, "gzip").read_bytes())
    (tmp_path / "cms").write_bytes(signature)
    (tmp_path / "signed").write_bytes(signed)
    detached = ["-content", tmp_path / "signed"] if fmt == "plain" else []
    ring = getattr(pki, kind + "_ca").cert
    judged = run("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", tmp_path / "cms", "-CAfile", ring,
                 "-out", tmp_path / "content", *detached)
    assert judged.returncode == 0, judged.stderr
    if fmt == "verity":
        text = (tmp_path / "content").read_text()
        assert re.search(r"^verity-hash=[0-9a-f]{64}$", text, re.M)
        assert f"sha256={bundles.sha256(FILES['rootfs.img'])}\nsize={SIZE}\nfilename=rootfs.img\n" in text
    shown = run("openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", tmp_path / "cms").stdout
    assert "signingTime" in shown and "S/MIME Capabilities" not in shown
    assert shown.count("issuerAndSerialNumber") == 1
    assert len(signed) % 4096 == 0


@pytest.mark.parametrize("maker_is", ["ours", "forged"])
def test_veritysetup_verifies(rauc, made_by, maker, tool, tmp_path, maker_is):
    if maker_is == "ours":
        bundle = made_by(rauc, "verity", "ec", "zstd")
    else:
        bundle = maker.forge(FILES, {"rootfs": "rootfs.img"})
    signed, signature = bundles.disassemble(bundle.read_bytes())
    (tmp_path / "cms").write_bytes(signature)
    (tmp_path / "signed").write_bytes(signed)
    assert run("openssl", "cms", "-verify", "-noverify", "-inform", "DER", "-in", tmp_path / "cms", "-out",
               tmp_path / "manifest").returncode == 0
    keys = dict(re.findall(r"^verity-(\w+)=(\w+)$", (tmp_path / "manifest").read_text(), re.M))
    size = len(signed) - int(keys["size"])
    judge = [tool("veritysetup"), "verify", "--no-superblock", "--format=1", "--hash=sha256", "--data-block-size=4096",
             "--hash-block-size=4096", f"--data-blocks={size // 4096}", f"--hash-offset={size}",
             f"--salt={keys['salt']}", tmp_path / "signed", tmp_path / "signed", keys["hash"]]
    judged = run(*judge)
    assert judged.returncode == 0, judged.stderr
    with open(tmp_path / "signed", "r+b") as file:
        file.seek(size // 2)
        byte = file.read(1)
        file.seek(size // 2)
        file.write(bytes([byte[0] ^ 1]))
    assert run(*judge).returncode != 0, "the judge sees a flipped bit"


@pytest.mark.parametrize("fmt", FORMATS)
def test_unsquashfs_reads_ours(rauc, made_by, tool, tmp_path, fmt):
    bundle = made_by(rauc, fmt, "ec", "xz")
    done = run(tool("unsquashfs"), "-dest", tmp_path / "out", bundle)
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "out")


# --- Whom to trust: signer, keyring, [keyring] keys, and the reason where it is refused.

TRUST = {
    "intermediate": ("middle", "ring", {}, None),
    "intermediate-missing": ("middle_bare", "ring", {}, "unable to get local issuer certificate"),
    "partial-chain": ("middle", "middle_ring", {"allow-partial-chain": "true"}, None),
    "partial-chain-off": ("middle", "middle_ring", {}, "unable to get issuer certificate"),
    "codesign": ("codesign", "ring", {"check-purpose": "codesign"}, None),
    "codesign-default-purpose": ("codesign", "ring", {}, "unsuitable certificate purpose|unsupported certificate purpose"),
    "codesign-wanted": ("mail", "ring", {"check-purpose": "codesign"}, "certificate purpose"),
    "codesign-plain-leaf": ("ec", "ring", {"check-purpose": "codesign"}, "certificate purpose"),
    "mail": ("mail", "ring", {}, None),
    "crl": ("ec", "crl_ring", {"check-crl": "true"}, None),
    "crl-intermediate": ("middle", "crl_ring", {"check-crl": "true"}, None),
    "crl-revoked": ("revoked", "crl_ring", {"check-crl": "true"}, "certificate revoked"),
    "crl-missing": ("ec", "ring", {"check-crl": "true"}, "unable to get certificate CRL"),
    "crl-not-checked": ("revoked", "crl_ring", {}, None),
    "expired": ("expired", "ring", {}, "certificate has expired"),
    "not-yet": ("future", "ring", {}, "certificate is not yet valid"),
    "rogue": ("rogue", "ring", {}, "certificate signature failure|unable to get local issuer|unable to verify"),
    "other-ca": ("rsa", "ec_ring", {}, "unable to get local issuer certificate"),
}


def trusted(pki, tmp_path, who, ring):
    signer = pki.middle if who == "middle_bare" else getattr(pki, who)
    if who == "middle_bare":
        signer = type(signer)(signer.cert, signer.key)
    rings = {"ring": pki.ring, "crl_ring": pki.crl_ring, "ec_ring": pki.keyring(pki.ec_ca.cert),
             "middle_ring": pki.keyring(pki.middle_ca.cert)}
    return signer, rings[ring]


def conf(tmp_path, keyring, rings):
    path = tmp_path / "system.conf"
    lines = [f"path={keyring}", *(f"{k}={v}" for k, v in rings.items())]
    path.write_text("[system]\ncompatible=Test\nbootloader=noop\n\n[keyring]\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("reader", ["ours", "debian"])
@pytest.mark.parametrize("case", TRUST)
def test_trust(request, maker, pki, tmp_path, case, reader, fmt):
    program = request.getfixturevalue("rauc" if reader == "ours" else "debian")
    who, ring, rings, reason = TRUST[case]
    signer, keyring = trusted(pki, tmp_path, who, ring)
    bundle = maker.simple(size=64 * 1024, signer=signer, fmt=fmt)
    result = devices.run(program, "--conf", conf(tmp_path, keyring, rings), "info", bundle)
    assert (result.code == 0) == (reason is None), result.text
    if reason:
        assert re.search(f"^signature verification failed: .*({reason})", result.err, re.M), result.text


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("reader", ["ours", "debian"])
def test_signing_time(request, pki, content, tmp_path, later, reader, fmt):
    """Signed while the certificate was valid: good for ever, if the device says so."""
    program = request.getfixturevalue("rauc" if reader == "ours" else "debian")
    bundle = tmp_path / "old.raucb"
    made = devices.run(program, "bundle", "--cert", pki.expired.cert, "--key", pki.expired.key, content(fmt), bundle,
                       wrap=later(-100))
    assert made.code == 0, made.text
    for keys, ok in (({}, False), ({"use-bundle-signing-time": "true"}, True)):
        result = devices.run(program, "--conf", conf(tmp_path, pki.ring, keys), "info", bundle)
        assert (result.code == 0) == ok, result.text
        assert ok or "certificate has expired" in result.err
    # Signed after its end: the claim does not help.
    late = tmp_path / "late.raucb"
    made = devices.run(program, "bundle", "--cert", pki.expired.cert, "--key", pki.expired.key, content(fmt), late)
    assert made.code == 0, made.text
    result = devices.run(program, "--conf", conf(tmp_path, pki.ring, {"use-bundle-signing-time": "true"}), "info", late)
    assert result.code == 1 and "certificate has expired" in result.err, result.text


@pytest.mark.parametrize("allowed,ok", [("signer;", True), ("other;signer", True), ("other", False), ("sign", False),
                                        ("Signer", False)])
@pytest.mark.parametrize("fmt", FORMATS)
def test_allowed_signer(rauc, maker, pki, tmp_path, fmt, allowed, ok):
    """Younger than Debian's rauc: ours alone."""
    bundle = maker.simple(size=64 * 1024, signer=pki.ec, fmt=fmt)
    result = devices.run(rauc, "--conf", conf(tmp_path, pki.ring, {"allowed-signer-cns": allowed}), "info", bundle)
    assert (result.code == 0) == ok, result.text
    assert ok or "No signature CN matching allowed-signer-cns found" in result.err, result.text


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("direction", ["ours", "debian"])
def test_intermediate_in_bundle(rauc, debian, content, pki, tmp_path, direction, fmt):
    maker_is, reader = (rauc, debian) if direction == "ours" else (debian, rauc)
    bundle = tmp_path / "out.raucb"
    made = devices.run(maker_is, "bundle", "--cert", pki.middle.cert, "--key", pki.middle.key, "--intermediate",
                       pki.middle_ca.cert, "--signing-keyring", pki.ring, content(fmt), bundle)
    assert made.code == 0, made.text
    assert devices.run(reader, "info", "--keyring", pki.ring, bundle).code == 0


@pytest.mark.parametrize("who,reason", [("expired", "certificate has expired"), ("rogue", "certificate"),
                                        ("future", "not yet valid")])
def test_bundle_checks_what_it_signed(rauc, content, pki, tmp_path, who, reason):
    signer, bundle, folder = getattr(pki, who), tmp_path / "out.raucb", content("verity")
    made = devices.run(rauc, "bundle", "--cert", signer.cert, "--key", signer.key, "--signing-keyring", pki.ring,
                       folder, bundle)
    assert made.code == 1 and reason in made.err, made.text
    assert not bundle.exists()
    assert not list(folder.glob(".rauc*")) and not list(tmp_path.glob("*.raucb*"))
