# SPDX-License-Identifier: MIT
"""rauc bundle: what is signed is what RAUC would have signed, indexes and converters are right, nothing of the
user's is touched, and where it cannot be done nothing of it is left."""

import hashlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tarfile
import time

import pytest

import bundles
import creating
import device as devices

UPDATE = "[update]\ncompatible=Test\n"
VERITY = "\n[bundle]\nformat=verity\n"
IMAGE = "\n[image.rootfs]\nfilename=a.img\n"
FILES = {"a.img": bundles.image(40960, 1), "b.img": bundles.image(8192, 2), "t.tar.gz": b"x" * 5000}


def content_of(folder, text, files=FILES):
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "hook").write_text("#!/bin/sh\nexit 0\n")
    (folder / "hook").chmod(0o755)
    (folder / "manifest.raucm").write_text(text, newline="")
    return folder


def create(program, pki, content, out, *args, **kwargs):
    return devices.run(program, "bundle", "--cert", pki.ec.cert, "--key", pki.ec.key, *args, content, out, **kwargs)


def facts_of(folder):
    """What must not change in a folder of the user's: names, bytes, modes, times, numbers of links."""
    found = creating.listing(folder)
    return {name: (facts, (folder / name).lstat().st_mtime_ns, (folder / name).lstat().st_nlink)
            for name, facts in found.items()}


@pytest.fixture
def place(tmp_path):
    """place(text, files): a content folder and the name of a bundle."""
    def make(text, files=FILES):
        return content_of(tmp_path / "content", text, files), tmp_path / "out.raucb"
    return make


# The manifest, byte for byte.

SAME = {
    "least": UPDATE + VERITY + IMAGE,
    "no-format": UPDATE + IMAGE,
    "all-of-update": "[update]\nbuild=b\ndescription=d d  d\nversion=1.2-3\ncompatible=Test\n" + VERITY + IMAGE,
    "empty-values": "[update]\ncompatible=Test\nversion=\ndescription=\nbuild=\n" + VERITY + IMAGE,
    "escapes": "[update]\ncompatible=\\sTest\\s\nversion=a\\tb\\\\c;d\ndescription=l1\\nl2 \u00e4\u20ac\n" + VERITY + IMAGE,
    "blanks": "[update]\ncompatible = Test  \nversion\t=\t x  y  \n" + VERITY + IMAGE,
    "comments": "# top\n" + UPDATE + "# c\n\n\n" + VERITY + IMAGE + "\n# end\n",
    "order-of-groups": IMAGE + VERITY + UPDATE,
    "crlf": (UPDATE + VERITY + IMAGE).replace("\n", "\r\n"),
    "install-check": UPDATE + VERITY + "[hooks]\nhooks=install-check\nfilename=hook\n" + IMAGE,
    "slot-hooks": UPDATE + VERITY + "[hooks]\nfilename=hook\n[image.rootfs]\nhooks=post-install;pre-install\nfilename=a.img\n",
    "install-hook": UPDATE + VERITY + "[hooks]\nfilename=hook\n[image.rootfs]\nhooks=install;\nfilename=a.img\n",
    "no-file": UPDATE + VERITY + "[hooks]\nfilename=hook\n[image.rootfs]\nhooks=install;\n",
    "no-hooks": UPDATE + VERITY + "[hooks]\nfilename=hook\nhooks=\n" + IMAGE,
    "handler": UPDATE + VERITY + "[handler]\nargs=--x 'a b' \"c\"\nfilename=hook\n" + IMAGE,
    "handler-alone": UPDATE + VERITY + "[handler]\nfilename=hook\n",
    "handler-missing": UPDATE + VERITY + "[handler]\nfilename=gone\n" + IMAGE,
    "variants": UPDATE + VERITY + "[image.rootfs.v1]\nfilename=a.img\n[image.rootfs.v.2]\nfilename=b.img\n"
                "[image.rootfs]\nfilename=b.img\n[image.app]\nfilename=a.img\n",
    "adaptive": UPDATE + VERITY + "[image.rootfs]\nadaptive=block-hash-index;adaptive-test-method\nfilename=a.img\n",
    "archive": UPDATE + VERITY + "[image.rootfs]\nfilename=t.tar.gz\n",
    "no-images": UPDATE + VERITY,
}
NOISE = {"noise": bundles.image(60000, 9)}  # a payload must be larger than a block


@pytest.mark.parametrize("case", SAME)
def test_manifest_is_debians(rauc, debian, pki, tmp_path, case):
    made = {}
    for name, program in (("ours", rauc), ("debian", debian)):
        content = content_of(tmp_path / name, SAME[case], FILES | NOISE)
        result = create(program, pki, content, tmp_path / f"{name}.raucb")
        assert result.code == 0, result.text
        made[name] = creating.without_verity(creating.signed_manifest(tmp_path / f"{name}.raucb").decode())
    assert made["ours"] == made["debian"]


# Keys that are younger than Debian's: (input, what must be signed of it).
DIGESTS = {name: f"sha256={bundles.sha256(data)}\nsize={len(data)}\nfilename={name}\n" for name, data in FILES.items()}
VECTORS = {
    "all": ("""[meta.aa]
key-one=foo bar
[image.files/x]
filename=a.img
[image.appfs.foo]
type=tar
filename=t.tar.gz
[image.rootfs]
adaptive=block-hash-index
hooks=post-install;pre-install
filename=a.img
[hooks]
hooks=install-check
filename=hook
[bundle]
format=verity
[update]
version=1
compatible=X
[rollout]
anything=goes
""", f"""[update]
compatible=X
version=1

[bundle]
format=verity

[hooks]
filename=hook
hooks=install-check;

[image.files/x]
{DIGESTS["a.img"]}
[image.appfs.foo]
{DIGESTS["t.tar.gz"]}type=tar

[image.rootfs]
{DIGESTS["a.img"]}hooks=pre-install;post-install;
adaptive=block-hash-index;

[meta.aa]
key-one=foo bar
"""),
    "format-plain": (UPDATE + "[bundle]\nformat=plain\n" + IMAGE, UPDATE + "\n[bundle]\nformat=plain\n\n[image.rootfs]\n" + DIGESTS["a.img"]),
    "emptyfs": (UPDATE + VERITY + "[image.data]\ntype=emptyfs\n", UPDATE + VERITY + "\n[image.data]\ntype=emptyfs\n"),
    "type-of-nobody": (UPDATE + VERITY + "[hooks]\nfilename=hook\n[image.x]\ntype=mine\nhooks=install\nfilename=b.img\n",
                       UPDATE + VERITY + f"\n[hooks]\nfilename=hook\n\n[image.x]\n{DIGESTS['b.img']}type=mine\nhooks=install;\n"),
    "metas": (UPDATE + VERITY + IMAGE + "[meta.z]\nb=1\na=2\n[meta.a-B_9]\nx=\\s;\\\\\n",
              UPDATE + VERITY + "\n[image.rootfs]\n" + DIGESTS["a.img"] + "\n[meta.z]\nb=1\na=2\n\n[meta.a-B_9]\nx=\\s;\\\\\n"),
    "legacy-keys": (UPDATE + VERITY + IMAGE + "version=1\ndescription=x\nbuild=2\n", UPDATE + VERITY + "\n[image.rootfs]\n" + DIGESTS["a.img"]),
    "one-file-twice": (UPDATE + VERITY + IMAGE + "[image.files/x]\nfilename=a.img\n",
                       UPDATE + VERITY + "\n[image.rootfs]\n" + DIGESTS["a.img"] + "\n[image.files/x]\n" + DIGESTS["a.img"]),
    "old-tree": (UPDATE + VERITY + f"verity-hash={'0' * 64}\nverity-salt={'1' * 64}\nverity-size=4096\n" + IMAGE,
                 UPDATE + VERITY + "\n[image.rootfs]\n" + DIGESTS["a.img"]),
}


@pytest.mark.parametrize("case", VECTORS)
def test_manifest_vectors(rauc, pki, place, tmp_path, case):
    text, expected = VECTORS[case]
    content, out = place(text, FILES | NOISE)
    creating.bundle(rauc, pki.ec, content, out)
    assert creating.without_verity(creating.signed_manifest(out).decode()) == expected
    inner = (creating.extract(rauc, pki, out, tmp_path / "got") / "manifest.raucm").read_text()
    assert inner == expected, "the copy in the payload"


REFUSED = {
    "key-twice": (UPDATE + VERITY + IMAGE + "filename=b.img\n", "Invalid key 'filename' in group '[image.rootfs]': it is there twice"),
    "group-twice": (UPDATE + VERITY + IMAGE + "[image.app]\nfilename=b.img\n[image.rootfs]\nfilename=b.img\n",
                    "Invalid key 'filename' in group '[image.rootfs]': it is there twice"),
    "sha256": (UPDATE + VERITY + IMAGE + f"sha256={'0' * 64}\n", "Unexpected key 'sha256' in [image.rootfs]"),
    "size": (UPDATE + VERITY + IMAGE + "size=1\n", "Unexpected key 'size' in [image.rootfs]"),
    "converted": (UPDATE + VERITY + IMAGE + "converted=x\n", "Unexpected key 'converted' in [image.rootfs]"),
    "adaptive": (UPDATE + VERITY + IMAGE + "adaptive=foo\n", "Unsupported adaptive method: foo"),
    "convert": (UPDATE + VERITY + IMAGE + "convert=foo\n", "Unsupported convert method: foo"),
    "composefs": (UPDATE + VERITY + IMAGE + "convert=composefs\n", "Convert method 'composefs' not enabled"),
    "convert-plain": (UPDATE + IMAGE + "convert=keep\n", "Image converters are not supported in plain bundles"),
    "artifact-plain": (UPDATE + "[image.files/x]\nfilename=a.img\n", "Artifacts are not supported in plain bundles"),
    "artifact-type": (UPDATE + VERITY + "[image.files/x]\nfilename=a.img\ntype=raw\n", "Invalid key 'type' in group '[image.files/x]'"),
    "no-image": (UPDATE + VERITY + "[image.rootfs]\nfilename=gone.img\n", "image file 'gone.img' for slot 'rootfs' does not exist"),
    "no-hook": (UPDATE + VERITY + "[hooks]\nfilename=gone\nhooks=install-check\n" + IMAGE, "hook file 'gone' does not exist"),
    "hooks-mixed": (UPDATE + VERITY + "[hooks]\nfilename=hook\n" + IMAGE + "hooks=install;pre-install\n",
                    "An 'install' hook must not be combined with 'pre-install' or 'post-install' hooks"),
    "hooks-none": (UPDATE + VERITY + IMAGE + "hooks=install\n", "Hooks used, but no hook 'filename' defined"),
    "args-alone": (UPDATE + VERITY + "[handler]\nargs=x\n" + IMAGE, "Key 'args' in group '[handler]' needs 'filename'"),
    "meta-key": (UPDATE + VERITY + IMAGE + "[meta.x]\na.b=c\n", "Invalid key 'a.b' in group '[meta.x]'"),
    "meta-value": (UPDATE + VERITY + IMAGE + "[meta.x]\na=\n", "Missing value for key 'a'"),
    "meta-label": (UPDATE + VERITY + IMAGE + "[meta.x.y]\na=b\n", "Invalid group '[meta.x.y]'"),
    "min-version": ("[update]\ncompatible=x\nmin-rauc-version=2\n" + VERITY + IMAGE, "Minimum RAUC version in manifest (2) is newer"),
    "old-version": ("[update]\ncompatible=x\nmin-rauc-version=1.13\n" + VERITY + IMAGE, "only supported since 1.14"),
    "emptyfs-file": (UPDATE + VERITY + "[image.x]\nfilename=a.img\ntype=emptyfs\n", "'filename' when 'type=emptyfs' is set"),
    "no-type": (UPDATE + VERITY + "[image.x]\nfilename=noise\n", "unable to map extension of file 'noise'"),
    "index-size": (UPDATE + VERITY + "[image.x]\nfilename=odd.img\nadaptive=block-hash-index\n",
                   "Failed to generate hash index for odd.img: image/partition size (5000) is not a multiple of 4096 bytes"),
    "index-empty": (UPDATE + VERITY + "[image.x]\nfilename=empty.img\nadaptive=block-hash-index\n",
                    "Failed to generate hash index for empty.img: image/partition is empty"),
    "no-archive": (UPDATE + VERITY + "[image.x/y]\nfilename=t.tar.gz\nconvert=tar-extract\n", "Failed to extract t.tar.gz: tar exited with 2"),
    "taken": (UPDATE + VERITY + "[image.x/y]\nfilename=a.tar\nconvert=tar-extract\n", "'a.tar.extracted' is in the bundle content already"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(rauc, pki, place, tmp_path, case):
    text, reason = REFUSED[case]
    content, out = place(text, FILES | NOISE | {"odd.img": b"x" * 5000, "empty.img": b""})
    creating.archive(content / "a.tar", {"x": b"y"})
    (content / "a.tar.extracted").mkdir()
    before = facts_of(content)
    result = create(rauc, pki, content, out)
    assert result.code == 1 and reason in result.err, result.text
    assert result.err.splitlines()[-1].startswith("Failed to create bundle: "), result.text
    assert facts_of(content) == before and list(tmp_path.iterdir()) == [content]


WARNED = {
    "archive-index": ("[image.x]\nfilename=t.tar.gz\nadaptive=block-hash-index\n", "image 't.tar.gz': an archive gains nothing"),
    "slot-converted": ("[image.x]\nfilename=a.tar\nconvert=tar-extract\n", "image 'a.tar' is for slot 'x', but 'convert' takes it out"),
    "hook-mode": ("[hooks]\nfilename=noise\n" + IMAGE, "hook file 'noise' is not executable"),
    "handler-mode": ("[handler]\nfilename=noise\n" + IMAGE, "handler file 'noise' does not exist in the bundle content, or is not"),
    "legacy": (IMAGE + "version=1\n", "Key 'version' in group '[image.rootfs]' is ignored"),
}


@pytest.mark.parametrize("case", WARNED)
def test_warned(rauc, pki, place, tmp_path, case):
    text, warning = WARNED[case]
    content, out = place(UPDATE + VERITY + text, FILES | NOISE)
    creating.archive(content / "a.tar", {"x": b"y"})
    result = create(rauc, pki, content, out)
    assert result.code == 0 and result.err.count(warning) == 1, result.text
    assert not list(creating.extract(rauc, pki, out, tmp_path / "got").glob("*.block-hash-index"))


# Indexes.

def index_of(data):
    return b"".join(hashlib.sha256(data[at:at + 4096]).digest() for at in range(0, len(data), 4096))


@pytest.mark.parametrize("fmt", ["plain", "verity", "crypt"])
@pytest.mark.parametrize("chunks", [1, 2, 8, 9, 64, 1000])
def test_index(rauc, pki, place, tmp_path, fmt, chunks):
    data = bundles.image(chunks * 4096, chunks)
    text = bundles.input_manifest({"rootfs": "x.img", "appfs": "y.img"}, fmt) + "adaptive=block-hash-index\n"
    content, out = place(text.replace("filename=x.img\n", "filename=x.img\nadaptive=block-hash-index\n"), {"x.img": data, "y.img": data[::-1]})
    before = facts_of(content)
    creating.bundle(rauc, pki.ec, content, out)
    assert facts_of(content) == before
    got = creating.extract(rauc, pki, out, tmp_path / "got")
    assert (got / "x.img.block-hash-index").read_bytes() == index_of(data)
    assert (got / "y.img.block-hash-index").read_bytes() == index_of(data[::-1])
    assert f"sha256={bundles.sha256(data)}\n" in creating.signed_manifest(out).decode()


def test_index_is_debians(rauc, debian, pki, tmp_path):
    made = {}
    for name, program in (("ours", rauc), ("debian", debian)):
        content = content_of(tmp_path / name, UPDATE + VERITY + IMAGE + "adaptive=block-hash-index\n", FILES | NOISE)
        assert create(program, pki, content, tmp_path / f"{name}.raucb").code == 0
        made[name] = creating.extract(rauc, pki, tmp_path / f"{name}.raucb", tmp_path / f"{name}.got")
    assert creating.listing(made["ours"]) == creating.listing(made["debian"])
    back = devices.run(debian, "extract", "--keyring", pki.ring, tmp_path / "ours.raucb", tmp_path / "back")
    assert back.code == 0 and creating.listing(tmp_path / "back") == creating.listing(made["ours"]), back.text


def test_old_index_of_the_user(rauc, pki, place, tmp_path):
    """Debian's rauc leaves one in the content: it is packed anew, and stays as it is."""
    content, out = place(UPDATE + VERITY + IMAGE + "adaptive=block-hash-index\n", FILES | NOISE | {"a.img.block-hash-index": b"stale"})
    before = facts_of(content)
    creating.bundle(rauc, pki.ec, content, out)
    assert facts_of(content) == before
    assert (creating.extract(rauc, pki, out, tmp_path / "got") / "a.img.block-hash-index").read_bytes() == index_of(FILES["a.img"])


# Converters.

CONVERT = UPDATE + VERITY + "[image.trees/app]\nfilename=app.tar.gz\nconvert={}\n"
CONVERTED = {
    "tar-extract": ["app.tar.gz.extracted"],
    "tar-extract;keep": ["app.tar.gz.extracted", "app.tar.gz"],
    "keep;tar-extract": ["app.tar.gz", "app.tar.gz.extracted"],
    "keep": ["app.tar.gz"],
}


def assert_converted(rauc, pki, out, to, data, methods):
    names = CONVERTED[methods]
    text = creating.signed_manifest(out).decode()
    assert f"sha256={bundles.sha256(data)}\nsize={len(data)}\nfilename=app.tar.gz\nconvert={methods};\nconverted={';'.join(names)};\n" in text
    got = creating.extract(rauc, pki, out, to)
    assert {p.name for p in got.iterdir()} == {"manifest.raucm", "hook", "noise", *names}
    if "app.tar.gz.extracted" in names:
        creating.check_tree(got / "app.tar.gz.extracted", creating.TREE)
    if "app.tar.gz" in names:
        assert (got / "app.tar.gz").read_bytes() == data
    for name in ("hook", "noise", "manifest.raucm"):
        assert (got / name).stat().st_uid == 0, name


@pytest.mark.parametrize("who", ["root", "nobody", "pseudo-off"])
@pytest.mark.parametrize("methods", CONVERTED)
def test_converted(rauc, pki, root, tool, tmp_path, methods, who):
    content = content_of(tmp_path / "content", CONVERT.format(methods), NOISE)
    data = creating.archive(content / "app.tar.gz", creating.TREE).read_bytes()
    out = tmp_path / "out.raucb"
    if who == "root":
        before = facts_of(content)
        creating.bundle(rauc, pki.ec, content, out)
        assert facts_of(content) == before
    else:
        assert tool("fakeroot") and tool("setpriv")
        env = {"PSEUDO_LOCALSTATEDIR": "/x", "PSEUDO_DISABLED": "1"} if who == "pseudo-off" else {}
        with creating.nobody(rauc, pki, content) as person:
            before = facts_of(person.folder / "content")
            done = person.run("bundle", "--cert", person.cert, "--key", person.key, "--signing-keyring", person.ring, "content",
                              "out.raucb", env=env)
            assert done.code == 0, done.text
            assert facts_of(person.folder / "content") == before
            out.write_bytes((person.folder / "out.raucb").read_bytes())
    assert_converted(rauc, pki, out, tmp_path / "got", data, methods)


def test_all_root_where_nothing_is_converted(rauc, pki, root, place, tmp_path):
    content, out = place(UPDATE + VERITY + IMAGE, FILES | NOISE)
    os.chown(content / "noise", 12, 34)
    creating.bundle(rauc, pki.ec, content, out)
    assert (creating.extract(rauc, pki, out, tmp_path / "got") / "noise").stat().st_uid == 0


def test_pseudo_needs_no_fakeroot(rauc, pki, root, tool, tmp_path):
    """Under Yocto's pseudo no fakeroot is asked for: here it is not even there."""
    content = content_of(tmp_path / "content", CONVERT.format("tar-extract"), NOISE)
    creating.archive(content / "app.tar.gz", {"x": b"y"})
    tools = tmp_path / "bin"
    tools.mkdir()
    tools.chmod(0o755)
    for name in ("tar", "gzip", "mksquashfs", "sh"):
        (tools / name).symlink_to(tool(name))
    with creating.nobody(rauc, pki, content, tools) as person:
        args = ["bundle", "--cert", person.cert, "--key", person.key, "content", "out.raucb"]
        path = {"PATH": str(person.folder / "bin")}
        setpriv = {"program": tool("setpriv")}
        done = person.run(*args, env={**path, "PSEUDO_LOCALSTATEDIR": "/x"}, **setpriv)
        assert done.code == 0, done.text
        (person.folder / "out.raucb").unlink()
        done = person.run(*args, env=path, **setpriv)
        assert done.code == 1 and "install fakeroot" in done.err, done.text


def test_fakeroot_and_a_strange_tmpdir(rauc, pki, root, tool, tmp_path):
    """fakeroot is a shell script that does not quote: a folder with blanks is not for its files."""
    content = content_of(tmp_path / "content", CONVERT.format("tar-extract"), NOISE)
    creating.archive(content / "app.tar.gz", {"x": b"y"})
    with creating.nobody(rauc, pki, content) as person:
        strange = person.folder / "a b;touch evil"
        strange.mkdir()
        os.chown(strange, creating.NOBODY, creating.NOBODY)
        before = set(pathlib.Path("/tmp").glob("rauc-fakeroot-*"))
        done = person.run("bundle", "--cert", person.cert, "--key", person.key, "content", "out.raucb", env={"TMPDIR": str(strange)})
        assert done.code == 0, done.text
        assert not list(strange.iterdir()) and set(pathlib.Path("/tmp").glob("rauc-fakeroot-*")) <= before
        assert not list(person.folder.rglob("evil"))


@pytest.mark.parametrize("missing", ["tar", "mksquashfs"])
def test_missing_program(rauc, pki, tool, tmp_path, missing):
    content = content_of(tmp_path / "content", CONVERT.format("tar-extract"), NOISE)
    creating.archive(content / "app.tar.gz", {"x": b"y"})
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in {"tar", "gzip", "mksquashfs"} - {missing}:
        (tools / name).symlink_to(tool(name))
    result = create(rauc, pki, content, tmp_path / "out.raucb", env={"PATH": str(tools)})
    assert result.code == 1 and f"needs the program {missing}" in result.err, result.text
    assert set(tmp_path.iterdir()) == {content, tools}


def link(name, to, kind=tarfile.SYMTYPE):
    return (creating.entry(name, kind, 0o777, linkname=str(to)), b"")


def file(name, data=b"evil\n", **more):
    return (creating.entry(name, **more), data)


# Archives that try to get out: members, given a folder outside that they should not reach.
UNSAFE = {
    "up": lambda out: [file("../../evil")],
    "up-inside": lambda out: [file("a/../../../evil")],
    "absolute": lambda out: [file(f"{out}/evil")],
    "through-link": lambda out: [link("a", out), file("a/evil")],
    "through-link-up": lambda out: [link("a", "../../.."), file("a/evil")],
    "through-link-of-link": lambda out: [link("a", "b"), link("b", out), file("a/evil")],
    "folder-then-link": lambda out: [(creating.entry("a", tarfile.DIRTYPE, 0o755), b""), link("a", out), file("a/evil")],
    "over-link": lambda out: [link("a", out / "victim"), file("a")],
    "hard-link": lambda out: [link("a", out / "victim", tarfile.LNKTYPE), file("a")],
    "hard-link-up": lambda out: [link("a", "../../../outside/victim", tarfile.LNKTYPE), file("a")],
    "original": lambda out: [link("a", "../app.tar.gz", tarfile.LNKTYPE), file("a")],
    "manifest": lambda out: [file("../manifest.raucm", b"[update]\ncompatible=evil\n")],
    "folder-mode": lambda out: [link("a", out), (creating.entry("a/.", tarfile.DIRTYPE, 0o777), b"")],
}


@pytest.mark.parametrize("who", ["root", "nobody"])
@pytest.mark.parametrize("case", UNSAFE)
def test_unsafe_archive(rauc, pki, root, tmp_path, case, who):
    """Whatever tar makes of it, it stays in its folder."""
    outside = tmp_path / "outside"
    content = content_of(tmp_path / "content", CONVERT.format("tar-extract;keep"), NOISE)
    with creating.nobody(rauc, pki) as person:
        if who == "nobody":
            outside = person.folder / "outside"
        outside.mkdir()
        (outside / "victim").write_text("precious")
        creating.archive(content / "app.tar.gz", UNSAFE[case](outside))
        before = facts_of(outside)
        out = tmp_path / "out.raucb"
        if who == "root":
            result = create(rauc, pki, content, out)
        else:
            shutil.copytree(content, person.folder / "content")
            for path in (person.folder, outside, *outside.iterdir(), *person.folder.glob("content/**"), *person.folder.glob("content/*")):
                os.chown(path, creating.NOBODY, creating.NOBODY)
            before = facts_of(outside)
            inputs = facts_of(person.folder / "content")
            result = person.run("bundle", "--cert", person.cert, "--key", person.key, "content", "out.raucb")
            assert facts_of(person.folder / "content") == inputs
            if result.code == 0:
                out.write_bytes((person.folder / "out.raucb").read_bytes())
        assert facts_of(outside) == before, result.text
        assert not list(tmp_path.rglob("evil")) and not list(person.folder.rglob("evil")), result.text
    assert {p.name for p in content.iterdir()} == {"app.tar.gz", "hook", "noise", "manifest.raucm"}
    if result.code != 0:
        assert result.err.splitlines()[-1].startswith("Failed to create bundle: Failed to extract app.tar.gz: tar exited"), result.text
        return
    got = creating.extract(rauc, pki, out, tmp_path / "got")
    assert "compatible=Test" in (got / "manifest.raucm").read_text()
    assert (got / "app.tar.gz").read_bytes() == (content / "app.tar.gz").read_bytes()
    assert {p.name for p in got.iterdir()} == {"app.tar.gz", "app.tar.gz.extracted", "hook", "noise", "manifest.raucm"}


def test_nodes_elsewhere_are_refused(rauc, pki, root, place):
    content, out = place(UPDATE + VERITY + IMAGE, FILES | NOISE)
    os.mkfifo(content / "fifo")
    result = create(rauc, pki, content, out)
    assert result.code == 1 and "only regular files are supported as bundle contents (fifo)" in result.err, result.text


def test_unreadable_file(rauc, pki, root, tmp_path):
    """mksquashfs packs an empty file and is content; a hook that came out empty is not what was meant."""
    content = content_of(tmp_path / "content", UPDATE + VERITY + IMAGE, FILES | NOISE)
    with creating.nobody(rauc, pki, content) as person:
        os.chmod(person.folder / "content/noise", 0)
        result = person.run("bundle", "--cert", person.cert, "--key", person.key, "content", "out.raucb")
        assert result.code == 1 and "Failed to create bundle: mksquashfs: Failed to read file" in result.err, result.text
        assert not (person.folder / "out.raucb").exists()


# Installing what was made.

def test_linked_image_installs(rauc, pki, place, device):
    """An image that is a link to a file with a version in its name, as builds make them."""
    content, out = place(bundles.input_manifest({"rootfs": "current.img"}), {"image-2026.img": bundles.image(100000, 4)})
    (content / "current.img").symlink_to("image-2026.img")
    creating.bundle(rauc, pki.ec, content, out)
    device.ok("install", out)
    assert device.content("rootfs.1", 100000) == bundles.image(100000, 4)


@pytest.mark.parametrize("methods", ["tar-extract", "tar-extract;keep", "keep"])
def test_converted_image_in_a_slot(rauc, pki, place, device, methods):
    data = bundles.image(100000, 5)
    content, out = place(UPDATE + VERITY + f"[image.rootfs]\nfilename=a.tar\ntype=raw\nconvert={methods}\n", NOISE)
    creating.archive(content / "a.tar", {"x": data})
    expected = (content / "a.tar").read_bytes()
    creating.bundle(rauc, pki.ec, content, out)
    before, boot = device.content("rootfs.1"), device.boot
    told = devices.run(rauc, "info", "--keyring", pki.ring, out)
    assert told.code == 0 and "Converted:" in told.out, told.text
    result = device.install(out)
    if "keep" in methods:
        assert result.code == 0, result.text
        assert device.content("rootfs.1", len(expected)) == expected
        return
    assert result.code == 1 and "was taken out of the bundle when it was converted" in result.err, result.text
    assert device.content("rootfs.1") == before and device.boot == boot


# Full file systems, and being killed.

@pytest.fixture
def full(mount):
    """full(size): a file system with so much room."""
    return lambda size, name="small": mount("none", name, "-t", "tmpfs", "-o", f"size={size},mode=0755")


def assert_full(result, *, what=""):
    lines = result.err.splitlines()
    assert result.code == 1 and "No space left on device" in lines[-1], result.text
    assert lines[-1].startswith("Failed to create bundle: ") and what in lines[-1], result.text
    assert sum("No space left" in line for line in lines) == 1, result.text


# How much fits -> who notices: mksquashfs, the hash tree, the signature.
IMAGE_SIZE = 2 * bundles.MIB


@pytest.mark.parametrize("fmt", ["plain", "verity", "crypt"])
def test_output_is_full(rauc, pki, full, place, fmt):
    content, out = place(bundles.input_manifest({"rootfs": "x.img"}, fmt), {"x.img": bundles.image(IMAGE_SIZE, 6)})
    creating.bundle(rauc, pki.ec, content, out)
    payload, signature = bundles.disassemble(out.read_bytes())
    before = facts_of(content)
    seen = set()
    pages = -(-(len(payload) + len(signature) + 8) // 4096)
    for n in (1, pages // 2, pages - 10, pages - 3, pages - 2, pages - 1):
        point = full(f"{n * 4}k", f"full-{n}")
        result = create(rauc, pki, content, point / "out.raucb")
        assert_full(result)
        seen.add(result.err.splitlines()[-1].split(": ")[1])
        assert not list(point.iterdir()) and facts_of(content) == before
    enough = full(f"{pages * 4}k", "enough")
    assert create(rauc, pki, content, enough / "out.raucb").code == 0
    assert len(seen) >= 2, f"only {seen} noticed"


@pytest.mark.parametrize("what", ["index", "extract"])
def test_input_is_full(rauc, pki, full, tmp_path, what):
    keys = {"index": "[image.x]\nfilename=x.img\nadaptive=block-hash-index\n",
            "extract": "[image.x/y]\nfilename=x.tar.gz\nconvert=tar-extract\n"}[what]
    point = full("2600k")
    content = content_of(point / "content", UPDATE + VERITY + keys, {"noise": bundles.image(4096, 1)})
    if what == "index":
        (content / "x.img").write_bytes(bytes(2 * bundles.MIB))
    else:
        creating.archive(content / "x.tar.gz", {"zeroes": bytes(3 * bundles.MIB)})
    free = os.statvfs(point).f_bavail * 4096 - (12288 if what == "index" else 1000000)
    (content / "filler").write_bytes(bytes(free))
    before = facts_of(content)
    result = create(rauc, pki, content, tmp_path / "out.raucb")
    assert_full(result, what={"index": "Failed to generate hash index for x.img", "extract": "Failed to extract x.tar.gz"}[what])
    assert facts_of(content) == before and not (tmp_path / "out.raucb").exists()


def test_loop_file_system_is_full(rauc, pki, loops, mount, place, tool, tmp_path):
    """One that can be full when the blocks are wanted, not when they are written to memory."""
    content, out = place(bundles.input_manifest({"rootfs": "x.img"}), {"x.img": random.Random(1).randbytes(6 * bundles.MIB)})
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(4 * bundles.MIB))
    bundles.run(tool("mke2fs"), "-q", "-t", "ext4", "-O", "^has_journal", disk)
    point = mount(loops(disk), "ext4")
    before = sorted(point.iterdir())
    assert_full(create(rauc, pki, content, point / "out.raucb"))
    assert sorted(point.iterdir()) == before


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_output_exists(rauc, pki, place, tmp_path, kind):
    content, out = place(UPDATE + VERITY + IMAGE, FILES | NOISE)
    if kind == "file":
        out.write_bytes(b"mine")
    elif kind == "folder":
        out.mkdir()
    else:
        out.symlink_to(content / "a.img" if kind == "link" else "nowhere")
    before, names = facts_of(content), sorted(tmp_path.iterdir())
    result = create(rauc, pki, content, out)
    assert result.code == 1 and result.err == f"Failed to create bundle: bundle {out} already exists\n", result.text
    assert facts_of(content) == before and sorted(tmp_path.iterdir()) == names
    assert kind != "file" or out.read_bytes() == b"mine"


# A program that says it has started, and goes on for a while. Its parent may be a shell script.
SLOW = """#!/bin/sh
echo $$ > {folder}/started.new
mv {folder}/started.new {folder}/started
exec sleep 300
"""


def is_running(pid):
    try:
        return pathlib.Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("program", ["tar", "mksquashfs"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed(rauc, pki, place, tmp_path, program, number):
    """What it was doing ends with it. All that is left is the work folder, which the next run removes."""
    content, out = place(CONVERT.format("tar-extract;keep"), NOISE)
    creating.archive(content / "app.tar.gz", {"x": b"y"})
    before = facts_of(content)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / program).write_text(SLOW.format(folder=tmp_path))
    (tools / program).chmod(0o755)
    process = subprocess.Popen([rauc, "bundle", "--cert", pki.ec.cert, "--key", pki.ec.key, content, out], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
    end = time.monotonic() + 60
    while not (tmp_path / "started").exists():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(number)
    process.wait(timeout=60)
    helper = (tmp_path / "started").read_text().strip()
    while is_running(helper):
        assert time.monotonic() < end, f"{program} goes on without us"
        time.sleep(0.01)
    assert {p.name for p in tmp_path.iterdir()} == {"content", "bin", "started"}
    assert {p.name for p in content.iterdir()} - set(before) == {".rauc-workdir"}
    creating.bundle(rauc, pki.ec, content, out)
    assert facts_of(content) == before
