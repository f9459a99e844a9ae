# SPDX-License-Identifier: MIT

"""boot/table.toml in the model of the Raspberry Pi's firmware (boot/raspberrypi/firmware.py), with the real backend.

    python3 -m pytest test/boot/raspberrypi_truth.py
    python3 test/boot/raspberrypi_truth.py [WORDS OF A ROW'S NAME]

No firmware can be had for an emulator; the model reads the bytes of autoboot.txt that the backend wrote, and nothing
else. Also: each write of the backend torn at each byte, more attempts than one, and power lost before a trial began.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "boot"), str(ROOT / "boot" / "raspberrypi")]

import firmware  # noqa: E402
import truth  # noqa: E402

NAME = "raspberrypi"
BACKEND = ROOT / "build" / "dev" / "test" / "boot" / "backend"
PARTITIONS = {"A": 2, "B": 3}
WORDS = {"good": "good", "rauc": "good", "trial": "trial:1", "last": "trial:1", "used": "used", "bad": "bad"}
CONF = """[system]
compatible=x
bootloader=raspberrypi
raspberrypi-autoboot=autoboot.txt
boot-attempts-primary={attempts}
[slot.rootfs.0]
device=/dev/null
bootname=A
boot-partition=2
[slot.rootfs.1]
device=/dev/null
bootname=B
boot-partition=3
"""


def text(committed, trial, states):
    """A whole autoboot.txt."""
    words = " ".join(f"{slot}={states[slot]:8}" for slot in "AB")
    found = (
        f"[all]\ntryboot_a_b=1\nboot_partition={PARTITIONS[committed]}\n\n"
        f"[tryboot]\nboot_partition={PARTITIONS[trial]}\n\n# rauc {words}\n"
    )
    return found.encode().ljust(512, b"\n")


class Device:
    """autoboot.txt, what systemd hands to the restart, and the real backend on both."""

    def __init__(self, folder, attempts=1):
        self.folder = Path(folder)
        self.file, self.flag = self.folder / "autoboot.txt", self.folder / "reboot-param"
        (self.folder / "system.conf").write_text(CONF.format(attempts=attempts))

    def backend(self, *words):
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "RAUC_TEST_REBOOT_PARAM": str(self.flag), "RAUC_TEST_FIRMWARE": "/nowhere"}
        done = subprocess.run([BACKEND, self.folder / "system.conf", *words], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def bytes(self):
        return self.file.read_bytes() if self.file.exists() else None

    def put(self, content):
        self.file.unlink(missing_ok=True)
        if content is not None:
            self.file.write_bytes(content)

    def take_flag(self):
        """What the restart carries; it is gone then."""
        is_set = self.flag.exists() and self.flag.read_text() == "0 tryboot\n"
        self.flag.unlink(missing_ok=True)
        return is_set

    def states(self):
        words = {}
        for line in (self.bytes() or b"").decode("latin-1").splitlines():
            if line.startswith("# rauc "):
                words.update(part.rsplit("=", 1) for part in line[7:].split() if "=" in part)
        return {slot: words.get(slot, "unknown") for slot in "AB"}


class RaspberryPi(truth.Loader):
    name = NAME
    attempts = 1
    uncommitted = 1
    words = {"rauc": "good", "last": "trial"}

    def __init__(self, folder):
        self.device = Device(folder)

    def prepare(self, row):
        order = [slot for slot in row["order"].split() if slot in PARTITIONS]
        ranks = [s for s in order + ["A", "B"] if row[s] in ("good", "rauc")] or [s for s in order + ["A", "B"] if row[s] != "trial"]
        trials = [s for s in "AB" if row[s] in ("trial", "last")]
        states = {slot: WORDS[row[slot]] for slot in "AB"}
        good = text(ranks[0], (trials or ranks)[0], states)
        self.is_readonly = row.get("damage") == "readonly"
        self.device.put(truth.damaged(row["damage"], good) if "damage" in row else good)
        if trials:  # the restart into the trial was asked for
            self.device.flag.write_text("0 tryboot\n")
        self.row = row
        self.board = firmware.Board({PARTITIONS[s] for s in "AB" if truth.fate(row, s, 0) not in ("no kernel", "no partition")})

    def power_on(self, told):
        number, _ = self.board.power_on(self.device.bytes(), self.device.take_flag())
        slot = {n: s for s, n in PARTITIONS.items()}.get(number)
        return slot if slot and truth.loads(self.row, slot) else None  # a bad kernel is started, and does nothing

    def mark(self, slot, what):
        if self.is_readonly:  # whatever would be written is refused
            return
        if what == "good":
            self.device.backend(f"good={slot}")
        elif what.startswith("mark bad "):
            self.device.backend(f"bad={what[-1]}")
        else:
            target = what.split()[1].rstrip(",")
            self.device.backend(f"bad={target}", *([] if what.endswith(", cut") else [f"active={target}"]))

    def states(self):
        return {slot: word.split(":")[0] for slot, word in self.device.states().items()}

    def fingerprint(self):
        return self.device.bytes()


ROWS, LEFT = truth.rows_for(NAME)


@pytest.fixture(scope="module", autouse=True)
def report():
    if not BACKEND.exists():
        pytest.skip(f"not there: {BACKEND}")
    yield
    print(f"\n{NAME}: {len(ROWS)} rows of {len(truth.ROWS)}; cannot be had: {LEFT or 'none'}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_row(row, tmp_path):
    assert truth.run_row(row, RaspberryPi(tmp_path)) is None


# --- Torn writes ----------------------------------------------------------------

SHIPPED = (ROOT / "boot" / "raspberrypi" / "autoboot.txt").read_bytes()
GOOD = {"A": "good", "B": "good"}
# What is there, and the changes that follow it.
STORIES = {
    "update": (text("A", "A", GOOD), ["bad=B", "active=B", "good=B"]),
    "update of the other": (text("B", "B", GOOD), ["bad=A", "active=A", "good=A"]),
    "failed trial": (text("A", "B", {"A": "good", "B": "trial:2"}), ["good=A", "good=A"]),
    "trial marked bad": (text("A", "B", {"A": "good", "B": "trial:3"}), ["bad=B"]),
    "committed marked bad": (text("A", "A", GOOD), ["bad=A"]),
    "first change": (SHIPPED.ljust(512, b"\n"), ["bad=B", "active=B"]),  # a file of another form is not torn so harmlessly
}


def tears(old, new):
    """What a write of one sector that was cut can leave: the beginning is new, or the end is."""
    return {new[:at] + old[at:] for at in range(513)} | {old[:at] + new[at:] for at in range(513)}


@pytest.mark.parametrize("story", STORIES)
def test_torn(story, tmp_path):
    device, board = Device(tmp_path, attempts=3), firmware.Board({2, 3})
    old, changes = STORIES[story]
    device.put(old)
    judged = 0
    for change in changes:
        device.flag.unlink(missing_ok=True)
        before = device.states()
        device.backend(change)
        new, after = device.bytes(), device.states()
        committed = {board.power_on(content)[0] for content in (old, new)}
        for torn in tears(old, new):
            slot = {2: "A", 3: "B"}[board.power_on(torn)[0]]
            assert PARTITIONS[slot] in committed, (change, torn)
            assert before[slot] != "bad" or change == f"good={slot}", (change, torn)
            judged += 1
        old = new
        assert after == device.states()
    assert judged > 10


def test_torn_heals(tmp_path):
    """After a torn write the slot that boots marks itself good, and all is as it should be."""
    old = text("A", "B", {"A": "good", "B": "trial:3"})
    new = text("B", "B", GOOD)
    for content in sorted(tears(old, new)):
        device = Device(tmp_path, attempts=3)
        device.put(content)
        device.flag.unlink(missing_ok=True)
        slot = {2: "A", 3: "B"}[firmware.Board({2, 3}).power_on(content)[0]]
        device.backend(f"good={slot}")
        assert device.states()[slot] == "good"
        assert len(device.bytes()) == 512
        assert firmware.Board({2, 3}).power_on(device.bytes())[0] == PARTITIONS[slot]


# --- Attempts --------------------------------------------------------------------


def restart(device, board):
    return {2: "A", 3: "B"}[board.power_on(device.bytes(), device.take_flag())[0]]


def test_more_attempts(tmp_path):
    """A trial that fails comes back at the next ordinary restart of the good slot, as often as it may."""
    device, board = Device(tmp_path, attempts=3), firmware.Board({2, 3})
    device.put(text("A", "A", GOOD))
    device.backend("bad=B", "active=B")
    seen = ""
    for _ in range(9):
        slot = restart(device, board)
        seen += slot
        if slot == "A":  # B crashes
            device.backend("good=A")
    assert seen == "BABABAAAA"
    assert device.states() == {"A": "good", "B": "used"}


def test_power_lost_before_the_trial(tmp_path):
    """The flag is lost with the power; the medium still has the trial, and the next restart begins it."""
    device, board = Device(tmp_path, attempts=3), firmware.Board({2, 3})
    device.put(text("A", "A", GOOD))
    device.backend("bad=B", "active=B")
    device.flag.unlink()
    assert restart(device, board) == "A"
    device.backend("good=A")
    assert restart(device, board) == "B"
    device.backend("good=B")
    assert [restart(device, board) for _ in range(3)] == ["B"] * 3


def test_committed_restarts_write_nothing(tmp_path):
    device = Device(tmp_path)
    device.put(text("B", "B", GOOD))
    os.utime(device.file, (1000, 1000))
    for _ in range(5):
        assert restart(device, firmware.Board({2, 3})) == "B"
        device.backend("good=B")
    assert device.file.stat().st_mtime == 1000


def test_without_partition_walk(tmp_path):
    """Why the README asks for PARTITION_WALK=1."""
    assert firmware.Board({3}, walks=False).power_on(text("A", "A", GOOD)) == (None, False)
    assert firmware.Board({3}).power_on(text("A", "A", GOOD)) == (3, False)


def test_shipped_files():
    assert len(SHIPPED) <= firmware.LIMIT
    assert firmware.Board({2, 3}).power_on(SHIPPED) == (2, False)
    config = (ROOT / "boot" / "raspberrypi" / "config.txt").read_bytes()
    assert firmware.command_line(config, 1) == "cmdline.txt"
    for slot, number in PARTITIONS.items():
        line = (ROOT / "boot" / "raspberrypi" / firmware.command_line(config, number)).read_text()
        assert line.count("\n") == 1 and f"rauc.slot={slot}" in line.split()
        assert f"root=PARTUUID=6d6f6f6e-{number + 3:02}" in line.split()


def main():
    def play(row):
        with tempfile.TemporaryDirectory(prefix="raspberrypi-") as folder:
            return truth.run_row(row, RaspberryPi(folder))

    return truth.tell(NAME, play, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
