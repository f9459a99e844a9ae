# SPDX-License-Identifier: MIT
"""Archives into vfat, which this machine's own kernel may not know: written, compared and judged in a guest."""

import os
import subprocess

FAKE = """#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
tar "$@"; code=$?
[ "$1" != xf ] || printf X | dd of="$4/EFI/kernel" bs=1 seek=5000 conv=notrunc 2>/dev/null
exit $code
"""


def test_vfat(guest, rauc, tmp_path):
    """Owners, modes and times that FAT does not have are no difference; a changed byte is."""
    tree = tmp_path / "tree"
    (tree / "EFI").mkdir(parents=True)
    (tree / "EFI" / "kernel").write_bytes(os.urandom(300000))
    (tree / "EFI" / "a name that is longer than eight.three").write_text("x\n")
    os.chmod(tree / "EFI" / "kernel", 0o600)
    for number in range(50):
        (tree / f"file{number}.txt").write_text(f"{number}\n" * number)
    subprocess.run(["tar", "czf", tmp_path / "boot.tar.gz", "--mtime=2001-02-03 04:05:07", "-C", tree, "."], check=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tar").write_text(FAKE)
    (tmp_path / "bin" / "tar").chmod(0o755)
    (tmp_path / "vfat").write_bytes(bytes(16 << 20))
    (tmp_path / "system.conf").write_text(
        f"[system]\ncompatible=Test\nbootloader=noop\nmountprefix={tmp_path}/mnt\n\n"
        f"[slot.boot.0]\ndevice={tmp_path}/vfat\ntype=vfat\n")
    done = guest(f"""cd {tmp_path}; mkdir look
        export RAUC_TEST_RUNTIME_DIRECTORY={tmp_path}/run
        {rauc} --conf system.conf write-slot boot.0 boot.tar.gz || exit 1
        fsck.vfat -n vfat >&2 || exit 2
        mount -t vfat -o ro,loop vfat look && diff -r tree look >&2 || exit 3
        umount look; mlabel -s -i vfat :: || exit 4
        grep {tmp_path}/mnt /proc/mounts && exit 5
        PATH={tmp_path}/bin:$PATH {rauc} --conf system.conf write-slot boot.0 boot.tar.gz && exit 6
        exit 0""", writable=[tmp_path])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Slot written successfully" in done.stdout and "Volume label is BOOT_0" in done.stdout
    assert "'./EFI/kernel' is not what the archive has: Contents differ (1 in all)" in done.stderr
