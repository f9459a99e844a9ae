# SPDX-License-Identifier: MIT
"""rauc convert: the archives of a finished bundle become folders in another one."""

import os
import pathlib
import re
import stat

import pytest

import bundles
import creating
import device as devices


@pytest.fixture
def made(rauc, pki, tmp_path):
    """A bundle with two archives, an indexed image and a hook, and its content."""
    content = tmp_path / "content"
    content.mkdir()
    creating.archive(content / "app.tar.gz", creating.TREE)
    creating.archive(content / "rootfs.tar.xz", {"etc/issue": b"hello\n"})
    (content / "data.img").write_bytes(bundles.image(80 * 4096, 3))
    (content / "hook.sh").write_bytes(b"#!/bin/sh\nexit 0\n")
    (content / "hook.sh").chmod(0o755)
    (content / "link").symlink_to("data.img")
    os.utime(content / "data.img", (10 ** 9, 10 ** 9))
    (content / "manifest.raucm").write_text(
        "[update]\ncompatible=Test\nversion=1\n\n[bundle]\nformat=verity\n\n[hooks]\nfilename=hook.sh\nhooks=install-check\n\n"
        "[image.rootfs]\nfilename=rootfs.tar.xz\n\n[image.apps/app]\nfilename=app.tar.gz\n\n"
        "[image.data]\nfilename=data.img\nadaptive=block-hash-index\n\n[meta.x]\nkey=value\n")
    return creating.bundle(rauc, pki.ec, content, tmp_path / "in.raucb")


def convert(rauc, pki, source, out, *args, keyring=None, **kwargs):
    return devices.run(rauc, "convert", "--cert", pki.ec.cert, "--key", pki.ec.key, "--keyring", keyring or pki.ring,
                       *args, source, out, **kwargs)


def manifest_of(bundle):
    return creating.signed_manifest(bundle).decode()


def test_converted(rauc, pki, made, tmp_path):
    out = tmp_path / "out.raucb"
    result = convert(rauc, pki, made, out, "--to=tar-extract")
    assert result.code == 0 and result.out == f"Bundle written to {out}\n", result.text
    before, after = manifest_of(made), manifest_of(out)
    expected = re.sub(r"(filename=(\S+\.tar\..z)\n)", r"\1convert=tar-extract;\nconverted=\2.extracted;\n", before)
    assert creating.without_verity(after) == creating.without_verity(expected)
    assert after != expected, "a new payload has a new tree"
    for key in ("hash", "salt"):
        assert re.search(f"verity-{key}=(.*)", before)[1] != re.search(f"verity-{key}=(.*)", after)[1]
    got = creating.extract(rauc, pki, out, tmp_path / "got")
    assert {p.name for p in got.iterdir()} == {"app.tar.gz.extracted", "rootfs.tar.xz.extracted", "data.img", "hook.sh", "link",
                                               "data.img.block-hash-index", "manifest.raucm"}
    assert (got / "rootfs.tar.xz.extracted/etc/issue").read_bytes() == b"hello\n"
    assert (got / "data.img").read_bytes() == bundles.image(80 * 4096, 3)
    assert (got / "data.img").stat().st_mtime == 10 ** 9
    assert stat.S_IMODE((got / "hook.sh").stat().st_mode) == 0o755
    assert os.readlink(got / "link") == "data.img"
    assert "verity" not in (got / "manifest.raucm").read_text().replace("format=verity", "")
    creating.check_tree(got / "app.tar.gz.extracted", creating.TREE)


def test_what_it_makes_is_what_bundle_makes(rauc, pki, made, tmp_path):
    """The same, byte for byte in the signed manifest, as if the manifest had asked for it."""
    out = tmp_path / "out.raucb"
    assert convert(rauc, pki, made, out, "--to=keep", "--to=tar-extract").code == 0
    content = tmp_path / "content"
    text = (content / "manifest.raucm").read_text()
    (content / "manifest.raucm").write_text(re.sub(r"(filename=\S+\.tar\..z\n)", r"\1convert=keep;tar-extract\n", text))
    direct = creating.bundle(rauc, pki.ec, content, tmp_path / "direct.raucb")
    assert creating.without_verity(manifest_of(out)) == creating.without_verity(manifest_of(direct))
    ours, theirs = (creating.listing(creating.extract(rauc, pki, b, tmp_path / b.stem)) for b in (out, direct))
    assert ours == theirs


def test_ignored(rauc, pki, made, tmp_path):
    out = tmp_path / "out.raucb"
    assert convert(rauc, pki, made, out, "--to=tar-extract", "--ignore-image=rootfs", "--ignore-image", "none").code == 0
    text = manifest_of(out)
    assert text.count("converted=") == 1 and "converted=app.tar.gz.extracted;" in text
    rest = convert(rauc, pki, made, tmp_path / "none.raucb", "--to=tar-extract", "--ignore-image=rootfs", "--ignore-image=apps")
    assert rest.code == 1 and "there is nothing to convert" in rest.err


def test_twice(rauc, pki, made, tmp_path):
    """What was converted before stays as it is, owners and all; the rest is converted."""
    first, second = tmp_path / "1.raucb", tmp_path / "2.raucb"
    assert convert(rauc, pki, made, first, "--to=tar-extract", "--ignore-image=rootfs").code == 0
    assert convert(rauc, pki, first, second, "--to=tar-extract", "--to=keep").code == 0
    text = manifest_of(second)
    assert "converted=app.tar.gz.extracted;\n" in text and "converted=rootfs.tar.xz.extracted;rootfs.tar.xz;\n" in text
    creating.check_tree(creating.extract(rauc, pki, second, tmp_path / "got") / "app.tar.gz.extracted", creating.TREE)


def test_mksquashfs_args(rauc, pki, made, tmp_path, tool):
    out = tmp_path / "out.raucb"
    assert convert(rauc, pki, made, out, "--to=tar-extract", "--mksquashfs-args=-comp xz").code == 0
    told = bundles.run(tool("unsquashfs"), "-s", out)
    assert "Compression xz" in told


REFUSED = {
    "casync": ([], "conversion to casync index bundles is not supported"),
    "casync-args": (["--to=tar-extract", "--casync-args=-x"], "--casync-args has no meaning with --to"),
    "method": (["--to=squash"], "Unsupported convert method: squash"),
    "composefs": (["--to=composefs"], "Convert method 'composefs' not enabled"),
    "twice": (["--to=keep", "--to=keep"], "image 'rootfs.tar.xz': convert method keep is named twice"),
    "words": (["--to=tar-extract", "--mksquashfs-args='"], "--mksquashfs-args: "),
    "tool": (["--to=tar-extract", "--mksquashfs-args=-comp nonsense"], "mksquashfs exited with 1: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(rauc, pki, made, tmp_path, case):
    args, reason = REFUSED[case]
    before = set(tmp_path.iterdir())
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    result = convert(rauc, pki, made, tmp_path / "out.raucb", *args, env={"TMPDIR": str(temporary)})
    assert result.code == 1 and result.out == "", result.text
    assert f"Failed to create bundle: {reason}" in result.err, result.text
    assert set(tmp_path.iterdir()) == before | {temporary} and not list(temporary.iterdir())


@pytest.mark.parametrize("args,what", [
    (["a", "b"], "Cert and key files must be provided"), ([], "Cert and key files must be provided"),
    (["--cert=x", "--key=y"], "An input bundle must be provided"), (["--cert=x", "--key=y", "a"], "An output bundle name must be provided"),
    (["--cert=x", "--key=y", "a", "b", "c"], "Excess argument: c")])
def test_order_of_checks(rauc, args, what):
    result = devices.run(rauc, "convert", *args)
    assert result.code == 1 and result.err == what + "\n" and result.out == "", result.text


def test_output_exists(rauc, pki, made, tmp_path):
    out = tmp_path / "out.raucb"
    out.write_bytes(b"mine")
    result = convert(rauc, pki, made, out, "--to=tar-extract")
    assert result.code == 1 and result.err.endswith(f"Failed to create bundle: bundle {out} already exists\n"), result.text
    assert out.read_bytes() == b"mine"


def test_trust(rauc, pki, made, tmp_path):
    """A stranger's bundle is not made ours, unless somebody asks for that."""
    out = tmp_path / "out.raucb"
    result = convert(rauc, pki, made, out, "--to=tar-extract", keyring=pki.keyring(pki.rsa_ca.cert))
    assert result.code == 1 and re.match("signature verification failed: ", result.err), result.text
    assert not out.exists()
    done = devices.run(rauc, "convert", "--cert", pki.ec.cert, "--key", pki.ec.key, "--no-verify", "--to=tar-extract", made, out)
    assert done.code == 0, done.text


@pytest.mark.parametrize("no_verify", [False, True], ids=["verified", "believed"])
def test_damaged(rauc, pki, made, tmp_path, no_verify):
    bad = bundles.copy_of(made, tmp_path / "bad.raucb", lambda d: d[:5000] + bytes([d[5000] ^ 1]) + d[5001:])
    result = convert(rauc, pki, bad, tmp_path / "out.raucb", "--to=tar-extract", *(["--no-verify"] if no_verify else []))
    assert result.code == 1 and "bundle payload is corrupted" in result.err, result.text
    assert not (tmp_path / "out.raucb").exists()


def test_formats(rauc, pki, maker, tmp_path):
    files = {"a.tar": b"\0" * 10240 + bundles.image(100000)}
    plain = maker.forge(files, {"rootfs": "a.tar"}, fmt="plain")
    result = convert(rauc, pki, plain, tmp_path / "out.raucb", "--to=tar-extract", "--trust-environment")
    assert result.code == 1 and "Image converters are not supported in plain bundles" in result.err, result.text
    content = maker.content(files, bundles.input_manifest({"rootfs": "a.tar"}, "crypt"))
    crypt = creating.bundle(rauc, pki.ec, content, tmp_path / "crypt.raucb")
    result = convert(rauc, pki, crypt, tmp_path / "out.raucb", "--to=tar-extract")
    assert result.code == 1 and "bundles of format crypt cannot be converted" in result.err, result.text
    assert not (tmp_path / "out.raucb").exists()


def test_not_root(rauc, pki, made, root, tool, tmp_path):
    """Owners come from the archive, not from who converts. Converted ones cannot be kept without root."""
    with creating.nobody(rauc, pki, made) as who:
        first = who.folder / "first.raucb"
        done = who.run("convert", "--cert", who.cert, "--key", who.key, "--keyring", who.ring, "--to=tar-extract",
                       "--ignore-image=rootfs", who.folder / made.name, first)
        assert done.code == 0, done.text
        copy = pathlib.Path(tmp_path / "first.raucb")
        copy.write_bytes(first.read_bytes())
        got = creating.extract(rauc, pki, copy, tmp_path / "got")
        creating.check_tree(got / "app.tar.gz.extracted", creating.TREE)
        assert (got / "data.img").stat().st_uid == 0
        again = who.run("convert", "--cert", who.cert, "--key", who.key, "--keyring", who.ring, "--to=tar-extract",
                        first, who.folder / "second.raucb")
        assert again.code == 1 and "only root can keep the owners" in again.err, again.text


def test_full_disk(rauc, pki, made, mount, tmp_path):
    """No room for the content, then none for the result."""
    medium, small = (mount("none", size, "-t", "tmpfs", "-o", f"size={size}") for size in ("200k", "40k"))
    for point, args, env in ((medium, [tmp_path / "out.raucb"], {"TMPDIR": str(medium)}), (small, [small / "out.raucb"], {})):
        result = convert(rauc, pki, made, *args, "--to=tar-extract", "--to=keep", env=env)
        lines = [line for line in result.err.splitlines() if "No space left" in line]
        assert result.code == 1 and len(lines) == 1, result.text
        assert lines[0].startswith("Failed to create bundle: "), result.text
        assert not list(point.iterdir()) and not (tmp_path / "out.raucb").exists()


