# SPDX-License-Identifier: MIT

"""boot/table.toml, read and judged: the truth table that every boot loader has to pass.

A boot loader, real or modelled, is brought in as a Loader; run_row() plays a row
on it and says what is wrong, or nothing. What a running system does (marks,
installations) is the Loader's to do, with the real backend wherever it can be.
"""

import random
import tomllib
from pathlib import Path

ROWS = tomllib.loads((Path(__file__).resolve().parent / "table.toml").read_text())["row"]
BEFORE = ("no kernel", "bad kernel", "no partition")  # a slot that does not even load
MARKS = ("good", "trial", "last", "used", "bad", "rauc")


class Loader:
    """What a row needs of a boot loader. One object a row: it owns the medium."""

    name = ""
    attempts = 3  # of a trial
    uncommitted = 3  # of a slot that is neither committed nor on trial
    slots = ("A", "B")
    words = {}  # words of a row that come down to another one here: {"used": "bad"}

    def prepare(self, row):
        """Make the medium of this row: slots as `runs` has them, boot state, then its damage."""
        raise NotImplementedError

    def power_on(self, told):
        """One power cycle; the boot name of the slot whose kernel ran, or None: nothing did. `told`: an earlier
        kernel crashed, and the platform says so to the loader."""
        raise NotImplementedError

    def mark(self, slot, what):
        """The running system, booted from `slot`: what is "good", "bad X", or "install X" (marked bad, written,
        activated) or "install X, cut" (marked bad, power lost)."""
        raise NotImplementedError

    def states(self):
        """{slot: one of MARKS} as the medium has them now."""
        raise NotImplementedError

    def fingerprint(self):
        """Changes whenever a bit of the boot state on the medium does; None: cannot be had."""
        return None


def damaged(how, good, size=None):
    """The bytes a damage leaves of a boot state; None: it is missing. readonly leaves them alone."""
    size = len(good) if size is None else size
    return {
        "missing": None,
        "empty": b"",
        "zeros": bytes(size),
        "ones": b"\xff" * size,
        "random": random.Random(7).randbytes(size),
        "cut": good[: len(good) // 2],
        "foreign": b"\x7fELF another product's file\n".ljust(size, b"\x20"),
        "readonly": good,
    }[how]


def expected(row, loader):
    """The slots that boot, one after another."""
    text = row["oneshot"] if loader.attempts == 1 and "oneshot" in row else row["boots"]
    boots = []
    for word in text.split():
        times = {"*": loader.attempts, "^": loader.uncommitted}.get(word[-1], 1)
        boots += [word.rstrip("*^")] * times
    return boots


def fate(row, slot, nth):
    """What becomes of the nth boot (from 0) of a slot."""
    story = row.get("runs", {}).get(slot, "healthy")
    steps = [step.strip() for step in story.split(",")]
    return steps[min(nth, len(steps) - 1)]


def loads(row, slot):
    return fate(row, slot, 0) not in BEFORE


def is_worse(row, slot, states):
    """A bad slot ran although one that is not bad would have loaded."""
    return states.get(slot) == "bad" and any(loads(row, other) and states.get(other, "bad") != "bad" for other in states)


class _Story:
    """One row being played."""

    def __init__(self, row, loader):
        self.row, self.loader = row, loader
        self.booted, self.counts = [], {}
        self.nothing = self.writes = 0
        self.crashed = False
        self.acted = "act" not in row
        self.wrong = None

    def boot(self):
        """One power-on; the slot, or None."""
        row, loader = self.row, self.loader
        before, states = loader.fingerprint(), loader.states() if "damage" not in row else {}
        slot = loader.power_on(bool(row.get("told")) and self.crashed)
        if slot is None:
            self.nothing += 1
            if self.nothing > loader.attempts * len(loader.slots) and any(loads(row, s) for s in loader.slots):
                self.wrong = f"stuck: {self.nothing} power-ons, and nothing boots"
        else:
            self.nothing = 0
            if is_worse(row, slot, states):
                self.wrong = f"bad slot {slot} boots, though there is a better one: {states}"
            self.live(slot)
        self.writes += loader.fingerprint() != before
        return slot

    def live(self, slot):
        """What the system that runs now does."""
        nth = self.counts.get(slot, 0)
        self.counts[slot] = nth + 1
        self.booted.append(slot)
        what = fate(self.row, slot, nth)
        self.crashed = what in ("panics", "hangs")
        if not self.acted:
            self.acted = True
            self.loader.mark(slot, self.row["act"])
        elif what == "healthy":
            self.loader.mark(slot, "good")


def judge_end(row, loader):
    wanted = row.get("end")
    if not wanted:
        return None
    states = loader.states()
    wrong = {s: (states.get(s), word) for s, word in wanted.items() if states.get(s) != loader.words.get(word, word)}
    return "; ".join(f"slot {s} ends as {is_now}, not {word}" for s, (is_now, word) in wrong.items()) or None


def run_row(row, loader):
    """What is wrong, in a line, or None."""
    loader.prepare(row)
    wanted = expected(row, loader)
    story = _Story(row, loader)
    limit = (len(wanted) + 1) * (loader.attempts * len(loader.slots) + 1)
    while len(story.booted) < len(wanted) and not story.wrong and limit:
        story.boot()
        limit -= 1
    if not wanted:
        slot = story.boot()
        if slot is not None:
            return f"booted {slot}, though nothing loads"
    if story.wrong or story.booted != wanted:
        return f"booted {' '.join(story.booted) or '-'}, wanted {' '.join(wanted)}" + (f" ({story.wrong})" if story.wrong else "")
    if "writes" in row and loader.fingerprint() is not None and story.writes > row["writes"]:
        return f"the boot state changed at {story.writes} power-ons, wanted {row['writes']}"
    return judge_end(row, loader)


def rows_for(name):
    """(rows that are run for this loader, {name of a row: why it cannot be had there})."""
    left = {row["name"]: row["except"][name] for row in ROWS if name in row.get("except", {})}
    return [row for row in ROWS if row["name"] not in left], left


def tell(name, play, words, more=lambda: ""):
    """Plays the rows whose names have all of these words, a line each, and says what cannot be had; an exit status.
    `more()` goes behind the sum."""
    rows, left = rows_for(name)
    rows = [row for row in rows if all(word in row["name"] for word in words)]
    failed = 0
    for row in rows:
        try:
            wrong = play(row)
        except RuntimeError as error:
            wrong = str(error)
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok  '} {row['name']}: {wrong or row['boots']}", flush=True)
    print(f"{len(rows) - failed} rows passed, {failed} failed, {len(left)} cannot be had{more()}")
    for row, why in left.items():
        print(f"  {row}: {why}")
    return 1 if failed else 0
