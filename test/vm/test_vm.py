# SPDX-License-Identifier: MIT
"""The guest itself: what tests that need another kernel may count on."""

import hashlib
import os

import vm


def succeeds(guest, script, **kwargs):
    done = guest("set -e\n" + script, **kwargs)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_status_and_streams(guest):
    done = guest("echo out; echo err >&2; id -u; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n0\n", "err\n")


def test_environment_and_folder(guest, tmp_path):
    assert succeeds(guest, 'echo "$WORD"; pwd', env={"WORD": "a 'b' $c"}, cwd=tmp_path) == f"a 'b' $c\n{tmp_path}\n"


def test_long_binary_output(guest):
    said = succeeds(guest, "seq 100000")
    assert said == "".join(f"{n}\n" for n in range(1, 100001))


def test_time_limit(guest):
    done = guest("sleep 100", seconds=8)
    assert done.returncode == vm.TIME_UP and "not done after 8 s" in done.stderr


def test_changes_are_forgotten(guest, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "old").write_text("old")
    succeeds(guest, f"echo new >{tmp_path}/old; echo there >{tmp_path}/kept/file", writable=[tmp_path / "kept"])
    assert (tmp_path / "old").read_text() == "old"
    assert (tmp_path / "kept" / "file").read_text() == "there\n"


def test_disks(guest, tmp_path):
    disks = [tmp_path / "a", tmp_path / "b"]
    for disk in disks:
        disk.write_bytes(b"\0" * (1 << 20))
    succeeds(guest, "printf first >/dev/ubda; dd if=/dev/ubda of=/dev/ubdb bs=4k conv=fsync", disks=disks)
    assert [d.read_bytes()[:6] for d in disks] == [b"first\0"] * 2


def test_verity(guest, tmp_path):
    (tmp_path / "data").write_bytes(os.urandom(1 << 20))
    script = f"""cd {tmp_path}
        root=$(veritysetup format data tree | sed -n 's/^Root hash:[[:space:]]*//p')
        veritysetup open data v tree "$root"
        sha256sum </dev/mapper/v
        veritysetup close v
        printf x | dd of=data bs=1 seek=5000 conv=notrunc 2>/dev/null
        veritysetup open data v tree "$root"
        ! dd if=/dev/mapper/v of=/dev/null bs=4k skip=1 count=1 2>/dev/null"""
    assert succeeds(guest, script).split()[0] == hashlib.sha256((tmp_path / "data").read_bytes()).hexdigest()


def test_file_systems(guest):
    """Made, mounted, written and read: vfat and ext4 through a loop device, squashfs."""
    script = """mkdir -p /t/in /t/m; cd /t; echo content >in/file; mksquashfs in squashfs -quiet -no-progress >&2
        truncate -s 64M vfat ext4; mkfs.vfat vfat >&2; mkfs.ext4 -q ext4
        for fs in vfat ext4 squashfs; do
            mount -o loop $fs m; [ $fs = squashfs ] || cp in/file m/; cmp in/file m/file; umount m; echo $fs
        done"""
    assert succeeds(guest, script).split() == ["vfat", "ext4", "squashfs"]
