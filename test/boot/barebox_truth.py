# SPDX-License-Identifier: MIT

"""boot/table.toml in the model of barebox's bootchooser (boot/barebox/bootchooser.py), with the real backend.

    python3 -m pytest test/boot/barebox_truth.py
    python3 test/boot/barebox_truth.py [WORDS OF A ROW'S NAME]

The state is kept by a stand-in for barebox-state (see test/boot/barebox.c). That bootchooser counts every boot is its
nature, so "nothing is written" is not judged here.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "boot"), str(ROOT / "boot" / "barebox")]

import bootchooser  # noqa: E402
import truth  # noqa: E402

NAME = "barebox"
BACKEND = ROOT / "build" / "dev" / "test" / "boot" / "backend"
CONF = """[system]
compatible=x
bootloader=barebox
[slot.rootfs.0]
device=/dev/null
bootname=A
[slot.rootfs.1]
device=/dev/null
bootname=B
"""
STANDIN = """#!/bin/sh
state=${0%/*}/vars
while [ $# -gt 0 ]; do
	grep -q "^${2%%=*}=" "$state" || exit 1
	case $1 in
	-g) sed -n "s/^$2=//p" "$state";;
	-s) sed -i "s/^${2%%=*}=.*/$2/" "$state";;
	*) exit 1;;
	esac
	shift 2
done
"""
ATTEMPTS = {"good": 3, "rauc": 3, "trial": 3, "last": 1, "used": 0, "bad": 0}


class Barebox(truth.Loader):
    name = NAME
    words = {"trial": "good", "rauc": "good"}  # attempts are all that is known of a slot

    def __init__(self, folder):
        self.folder = Path(folder)
        (self.folder / "system.conf").write_text(CONF)
        tool = self.folder / "barebox-state"
        tool.write_text(STANDIN)
        tool.chmod(0o755)

    def prepare(self, row):
        order = list(dict.fromkeys([s for s in row["order"].split() if s in "AB"] + ["A", "B"]))
        damage = row.get("damage")
        self.is_readonly = damage == "readonly"
        targets = {slot: bootchooser.Target(0, 0, default) for slot, default in zip("AB", (20, 10))}
        for slot, target in targets.items():
            if damage and not self.is_readonly:  # no bucket is valid: the defaults of the device tree
                target.priority, target.attempts = target.default_priority, target.default_attempts
            elif row[slot] != "bad":
                target.priority, target.attempts = (20, 10)[order.index(slot)], ATTEMPTS[row[slot]]
        self.chooser = bootchooser.Bootchooser(targets, not self.is_readonly)
        self.row = row

    def power_on(self, told):
        return self.chooser.power_on(lambda slot: truth.loads(self.row, slot))

    def _backend(self, *words):
        targets = self.chooser.targets
        path = self.folder / "vars"
        names = {"priority": "priority", "remaining_attempts": "attempts"}
        path.write_text("".join(f"bootstate.{s}.{n}={getattr(t, a)}\n" for s, t in targets.items() for n, a in names.items()))
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "PATH": f"{self.folder}:{os.environ['PATH']}"}
        done = subprocess.run([BACKEND, self.folder / "system.conf", *words], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        for line in path.read_text().splitlines():
            name, _, value = line.partition("=")
            _, slot, variable = name.split(".")
            setattr(targets[slot], names[variable], int(value))

    def mark(self, slot, what):
        if self.is_readonly:  # whatever would be written is refused
            return
        if what == "good":
            self._backend(f"good={slot}")
        elif what.startswith("mark bad "):
            self._backend(f"bad={what[-1]}")
        else:
            target = what.split()[1].rstrip(",")
            self._backend(f"bad={target}", *([] if what.endswith(", cut") else [f"active={target}"]))

    def states(self):
        def word(target):
            if not target.priority:
                return "bad"
            return {0: "used", 1: "last"}.get(target.attempts, "good")

        return {slot: word(target) for slot, target in self.chooser.targets.items()}


ROWS, LEFT = truth.rows_for(NAME)


@pytest.fixture(scope="module", autouse=True)
def report():
    if not BACKEND.exists():
        pytest.skip(f"not there: {BACKEND}")
    yield
    print(f"\n{NAME}: {len(ROWS)} rows of {len(truth.ROWS)}; cannot be had: {LEFT or 'none'}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_row(row, tmp_path):
    assert truth.run_row(row, Barebox(tmp_path)) is None


def main():
    def play(row):
        with tempfile.TemporaryDirectory(prefix="barebox-") as folder:
            return truth.run_row(row, Barebox(folder))

    return truth.tell(NAME, play, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
