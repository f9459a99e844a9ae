# SPDX-License-Identifier: MIT

"""Power lost inside a change of U-Boot's boot state: every write, cut after every sector and inside of sectors.

    python3 -m pytest test/boot/uboot_cuts.py

The changes are made by the real rauc through libubootenv and by boot.scr in the
real U-Boot, in two raw copies of the environment. What differs between the copies
before and after is what the medium was told to write; nothing says in which order
it does, so every subset of these sectors is a state a power cut can leave, and so
is each with one more sector torn. In each the environment must be the one before
or the one after; and of those that look alike to U-Boot (which copies are sound,
their flags and variables) one, and some more, are booted in the real U-Boot. Then
it is played on with one slot that works: it has to run in the end.
"""

import itertools
import os
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import backend  # noqa: E402
import uboot_truth as uboot  # noqa: E402

SECTOR = uboot.SECTOR
TEAR = 16  # bytes
MORE = 300  # besides one of each look, every n-th state is booted
MANY = 5  # sectors; where more change than this, they arrive in order, or the other way round
HEALTHY = (("A", "healthy"), ("B", "healthy"))
FACTORY = {"BOOT_ORDER": "A", "BOOT_A_LEFT": "03", "BOOT_B_LEFT": "0"}
ACTIVE = {"BOOT_ORDER": "B A", "BOOT_A_LEFT": "03", "BOOT_B_LEFT": "3"}
# so that what changes is not all in the first sector
LONG = {"BOOT_A_NOTE": "x" * 700, "BOOT_NOTE": "y" * 900}


def pair(variables, flags=(1, 0)):
    return tuple(uboot.env_block(variables, n) for n in flags)


NOISE = (b"\xa5" * uboot.ENV_SIZE, bytes(uboot.ENV_SIZE))

# What happens to the environment, in order: what it is called; the copies put there before; the booted slot and
# what the running system does; which slots may boot after a cut anywhere in it.
STORY = [
    ("update: B is marked bad", pair(FACTORY | {"BOOT_ORDER": "A B", "BOOT_B_LEFT": "03"}), "A", "mark bad B", "A"),
    ("update: B is activated", pair(FACTORY), "A", "install B", "AB"),
    ("B is marked good", pair(ACTIVE | {"BOOT_B_LEFT": "2"}), "B", "good", "B"),
    ("next update: A is marked bad", pair(ACTIVE | {"BOOT_B_LEFT": "03"}, (7, 8)), "B", "mark bad A", "B"),
    ("next update: A is activated", pair(FACTORY | {"BOOT_ORDER": "B", "BOOT_A_LEFT": "0", "BOOT_B_LEFT": "03"}, (255, 0)), "B", "install A", "AB"),
    ("the first mark of what knows RAUC's variables only", pair(FACTORY | {"BOOT_A_LEFT": "3"}, (255, 254)), "A", "good", "A"),
    ("B is activated, in an environment of several sectors", pair(FACTORY | LONG), "A", "install B", "AB"),
    ("B is marked good, in the same", pair(ACTIVE | LONG, (3, 4)), "B", "good", "B"),
    ("one copy is damaged", (NOISE[0], pair(ACTIVE)[0]), "B", "good", "B"),
    ("the other copy is damaged", (pair(ACTIVE)[0], NOISE[1]), "B", "good", "B"),
]
LOADER = [
    ("U-Boot counts a trial", pair(ACTIVE), "B"),
    ("U-Boot counts the last attempt", pair(ACTIVE | {"BOOT_B_LEFT": "1"}, (254, 255)), "AB"),
    ("U-Boot counts what RAUC's variables call good", pair(FACTORY | {"BOOT_A_LEFT": "3"}), "A"),
    ("all are used up, and the first gets its attempts again", pair({"BOOT_ORDER": "B A", "BOOT_A_LEFT": "0", "BOOT_B_LEFT": "0"}), "B"),
    ("all are bad", pair({"BOOT_ORDER": "", "BOOT_A_LEFT": "0", "BOOT_B_LEFT": "0"}), "AB"),
    ("U-Boot counts in an environment of several sectors", pair(ACTIVE | LONG), "B"),
    ("U-Boot makes a damaged environment anew", NOISE, "A"),
]


# --- Changes --------------------------------------------------------------------


def by_rauc(folder):
    """(name, copies before, copies after, slots that may boot) of each change in STORY."""
    paths = [folder / "copy-1", folder / "copy-2"]
    (folder / "fw_env.config").write_text("".join(f"{p} 0x0 {uboot.ENV_SIZE:#x}\n" for p in paths))
    system = backend.Backend(folder / "device", {"bootloader": "uboot", "fw-env-config": folder / "fw_env.config"})
    for name, before, booted, what, may in STORY:
        for path, copy in zip(paths, before):
            path.write_bytes(copy)
        words = what.split()
        if words[0] == "install":  # its first half is a change of its own
            system.run(booted, "status", "mark-active", system.name_of(words[1]))
        else:
            system.act(booted, what)
        after = tuple(path.read_bytes() for path in paths)
        for old, new in zip(before, after):
            assert old == new or not new.partition(b"\0\0")[2].strip(b"\0"), f"{name}: something lies behind the last variable"
        yield name, before, after, may


def by_uboot(bench):
    for name, before, may in LOADER:
        slot, after = bench.power_on(HEALTHY, False, False, False, before)
        assert slot and slot in may, name
        yield name, before, after, may


# --- Cuts -------------------------------------------------------------------------


def sectors(before, after):
    return [at for at in range(0, len(before), SECTOR) if before[at : at + SECTOR] != after[at : at + SECTOR]]


def cuts(before, after):
    """Every state of these bytes that a power cut can leave: whole sectors in any order, then one torn as well."""
    changed = sectors(before, after)
    seen = set()
    for number in range(len(changed) + 1):
        some = itertools.combinations(changed, number) if len(changed) <= MANY else {tuple(changed[:number]), tuple(changed[len(changed) - number :])}
        for arrived in some:
            whole = bytearray(before)
            for at in arrived:
                whole[at : at + SECTOR] = after[at : at + SECTOR]
            for torn in [None, *(at for at in changed if at not in arrived)]:
                for cut in [0] if torn is None else range(TEAR, SECTOR, TEAR):
                    state = bytearray(whole)
                    if torn is not None:
                        state[torn : torn + cut] = after[torn : torn + cut]
                    if bytes(state) not in seen:
                        seen.add(bytes(state))
                        yield bytes(state)


def split(state):
    return state[: uboot.ENV_SIZE], state[uboot.ENV_SIZE :]


def look_of(copies):
    """What U-Boot can tell apart."""
    found = [uboot.read_copy(copy) for copy in copies]
    return tuple((c[0], tuple(sorted(c[1].items()))) if c else None for c in found)


def bad_slots(variables):
    order = variables.get("BOOT_ORDER", "").split()
    return {s for s in "AB" if variables and s not in order and variables.get(f"BOOT_{s}_LEFT") == "0"}


def judge_boot(bench, name, copies, may):
    slot, _ = bench.power_on(HEALTHY, False, False, False, copies)
    bad = bad_slots(uboot.newest(copies) or {})
    assert slot and slot in may, f"{name}: {slot} boots from {look_of(copies)}"
    assert slot not in bad or bad == {"A", "B"}, f"{name}: bad slot {slot} boots from {look_of(copies)}"


def judge_survival(bench, name, copies):
    """Never stuck: with only one slot that works, it runs in the end. The other one crashes or, if it is committed
    (nobody could tell its crashes from power cycles), does not load."""
    variables = uboot.newest(copies) or {}
    bad = bad_slots(variables)
    for works in {"A", "B"} - (bad if len(bad) == 1 else set()):
        committed = {s for s in "AB" if variables.get(f"BOOT_{s}_LEFT", "3") == "03"}
        hows = tuple((s, "no kernel" if s != works and s in committed else "healthy") for s in "AB")
        now = copies
        for _ in range(12):
            slot, now = bench.power_on(hows, False, False, False, now)
            if slot == works:
                break
        assert slot == works, f"{name}: stuck, though {works} works, from {look_of(copies)}"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    gone = uboot.what_is_missing()
    if gone:
        pytest.skip(f"not installed: {' '.join(gone)}")
    return uboot.Bench(tmp_path_factory.mktemp("cuts"))


def run_cuts(bench, who, changes, capsys):
    looks, played, extra = {}, set(), []
    n_states = n_sectors = n_changes = 0
    boots = bench.n_boots
    for name, before, after, may in changes:
        n_changes += 1
        changed = sectors(b"".join(before), b"".join(after))
        n_sectors += len(changed)
        assert changed, f"{name}: nothing is written"
        assert len({at // uboot.ENV_SIZE for at in changed}) == 1, f"{name}: both copies are written at once"
        for state in map(split, cuts(b"".join(before), b"".join(after))):
            n_states += 1
            assert uboot.newest(state) in (uboot.newest(before), uboot.newest(after)), f"{name}: neither old nor new: {look_of(state)}"
            if look_of(state) not in looks:
                looks[look_of(state)] = name, state, may
            elif n_states % MORE == 0:
                extra.append((name, state, may))
    with ThreadPoolExecutor(int(os.environ.get("RAUC_TEST_JOBS", "2"))) as workers:  # what is asked for below is known then
        list(workers.map(lambda one: bench.power_on(HEALTHY, False, False, False, one[1]), [*looks.values(), *extra]))
    for name, state, may in looks.values():
        judge_boot(bench, name, state, may)
        variables = tuple(sorted((uboot.newest(state) or {}).items()))
        if variables not in played:
            played.add(variables)
            judge_survival(bench, name, state)
    for name, state, may in extra:
        judge_boot(bench, name, state, may)
    with capsys.disabled():
        print(f"\nU-Boot, cuts: {n_changes} changes by {who} write {n_sectors} sectors; {n_states} states after a cut, each the old or the new "
              f"one; {len(looks)} look different to U-Boot and were booted, and {len(extra)} more, {len(played)} played on; {bench.n_boots - boots} power-ons")


def test_cuts_in_what_rauc_writes(bench, tmp_path, capsys):
    run_cuts(bench, "rauc", by_rauc(tmp_path), capsys)


def test_cuts_in_what_uboot_writes(bench, capsys):
    run_cuts(bench, "U-Boot", by_uboot(bench), capsys)
