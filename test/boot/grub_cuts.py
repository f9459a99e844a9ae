# SPDX-License-Identifier: MIT

"""Power lost inside a change of GRUB's boot state: every write, cut after every sector and inside of sectors.

    python3 -m pytest test/boot/grub_cuts.py

The changes are made by the real rauc on a mounted vfat (in a guest: not every
kernel has vfat), and by GRUB's own save_env. What differs between the ESP before
and after is what the medium was told to write; nothing says in which order it
does, so every subset of these sectors is a state a power cut can leave, and so
is each with one more sector torn: new bytes, then old ones; and in the sectors of
grubenv and grubenv.spare also new bytes, then noise, to the end or up to old ones.
(Noise in a sector of the FAT or of a folder is beyond any care of ours: that is
where the boot loader itself lies.) All are judged by model.py; and of those that
look alike to GRUB (the same variables, or none), one is booted in the real GRUB;
of those with noise, which hardly look alike, every NOISY-th.
"""

import itertools
import pathlib
import random
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "boot" / "grub"), str(HERE.parents[1] / "test" / "vm")]

import backend  # noqa: E402
import grub_table  # noqa: E402
import model  # noqa: E402
import vm  # noqa: E402

SECTOR = 512
TEAR = 16  # bytes
NOISY = 200
NOISE = random.Random(11).randbytes(SECTOR)
PLACE = "::EFI/BOOT/grubenv"
EMPTY = model.block({"spare_used": "0", "A_TRY": "0", "B_TRY": "0"})
FACTORY = {"ORDER": "A B", "A_OK": "1", "A_TRY": "0", "A_LEFT": "0", "A_COMMIT": "1", "B_OK": "0", "B_TRY": "0", "B_LEFT": "0", "B_COMMIT": "0"}
OLD = {"ORDER": "A B", "A_OK": "1", "A_TRY": "0", "B_OK": "0", "B_TRY": "0"}
ONE_LEFT = FACTORY | {"ORDER": "B A", "B_OK": "1", "B_LEFT": "1"}
UPDATED = FACTORY | {"ORDER": "B A", "B_OK": "1", "B_COMMIT": "1"}

# What happens to the ESP, in order: what it is called; a grubenv put there before (bytes; None: it is taken away);
# the booted slot and the words for rauc status; which slots may boot after a cut anywhere in it.
STORY = [
    ("update: B is marked bad", model.block(UPDATED | {"ORDER": "A B"}), ("A", "mark-bad", "rootfs.1"), "A"),
    ("update: B is activated", ..., ("A", "mark-active", "rootfs.1"), "AB"),
    ("B is marked good", model.block(FACTORY | {"ORDER": "B A", "B_OK": "1", "B_LEFT": "2"}), ("B", "mark-good"), "B"),
    ("next update: A is marked bad", ..., ("B", "mark-bad", "rootfs.0"), "B"),
    ("next update: A is activated", ..., ("B", "mark-active", "rootfs.0"), "AB"),
    ("the first mark of a block that knows RAUC's variables only", model.block(OLD), ("A", "mark-good"), "A"),
    ("the same, B activated", model.block(OLD), ("A", "mark-active", "rootfs.1"), "AB"),
    ("repair: missing, until its rename", None, ("A", "mark-good"), "A"),
    ("repair: missing, its rename", ..., ("A", "mark-good"), "A"),
    ("repair: no bytes", b"", ("A", "mark-good"), "A"),
    ("repair: zeros", bytes(1024), ("A", "mark-good"), "A"),
    ("repair: noise", model.HEADER.ljust(512, b"\xa5") + bytes(512), ("A", "mark-good"), "A"),
]
STOPPED = "strace -f -o trace-{number} -e trace=rename,renameat,renameat2 -e inject=rename,renameat,renameat2:signal=KILL:when=1"
LOADER = [
    ("GRUB counts a trial", model.block(ONE_LEFT | {"B_LEFT": "3"}), "B"),
    ("GRUB counts the last attempt", model.block(ONE_LEFT), "AB"),
    ("GRUB counts a slot that RAUC's variables call good", model.block(OLD | {"B_OK": "1", "B_COMMIT": "1"}), "AB"),
    ("GRUB counts in the spare", b"", "AB"),
]


def spare_beside(grubenv):
    """The spare as it is where this grubenv is; of a damaged one, as it was before that."""
    found = variables(grubenv)
    if "A_OK" in found and "A_COMMIT" not in found:
        return EMPTY
    return model.block(model.spare_of(found if "A_OK" in found else FACTORY))


def put(esp, grubenv, place=PLACE):
    subprocess.run(["mdel", "-i", esp, place], capture_output=True, timeout=60)
    if grubenv is not None:
        grub_table.run("mcopy", "-i", esp, "-", place, input=grubenv)


def take(esp, name="grubenv"):
    """The file as mtools finds it, or None."""
    done = subprocess.run(["mcopy", "-i", esp, f"::EFI/BOOT/{name}", "-"], capture_output=True, timeout=60)
    return done.stdout if done.returncode == 0 else None


# --- Changes --------------------------------------------------------------------


def esp_of(bench, folder):
    esp = folder / "esp.img"
    esp.write_bytes(bench.esp.read_bytes())
    grub_table.run("mcopy", "-i", esp, "-", "::EFI/BOOT/grubenv.spare", input=EMPTY)
    return esp


def by_rauc(bench, folder):
    """(name, ESP before, ESP after, slots that may boot) of each change in STORY, made in a guest."""
    esp_of(bench, folder)
    system = backend.Backend(folder / "device", {"bootloader": "grub", "grubenv": folder / "mnt" / "EFI" / "BOOT" / "grubenv"})
    (folder / "mnt").mkdir()
    script = f"set -e; cd {folder}; export RAUC_TEST_RUNTIME_DIRECTORY={folder}/run DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent\n"
    # the mount itself must not be part of a change: FAT marks a mounted volume as dirty
    enter = "mount -t vfat -o loop,sync esp.img mnt"
    for number, (name, first, (booted, *words), _) in enumerate(STORY):
        if first is not ...:
            (folder / f"first-{number}").write_bytes(first or b"")
            (folder / f"spare-{number}").write_bytes(spare_beside(first))
            keep = f"cp first-{number} mnt/EFI/BOOT/grubenv" if first is not None else "rm -f mnt/EFI/BOOT/grubenv"
            script += f"{enter}; {keep}; cp spare-{number} mnt/EFI/BOOT/grubenv.spare; sync; umount mnt\n"
        # what lies on the medium before a rename is there before it for sure: a change of its own
        stop = "" if "until its rename" not in name else STOPPED.format(number=number)
        script += (f"{enter}; cp esp.img before-{number}; RAUC_TEST_CMDLINE=rauc.slot={booted} {stop} {backend.RAUC} --conf {system.conf} "
                   f"status {' '.join(words)} || test -n '{stop}'; sync; cp esp.img after-{number}; umount mnt\n")
    done = vm.run(script, writable=[folder], seconds=240)
    assert done.returncode == 0, done.stdout + done.stderr
    for number, (name, *_) in enumerate(STORY):
        assert (take(folder / f"after-{number}") is None) == ("until its rename" in name), name
    changes = [(name, (folder / f"before-{n}").read_bytes(), (folder / f"after-{n}").read_bytes(), may)
               for n, (name, _, _, may) in enumerate(STORY)]
    # a new block gets its name when it is on the medium for sure
    return [(name, flushed(before, after) if "its rename" in name and "until" not in name else before, after, may)
            for name, before, after, may in changes]


def flushed(before, after):
    state = bytearray(before)
    for at in of_a_block(before, after):
        state[at : at + SECTOR] = after[at : at + SECTOR]
    return bytes(state)


def by_grub(bench, folder):
    """The same of what GRUB writes."""
    for number, (name, first, may) in enumerate(LOADER):
        own = folder / f"grub-{number}"
        own.mkdir()
        esp = esp_of(bench, own)
        put(esp, first)
        put(esp, spare_beside(first), PLACE + ".spare")
        before = esp.read_bytes()
        slot, after = boot_real(bench, before, own)
        assert slot, name
        yield name, before, after, may


def boot_real(bench, esp, folder):
    """(slot, ESP afterwards) in the real GRUB, both slots sound."""
    machine = grub_table.Machine(bench, {}, folder)
    at = grub_table.ESP_AT * SECTOR
    with open(machine.disk, "r+b") as disk:
        disk.seek(at)
        disk.write(esp)
    slot = machine._slot_that_spoke(machine._power_on())
    with open(machine.disk, "rb") as disk:
        disk.seek(at)
        return slot, disk.read(len(esp))


# --- Cuts -------------------------------------------------------------------------


def sectors(before, after):
    return [at for at in range(0, len(before), SECTOR) if before[at : at + SECTOR] != after[at : at + SECTOR]]


def of_a_block(before, after):
    """The changed sectors that belong to grubenv or its spare."""
    begins = [at for at in range(0, len(before), SECTOR) if model.HEADER in (before[at : at + 25], after[at : at + 25])]
    return [at for at in sectors(before, after) if at in begins or at - SECTOR in begins]


def tears(was, will, is_noisy):
    """(is it noise, a sector torn on its way) in many places."""
    for cut in range(TEAR, SECTOR, TEAR):
        yield False, will[:cut] + was[cut:]
    for cut in range(0, SECTOR, 2 * TEAR) if is_noisy else ():
        yield True, will[:cut] + NOISE[cut:]
        yield True, will[:cut] + NOISE[cut : cut + TEAR] + was[cut + TEAR :]


def cuts(before, after):
    """(is there noise, a state a power cut can leave): whole sectors in any order, then one torn as well."""
    changed, blocks = sectors(before, after), of_a_block(before, after)
    seen = set()
    for number in range(len(changed) + 1):
        for arrived in itertools.combinations(changed, number):
            whole = bytearray(before)
            for at in arrived:
                whole[at : at + SECTOR] = after[at : at + SECTOR]
            for torn in [changed[0], *(at for at in changed if at not in arrived)]:
                is_now, will = bytes(whole[torn : torn + SECTOR]), after[torn : torn + SECTOR]
                ways = () if torn in arrived else tears(is_now, will, torn in blocks)
                for is_noisy, sector in [(False, is_now), *ways]:
                    state = bytearray(whole)
                    state[torn : torn + SECTOR] = sector
                    key = b"".join(state[at : at + SECTOR] for at in changed)
                    if key not in seen:
                        seen.add(key)
                        yield is_noisy, bytes(state)


def class_of(grubenv, spare):
    """What GRUB can tell apart."""
    found = []
    for block in (grubenv, spare):
        try:
            found.append(tuple(sorted(model.read(block).items())))
        except model.Refused:
            found.append(None)
    return tuple(found)


def variables(block):
    try:
        return model.read(block)
    except model.Refused:
        return {}


def is_committed(grubenv, spare, slot):
    found = variables(spare) | {f"{s}_TRY": "0" for s in "AB"} | variables(grubenv)
    first = next((name for name in found.get("ORDER", "").split() if name in "AB"), "A")
    return [found.get(f"{slot}_{v}") for v in ("OK", "TRY")] == ["1", "0"] and found.get(f"{slot}_COMMIT") in (["1"] if slot == first else ["1", "2"])


def survives(grubenv, spare, works):
    """Power-ons until the one slot that works runs; None: never. The other one crashes, or, if it is committed
    (nobody could tell its crashes from power cycles), does not load."""
    loads = [s for s in "AB" if s == works or not is_committed(grubenv, spare, s)]
    for n in range(12):
        choice = model.choose(grubenv, spare, loads=lambda slot: slot in loads)
        if choice.slot == works:
            return n
        grubenv, spare = choice.grubenv, choice.spare
    return None


def bad_slots(grubenv, spare):
    """Those that are written down as bad, be it the second time only."""
    marks = {}
    for block in (spare, grubenv):
        marks |= {s: v for s in "AB" if (v := variables(block).get(s + "_OK")) in ("0", "1")}
    return {s for s, v in marks.items() if v == "0"}


def judge(name, grubenv, spare, may):
    """Both invariants, of one state."""
    choice = model.choose(grubenv, spare)
    slot = choice.slot
    assert slot and slot in may, f"{name}: {slot} boots from {grubenv!r}"
    if not variables(grubenv) and choice.spare == spare:
        return slot  # grubenv was lost before, and noise in the spare keeps GRUB from counting there: something boots
    bad = bad_slots(grubenv, spare)
    assert slot not in bad or bad == {"A", "B"}, f"{name}: bad slot {slot} boots from {grubenv!r}"
    for works in {"A", "B"} - (bad if len(bad) == 1 else set()):
        assert survives(grubenv, spare, works) is not None, f"{name}: stuck, though {works} works, from {grubenv!r}"
    return slot


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    gone = grub_table.what_is_missing()
    if gone:
        pytest.skip(f"not installed: {' '.join(gone)}")
    return grub_table.Bench(tmp_path_factory.mktemp("cuts"))


def run_cuts(bench, folder, changes, capsys):
    n_states = n_sectors = n_changes = n_noisy = 0
    classes = {}
    image = folder / "cut.img"
    for name, before, after, may in changes:
        n_changes += 1
        n_sectors += len(sectors(before, after))
        assert len(sectors(before, after)) <= 6, f"{name} writes to {len(sectors(before, after))} sectors"
        for is_noisy, state in cuts(before, after):
            n_states += 1
            n_noisy += is_noisy
            image.write_bytes(state)
            grubenv, spare = take(image), take(image, "grubenv.spare")
            slot = judge(name, grubenv, spare, may)
            if not is_noisy or n_noisy % NOISY == 0:
                classes.setdefault(class_of(grubenv, spare), (name, state, slot))
    for number, (name, state, slot) in enumerate(classes.values()):
        own = folder / f"class-{number}"
        own.mkdir()
        booted, _ = boot_real(bench, state, own)
        (own / "disk.img").unlink()
        assert booted == slot, f"{name}: the model says {slot}, GRUB boots {booted}"
    with capsys.disabled():
        print(f"\nGRUB, cuts: {n_changes} changes write {n_sectors} sectors; {n_states} states after a cut, {n_noisy} of them with noise, "
              f"all boot; {len(classes)} that look different to GRUB were booted in it")


def test_cuts_in_what_rauc_writes(bench, tmp_path, capsys):
    why = vm.why_not()
    if why:
        pytest.skip(why)
    run_cuts(bench, tmp_path, by_rauc(bench, tmp_path), capsys)


def test_cuts_in_what_grub_writes(bench, tmp_path, capsys):
    run_cuts(bench, tmp_path, by_grub(bench, tmp_path), capsys)
