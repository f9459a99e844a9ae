# SPDX-License-Identifier: MIT

"""boot/table.toml, the truth table of all boot loaders, in the real GRUB and in its model.

    python3 -m pytest test/boot/grub_truth.py [-k model]
    python3 test/boot/grub_truth.py          the same without pytest, a line a row

grub.cfg decides by what is on the disk and by nothing else, so a power-on that
was seen once, from the same bytes, is not booted again. Marks are made by the
real rauc on the grubenv taken out of the ESP.
"""

import pathlib
import sys
import tempfile
import threading

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "boot"), str(HERE.parents[1] / "boot" / "grub")]

import backend  # noqa: E402
import grub_table  # noqa: E402
import model  # noqa: E402
import truth  # noqa: E402

WORDS = {"good": "OK=1 TRY=0 LEFT=0 COMMIT=1", "trial": "OK=1 TRY=0 LEFT=3 COMMIT=0", "last": "OK=1 TRY=0 LEFT=1 COMMIT=0",
         "used": "OK=1 TRY=1 LEFT=0 COMMIT=0", "bad": "OK=0 TRY=0 LEFT=0 COMMIT=0", "rauc": "OK=1 TRY=0"}
TOLD = "function reset_was_crash { test -f $here/crashed; }\n"
ROWS, LEFT_OUT = truth.rows_for("grub")


def first_of(found):
    return next((name for name in found.get("ORDER", "").split() if name in Modelled.slots), Modelled.slots[0])


def word_of(found, slot):
    """What the variables of a slot say, in the table's words."""
    ok, tried, left, commit = (found.get(f"{slot}_{v}", "0") for v in ("OK", "TRY", "LEFT", "COMMIT"))
    if ok != "1":
        return "bad"
    if tried != "0":
        return "used"
    if commit == "1" or (commit == "2" and slot != first_of(found)):
        return "good"
    return {"0": "rauc", "1": "last"}.get(left, "trial")


class Modelled(truth.Loader):
    """GRUB as model.py has it."""

    name = "grub"
    uncommitted = 1

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.path = self.folder / "grubenv"

    def prepare(self, row):
        self.row = row
        variables = {"ORDER": row["order"]}
        for slot in self.slots:
            variables |= {f"{slot}_{pair.split('=')[0]}": pair.split("=")[1] for pair in WORDS[row[slot]].split()}
            if row[slot] == "good" and slot != first_of(variables):
                variables[f"{slot}_COMMIT"] = "2"  # as rauc leaves it
        self.readonly = row.get("damage") == "readonly"
        good = model.block(variables)
        self.grubenv = truth.damaged(row["damage"], good) if "damage" in row else good
        self.spare = model.block(model.spare_of(variables, self.slots))
        if "second" in row:
            self.spare = truth.damaged(row["second"], self.spare)
        self.system = backend.Backend(self.folder, {"bootloader": "grub", "grubenv": self.path})

    def power_on(self, told):
        choice = model.choose(self.grubenv, self.spare, self.slots, lambda s: truth.loads(self.row, s), not self.readonly, told)
        self.grubenv, self.spare = choice.grubenv, choice.spare
        return choice.slot

    def mark(self, slot, what):
        if self.readonly:
            return
        spare = self.path.with_name("grubenv.spare")
        for path, block in ((self.path, self.grubenv), (spare, self.spare)):
            path.unlink(missing_ok=True)
            if block is not None:
                path.write_bytes(block)
        self.system.act(slot, what)
        self.grubenv, self.spare = self.path.read_bytes(), spare.read_bytes() if spare.exists() else None

    def states(self):
        try:
            found = model.read(self.grubenv)
        except model.Refused:
            return {}
        return {slot: word_of(found, slot) for slot in self.slots}

    def fingerprint(self):
        return self.grubenv, self.spare


class Seen:
    """What all rows share: the pieces of a disk, and the power-ons that were made."""

    def __init__(self, folder):
        self.bench = grub_table.Bench(folder)
        self.folder, self.known, self.lock, self.n_boots = folder, {}, threading.Lock(), 0

    def power_on(self, shape, row, grubenv, spare):
        key = (shape, grubenv, spare)
        with self.lock:
            if key in self.known:
                return self.known[key]
            self.n_boots += 1
        with tempfile.TemporaryDirectory(prefix="truth-", dir=self.folder) as folder:
            machine = grub_table.Machine(self.bench, row, pathlib.Path(folder))
            if row.get("told"):
                slots = pathlib.Path(folder) / "slots.cfg"
                slots.write_text((grub_table.GRUB / "slots.cfg").read_text() + TOLD)
                grub_table.run("mcopy", "-o", "-i", machine.esp, slots, "::EFI/BOOT/slots.cfg")
                if row["crashed"]:
                    grub_table.run("mcopy", "-i", machine.esp, slots, "::EFI/BOOT/crashed")
            answer = machine.boot(grubenv, spare)
        with self.lock:
            self.known[key] = answer
        return answer


class Real(Modelled):
    """The real one; the model has to agree at every power-on, byte for byte."""

    def __init__(self, folder, seen):
        super().__init__(folder)
        self.seen = seen

    def power_on(self, told):
        before = self.grubenv, self.spare
        hows = {s: truth.fate(self.row, s, 0) for s in self.slots}
        row = {s: how if how in truth.BEFORE else "healthy" for s, how in hows.items()}
        row |= {"readonly": self.readonly, "told": bool(self.row.get("told")), "crashed": told}
        found = self.seen.power_on(tuple(row.items()), row, *before)
        simulated = super().power_on(told)
        if found != (simulated, self.grubenv, self.spare):
            raise RuntimeError(f"the model says {simulated} {self.grubenv} {self.spare}, GRUB did {found}")
        return found[0]


def in_model(row):
    with tempfile.TemporaryDirectory(prefix="truth-") as folder:
        return truth.run_row(row, Modelled(folder))


def in_grub(row, seen):
    with tempfile.TemporaryDirectory(prefix="row-", dir=seen.folder) as folder:
        return truth.run_row(row, Real(folder, seen))


# --- Doors --------------------------------------------------------------------


def start_rows(rows, folder):
    """The rows in the real GRUB, side by side: a future for each name, and what was seen."""
    seen = Seen(pathlib.Path(folder))
    workers = grub_table.ThreadPoolExecutor(int(grub_table.os.environ.get("RAUC_TEST_JOBS", "2")))
    return {row["name"]: workers.submit(in_grub, row, seen) for row in rows}, seen


@pytest.fixture(scope="session")
def real(request, tmp_path_factory):
    gone = grub_table.what_is_missing()
    if gone:
        pytest.skip(f"not installed: {' '.join(gone)}")
    names = {i.callspec.params["row"]["name"] for i in request.session.items if i.name.startswith("test_in_grub")}
    futures, seen = start_rows([row for row in ROWS if row["name"] in names], tmp_path_factory.mktemp("truth"))
    yield futures
    print(f"\nGRUB: {len(futures)} rows of {len(truth.ROWS)}, {seen.n_boots} different power-ons; "
          f"cannot be had: {LEFT_OUT or 'none'}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_in_model(row):
    assert in_model(row) is None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_in_grub(row, real):
    assert real[row["name"]].result() is None


def main():
    gone = grub_table.what_is_missing()
    if gone:
        sys.exit(f"not installed: {' '.join(gone)}")
    failed = 0
    with tempfile.TemporaryDirectory(prefix="grub-truth-") as folder:
        futures, seen = start_rows(ROWS, folder)
        for row in ROWS:
            wrong = in_model(row)
            wrong = f"model: {wrong}" if wrong else futures[row["name"]].result()
            failed += bool(wrong)
            print(f"{'FAIL' if wrong else 'ok  '} {row['name']}: {wrong or row['boots']}", flush=True)
        print(f"{len(ROWS)} rows, {failed} failed, {seen.n_boots} different power-ons; cannot be had: {LEFT_OUT or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
