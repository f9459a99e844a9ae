# SPDX-License-Identifier: MIT

"""boot/grub/table.toml in the real GRUB (OVMF, QEMU without KVM) and in model.py.

    python3 -m pytest test/boot/grub_table.py [-k model]
    python3 test/boot/grub_table.py          the same without pytest, a line a row

Kernels are grub_payload.S, which says what was loaded and resets; a healthy
guest's mark-good is played here, between two power-ons. RAUC_TEST_JOBS sets how
many machines run side by side (default 2).
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
GRUB = ROOT / "boot" / "grub"
sys.path.insert(0, str(GRUB))

import model  # noqa: E402

OVMF = Path("/usr/share/ovmf/OVMF.fd")
TOOLS = "qemu-system-x86_64 grub-mkimage grub-editenv mkfs.vfat mmd mcopy mdel mke2fs sfdisk gcc ld"
BOOT_SECONDS = 180
SECTOR = 512
ESP_AT, ESP_SECTORS, SLOT_SECTORS = 2048, 8192, 2048
ROWS = tomllib.loads((GRUB / "table.toml").read_text())["row"]
SUFFIXES = ("_OK", "_TRY", "_LEFT", "_COMMIT")
SAID = re.compile(rb"<<kernel=(\S+)( initrd)? line=(.*?)>>", re.DOTALL)

# Boot name -> (kernel on its partition, label), for each slots.cfg
SLOTS = {
    "shipped": {"A": ("1", "root_a"), "B": ("2", "root_b")},
    "three.cfg": {"one": ("1", "root_a"), "B2": ("2", None), "C": ("3c", "root_c")},
}


def slots_of(row):
    return SLOTS.get(row.get("slots"), SLOTS["shipped"])


# --- Boot state ---------------------------------------------------------------


def variables(env):
    """ORDER and "OK TRY LEFT COMMIT" of each slot, as grubenv variables."""
    found = {}
    for name, value in env.items():
        if name == "ORDER":
            found["ORDER"] = value
            continue
        for suffix, part in zip(SUFFIXES, value.split()):
            if part != "-":
                found[name + suffix] = part
    return found


def damage(how):
    """The bytes of a damaged grubenv; None: there is no such file."""
    good = model.block(variables({"ORDER": "A B", "A": "1 0", "B": "1 0"}))
    full = b"ORDER=A B\nA_OK=1\nB_OK=1\n"
    noise = random.Random(7).randbytes(model.SIZE)
    if how.startswith("cut "):
        return good[: int(how[4:])]
    return {
        "missing": None,
        "empty": b"",
        "zeros": bytes(model.SIZE),
        "ones": b"\xff" * model.SIZE,
        "random": noise,
        "header": good.replace(b"# GRUB", b"# GRUV"),
        "random body": (model.HEADER + noise)[: model.SIZE],
        "full": model.HEADER + full + b"junk=".ljust(model.SIZE - len(model.HEADER + full) - 1, b"x") + b"\n",
        "hidden": (model.HEADER + full + b"B_TRY=0\njunk\nA_TRY=0\n").ljust(model.SIZE, b"#"),
        "used": model.block({"A_TRY": "1", "B_TRY": "1", "spare_used": "1"}),
        "B is bad": model.block(model.spare_of({"ORDER": "B A", "A_OK": "1", "B_OK": "0"})),
        "noise in values": model.HEADER.replace(b"\n", b"\nORDER=\xa5 \xa5\nA_OK=\xa5\nA_TRY=\xa5\nB_OK=\xa5\nB_TRY=\xa5\n").ljust(model.SIZE, b"#"),
        "clean": model.block({"spare_used": "0", "A_TRY": "0", "B_TRY": "0"}),
    }[how]


def first_state(row):
    main = damage(row["raw"]) if "raw" in row else model.block(variables(row["env"]))
    return main, damage(row.get("spare", "clean"))


def mark_good(grubenv, slot):
    """What the running system does: repair what cannot be read or is full, then say good."""
    good = {f"{slot}_OK": "1", f"{slot}_TRY": "0"}
    try:
        return model.write(grubenv, good)
    except model.Refused:
        return model.block(good)


def ending(row, grubenv, spare):
    """What is wrong with the state after the last boot, or None."""
    for key, block in (("end", grubenv), ("end_spare", spare)):
        if key not in row:
            continue
        found = model.read(block)
        for name, value in row[key].items():
            suffixes = SUFFIXES if key == "end" else ("_TRY",)
            parts = [value] if name == "ORDER" else value.split()
            names = ["ORDER"] if name == "ORDER" else [name + s for s in suffixes]
            for variable, part in zip(names, parts):
                is_now = found.get(variable, "-")
                if is_now != part:
                    return f"{key}: {variable} is {is_now}, not {part}"
    return None


def run_row(row, boot):
    """Power on as often as the row says; `boot` answers (slot, grubenv, spare). What went wrong, or None."""
    grubenv, spare = first_state(row)
    booted = []
    for _ in row["boots"].split():
        slot, grubenv, spare = boot(grubenv, spare)
        booted.append(slot or "-")
        if slot and row.get(slot, "healthy") == "healthy" and row.get("repaired", True):
            grubenv = mark_good(grubenv, slot)
    if " ".join(booted) != row["boots"]:
        return f"booted {' '.join(booted)}, not {row['boots']}"
    return ending(row, grubenv, spare)


# --- The model ----------------------------------------------------------------


def run_in_model(row):
    def boot(grubenv, spare):
        choice = model.choose(
            grubenv,
            spare,
            slots_of(row),
            lambda slot: row.get(slot, "healthy") in ("healthy", "panics"),
            not row.get("readonly"),
        )
        return choice.slot, choice.grubenv, choice.spare

    return run_row(row, boot)


# --- The real thing -----------------------------------------------------------


def run(*argv, **more):
    done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=60, **more)
    if done.returncode:
        raise RuntimeError(f"{argv[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


class Bench:
    """What all rows share: the payload, slot images, an ESP without state."""

    def __init__(self, folder):
        self.folder = folder
        run("gcc", "-m32", "-c", "-o", folder / "payload.o", HERE / "grub_payload.S")
        run("ld", "-m", "elf_i386", "-Ttext", "0", "-e", "0", "--oformat", "binary", "-o", folder / "payload", folder / "payload.o")
        self.payload = (folder / "payload").read_bytes()
        self.slot_images = {}
        for tag in ("1", "2", "3", "decoy"):
            self._make_slot(tag, None)
        for how in ("no kernel", "bad kernel"):
            self._make_slot(how, how)
        run(GRUB / "mkgrub.sh", folder / "boot")
        self.esp = folder / "esp.img"
        run("mkfs.vfat", "-C", self.esp, ESP_SECTORS * SECTOR // 1024)
        run("mmd", "-i", self.esp, "::EFI", "::EFI/BOOT")
        files = [folder / "boot" / f for f in ("BOOTX64.EFI", "grub.cfg", "slots.cfg")]
        run("mcopy", "-i", self.esp, *files, "::EFI/BOOT")

    def _kernel(self, tag):
        return (self.payload + tag.encode() + b"\0").ljust(4096, b"\0")

    def _make_slot(self, name, how):
        tree, image = self.folder / f"tree {name}", self.folder / f"slot {name}"
        (tree / "boot").mkdir(parents=True)
        if how is None:
            (tree / "boot" / "vmlinuz").write_bytes(self._kernel(name))
        if how == "bad kernel":
            (tree / "boot" / "vmlinuz").write_bytes(bytes(4096))
        if name == "3":
            (tree / "vmlinuz.c").write_bytes(self._kernel("3c"))
            (tree / "initrd.c").write_bytes(b"initrd")
        run("mke2fs", "-q", "-t", "ext2", "-d", tree, image, f"{SLOT_SECTORS // 2}k")
        self.slot_images[name] = image.read_bytes()


class Machine:
    """One row's disk, and QEMU started anew for each power-on."""

    def __init__(self, bench, row, folder):
        self.row, self.folder = row, folder
        self.slots = slots_of(row)
        self.disk = folder / "disk.img"
        self.esp = f"{self.disk}@@{ESP_AT * SECTOR}"
        images = []
        for tag, name in zip(("1", "2", "3"), self.slots):
            how = row.get(name, "healthy")
            images.append(None if how == "no partition" else bench.slot_images.get(how) or bench.slot_images[tag])
        self._make_disk(self.disk, bench.esp.read_bytes(), images)
        self.drives = [self.disk]
        if row.get("decoy"):
            self.drives.insert(0, folder / "decoy.img")
            self._make_disk(self.drives[0], bytes(SECTOR), [bench.slot_images["decoy"]] * 2)
        self._place_slots_cfg()

    @staticmethod
    def _make_disk(path, esp, images):
        script = f"label: gpt\nstart={ESP_AT},size={ESP_SECTORS},type=U,name=esp\n"
        at = ESP_AT + ESP_SECTORS
        with path.open("wb") as disk:
            disk.truncate((at + 4 * SLOT_SECTORS + 2048) * SECTOR)
            disk.seek(ESP_AT * SECTOR)
            disk.write(esp)
            for number, image in enumerate(images, 2):
                if image:
                    label = "root_" + "abc"[number - 2]
                    script += f"{number}: start={at},size={SLOT_SECTORS},type=L,name={label}\n"
                    disk.seek(at * SECTOR)
                    disk.write(image)
                at += SLOT_SECTORS
        run("sfdisk", "-q", path, input=script.encode())

    def _place_slots_cfg(self):
        which = self.row.get("slots")
        if which == "missing":
            run("mdel", "-i", self.esp, "::EFI/BOOT/slots.cfg")
        elif which:
            run("mcopy", "-o", "-i", self.esp, HERE / "grub_slots" / which, "::EFI/BOOT/slots.cfg")

    def _put(self, name, block):
        subprocess.run(["mdel", "-i", self.esp, f"::EFI/BOOT/{name}"], capture_output=True, timeout=60)
        if block is not None:
            (self.folder / name).write_bytes(block)
            run("mcopy", "-o", "-i", self.esp, self.folder / name, f"::EFI/BOOT/{name}")

    def _get(self, name, block):
        return None if block is None else run("mcopy", "-i", self.esp, f"::EFI/BOOT/{name}", "-")

    def _power_on(self):
        argv = "qemu-system-x86_64 -machine q35 -accel tcg -cpu Nehalem -m 128 -nic none -no-reboot"
        argv = [*argv.split(), "-bios", OVMF, "-display", "none", "-monitor", "none", "-serial", "stdio"]
        for drive in self.drives:
            argv += ["-drive", f"file={drive},format=raw,if=virtio,readonly={'on' if self.row.get('readonly') else 'off'}"]
        done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT_SECONDS)
        (self.folder / "serial.log").open("ab").write(done.stdout)
        if done.returncode:
            raise RuntimeError(f"QEMU: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def _slot_that_spoke(self, serial):
        said = SAID.findall(serial)
        if b"grub>" in serial or len(said) > 1:
            raise RuntimeError("a prompt, or two kernels")
        if not said:
            return None
        kernel, initrd, line = said[0][0].decode(), bool(said[0][1]), said[0][2].decode()
        words = line.split()
        slot = next(w for w in words if w.startswith("rauc.slot=")).partition("=")[2]
        tag, label = self.slots[slot]
        root = f"root=PARTLABEL={label}" if label else f"root=PARTUUID={self._part_uuid(slot)}"
        wanted = [root, f"rauc.slot={slot}", "rauc.bootscript=grub-2", "panic=5"]
        if self.row.get("slots") == "three.cfg":
            wanted += ["console=ttyS0", "quiet"] + (["rescue=1"] if slot == "C" else [])
        if kernel != tag or words[1:] != wanted or initrd != (slot == "C"):
            raise RuntimeError(f"slot {slot}: kernel {kernel}, initrd {initrd}, line {line}")
        return slot

    def _part_uuid(self, slot):
        number = list(self.slots).index(slot) + 2
        return run("sfdisk", "--part-uuid", self.disk, number).decode().strip().lower()

    def boot(self, grubenv, spare):
        self._put("grubenv", grubenv)
        self._put("grubenv.spare", spare)
        slot = self._slot_that_spoke(self._power_on())
        return slot, self._get("grubenv", grubenv), self._get("grubenv.spare", spare)


def run_in_grub(bench, row):
    with tempfile.TemporaryDirectory(prefix="grub-row-", dir=bench.folder) as folder:
        machine = Machine(bench, row, Path(folder))
        simulated = []

        def boot(grubenv, spare):
            slot, after, spare_after = machine.boot(grubenv, spare)
            choice = model.choose(
                grubenv,
                spare,
                slots_of(row),
                lambda name: row.get(name, "healthy") in ("healthy", "panics"),
                not row.get("readonly"),
            )
            if (choice.slot, choice.grubenv, choice.spare) != (slot, after, spare_after):
                simulated.append(f"the model says {choice}, GRUB did {slot} {after} {spare_after}")
            return slot, after, spare_after

        wrong = run_row(row, boot) or (simulated or [None])[0]
        if wrong and os.environ.get("RAUC_TEST_KEEP"):
            shutil.copy(machine.folder / "serial.log", os.environ["RAUC_TEST_KEEP"])
        return wrong


# --- Blocks -------------------------------------------------------------------


def damaged_blocks(seed, count):
    """Blocks with a few bytes changed, put in or taken out where the variables are."""
    chance = random.Random(seed)
    good = model.block(variables({"ORDER": "A B", "A": "1 0", "B": "1 0"}))
    for _ in range(count):
        block = bytearray(good)
        for _ in range(chance.choice([1, 1, 2, 3, 8])):
            at, byte = chance.randrange(20, 90), chance.choice(b"\n#=\\A 1x\0\xff")
            how = chance.randrange(4)
            if how == 0:
                block[at] = byte
            elif how == 1:
                block.insert(at, byte)
            elif how == 2:
                del block[at]
            else:
                block[-1] = byte
        yield bytes(block[: chance.randrange(120) if chance.random() < 0.1 else model.SIZE])


def model_says(block, change):
    """What grub-editenv would list, and the block after a change; None: refused."""
    try:
        listed = b"".join(f"{n}={v}\n".encode("latin-1") for n, v, _, _ in model.entries(block))
    except model.Refused:
        return None, block
    try:
        return listed, model.write(block, change)
    except model.Refused:
        return listed, block


@pytest.mark.skipif(not shutil.which("grub-editenv"), reason="not installed: grub-editenv")
def test_model_reads_and_writes_like_grub(tmp_path):
    path = tmp_path / "grubenv"
    for block in damaged_blocks(5, 300):
        path.write_bytes(block)
        found = subprocess.run(["grub-editenv", path, "list"], capture_output=True, timeout=60)
        subprocess.run(["grub-editenv", path, "set", "A_TRY=1"], capture_output=True, timeout=60)
        listed = found.stdout if found.returncode == 0 else None
        assert (listed, path.read_bytes()) == model_says(block, {"A_TRY": "1"}), block


# --- Doors --------------------------------------------------------------------


def what_is_missing():
    gone = [tool for tool in TOOLS.split() if not shutil.which(tool)]
    return gone + ([] if OVMF.exists() else [str(OVMF)])


def start_rows(rows, folder):
    """The rows in the real GRUB, side by side: a future for each name."""
    bench = Bench(Path(folder))
    workers = ThreadPoolExecutor(int(os.environ.get("RAUC_TEST_JOBS", "2")))
    return {row["name"]: workers.submit(run_in_grub, bench, row) for row in rows}


@pytest.fixture(scope="session")
def real_rows(request, tmp_path_factory):
    gone = what_is_missing()
    if gone:
        pytest.skip(f"not installed: {' '.join(gone)}")
    names = {item.callspec.params["row"]["name"] for item in request.session.items if item.name.startswith("test_real")}
    rows = [row for row in ROWS if row["name"] in names]
    return start_rows(rows, tmp_path_factory.mktemp("grub"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_model(row):
    assert run_in_model(row) is None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_real(row, real_rows):
    assert real_rows[row["name"]].result() is None


def main():
    gone = what_is_missing()
    if gone:
        sys.exit(f"not installed: {' '.join(gone)}")
    failed = 0
    with tempfile.TemporaryDirectory(prefix="grub-table-") as folder:
        futures = start_rows(ROWS, folder)
        for row in ROWS:
            wrong = run_in_model(row)
            wrong = f"model: {wrong}" if wrong else futures[row["name"]].result()
            failed += bool(wrong)
            print(f"{'FAIL' if wrong else 'ok  '} {row['name']}: {wrong or row['boots']}", flush=True)
    print(f"{len(ROWS)} rows, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
