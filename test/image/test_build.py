# SPDX-License-Identifier: MIT
"""image/build: one command, two artefacts; sfdisk, e2fsck, debugfs, mtools, grub-editenv and rauc judge them."""

import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "image" / "build"
CA = TOP / "pki" / "demo" / "demo-ca.cert.pem"
ESP, ROOT, DATA = ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
                   "0FC63DAF-8483-4772-8E79-3D69D8477DE4")
OURS = ("RAUC_KEY_FILE", "RAUC_CERT_FILE", "RAUC_KEYRING_FILE")


def find_rauc():
    for path in (os.environ.get("RAUC"), TOP / "build/release/src/rauc", "/usr/bin/rauc"):
        if path and os.access(path, os.X_OK):
            return str(path)
    pytest.fail("no rauc program: set RAUC")


RAUC = find_rauc()
OUR_RAUC = "moonforge" in subprocess.run([RAUC, "--version"], text=True, capture_output=True, check=True).stdout
INFO = [RAUC, *(["-C", "keyring:allow-demo-keys=true"] if OUR_RAUC else []), "info"]


def run(*args, env=None, **more):
    environ = {k: v for k, v in os.environ.items() if k not in OURS}
    return subprocess.run([str(a) for a in args], text=True, capture_output=True, timeout=300,
                          env={**environ, "RAUC": RAUC, **(env or {})}, **more)


def build(rootfs, output, *more, version="1.0", compatible="Test Board", env=None):
    return run(BUILD, "--rootfs", rootfs, "--version", version, "--compatible", compatible, "--output", output, *more, env=env)


def files_of_a_system(version="1.0", compatible="Test Board"):
    return {"boot/vmlinuz": os.urandom(200_000), "boot/initrd.img": os.urandom(50_000), "sbin/init": b"#!/bin/sh\n",
            "etc/os-release": f'NAME=x\nIMAGE_VERSION="{version}"\n'.encode(),
            "etc/rauc/system.conf": f"[system]\ncompatible={compatible}\nbootloader=grub\n".encode()}


def make_tree(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def make_tar(path, files, **special):
    """special: name (with _ for /) -> (uid, gid, mode)."""
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo("./" + name)
            info.size, info.mode = len(data), 0o755
            info.uid, info.gid, info.mode = special.get(name.replace("/", "_"), (0, 0, 0o644))
            tar.addfile(info, io.BytesIO(data))
    return path


def debugfs(image, command):
    return run("/usr/sbin/debugfs", "-R", command, image).stdout


def part(disk, node, folder):
    """One partition of the disk image as a file of its own."""
    path = folder / f"{node['name']}.part"
    with open(disk, "rb") as source, open(path, "wb") as target:
        source.seek(node["start"] * 512)
        left = node["size"] * 512
        while left:
            chunk = source.read(min(left, 1 << 20))
            target.seek(len(chunk), 1) if not any(chunk) else target.write(chunk)
            left -= len(chunk)
        target.truncate()
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The two artefacts of a small system, taken apart."""
    folder = tmp_path_factory.mktemp("made")
    tar = make_tar(folder / "rootfs.tar", files_of_a_system(), sbin_init=(0, 0, 0o4755), boot_vmlinuz=(12, 34, 0o600))
    done = build(tar, folder / "out")
    assert done.returncode == 0, done.stderr
    disk, raucb = folder / "out" / "Test_Board-1.0.img", folder / "out" / "Test_Board-1.0.raucb"
    table = json.loads(run("/usr/sbin/sfdisk", "-J", disk).stdout)["partitiontable"]
    parts = {node["name"]: part(disk, node, folder) for node in table["partitions"]}
    info = json.loads(run(*INFO, "--keyring", CA, "--output-format=json", raucb).stdout)
    return {"done": done, "folder": folder, "disk": disk, "raucb": raucb, "table": table, "parts": parts, "info": info}


def image_of(info):
    image = info["images"][0]
    return image["rootfs"] if "rootfs" in image else image


def test_both_and_nothing_else(made):
    assert sorted(p.name for p in (made["folder"] / "out").iterdir()) == ["Test_Board-1.0.img", "Test_Board-1.0.raucb"]
    assert re.search(r"slot +\d+\.\d MiB of 256.0 MiB, .* head-room +\d+\.\d s", made["done"].stdout)


def test_demo_keys_are_loud(made):
    assert re.search(r"^WARNING: signing: the DEMO keys.*NOT FOR PRODUCTION", made["done"].stderr, re.MULTILINE)


def test_security_epoch(made, tmp_path):
    tree = make_tree(tmp_path / "tree", files_of_a_system())
    done = build(tree, tmp_path / "out", "--security-epoch", "3")
    assert done.returncode == 0, done.stderr
    info = json.loads(run(*INFO, "--keyring", CA, "--output-format=json-2", tmp_path / "out/Test_Board-1.0.raucb").stdout)
    assert info["meta"] == {"moonforge": {"security-epoch": "3"}}
    table = json.loads(run("/usr/sbin/sfdisk", "-J", tmp_path / "out/Test_Board-1.0.img").stdout)["partitiontable"]
    (data,) = [node for node in table["partitions"] if node["name"] == "data"]
    told = debugfs(part(tmp_path / "out/Test_Board-1.0.img", data, tmp_path), "cat rauc/central.raucs")
    assert "bundle.security-epoch=3\n" in told
    assert "security-epoch" not in debugfs(made["parts"]["data"], "cat rauc/central.raucs")
    for wrong in ("-1", "4294967296", "x"):
        assert build(tree, tmp_path / "wrong", "--security-epoch", wrong).returncode != 0


def test_partition_table(made):
    table = made["table"]
    assert table["label"] == "gpt"
    found = [(node["name"], node["type"], node["size"] * 512 >> 20) for node in table["partitions"]]
    assert found == [("esp", ESP, 40), ("root_a", ROOT, 256), ("root_b", ROOT, 256), ("data", DATA, 256)]
    assert all(node["start"] % 2048 == 0 for node in table["partitions"]), "aligned to 1 MiB"
    assert run("/usr/sbin/sfdisk", "--verify", made["disk"]).returncode == 0


@pytest.mark.parametrize("name, label", [("root_a", "rootfs"), ("root_b", "empty"), ("data", "data")])
def test_file_systems(made, name, label):
    path = made["parts"][name]
    assert run("/usr/sbin/e2fsck", "-fn", path).returncode == 0
    assert f"Filesystem volume name:   {label}\n" in run("/usr/sbin/dumpe2fs", "-h", path).stdout


def test_esp(made):
    esp = made["parts"]["esp"]
    assert run("/usr/sbin/fsck.vfat", "-n", esp).returncode == 0
    listed = run("mdir", "-i", esp, "-b", "::/EFI/BOOT").stdout
    for name in ("BOOTX64.EFI", "grub.cfg", "slots.cfg", "grubenv"):
        assert f"/EFI/BOOT/{name}" in listed
    env = made["folder"] / "grubenv"
    assert run("mcopy", "-n", "-i", esp, "::/EFI/BOOT/grubenv", env).returncode == 0
    lines = run("grub-editenv", env, "list").stdout.splitlines()
    assert "ORDER=A B" in lines and "A_OK=1" in lines and "B_OK=0" in lines and env.stat().st_size == 1024


def test_same_content_and_version_everywhere(made):
    info, image = made["info"], image_of(made["info"])
    assert (info["version"], info["compatible"]) == ("1.0", "Test Board")
    content = made["parts"]["root_a"].read_bytes()[:image["size"]]
    assert hashlib.sha256(content).hexdigest() == image["checksum"], "slot A holds what the bundle holds"
    assert "IMAGE_VERSION=\"1.0\"" in debugfs(made["parts"]["root_a"], 'cat "/etc/os-release"')


def test_factory_status(made):
    image = image_of(made["info"])
    data = made["parts"]["data"]
    text = debugfs(data, 'cat "/rauc/central.raucs"')
    stamp = re.search(r"^installed.timestamp=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$", text, re.MULTILINE)
    assert stamp
    for line in ("[slot.rootfs.0]", "bundle.compatible=Test Board", "bundle.version=1.0", "status=ok",
                 f"sha256={image['checksum']}", f"size={image['size']}", "installed.count=1"):
        assert line in text.splitlines()
    assert re.search(r"Mode:\s+0700", debugfs(data, 'stat "/rauc"'))


def kept_index(made, slot, name):
    path = made["folder"] / "index"
    path.unlink(missing_ok=True)
    folder = f"/rauc/slot.{slot}/hash-{name}"
    debugfs(made["parts"]["data"], f"dump {folder}/block-hash-index {path}")
    assert path.exists(), f"there is no index in {folder}"
    for inode, mode in ((f"/rauc/slot.{slot}", "0700"), (folder, "0700"), (f"{folder}/block-hash-index", "0600")):
        assert re.search(rf"Mode:\s+{mode}", debugfs(made["parts"]["data"], f"stat {inode}"))
    return path.read_bytes()


def chunk_digests(data):
    return b"".join(hashlib.sha256(data[at:at + 4096]).digest() for at in range(0, len(data), 4096))


def test_indexes_of_both_slots(made):
    """The first update needs no hashing, and the bundle has the very index of what runs."""
    image = image_of(made["info"])
    index = kept_index(made, "rootfs.0", image["checksum"])
    assert index == chunk_digests(made["parts"]["root_a"].read_bytes()[:image["size"]])
    assert kept_index(made, "rootfs.1", "unknown") == chunk_digests(made["parts"]["root_b"].read_bytes())
    if OUR_RAUC:
        assert image["adaptive"] == ["block-hash-index"]
    out = made["folder"] / "extracted"
    demo = ["-C", "keyring:allow-demo-keys=true"] if OUR_RAUC else []
    done = run(RAUC, *demo, "extract", "--keyring", CA, made["raucb"], out)
    assert done.returncode == 0, done.stderr
    assert (out / "rootfs.ext4.block-hash-index").read_bytes() == index


def test_owners_and_modes(made):
    shown = debugfs(made["parts"]["root_a"], 'stat "/boot/vmlinuz"')
    assert re.search(r"Mode:\s+0600", shown) and re.search(r"User:\s+12\s+Group:\s+34", shown)
    assert re.search(r"Mode:\s+04755", debugfs(made["parts"]["root_a"], 'stat "/sbin/init"'))


def test_ordinary_user_keeps_owners():
    """Without root, a tar's owners still come through."""
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        for part_of in ("image", "boot", "pki"):
            shutil.copytree(TOP / part_of, top / part_of, symlinks=True)
        shutil.copy(RAUC, top / "rauc")
        make_tar(top / "rootfs.tar", files_of_a_system(), sbin_init=(0, 0, 0o4755), boot_vmlinuz=(12, 34, 0o600))
        for path in (top, *top.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o044 | (0o111 if path.is_dir() else 0))
        (top / "out").mkdir()
        (top / "out").chmod(0o777)
        drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        done = run(*drop, top / "image" / "build", "--rootfs", top / "rootfs.tar", "--version", "1.0", "--compatible", "Test Board",
                   "--output", top / "out", "--only", "disk", env={"HOME": folder}, cwd=folder)
        assert done.returncode == 0, done.stderr
        disk = top / "out" / "Test_Board-1.0.img"
        table = json.loads(run("/usr/sbin/sfdisk", "-J", disk).stdout)["partitiontable"]
        root_a = part(disk, table["partitions"][1], top)
        assert re.search(r"User:\s+12\s+Group:\s+34", debugfs(root_a, 'stat "/boot/vmlinuz"'))
        init = debugfs(root_a, 'stat "/sbin/init"')
        assert re.search(r"User:\s+0\s+Group:\s+0", init) and re.search(r"Mode:\s+04755", init)


def test_folder_and_ready_made_image_give_the_same(tmp_path):
    tree = make_tree(tmp_path / "tree", files_of_a_system())
    assert build(tree, tmp_path / "a", "--only", "bundle").returncode == 0
    first = json.loads(run(*INFO, "--keyring", CA, "--output-format=json", tmp_path / "a/Test_Board-1.0.raucb").stdout)
    assert build(tree, tmp_path / "b", "--only", "disk").returncode == 0
    disk = tmp_path / "b/Test_Board-1.0.img"
    node = json.loads(run("/usr/sbin/sfdisk", "-J", disk).stdout)["partitiontable"]["partitions"][1]
    ready = part(disk, node, tmp_path)
    with open(ready, "r+b") as file:
        file.truncate(image_of(first)["size"])
    made = build(ready, tmp_path / "c", "--only", "bundle")
    assert made.returncode == 0, made.stderr
    again = json.loads(run(*INFO, "--keyring", CA, "--output-format=json", tmp_path / "c/Test_Board-1.0.raucb").stdout)
    assert image_of(again)["checksum"] == hashlib.sha256(ready.read_bytes()).hexdigest()


def test_own_keys(tmp_path):
    assert run(TOP / "pki" / "openssl-ca.sh", "--key-type", "ec", cwd=tmp_path).returncode == 0
    dev = tmp_path / "openssl-ca" / "dev"
    env = dict(zip(OURS, map(str, (dev / "private/development-1.key.pem", dev / "development-1.cert.pem", dev / "ca.cert.pem"))))
    tree = make_tree(tmp_path / "tree", files_of_a_system())
    done = build(tree, tmp_path / "out", "--only", "bundle", env=env)
    assert done.returncode == 0 and "DEMO" not in done.stderr, done.stderr
    raucb = tmp_path / "out/Test_Board-1.0.raucb"
    assert run(*INFO, "--keyring", env["RAUC_KEYRING_FILE"], raucb).returncode == 0
    assert run(*INFO, "--keyring", CA, raucb).returncode != 0

    env["RAUC_KEYRING_FILE"] = str(CA)
    refused = build(tree, tmp_path / "wrong", "--only", "bundle", env=env)
    assert refused.returncode == 1 and not list((tmp_path / "wrong").iterdir())


def test_warns_above_ninety_percent(tmp_path):
    tree = make_tree(tmp_path / "tree", {**files_of_a_system(), "usr/big": os.urandom(1 << 20) * 20})
    first = build(tree, tmp_path / "out", "--only", "bundle", "--slot-size", "64M")
    assert first.returncode == 0 and "fills" not in first.stderr
    size = int(re.search(r"slot +(\d+)\.", first.stdout)[1])
    tight = build(tree, tmp_path / "out", "--only", "bundle", "--slot-size", f"{size + 1}M")
    assert tight.returncode == 0
    assert re.search(rf"^WARNING: the root file system fills 9\d % of its slot: {size}.0 MiB of {size + 1}.0 MiB, 1.0 MiB head-room$",
                     tight.stderr, re.MULTILINE)


def one_line(done, says):
    """A refusal is one line that begins with the program's name; warnings are lines of their own."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
    assert done.returncode == 1, done.stderr
    assert len(lines) == 1 and lines[0].startswith("build: ") and re.search(says, lines[0]), done.stderr


def nothing_made(folder):
    return not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.parametrize("source", ["tree", "tar", "ext4"])
def test_too_big_for_its_slot(tmp_path, source):
    files = {**files_of_a_system(), "usr/big": bytes(40 << 20)}
    if source == "tree":
        rootfs = make_tree(tmp_path / "tree", files)
    elif source == "tar":
        rootfs = make_tar(tmp_path / "rootfs.tar", files)
    else:
        rootfs = tmp_path / "rootfs.ext4"
        assert run("/usr/sbin/mke2fs", "-q", "-t", "ext4", rootfs, "48M").returncode == 0
    one_line(build(rootfs, tmp_path / "out", "--slot-size", "32M"),
             r"needs \d\d\.\d MiB but a slot has 32\.0 MiB: make it smaller, or SLOT_SIZE larger")
    assert nothing_made(tmp_path / "out")


@pytest.mark.parametrize("version", ["", " ", "1 0", "1\n0", "../1", "-1", "ü", "1/2", "x" * 65, "1;reboot", "1\t"])
def test_bad_versions(tmp_path, version):
    tree = make_tree(tmp_path / "tree", files_of_a_system())
    one_line(run(BUILD, "--rootfs", tree, f"--version={version}", "--compatible", "x", "--output", tmp_path / "out"), "--version")
    assert nothing_made(tmp_path / "out")


@pytest.mark.parametrize("compatible", ["", " x", "x ", "a\nb", "a=b\\n", "x" * 129, "[x]"])
def test_bad_compatibles(tmp_path, compatible):
    tree = make_tree(tmp_path / "tree", files_of_a_system())
    one_line(run(BUILD, "--rootfs", tree, "--version", "1", f"--compatible={compatible}", "--output", tmp_path / "out"),
             "--compatible")


def without(name):
    return {key: data for key, data in files_of_a_system().items() if key != name}


@pytest.mark.parametrize("files, says", [
    (without("boot/vmlinuz"), "has no /boot/vmlinuz: layout qemux86-64 could not boot it"),
    (without("boot/initrd.img"), "has no /boot/initrd.img"),
    (without("sbin/init"), "has no /sbin/init"),
    (files_of_a_system(version="0.9"), "says IMAGE_VERSION=0.9, but the version to build is 1.0"),
    (files_of_a_system(compatible="Other Board"), "says compatible=Other Board, but the bundle would say Test Board"),
])
def test_senseless_root_file_systems(tmp_path, files, says):
    one_line(build(make_tree(tmp_path / "tree", files), tmp_path / "out"), re.escape(says))
    assert nothing_made(tmp_path / "out")


def test_links_are_followed(tmp_path):
    """os-release is a link in most distributions; its version is checked all the same."""
    files = files_of_a_system(version="0.9")
    tree = make_tree(tmp_path / "tree", {**files, "usr/lib/os-release": files.pop("etc/os-release")})
    (tree / "etc/os-release").unlink(missing_ok=True)
    (tree / "etc/os-release").symlink_to("../usr/lib/os-release")
    one_line(build(tree, tmp_path / "out"), "IMAGE_VERSION=0.9")


def test_odd_inputs(tmp_path):
    out = tmp_path / "out"
    one_line(build(tmp_path / "none", out), "does not exist")
    (tmp_path / "empty").mkdir()
    one_line(build(tmp_path / "empty", out), "is an empty folder")
    (tmp_path / "junk").write_bytes(os.urandom(5000))
    one_line(build(tmp_path / "junk", out), "neither a folder nor a tar nor an ext4 image")
    (tmp_path / "nothing").touch()
    one_line(build(tmp_path / "nothing", out), "neither a folder nor a tar nor an ext4 image")
    assert nothing_made(out)


def test_truncated_tar(tmp_path):
    whole = make_tar(tmp_path / "whole.tar", files_of_a_system()).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:100_000])
    one_line(build(tmp_path / "cut.tar", tmp_path / "out"), "reading '.*cut.tar'")
    assert nothing_made(tmp_path / "out")


@pytest.mark.parametrize("more, env, says", [
    (["--layout", "toaster"], {}, "no layout 'toaster'; there is: .*qemux86-64"),
    (["--layout", "../layout/qemux86-64"], {}, "no layout"),
    (["--slot-size", "lots"], {}, "SLOT_SIZE: 'lots' is not a size"),
    (["--slot-size", "0M"], {}, "SLOT_SIZE"),
    (["--rauc", "/nowhere/rauc"], {}, "'/nowhere/rauc' does not exist"),
    ([], {"RAUC_KEY_FILE": str(CA)}, "RAUC_KEY_FILE is set but RAUC_CERT_FILE is not"),
    ([], {"RAUC_CERT_FILE": str(CA)}, "RAUC_CERT_FILE is set but RAUC_KEY_FILE is not"),
    ([], {"RAUC_KEY_FILE": "/nowhere/key", "RAUC_CERT_FILE": str(CA)}, "RAUC_KEY_FILE: cannot read '/nowhere/key'"),
    ([], {"RAUC_KEY_FILE": str(CA), "RAUC_CERT_FILE": str(CA)}, "making the bundle: rauc: "),
])
def test_refuses(tmp_path, more, env, says):
    tree = make_tree(tmp_path / "tree", files_of_a_system())
    one_line(build(tree, tmp_path / "out", *more, env=env), says)
    assert nothing_made(tmp_path / "out")


def test_full_disk(tmp_path):
    """A tmpfs of 12 MiB in a mount name space of its own is soon full."""
    refused = run("unshare", "-rm", "true").stderr.strip()
    if refused:
        pytest.skip(f"no name space of our own here: {refused}")
    tree = make_tree(tmp_path / "tree", {**files_of_a_system(), "usr/big": os.urandom(16 << 20)})
    (tmp_path / "out").mkdir()
    done = run("unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=12m none "$1" || exit 99; shift; "$@"; s=$?; ls -A "$0" >&2; exit $s',
               tmp_path / "out", tmp_path / "out", BUILD, "--rootfs", tree, "--version", "1.0", "--compatible", "Test Board",
               "--output", tmp_path / "out")
    assert done.returncode != 99, "cannot mount a tmpfs in a name space of our own"
    one_line(done, "(?i)no space left")


def test_an_old_artefact_survives_a_failure(tmp_path):
    (tmp_path / "out").mkdir()
    old = tmp_path / "out" / "Test_Board-1.0.raucb"
    old.write_text("old")
    tree = make_tree(tmp_path / "tree", without("boot/vmlinuz"))
    one_line(build(tree, tmp_path / "out"), "vmlinuz")
    assert old.read_text() == "old" and list((tmp_path / "out").iterdir()) == [old]
