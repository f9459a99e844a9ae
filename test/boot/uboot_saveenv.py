# SPDX-License-Identifier: MIT

"""The same boot.scr with the state in U-Boot's own environment (ab_env=saveenv).

One story instead of a table: the walk is the same as with a raw environment, only
where the state is kept differs. The flash in which qemu_arm64 has its environment
does not work in Debian's QEMU ("Write to buffer emulation is flawed", it says of
itself), so the environment is moved: the whole of it to sectors of the disk, by
the commands that do what saveenv and the start of U-Boot do. rauc works on the
same sectors through libubootenv.
"""

import os
import pathlib
import re
import struct
import sys
import zlib

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import backend  # noqa: E402
import uboot_truth as uboot  # noqa: E402

ENV_SIZE = 0x8000
AT, N = f"{uboot.ENV_AT[0]:x}", f"{ENV_SIZE // uboot.SECTOR:x}"
START = f"virtio dev 0; virtio read ${{loadaddr}} {AT} {N}; env import -c ${{loadaddr}} {ENV_SIZE:x}\n"
SAVEENV = f"env export -c -s {ENV_SIZE:x} ${{ramdisk_addr_r}}; virtio write ${{ramdisk_addr_r}} {AT} {N};"


class Environment:
    """A file that is put onto the disk before a boot, and taken from it afterwards."""

    def __init__(self, folder):
        self.path = folder / "environment"
        self.path.write_bytes(b"\xff" * ENV_SIZE)

    def read(self):
        """The variables, or None: not sound."""
        raw = self.path.read_bytes()
        if struct.unpack("<I", raw[:4])[0] != zlib.crc32(raw[4:]):
            return None
        return dict(e.decode("latin-1").split("=", 1) for e in raw[4:].split(b"\0\0")[0].split(b"\0"))


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    gone = uboot.what_is_missing()
    if gone:
        pytest.skip(f"not installed: {' '.join(gone)}")
    folder = tmp_path_factory.mktemp("saveenv")
    bench = uboot.Bench(folder)
    bench.slots_env = "ab_args=quiet\n"
    script = (uboot.TOP / "boot" / "uboot" / "boot.cmd").read_text()
    assert script.count("saveenv; env import") == 1
    (folder / "boot.cmd").write_text(START + script.replace("saveenv; env import", SAVEENV + " env import"))
    uboot.run("mkimage", "-A", "arm64", "-T", "script", "-C", "none", "-n", "x", "-d", folder / "boot.cmd", folder / "uboot" / "boot" / "boot.scr")
    environment = Environment(folder)
    (folder / "fw_env.config").write_text(f"{environment.path} 0x0 {ENV_SIZE:#x}\n")
    system = backend.Backend(folder / "device", {"bootloader": "uboot", "fw-env-config": folder / "fw_env.config"})

    def boot(*hows):
        disk = folder / "disk.img"
        disk.with_suffix(".fat").unlink(missing_ok=True)
        bench.make_disk(disk, tuple(zip("AB", hows or ("healthy", "healthy"))), False, False)
        with open(disk, "r+b") as file:
            file.seek(uboot.ENV_AT[0] * uboot.SECTOR)
            file.write(environment.path.read_bytes())
            file.flush()
            slot = uboot.slot_that_spoke(uboot.start(bench.uboot, disk, False))
            file.seek(uboot.ENV_AT[0] * uboot.SECTOR)
            environment.path.write_bytes(file.read(ENV_SIZE))
        return slot

    return boot, environment, system


def test_story(story):
    boot, environment, system = story
    assert boot() == "A"
    first = environment.read()
    assert first["BOOT_A_LEFT"] == "2" and "bootcmd" in first, "an empty medium: counted, with what U-Boot has built in"
    assert [n for n in first if n.startswith("ab_")] == [], "of the script nothing is saved"
    system.act("A", "good")
    committed = environment.path.read_bytes()
    assert environment.read() == first | {"BOOT_A_LEFT": "03"}
    assert boot() == "A" and environment.path.read_bytes() == committed, "a committed slot: nothing is written"
    system.act("A", "install B")
    assert environment.read()["BOOT_ORDER"] == "B A" and environment.read()["BOOT_B_LEFT"] == "3"
    assert boot("healthy", "bad kernel") == "A", "does not load: the next one in the same run"
    assert environment.read()["BOOT_B_LEFT"] == "2"
    assert [boot(), boot(), boot()] == ["B", "B", "A"]
    after = environment.read()
    assert after["BOOT_B_LEFT"] == "0" and after["BOOT_A_LEFT"] == "03"
    left_over = {n for n in after if n not in first} - {"BOOT_ORDER", "BOOT_B_LEFT", "bootargs"}
    assert not left_over, "of the script nothing is saved, however often"


def test_all_names_are_known():
    """ab_all has every name that boot.cmd uses, so that none is saved."""
    text = (uboot.TOP / "boot" / "uboot" / "boot.cmd").read_text()
    listed = set(" ".join(re.findall(r'setenv ab_all "(?:\$\{ab_all\} )?([^"$]*)"', text)).split())
    used = set(re.findall(r"\bab_[A-Za-z0-9_]+\b", re.sub("(?m)^#.*", "", text)))
    assert used - listed == {"ab_A_label", "ab_B_label"}
    assert listed <= used


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", os.path.abspath(__file__)]))
