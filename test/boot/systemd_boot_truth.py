# SPDX-License-Identifier: MIT

"""boot/table.toml in the real systemd-boot (OVMF, QEMU without KVM), behind boot/systemd-boot/guard.c.

    python3 -m pytest test/boot/systemd_boot_truth.py
    python3 test/boot/systemd_boot_truth.py [WORDS OF A ROW'S NAME]

Marks and activations are the real backend's, on the files of the EFI system partition. A power-on is
remembered by these files: the same in, the same slot and the same files out.
"""

import shutil
import sys
import tempfile
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "boot"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import efi_machine as machine  # noqa: E402
import truth  # noqa: E402

SYSTEMD_BOOT = Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
TOOLS = "qemu-system-x86_64 mkfs.vfat mmd mcopy mdir gcc ld objcopy"
FILES = [machine.CODE, machine.VARS, SYSTEMD_BOOT, machine.BACKEND, "/usr/lib/crt0-efi-x86_64.o"]
NAME = "systemd-boot"
SUFFIX = {"good": "", "rauc": "", "trial": "+3", "last": "+1-2", "used": "+0-3", "bad": "+0"}
CONF = """[system]
compatible=x
bootloader=systemd-boot
efi-path={esp}
[slot.rootfs.0]
device=/dev/null
bootname=A
[slot.rootfs.1]
device=/dev/null
bootname=B
"""


def entry(slot, version):
    return f"title {slot}\nsort-key rauc\nefi /EFI/rauc/{slot}.efi\noptions rauc.slot={slot}\nversion {version}\n".encode()


class Bench:
    """What all rows share: the programs, and the power-ons that were seen already."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.kernels = machine.payloads(self.folder)
        guard = self.folder / "guard.efi"
        machine.run(machine.MKEFI, machine.ROOT / "boot" / "systemd-boot" / "guard.c", guard)
        self.fixed = {
            "EFI/BOOT/BOOTX64.EFI": guard.read_bytes(),
            "EFI/systemd/systemd-bootx64.efi": SYSTEMD_BOOT.read_bytes(),
            "loader/loader.conf": (machine.ROOT / "boot" / "systemd-boot" / "loader.conf").read_bytes(),
        }
        self.known, self.lock, self.n_booted = {}, threading.Lock(), 0

    def power_on(self, state, readonly):
        """(slot, or None; the state after). A state is {path: bytes} of what is not fixed."""
        key = (tuple(sorted(state.items())), readonly)
        with self.lock:
            if key in self.known:
                return self.known[key]
            self.n_booted += 1
            number = self.n_booted
        folder = self.folder / str(number)
        folder.mkdir()
        self.known[key] = self._boot(folder, state, readonly)
        shutil.rmtree(folder)
        return self.known[key]

    def _boot(self, folder, state, readonly):
        disk, flash, tree = folder / "esp", folder / "vars", folder / "tree"
        files = {**self.fixed, **state}
        for path, content in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
        machine.run("mkfs.vfat", "-C", disk, 8192)
        machine.run("mcopy", "-s", "-i", disk, *sorted(tree.iterdir()), "::")
        shutil.copy(machine.VARS, flash)
        spoke, _ = machine.power_on(disk, flash, readonly)
        after = folder / "after"
        after.mkdir()
        machine.run("mcopy", "-s", "-n", "-i", disk, "::EFI", "::loader", after)
        found = {str(p.relative_to(after)): p.read_bytes() for p in after.rglob("*") if p.is_file()}
        wrong = [path for path, content in self.fixed.items() if found.pop(path, None) != content]
        if wrong or (spoke and spoke[1] != f"rauc.slot={spoke[0]}"):
            raise RuntimeError(f"{wrong} changed, or options {spoke}")
        return (spoke[0] if spoke else None), found


class SystemdBoot(machine.Loader):
    name = NAME
    words = {"rauc": "good"}

    def __init__(self, bench):
        self.bench, self.state, self.row = bench, {}, {}

    def _kernel(self, slot):
        return {"no kernel": None, "no partition": None, "bad kernel": bytes(4096)}.get(
            truth.fate(self.row, slot, 0), self.bench.kernels[slot])

    def _entries(self, row):
        """The names of an order that no slot has are entries without a kernel; FAT knows no "b" beside "B"."""
        order = [name for name in row["order"].split() if name not in ("b",)]
        versions = {name: len(order) + 1 - i for i, name in enumerate(order)} if order else {"A": 2, "B": 1}
        for slot in set(versions) | {"A", "B"}:
            suffix = SUFFIX[row[slot]] if slot in row else ""
            yield f"loader/entries/{slot}{suffix}.conf", entry(slot, versions.get(slot, 1))

    def prepare(self, row):
        self.row = row
        self.state = {f"loader/slots/{slot}.conf": entry(slot, version) for slot, version in (("A", 2), ("B", 1))}
        entries = dict(self._entries(row))
        for group, how in ((entries, row.get("damage")), (self.state, row.get("second"))):
            for path in list(group):
                content = truth.damaged(how, group[path]) if how else group[path]
                group.update({path: content}) if content is not None else group.pop(path)
        self.state.update(entries)
        self.state.update({f"EFI/rauc/{s}.efi": self._kernel(s) for s in "AB" if self._kernel(s) is not None})

    def power_on(self, told):
        slot, self.state = self.bench.power_on(self.state, self.row.get("damage") == "readonly")
        self.state = dict(self.state)
        return slot

    def _backend(self, *words):
        with tempfile.TemporaryDirectory(dir=self.bench.folder) as folder:
            esp = Path(folder) / "esp"
            (esp / "loader" / "entries").mkdir(parents=True)
            for path, content in self.state.items():
                (esp / path).parent.mkdir(parents=True, exist_ok=True)
                (esp / path).write_bytes(content)
            (Path(folder) / "system.conf").write_text(CONF.format(esp=esp))
            machine.backend(Path(folder) / "system.conf", *words)
            self.state = {str(p.relative_to(esp)): p.read_bytes() for p in esp.rglob("*") if p.is_file()}

    def _holder(self, slot):
        return self.state, f"EFI/rauc/{slot}.efi"

    def states(self):
        found = {}
        for slot in "AB":
            names = [Path(p).stem for p in self.state if p.startswith(f"loader/entries/{slot}") and p.endswith(".conf")]
            counters = [name[1:] for name in names if name[1:2] in ("", "+")]
            if counters:
                found[slot] = self._word(max(counters, key=lambda c: (not c, c)))
        return found

    @staticmethod
    def _word(counter):
        if not counter:
            return "good"
        left = int(counter[1:].split("-")[0])
        return "trial" if left > 1 else "last" if left else "used" if "-" in counter else "bad"

    def fingerprint(self):
        return tuple(sorted((p, c) for p, c in self.state.items() if p.startswith("loader/")))


ROWS, LEFT = truth.rows_for(NAME)


def play(bench, row):
    return truth.run_row(row, SystemdBoot(bench))


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    gone = machine.missing(TOOLS, FILES)
    if gone:
        pytest.skip(f"not there: {' '.join(gone)}")
    shared = Bench(tmp_path_factory.mktemp("systemd-boot"))
    yield shared
    print(f"\nsystemd-boot: {len(ROWS)} rows of {len(truth.ROWS)}, {shared.n_booted} different power-ons; cannot be had: {LEFT or 'none'}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_row(row, bench):
    assert play(bench, row) is None


def main():
    gone = machine.missing(TOOLS, FILES)
    if gone:
        sys.exit(f"not there: {' '.join(gone)}")
    with tempfile.TemporaryDirectory(prefix="systemd-boot-") as folder:
        bench = Bench(folder)
        return truth.tell(NAME, lambda row: play(bench, row), sys.argv[1:], lambda: f"; {bench.n_booted} power-ons")


if __name__ == "__main__":
    sys.exit(main())
