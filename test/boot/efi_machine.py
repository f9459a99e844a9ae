# SPDX-License-Identifier: MIT

"""What the tests of EFI and systemd-boot share: UEFI firmware in QEMU, payloads, the real backend."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "boot"))

import truth  # noqa: E402

CODE, VARS = Path("/usr/share/OVMF/OVMF_CODE.fd"), Path("/usr/share/OVMF/OVMF_VARS.fd")
BACKEND = ROOT / "build" / "dev" / "test" / "boot" / "backend"
MKEFI = ROOT / "boot" / "systemd-boot" / "mkefi.sh"
BOOT_SECONDS = 180
SECTOR = 512
SAID = re.compile(rb"<<kernel=(.) line=(.*?)>>", re.DOTALL)


@dataclass(frozen=True)
class Board:
    arch: str  # as mkefi.sh has it
    qemu: str
    code: Path
    vars: Path


PC = Board("x86_64", "qemu-system-x86_64 -machine q35 -cpu Nehalem -m 128", CODE, VARS)
# without the menu's zero seconds AAVMF waits five at each power-on
ARM = Board("aarch64", "qemu-system-aarch64 -machine virt -cpu cortex-a57 -m 256 -boot menu=on,splash-time=0",
            Path("/usr/share/AAVMF/AAVMF_CODE.fd"), Path("/usr/share/AAVMF/AAVMF_VARS.fd"))


class Loader(truth.Loader):
    """Slots whose kernels are bytes; marks are the real backend's."""

    def _backend(self, *words):
        raise NotImplementedError

    def _kernel(self, slot):
        """What an installation writes."""
        raise NotImplementedError

    def _holder(self, slot):
        """(dict, key) of the kernel that is there."""
        raise NotImplementedError

    def mark(self, slot, what):
        if what == "good":
            return self._backend(f"good={slot}")
        if what.startswith("mark bad "):
            return self._backend(f"bad={what[-1]}")
        target = what.split()[1].rstrip(",")
        self._backend(f"bad={target}")
        kernels, key = self._holder(target)
        if what.endswith(", cut"):
            kernels[key] = kernels[key][: len(kernels[key]) // 2]
            return None
        kernels[key] = self._kernel(target)
        return self._backend(f"active={target}")


def run(*argv, **more):
    done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=60, **more)
    if done.returncode:
        raise RuntimeError(f"{argv[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def missing(tools, files):
    gone = [tool for tool in tools.split() if not shutil.which(tool)]
    return gone + [str(file) for file in files if not Path(file).exists()]


def payloads(folder, board=PC):
    """{slot: bytes of its kernel}."""
    run(MKEFI, HERE / "efi_payload.c", folder / "payload.efi", env={**os.environ, "EFI_ARCH": board.arch})
    plain = (folder / "payload.efi").read_bytes()
    assert plain.count(b"payload=?") == 1
    return {slot: plain.replace(b"payload=?", b"payload=" + slot.encode()) for slot in "AB"}


def backend(conf, *words, variables=None):
    """`variables`: a folder that efibootmgr takes for efivarfs."""
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    if variables:
        env["EFIVARFS_PATH"] = f"{variables}/"
    return run(BACKEND, conf, *words, env=env).decode()


def power_on(disk, flash, readonly=False, board=PC):
    """(slot and options, or None; what was said on the serial line)."""
    argv = f"{board.qemu} -accel tcg -nic none -no-reboot -display none -monitor none -serial stdio".split()
    argv += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={board.code}", "-drive", f"if=pflash,format=raw,unit=1,file={flash}"]
    argv += ["-drive", f"file={disk},format=raw,if=virtio,readonly={'on' if readonly else 'off'}"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT_SECONDS)
    if done.returncode:
        raise RuntimeError(f"QEMU: {done.stderr.decode(errors='replace').strip()}")
    said = SAID.findall(done.stdout)
    if len(said) > 1 or b"Shell>" in done.stdout:
        raise RuntimeError("a prompt, or two kernels")
    return ((said[0][0].decode(), said[0][1].decode()) if said else None), done.stdout
