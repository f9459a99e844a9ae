# SPDX-License-Identifier: MIT
"""Archives and empty file systems into ext4 slots: from `rauc bundle` to what e2fsck and the kernel find there."""

import os
import shutil
import signal
import subprocess
import time

import pytest

import bundles

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SUFFIXES = {"tar": None, "tar.gz": "gzip", "tgz": "gzip", "tar.Z": "compress", "tar.bz2": "bzip2", "tar.lz": "lzip",
            "tar.lzma": "lzma", "tar.lzo": "lzop", "tar.xz": "xz", "tar.zst": "zstd"}


@pytest.fixture
def tree(tmp_path):
    """What a root file system is made of."""
    top = tmp_path / "tree"
    (top / "usr" / "sbin").mkdir(parents=True)
    (top / "usr" / "sbin" / "init").write_bytes(bundles.image(3 * bundles.MIB, 7))
    (top / "etc").mkdir()
    for number in range(200):
        (top / "etc" / f"file {number}").write_text(f"{number}\n" * number)
    (top / "sbin").symlink_to("usr/sbin")
    os.link(top / "etc" / "file 1", top / "etc" / "hard")
    os.chmod(top / "usr" / "sbin" / "init", 0o4755)
    os.chown(top / "etc" / "file 2", 1234, 5678)
    os.mknod(top / "null", 0o20666, os.makedev(1, 3))
    return top


def listing(top):
    """Everything that must arrive."""
    found = {}
    for path in sorted(top.rglob("*")):
        if path.name == "lost+found":
            continue
        stat = path.lstat()
        content = os.readlink(path) if path.is_symlink() else bundles.sha256(path.read_bytes()) if path.is_file() else ""
        links = 0 if path.is_dir() else stat.st_nlink
        found[str(path.relative_to(top))] = (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev, links, content)
    return found


@pytest.fixture
def slots(make_device, loops, tmp_path):
    """Two ext4 slots on loop devices, with old content in both."""
    made = {}
    for index, name in enumerate("AB"):
        file = tmp_path / f"slot-{name}"
        with open(file, "wb") as out:
            out.truncate(32 * bundles.MIB)
        bundles.run("mkfs.ext4", "-q", file)
        made[f"rootfs.{index}"] = {"device": loops(file), "type": "ext4", "bootname": name}
    return make_device(slots=made)


@pytest.fixture
def pack(rauc, pki, tmp_path):
    """pack(name, more): a bundle, made by `rauc bundle`, of the archive of that name or of none."""
    def make(archive=None, more="", files=()):
        content = tmp_path / "content"
        shutil.rmtree(content, ignore_errors=True)
        content.mkdir()
        for name, text in dict(files).items():
            (content / name).write_text(text)
            os.chmod(content / name, 0o755)
        image = "type=emptyfs\n"
        if archive:
            shutil.copy(archive, content)
            image = f"filename={archive.name}\n"
        (content / "manifest.raucm").write_text(
            f"[update]\ncompatible=Test\nversion=1\n\n[bundle]\nformat=verity\n\n{more}[image.rootfs]\n{image}"
            + ("hooks=pre-install;post-install\n" if files else "")
            + f"\n[meta.filler]\nto-be-large-enough-for-a-bundle={os.urandom(6000).hex()}\n")
        bundle = tmp_path / "update.raucb"
        bundle.unlink(missing_ok=True)
        bundles.run(rauc, "--cert", pki.ec.cert, "--key", pki.ec.key, "bundle", content, bundle)
        return bundle
    return make


@pytest.fixture
def archive(tree, tmp_path):
    """archive(suffix): the tree as one."""
    def make(suffix="tar.gz"):
        path = tmp_path / f"rootfs.{suffix}"
        bundles.run("tar", "caf", path, "--numeric-owner", "-C", tree, ".")
        return path
    return make


@pytest.fixture
def fake(tmp_path):
    """fake("tar", script): a program before the system's; `real` is that one. Gives the environment."""
    def make(name, script):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f'#!/bin/sh\nPATH={PATH}\n{script}\n')
        os.chmod(folder / name, 0o755)
        return {"PATH": f"{folder}:{PATH}"}
    return make


def refused(device, result, *words, status="failed"):
    """The target does not boot, and the status says so."""
    assert result.code == 1, result.text
    for word in words:
        assert word in result.out + result.err, result.text
    assert device.status("rootfs.1").get("status") == status
    assert device.boot["B_OK"] == ("0" if status else "1") and device.chosen() == "A"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_install(slots, archive, pack, mount, tree, tool, suffix):
    if SUFFIXES[suffix]:
        tool(SUFFIXES[suffix])
    image = archive(suffix)
    bundle = pack(image)
    result = slots.install(bundle)
    assert result.code == 0, result.text
    assert slots.chosen() == "B"
    status = slots.status("rootfs.1")
    assert (status["status"], status["sha256"]) == ("ok", bundles.sha256(image.read_bytes()))
    bundles.run("e2fsck", "-fn", slots.path("rootfs.1"))
    assert listing(mount(slots.path("rootfs.1"), "look", "-o", "ro")) == listing(tree)
    assert bundles.run("e2label", slots.path("rootfs.1")).strip() == "rootfs.1"


def test_emptyfs(slots, pack, mount):
    result = slots.install(pack())
    assert result.code == 0, result.text
    assert slots.chosen() == "B" and slots.status("rootfs.1")["status"] == "ok"
    bundles.run("e2fsck", "-fn", slots.path("rootfs.1"))
    assert os.listdir(mount(slots.path("rootfs.1"), "look", "-o", "ro")) == ["lost+found"]


HOOK = """#!/bin/sh
echo "$1 ${RAUC_SLOT_MOUNT_POINT:-none} $(test -e "$RAUC_SLOT_MOUNT_POINT/etc/hard" && echo unpacked)" >>TRACE
[ $1 = slot-pre-install ] || echo done >"$RAUC_SLOT_MOUNT_POINT/hooked"
"""


def test_hooks(slots, archive, pack, mount, tmp_path):
    """Before: not mounted. After: in the writer's mount."""
    hook = HOOK.replace("TRACE", str(tmp_path / "trace"))
    slots.ok("install", pack(archive(), "[hooks]\nfilename=hook\n\n", {"hook": hook}))
    point = tmp_path / "mnt" / "rootfs.1"
    assert (tmp_path / "trace").read_text() == f"slot-pre-install none \nslot-post-install {point} unpacked\n"
    assert (mount(slots.path("rootfs.1"), "look", "-o", "ro") / "hooked").read_text() == "done\n"


def test_hook_fails(slots, archive, pack):
    hook = "#!/bin/sh\n[ $1 = slot-pre-install ] || { echo no such luck >&2; exit 3; }\n"
    result = slots.install(pack(archive(), "[hooks]\nfilename=hook\n\n", {"hook": hook}))
    refused(slots, result, "failed to run slot hook: Child process exited with code 3 (slot-post-install: no such luck)")


EMPTIED = 'tar "$@"; code=$?; [ "$1" != xf ] || : >"$4/usr/sbin/init"; exit $code'


def test_emptied_file_is_found(slots, archive, pack, fake):
    bundle = pack(archive())
    env = fake("tar", EMPTIED)
    refused(slots, slots.install(bundle, env=env), "'./usr/sbin/init' is not what the archive has: Size differs")
    slots.change("system", verify_written="false")
    assert slots.install(bundle, env=env).code == 0  # so it was the comparison that found it


@pytest.mark.parametrize("program, script, words", [
    ("mkfs.ext4", "echo mkfs.ext4: out of order >&2; exit 1", "making the file system: mkfs.ext4: Child process exited "
     "with code 1 (mkfs.ext4: out of order)"),
    ("mount", "echo mount: not today >&2; exit 32", "failed to mount slot rootfs.1: mount: Child process exited with code 32"),
    ("tar", 'case $1 in xf) echo "tar: x: Cannot write" >&2; exit 2;; esac; exec tar "$@"',
     "unpacking: tar: x: Cannot write (exit code 2)"),
    ("tar", 'case $1 in xf) kill -SEGV $$;; esac; exec tar "$@"', "tar: Child process killed by signal 11"),
])
def test_programs_fail(slots, archive, pack, fake, program, script, words):
    refused(slots, slots.install(pack(archive()), env=fake(program, script)), words)


@pytest.mark.parametrize("missing", ["mkfs.ext4", "tar", "gzip", "mount"])
def test_program_missing(slots, archive, pack, tmp_path, missing):
    """Known before anything is touched."""
    folder = tmp_path / "few"
    folder.mkdir()
    for name in {"mkfs.ext4", "tar", "gzip", "mount", "umount"} - {missing}:
        (folder / name).symlink_to(shutil.which(name, path=PATH))
    result = slots.install(pack(archive()), env={"PATH": str(folder)})
    refused(slots, result, f"there is no {missing} on this system", status=None)


BAD = {
    "no archive": ("echo nonsense >{0}", "not in gzip format"),
    "cut": ("tar cz -C tree . | head -c 20000 >{0}", "unexpected end of file"),
    "no member": ("tar cz -T /dev/null >{0}", "has nothing in it"),
    "above": ("tar czPf {0} --transform s,etc,../../../escaped, -C tree etc", "Member name contains '..'"),
    "too much": ("head -c 60M /dev/zero >tree/zeroes; tar czf {0} -C tree .", "the file system is full"),
}


@pytest.mark.parametrize("how", BAD)
def test_bad_archives(slots, tree, pack, tmp_path, how):
    script, words = BAD[how]
    image = tmp_path / "rootfs.tar.gz"
    subprocess.run(script.format(image), shell=True, check=True, cwd=tmp_path)
    result = slots.install(pack(image))
    refused(slots, result, words)
    assert not (tmp_path / "escaped").exists() and not (tmp_path.parent / "escaped").exists()


def test_too_large(slots, tree, pack, tmp_path):
    """A plain archive that is much larger than the slot is refused before anything is touched."""
    (tree / "large").write_bytes(bytes(80 * bundles.MIB))
    bundles.run("tar", "cf", tmp_path / "rootfs.tar", "-C", tree, ".")
    refused(slots, slots.install(pack(tmp_path / "rootfs.tar")), "is too small for image", status=None)


def test_absolute_names(slots, tree, pack, mount, tmp_path):
    """They end below the mount point."""
    bundles.run("tar", "czPf", tmp_path / "rootfs.tar.gz", "--transform", f"s,^etc,/{tmp_path}/escaped,", "-C", tree, "etc")
    slots.ok("install", pack(tmp_path / "rootfs.tar.gz"))
    assert not (tmp_path / "escaped").exists()
    inside = mount(slots.path("rootfs.1"), "look", "-o", "ro")
    assert (inside / str(tmp_path)[1:] / "escaped" / "hard").exists()


def test_killed_meanwhile(slots, archive, pack, fake, tmp_path):
    """Killed while tar runs: the target is bad and pending, and mounted; the next installation repairs all of it."""
    bundle = pack(archive())
    begun = tmp_path / "begun"
    env = {**slots.env, **fake("tar", f'[ "$1" = xf ] || exec tar "$@"; echo >{begun}; exec sleep 60')}
    process = subprocess.Popen([slots.rauc, "--conf", slots.conf, "install", bundle], env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        if begun.exists():
            break
        time.sleep(0.05)
    assert begun.exists()
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True).stdout.split()
    process.kill()
    process.wait()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    assert slots.status("rootfs.1")["status"] == "pending" and "sha256" not in slots.status("rootfs.1")
    assert slots.boot["B_OK"] == "0" and slots.chosen() == "A"
    slots.ok("install", bundle)
    assert slots.chosen() == "B"
    bundles.run("e2fsck", "-fn", slots.path("rootfs.1"))


def own_status(path):
    """What slot.raucs in a slot says, as debugfs reads it."""
    text = bundles.run("debugfs", "-R", "cat /slot.raucs", path)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


@pytest.mark.parametrize("kind", ["tar.gz", "ext4"])
def test_status_in_the_slot(slots, archive, pack, tree, tmp_path, kind):
    """Without a central file: written after the installation, read at the next, shown, and kept by both."""
    slots.change("system", data_directory=None)
    slots.change("slot.rootfs.1", install_same="false")
    if kind == "ext4":
        image = tmp_path / "rootfs.ext4"
        bundles.run("mke2fs", "-q", "-t", "ext4", "-d", tree, image, "12M")
    else:
        image = archive()
    digest = bundles.sha256(image.read_bytes())
    bundle = pack(image)
    slots.ok("install", bundle)
    bundles.run("e2fsck", "-fn", slots.path("rootfs.1"))
    said = own_status(slots.path("rootfs.1"))
    assert (said["status"], said["sha256"], said["installed.count"]) == ("ok", digest, "1")
    assert said["activated.count"] == "1"

    before = slots.content("rootfs.1")
    shown = slots.ok("status", "--detailed", "--output-format=shell").out
    assert digest in shown and slots.content("rootfs.1") == before, "looking changes nothing"

    again = slots.ok("install", bundle)
    assert "Skipping update for correct image" in again.err
    assert own_status(slots.path("rootfs.1"))["installed.count"] == "2"
    assert not own_status(slots.path("rootfs.0")) and not slots.data.exists()


def test_failure_without_central_status(slots, archive, pack, fake):
    """Said in the slot, if there is a file system to say it in."""
    slots.change("system", data_directory=None)
    result = slots.install(pack(archive()), env=fake("tar", EMPTIED))
    assert result.code == 1 and own_status(slots.path("rootfs.1"))["status"] == "failed"
    assert slots.boot["B_OK"] == "0" and slots.chosen() == "A"
    result = slots.install(pack(archive()), env=fake("mkfs.ext4", "dd if=/dev/zero of=$5 bs=1M count=32 2>/dev/null; exit 1"))
    assert result.code == 1 and "making the file system: mkfs.ext4" in result.out, result.text
    assert slots.boot["B_OK"] == "0" and slots.chosen() == "A"
