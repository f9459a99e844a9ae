# SPDX-License-Identifier: MIT
"""The emulated PC itself: what tests that need MTD, UBI or MMC may count on."""

import shutil

import qemu


def test_what_goes_in_and_comes_out(emulated, tmp_path):
    """Files, folders, programs with their libraries, environment, modules with options and of one's own."""
    (tmp_path / "folder" / "below").mkdir(parents=True)
    (tmp_path / "folder" / "below" / "file").write_text("of the host")
    (tmp_path / "folder" / "link").symlink_to("below/file")
    own = tmp_path / "own.ko"
    shutil.copy(qemu.kernel().order("mtdram")[-1], own)
    done = emulated("""cat /given /host/link; echo "$WORD"; pwd; id -u; tar --version | head -n 1; grep -c . /proc/mtd
        cat /sys/class/mtd/mtd0/size; seq 20000; echo err >&2; exit 7""",
                    files={"/given": "text\n", "/host": tmp_path / "folder"}, programs=["tar"], env={"WORD": "a 'b' $c"},
                    modules=["mtd", f"{own} total_size=2048"])
    assert (done.returncode, done.stderr) == (7, "err\n")
    head, numbers = done.stdout.split("\n2097152\n")
    given, host, *lines = head.splitlines()
    assert (given, host) == ("text", "of the hosta 'b' $c")
    assert lines[:2] == ["/tmp", "0"] and "(GNU tar)" in lines[2] and lines[3] == "2"
    assert numbers == "".join(f"{n}\n" for n in range(1, 20001))


def test_disks(emulated, tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(1 << 20))
    done = emulated("printf first | dd of=/dev/vda bs=5 conv=notrunc,fsync", disks=[disk])
    assert done.returncode == 0, done.stderr
    assert disk.read_bytes()[:6] == b"first\0"


def test_time_limit(emulated):
    done = emulated("sleep 100", seconds=15)
    assert done.returncode == qemu.TIME_UP and "not done after 15 s" in done.stderr


def test_no_guest(emulated):
    """A kernel that dies gives neither a status of the command's nor a wait for the time limit."""
    done = emulated("echo c >/proc/sysrq-trigger; sleep 100")
    assert done.returncode == qemu.NO_GUEST and "sysrq" in done.stderr
    done = emulated("true", modules=["no-such-module"])
    assert done.returncode == qemu.NO_GUEST and "has no module no_such_module" in done.stderr
    done = emulated("true", programs=["no-such-program"])
    assert done.returncode == qemu.NO_GUEST and "there is no no-such-program" in done.stderr
