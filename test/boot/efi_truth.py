# SPDX-License-Identifier: MIT

"""boot/table.toml in real UEFI firmware (OVMF, QEMU without KVM): BootNext, BootOrder, and boot/efi/fallback.c.

    python3 -m pytest test/boot/efi_truth.py
    python3 test/boot/efi_truth.py [WORDS OF A ROW'S NAME]

Marks and activations are the real backend's through the real efibootmgr, on the variables of the
firmware's flash. A power-on is remembered by these and by what the slots hold: the same in, the same
slot and the same variables out.
"""

import shutil
import struct
import sys
import tempfile
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "boot"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import efi_machine as machine  # noqa: E402
import efi_nvram as nvram  # noqa: E402
import truth  # noqa: E402

TOOLS = "qemu-system-x86_64 mkfs.vfat mmd mcopy sfdisk gcc ld objcopy efibootmgr"
FILES = [machine.CODE, machine.VARS, machine.BACKEND, "/usr/lib/crt0-efi-x86_64.o"]
NAME = "efi"
FALLBACK = machine.ROOT / "boot" / "efi" / "fallback.c"
SLOTS = "# name partition loader options\nA 2 \\linux.efi rauc.slot=A\nB 3 \\linux.efi rauc.slot=B\n"
MIB = 1 << 20
PART = 8 * MIB
ID = "11111111-2222-4333-8444-55555555555"
TABLE = f"label: gpt\nlabel-id: {ID}0\nfirst-lba: 2048\n" + "".join(
    f"size=8M, type=uefi, uuid={ID}{n}, name={name}\n" for n, name in enumerate(("esp", "boot_a", "boot_b"), 1))
CONF = """[system]
compatible=x
bootloader=efi
[slot.boot.0]
device=/dev/null
bootname=A
[slot.boot.1]
device=/dev/null
bootname=B
"""


def is_state(variable):
    """Is it one of those that a slot's state is made of?"""
    return variable.vendor == nvram.OURS or (variable.vendor == nvram.GLOBAL and variable.name.startswith("Boot"))


class Bench:
    """What all rows share: the programs, the flash of a device that was once switched on, and the power-ons seen already."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.kernels = machine.payloads(self.folder)
        machine.run(machine.MKEFI, FALLBACK, self.folder / "fallback.efi")
        self.known, self.lock, self.n_booted = {}, threading.Lock(), 0
        self._parts = {}
        self._settle()

    def _fat(self, files):
        """A FAT with these files; there are few different ones."""
        key = tuple(sorted(files.items()))
        if key not in self._parts:
            tree = Path(tempfile.mkdtemp(dir=self.folder))
            for path, content in files.items():
                (tree / "in" / path).parent.mkdir(parents=True, exist_ok=True)
                (tree / "in" / path).write_bytes(content)
            machine.run("mkfs.vfat", "-C", tree / "fat", PART // 1024)
            if files:
                machine.run("mcopy", "-s", "-i", tree / "fat", *sorted((tree / "in").iterdir()), "::")
            self._parts[key] = (tree / "fat").read_bytes()
            shutil.rmtree(tree)
        return self._parts[key]

    def _disk(self, path, kernels):
        """esp, boot_a, boot_b; a slot's kernel is its bytes, "" for none, or None: there is no partition."""
        esp = {"EFI/BOOT/BOOTX64.EFI": (self.folder / "fallback.efi").read_bytes(), "EFI/rauc/slots": SLOTS.encode()}
        with open(path, "wb") as disk:
            disk.truncate(2 * MIB + 3 * PART)
        machine.run("sfdisk", "-q", path, input=TABLE.encode())
        with open(path, "r+b") as disk:
            for number, files in enumerate([esp, *({} if k is None else {"linux.efi": k} if k else {} for k in kernels)]):
                disk.seek(MIB + number * PART)
                disk.write(self._fat(files))
        for number, kernel in enumerate(kernels, 2):
            if kernel is None:
                machine.run("sfdisk", "-q", "--delete", path, str(number))

    def boot(self, kernels, flash, readonly=False):
        """(slot, or None; the flash after)."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            disk, file = Path(folder) / "disk", Path(folder) / "vars"
            self._disk(disk, kernels)
            file.write_bytes(flash)
            spoke, _ = machine.power_on(disk, file, readonly)
            if spoke and spoke[1] != f"rauc.slot={spoke[0]}":
                raise RuntimeError(f"options {spoke}")
            return (spoke[0] if spoke else None), file.read_bytes()

    def _settle(self):
        """The first power-on of a device from the factory: nothing in NVRAM, and the fallback makes the entries."""
        kernels = (self.kernels["A"], self.kernels["B"])
        self.pristine = machine.VARS.read_bytes()
        slot, self.flash = self.boot(kernels, self.pristine)
        if slot != "A":
            raise RuntimeError(f"the first power-on booted {slot}")
        self.others = [v for v in nvram.load(self.flash) if not is_state(v)]
        self.factory = {v.name: v for v in nvram.load(self.flash) if is_state(v)}
        self.entries = {nvram.label(v.data): v for v in self.factory.values() if v.vendor == nvram.GLOBAL and v.name[4:8].isalnum()
                        and v.name not in ("BootOrder", "BootNext")}
        if not {"A", "B"} <= set(self.entries):
            raise RuntimeError(f"the fallback made no entries: {sorted(self.factory)}")

    def power_on(self, kernels, state, readonly, spare=None):
        """(slot, or None; the state after). A state is a tuple of Variables."""
        key = (kernels, state, readonly, spare)
        with self.lock:
            if key not in self.known:
                self.n_booted += 1
                flash = nvram.save(self.flash, [*self.others, *state])
                if spare:
                    flash = flash[:-len(spare)] + spare
                slot, after = self.boot(kernels, flash, readonly)
                self.known[key] = slot, ordered(v for v in nvram.load(after) if is_state(v))
            return self.known[key]


def ordered(variables):
    """Without what only the firmware's record keeping knows."""
    return tuple(sorted((nvram.Variable(v.name, v.vendor, v.attributes, v.data) for v in variables), key=lambda v: v.name))


class Efi(machine.Loader):
    name = NAME
    attempts = uncommitted = 1
    words = {"rauc": "good", "used": "bad", "last": "trial"}

    def __init__(self, bench):
        self.bench, self.row, self.state, self.spare, self.kernels = bench, {}, (), None, {}

    def _kernel(self, slot):
        return {"no kernel": b"", "no partition": None, "bad kernel": bytes(4096)}.get(
            truth.fate(self.row, slot, 0), self.bench.kernels[slot])

    def prepare(self, row):
        self.row = row
        self.kernels = {slot: self._kernel(slot) for slot in self.slots}
        found = {name: v for name, v in self.bench.factory.items() if name != "BootOrder"}
        numbers = {name: int(v.name[4:], 16) for name, v in self.bench.entries.items()}
        order = row["order"].split()
        for number, name in enumerate([n for n in order if n not in numbers], 0xA0):
            entry = nvram.renamed(self.bench.entries["A"].data, name)
            found[name] = nvram.Variable(f"Boot{number:04X}", nvram.GLOBAL, nvram.KEPT, entry)
            numbers[name] = number
        committed = [n for n in order if row.get(n, "good") in ("good", "rauc")]
        committed += [s for s in self.slots if s not in order and row[s] in ("good", "rauc")]
        firmware = [n for n in struct.unpack(f"<{len(self.bench.factory['BootOrder'].data) // 2}H", self.bench.factory["BootOrder"].data)
                    if n not in (numbers["A"], numbers["B"])]
        if order:
            found["BootOrder"] = self._variable("BootOrder", *(numbers[n] for n in committed), *firmware)
        for slot in self.slots:
            if row[slot] in ("trial", "last"):
                found["BootNext"] = self._variable("BootNext", numbers[slot])
        first = (order or ["A"])[0]
        before = {"A": "B", "B": "A"}.get(first, "B")
        found["RaucTurn"] = nvram.Variable("RaucTurn", nvram.OURS, nvram.KEPT, (before + "\0").encode("utf-16-le"))
        self._damage(found, row.get("damage"))
        self.spare = truth.damaged(row["second"], bytes(0x10000)) if "second" in row else None
        self.state = ordered(found.values())

    @staticmethod
    def _variable(name, *numbers):
        return nvram.Variable(name, nvram.GLOBAL, nvram.KEPT, struct.pack(f"<{len(numbers)}H", *numbers))

    def _damage(self, found, how):
        """Of the order and of the slots' entries; a variable with no content does not exist."""
        for name in ("BootOrder", self.bench.entries["A"].name, self.bench.entries["B"].name, "RaucTurn") if how else ():
            v = found.pop(name)
            data = truth.damaged(how, v.data)
            if data:
                found[name] = nvram.Variable(v.name, v.vendor, v.attributes, data)

    def power_on(self, told):
        slot, self.state = self.bench.power_on(tuple(self.kernels[s] for s in self.slots), self.state,
                                               self.row.get("damage") == "readonly", self.spare)
        self.spare = None
        return slot

    def _backend(self, *words):
        with tempfile.TemporaryDirectory(dir=self.bench.folder) as folder:
            variables = Path(folder) / "efivars"
            nvram.unfold(variables, self.state)
            (Path(folder) / "system.conf").write_text(CONF)
            machine.backend(Path(folder) / "system.conf", *words, variables=variables)
            self.state = ordered(nvram.fold(variables))

    def _holder(self, slot):
        return self.kernels, slot

    def states(self):
        names = {int(v.name[4:], 16): nvram.label(v.data) for v in self.state if len(v.name) == 8 and v.name not in ("BootNext",)
                 and v.vendor == nvram.GLOBAL and v.name.startswith("Boot")}
        found = {}
        for variable, word in (("BootOrder", "good"), ("BootNext", "trial")):
            data = next((v.data for v in self.state if v.name == variable), b"")
            for number in struct.unpack(f"<{len(data) // 2}H", data[: len(data) & ~1]):
                found[names.get(number)] = word
        return {slot: found.get(slot, "bad") for slot in self.slots}

    def fingerprint(self):
        return self.state


ROWS, LEFT = truth.rows_for(NAME)


def play(bench, row):
    return truth.run_row(row, Efi(bench))


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    gone = machine.missing(TOOLS, FILES)
    if gone:
        pytest.skip(f"not there: {' '.join(gone)}")
    shared = Bench(tmp_path_factory.mktemp("efi"))
    yield shared
    print(f"\nEFI: {len(ROWS)} rows of {len(truth.ROWS)}, {shared.n_booted} different power-ons; cannot be had: {LEFT or 'none'}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_row(row, bench):
    assert play(bench, row) is None


@pytest.mark.parametrize("how", ["zeros", "ones", "random"])
def test_store_of_variables_damaged(how, bench):
    """The flash itself, not single variables: the firmware makes a new store, the fallback new entries."""
    flash = bench.flash
    begin, end = nvram.store_of(flash)
    slot, after = bench.boot((bench.kernels["A"], bench.kernels["B"]), flash[:begin] + truth.damaged(how, flash[begin:end]) + flash[end:])
    assert slot == "A"
    labels = [nvram.label(v.data) for v in nvram.load(after) if v.name in (bench.entries["A"].name, bench.entries["B"].name)]
    assert sorted(labels) == ["A", "B"]


def test_firmware_that_goes_to_the_fallback_first(bench):
    """It keeps to BootOrder all the same, and writes nothing."""
    loader = Efi(bench)
    loader.prepare({"order": "B A", "A": "good", "B": "good"})
    order = next(v for v in loader.state if v.name == "BootOrder")
    fallback = next(v for v in bench.entries.values() if "Misc Device" in (nvram.label(v.data) or ""))
    changed = nvram.Variable(order.name, order.vendor, order.attributes, bytes.fromhex(fallback.name[4:])[::-1] + order.data)
    loader.state = ordered([v for v in loader.state if v is not order] + [changed])
    before = loader.state
    assert (loader.power_on(False), loader.state) == ("B", before)


def main():
    gone = machine.missing(TOOLS, FILES)
    if gone:
        sys.exit(f"not there: {' '.join(gone)}")
    with tempfile.TemporaryDirectory(prefix="efi-") as folder:
        bench = Bench(folder)
        return truth.tell(NAME, lambda row: play(bench, row), sys.argv[1:], lambda: f"; {bench.n_booted} power-ons")


if __name__ == "__main__":
    sys.exit(main())
