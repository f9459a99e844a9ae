# SPDX-License-Identifier: MIT

"""boot/table.toml, the truth table of all boot loaders, in the real U-Boot (qemu_arm64).

    python3 -m pytest test/boot/uboot_truth.py
    python3 test/boot/uboot_truth.py          the same without pytest, a line a row

The state is kept in two raw partitions, in libubootenv's form; the marks are made
by the real rauc on the bytes of these partitions. boot.scr decides by what is on
the disk and by nothing else, so a power-on that was seen once, from the same
bytes, is not booted again. U-Boot itself is Debian's; only the two seconds in which
it would wait for a key are taken out of the environment that is built into it.
"""

import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE), str(TOP / "boot")]

import backend  # noqa: E402
import truth  # noqa: E402

UBOOT = pathlib.Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
TOOLS = "qemu-system-aarch64 mkimage mkfs.vfat mmd mcopy mke2fs sfdisk aarch64-linux-gnu-gcc aarch64-linux-gnu-objcopy fw_printenv"
SECTOR, BOOT_SECONDS = 512, 180
ENV_SECTORS = 8
ENV_SIZE = ENV_SECTORS * SECTOR
BOOT_AT, BOOT_SECTORS, SLOT_SECTORS = 2048, 8192, 2048
ENV_AT = (BOOT_AT + BOOT_SECTORS, BOOT_AT + BOOT_SECTORS + 64)
SLOTS_AT = BOOT_AT + BOOT_SECTORS + 2048
SAID = re.compile(rb"<<kernel=(\S+) line=(.*?)>>", re.DOTALL)
PROMPT = b"=> "
LEFT = {"good": "03", "trial": "3", "last": "1", "used": "0", "bad": "0", "rauc": "3"}
SLOTS_ENV = "ab_env=raw\nab_args=quiet\n"
TOLD = "ab_reset_was_crash=test -e virtio 0:1 crashed\n"
ROWS, LEFT_OUT = truth.rows_for("uboot")


def run(*argv, **more):
    done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=60, **more)
    if done.returncode:
        raise RuntimeError(f"{argv[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


# --- The environment ------------------------------------------------------------


def env_block(variables, flags):
    """A copy as libubootenv has it: CRC, flags, NAME=value with a NUL each."""
    data = b"".join(f"{n}={v}".encode() + b"\0" for n, v in variables.items()).ljust(ENV_SIZE - 5, b"\0")
    return struct.pack("<IB", zlib.crc32(data), flags) + data


def read_copy(block):
    """(flags, variables), or None: not sound."""
    crc, flags = struct.unpack_from("<IB", block)
    data = block[5:]
    if zlib.crc32(data) != crc:
        return None
    text = data.split(b"\0\0")[0].strip(b"\0")
    return flags, dict(e.decode("latin-1").split("=", 1) for e in text.split(b"\0") if b"=" in e)


def newest(copies):
    """The variables that count, or None."""
    found = [c for c in map(read_copy, copies) if c]
    if not found:
        return None
    if len(found) == 2 and {found[0][0], found[1][0]} == {0, 255}:
        return min(found)[1]
    return max(found, key=lambda c: c[0])[1]


# --- The machine ------------------------------------------------------------------


class Bench:
    """What all rows share: U-Boot's script, slot images, a boot partition without state, and what was seen."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.known, self.lock, self.n_boots = {}, threading.Lock(), 0
        self.slots_env = SLOTS_ENV
        elf, image = self.folder / "payload.elf", self.folder / "payload"
        run("aarch64-linux-gnu-gcc", "-O1", "-ffreestanding", "-fno-stack-protector", "-nostdlib", "-static", "-fPIE", "-mgeneral-regs-only",
            "-mstrict-align", "-Wl,-T", HERE / "uboot_payload.ld", "-o", elf, HERE / "uboot_payload.c")
        run("aarch64-linux-gnu-objcopy", "-O", "binary", elf, image)
        self.payload = image.read_bytes()
        self.slots = {how: self._slot(how) for how in ("A", "B", "no kernel", "bad kernel")}
        run(TOP / "boot" / "uboot" / "mkuboot.sh", self.folder / "uboot")
        self.uboot = self.folder / "u-boot.bin"
        self.uboot.write_bytes(without_delay(UBOOT.read_bytes()))

    def _slot(self, how):
        tree, image = self.folder / f"tree {how}", self.folder / f"slot {how}"
        (tree / "boot").mkdir(parents=True)
        if how != "no kernel":
            kernel = bytes(4096) if how == "bad kernel" else self.payload.ljust(4096, b"\0") + how.encode() + b"\0"
            (tree / "boot" / "vmlinuz").write_bytes(kernel)
        run("mke2fs", "-q", "-t", "ext4", "-O", "^metadata_csum,^64bit", "-d", tree, image, f"{SLOT_SECTORS // 2}k")
        return image.read_bytes()

    def make_disk(self, disk, hows, told, crashed):
        fat = disk.with_suffix(".fat")
        run("mkfs.vfat", "-C", fat, BOOT_SECTORS * SECTOR // 1024)
        slots = disk.with_suffix(".env")
        slots.write_text(self.slots_env + (TOLD if told else ""))
        run("mcopy", "-i", fat, self.folder / "uboot" / "boot" / "boot.scr", "::boot.scr")
        run("mcopy", "-i", fat, slots, "::slots.env")
        if crashed:
            run("mcopy", "-i", fat, slots, "::crashed")
        script = "label: gpt\n" + f"1: start={BOOT_AT},size={BOOT_SECTORS},type=U,name=boot,attrs=LegacyBIOSBootable\n"
        script += "".join(f"{n}: start={at},size={ENV_SECTORS},type=L,name={name}\n"
                          for n, at, name in ((2, ENV_AT[0], "ubootenv"), (3, ENV_AT[1], "ubootenv2")))
        with open(disk, "wb") as file:
            file.truncate((SLOTS_AT + 2 * SLOT_SECTORS + 2048) * SECTOR)
            file.seek(BOOT_AT * SECTOR)
            file.write(fat.read_bytes())
            for number, (slot, how) in enumerate(hows):
                at = SLOTS_AT + number * SLOT_SECTORS
                if how != "no partition":
                    script += f"{4 + number}: start={at},size={SLOT_SECTORS},type=L,name=root_{slot.lower()}\n"
                    file.seek(at * SECTOR)
                    file.write(self.slots.get(how) or self.slots[slot])
        run("sfdisk", "-q", disk, input=script.encode())

    def power_on(self, hows, told, crashed, readonly, copies):
        """(slot or None, copies afterwards)."""
        key = (hows, told, crashed, readonly, copies)
        with self.lock:
            if key in self.known:
                return self.known[key]
            self.n_boots += 1
        with tempfile.TemporaryDirectory(prefix="boot-", dir=self.folder) as folder:
            disk = pathlib.Path(folder) / "disk.img"
            self.make_disk(disk, hows, told, crashed)
            with open(disk, "r+b") as file:
                for at, copy in zip(ENV_AT, copies):
                    file.seek(at * SECTOR)
                    file.write(copy)
            slot = slot_that_spoke(start(self.uboot, disk, readonly))
            with open(disk, "rb") as file:
                after = []
                for at in ENV_AT:
                    file.seek(at * SECTOR)
                    after.append(file.read(ENV_SIZE))
        with self.lock:
            self.known[key] = slot, tuple(after)
        return slot, tuple(after)


def without_delay(uboot):
    assert uboot.count(b"bootdelay=2\0") == 1
    return uboot.replace(b"bootdelay=2\0", b"bootdelay=0\0")


def start(uboot, disk, readonly):
    """What came on the serial line until the machine reset."""
    argv = ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57", "-m", "256", "-accel", "tcg", "-no-reboot", "-nic", "none",
            "-display", "none", "-monitor", "none", "-serial", "stdio", "-bios", uboot,
            "-drive", f"file={disk},format=raw,if=none,id=d,readonly={'on' if readonly else 'off'}", "-device", "virtio-blk-device,drive=d"]
    process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    timer = threading.Timer(BOOT_SECONDS, process.kill)
    timer.start()
    said = b""
    try:
        while chunk := process.stdout.read1(4096):
            said += chunk
            if said.rstrip(b" ").endswith(b"\n=>"):
                process.kill()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    if os.environ.get("RAUC_TEST_KEEP"):
        pathlib.Path(os.environ["RAUC_TEST_KEEP"]).write_bytes(said)
    return said


def slot_that_spoke(serial):
    said = SAID.findall(serial)
    if b"\n=>" in serial or len(said) > 1:
        raise RuntimeError(f"a prompt, or two kernels: ...{serial[-900:].decode(errors='replace')}")
    if not said:
        if b"no slot boots" not in serial:
            raise RuntimeError(f"neither a slot nor the end: ...{serial[-900:].decode(errors='replace')}")
        return None
    kernel, line = said[0][0].decode(), said[0][1].decode()
    slot = re.search(r"rauc\.slot=(\S+)", line)[1]
    wanted = f"root=PARTLABEL=root_{slot.lower()} rauc.slot={slot} rauc.bootscript=uboot-1 panic=5 quiet"
    if kernel != slot or line.strip() != wanted:
        raise RuntimeError(f"slot {slot}: kernel {kernel}, line {line!r}")
    return slot


class Loader(truth.Loader):
    name = "uboot"
    words = {"rauc": "trial"}

    def __init__(self, folder, bench):
        self.folder, self.bench = pathlib.Path(folder), bench
        self.paths = [self.folder / "copy-1", self.folder / "copy-2"]
        (self.folder / "fw_env.config").write_text("".join(f"{p} 0x0 {ENV_SIZE:#x}\n" for p in self.paths))
        self.system = backend.Backend(self.folder / "device", {"bootloader": "uboot", "fw-env-config": self.folder / "fw_env.config"})

    def prepare(self, row):
        self.row = row
        # a bad slot is one that the order does not name, here
        order = [w for w in row["order"].split() if row.get(w) != "bad"]
        variables = {"BOOT_ORDER": " ".join(order)} | {f"BOOT_{s}_LEFT": LEFT[row[s]] for s in self.slots}
        self.readonly = row.get("damage") == "readonly"
        copies = [env_block(variables, 1), env_block({"BOOT_ORDER": "A B"}, 0)]
        if "damage" in row and not self.readonly:
            copies = [(truth.damaged(row["damage"], c) or b"").ljust(ENV_SIZE, b"\0") for c in copies]
        if "second" in row:
            copies[1] = truth.damaged(row["second"], copies[1])
        self.copies = tuple(copies)

    def power_on(self, told):
        hows = tuple((s, h if (h := truth.fate(self.row, s, 0)) in truth.BEFORE else "healthy") for s in self.slots)
        slot, self.copies = self.bench.power_on(hows, bool(self.row.get("told")), told, self.readonly, self.copies)
        return slot

    def mark(self, slot, what):
        if self.readonly:
            return
        for path, copy in zip(self.paths, self.copies):
            path.write_bytes(copy)
        self.system.act(slot, what)
        self.copies = tuple(path.read_bytes() for path in self.paths)

    def states(self):
        found = newest(self.copies)
        if found is None:
            return {}
        order = found.get("BOOT_ORDER", "").split()
        return {s: self._word(found.get(f"BOOT_{s}_LEFT", "3"), s in order) for s in self.slots}

    @staticmethod
    def _word(left, is_named):
        number = int(left, 16) if re.fullmatch("[0-9a-f]+", left) else 0
        if number == 0:
            return "used" if is_named else "bad"
        return "good" if left.startswith("0") else {1: "last"}.get(number, "trial")

    def fingerprint(self):
        return self.copies


# --- Doors ----------------------------------------------------------------------


def what_is_missing():
    gone = [tool for tool in TOOLS.split() if not shutil.which(tool)]
    return gone + ([] if UBOOT.exists() else [str(UBOOT)])


def play(row, bench):
    with tempfile.TemporaryDirectory(prefix="row-", dir=bench.folder) as folder:
        try:
            return truth.run_row(row, Loader(folder, bench))
        except RuntimeError as trouble:
            return str(trouble)


def start_rows(rows, folder):
    bench = Bench(folder)
    workers = ThreadPoolExecutor(int(os.environ.get("RAUC_TEST_JOBS", "2")))
    return {row["name"]: workers.submit(play, row, bench) for row in rows}, bench


def main():
    gone = what_is_missing()
    if gone:
        sys.exit(f"not installed: {' '.join(gone)}")
    failed = 0
    wanted = sys.argv[1:] or [row["name"] for row in ROWS]
    with tempfile.TemporaryDirectory(prefix="uboot-truth-") as folder:
        rows = [row for row in ROWS if row["name"] in wanted]
        futures, bench = start_rows(rows, folder)
        for row in rows:
            wrong = futures[row["name"]].result()
            failed += bool(wrong)
            print(f"{'FAIL' if wrong else 'ok  '} {row['name']}: {wrong or row['boots']}", flush=True)
        print(f"{len(rows)} rows, {failed} failed, {bench.n_boots} different power-ons; cannot be had: {LEFT_OUT or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

import pytest  # noqa: E402


@pytest.fixture(scope="session")
def real(request, tmp_path_factory):
    gone = what_is_missing()
    if gone:
        pytest.skip(f"not installed: {' '.join(gone)}")
    names = {i.callspec.params["row"]["name"] for i in request.session.items if i.name.startswith("test_in_uboot")}
    futures, bench = start_rows([row for row in ROWS if row["name"] in names], tmp_path_factory.mktemp("uboot"))
    yield futures
    print(f"\nU-Boot: {len(futures)} rows of {len(truth.ROWS)}, {bench.n_boots} different power-ons; cannot be had: {LEFT_OUT or 'none'}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_in_uboot(row, real):
    assert real[row["name"]].result() is None
