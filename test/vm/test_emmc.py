# SPDX-License-Identifier: MIT
"""boot-emmc on the kernel's own /dev/mmcblk0: `rauc install` onto the eMMC of emmc/, judged by mmc-utils and by what the
partitions hold before and after its power was cut."""

import pathlib
from dataclasses import dataclass

import pytest

import bundles
import matrix
import module
import qemu
import update

SOURCE = pathlib.Path(__file__).resolve().with_name("emmc")
KIB = 1 << 10
SIZE = 128 * KIB
USER = bundles.image(1 << 20, 50)
OLD = [bundles.image(SIZE, 51), bundles.image(SIZE, 52)]
NEW = bundles.image(5 * KIB + 700, 53)
MORE = bundles.image(SIZE, 54)

# What every script begins with; the card is a module with parameters.
BEGIN = """
P=/sys/module/emmc_card/parameters B=/sys/block/mmcblk0boot
power_on() { [ "$(cat $P/power)" = 1 ] || echo 1 >$P/power; until [ -b /dev/mmcblk0boot1 ]; do sleep 0.05; done; }
power_cut() { echo 0 >$P/power; }
register() { mmc extcsd read /dev/mmcblk0 | sed -n 's/.*PARTITION_CONFIG: 0x\\(..\\).*/\\1/p'; }
sum() { sha256sum <$1 | cut -c-64; }
put() { # file, number of boot partition
    echo 0 >$B$2/force_ro && dd if=$1 of=/dev/mmcblk0boot$2 bs=64k conv=fsync 2>/dev/null && echo 1 >$B$2/force_ro
}
"""

HOOK = """#!/bin/sh
{
    echo "register: $(mmc extcsd read /dev/mmcblk0 | sed -n 's/.*PARTITION_CONFIG: 0x\\(..\\).*/\\1/p')"
    for n in 0 1; do
        echo "boot$n: $(sha256sum </dev/mmcblk0boot$n | cut -c-64)"
        echo "force_ro$n: $(cat /sys/block/mmcblk0boot$n/force_ro)"
    done
    env | grep -E '^RAUC_(BOOT|SLOT)_' | sed 's/=/: /'
} >/tmp/$1
[ ! -e /tmp/fail-$1 ] || exit 1
"""

CASE = """
mmc bootpart enable {enable} {ack} /dev/mmcblk0
put /in/old0 0; put /in/old1 1
rm -rf /tmp/slot-* /tmp/fail-* /tmp/data
{before}
{rauc} --conf /in/{name}.conf install /in/{name}.raucb >/tmp/out 2>/tmp/err
show case {name} "code: $?"
show pre {name} "$(cat /tmp/slot-pre-install)"
show post {name} "$(cat /tmp/slot-post-install)"
show err {name} "$(cat /tmp/err)"
for when in now later; do
    show $when {name} "register: $(register)
boot0: $(sum /dev/mmcblk0boot0)
boot1: $(sum /dev/mmcblk0boot1)
user: $(sum /dev/mmcblk0)
force_ro0: $(cat ${{B}}0/force_ro)
force_ro1: $(cat ${{B}}1/force_ro)"
    power_cut; power_on
done
echo N >$P/ignores_boot_switch
"""


@dataclass
class Case:
    enable: int  # what boots before: 0 none, 1 boot0, 2 boot1, 7 the user area
    target: int  # the boot partition that the image belongs in
    ack: int = 0
    image: bytes = NEW
    limit: str = ""
    device: str = "/dev/mmcblk0"
    before: str = ""  # what is done to the card
    says: str = ""
    fails: bool = False
    fills: bool = True  # the image gets in, even if it does not boot after all

    @property
    def register(self):
        """Before."""
        return self.ack << 6 | self.enable << 3

    @property
    def new_register(self):
        return self.register if self.fails else self.ack << 6 | (self.target + 1) << 3


CASES = {
    "none": Case(0, 0, says="eMMC device was not enabled for booting, yet. Ignoring."),
    "none-ack": Case(0, 0, ack=1),
    "boot0": Case(1, 1, says="Found active eMMC boot partition /dev/mmcblk0boot0"),
    "boot0-ack": Case(1, 1, ack=1, says="Boot partition /dev/mmcblk0boot1 is now active"),
    "boot1": Case(2, 0, says="Found active eMMC boot partition /dev/mmcblk0boot1"),
    "boot1-ack": Case(2, 0, ack=1),
    "whole": Case(1, 1, image=MORE),
    "link": Case(1, 1, device="/dev/disk-of-this-board", before="ln -sf mmcblk0 /dev/disk-of-this-board"),
    "limit": Case(1, 1, limit="64K", says="Cleared first 65536 bytes on /dev/mmcblk0boot1"),
    "limit-large": Case(1, 1, limit="1M", says="The size-limit (1048576 bytes) exceeds actual device size (131072 bytes)."),
    "user": Case(7, 0, fails=True, fills=False, says="/dev/mmcblk0 boots from its user area, not from a boot partition"),
    "too-large": Case(2, 0, image=MORE + b"x", fails=True, fills=False,
                      says="Slot (131072 bytes) is too small for image (131073 bytes)."),
    "over-limit": Case(2, 0, image=OLD[0][: 64 * KIB + 1], limit="64K", fails=True, fills=False,
                       says="Image size (65537 bytes) is larger than size-limit (65536 bytes)."),
    "pre-hook": Case(1, 1, before="touch /tmp/fail-slot-pre-install", fails=True, fills=False,
                     says="Child process exited with code 1 (slot-pre-install)"),
    "post-hook": Case(2, 0, ack=1, before="touch /tmp/fail-slot-post-install", fails=True,
                      says="Child process exited with code 1 (slot-post-install)"),
    "ignored": Case(1, 1, ack=1, before="echo Y >$P/ignores_boot_switch", fails=True,
                    says="/dev/mmcblk0 took the command, but still boots from the other partition"),
    "protected": Case(1, 1, before="mmc writeprotect boot set /dev/mmcblk0", fails=True, fills=False,
                      says="/dev/mmcblk0boot1 is write-protected in the chip until it is switched off and on"),
    "other-protected": Case(2, 0, before="mmc writeprotect boot set /dev/mmcblk0 1"),
}

CUTS = """
power_cut; power_on
mmc bootpart enable 1 1 /dev/mmcblk0
put /in/x 0
name_of() { # what a boot partition holds
    for image in x y; do ! cmp -s -n $(stat -c %s /in/$image) /in/$image $1 || { echo $image; return; }; done; echo neither
}
booting() { case $(register) in 48) echo 0 ;; 50) echo 1 ;; esac; }
left=0 n=0
while [ $left = 0 ]; do
    for survives in N Y; do
        was=$(booting)
        case $(name_of /dev/mmcblk0boot$was) in x) new=y ;; y) new=x ;; esac
        put /in/old1 $((1 - was)) # what an earlier round wrote is no help
        echo $survives >$P/cache_survives
        echo $n >$P/changes_left
        @rauc@ --conf /in/boot0.conf install /in/$new.raucb >/tmp/out 2>/tmp/err
        code=$?
        left=$(cat $P/changes_left)
        ro=$(cat ${B}0/force_ro ${B}1/force_ro | tr -d '\\n')
        power_cut; power_on
        is=$(booting)
        echo "$n $survives $left $code $was $new $is $(name_of /dev/mmcblk0boot$is) $ro $(sum /dev/mmcblk0)"
        [ $code = 0 ] || tail -n 1 /tmp/err >&2
    done
    n=$((n + 1))
done
"""


def make(rauc, signer, folder, image, hook=None):
    return update.bundle(rauc, signer, folder, {"boot.img": image}, {"bootloader": "filename=boot.img"}, hook)


@pytest.fixture(scope="module")
def emmc_module(emulated, tmp_path_factory):
    try:
        return module.build(SOURCE, tmp_path_factory.mktemp("module"))
    except qemu.NoGuest as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def card(emmc_module, emulated, rauc, pki, tmp_path_factory):
    """card(script): in a guest with the card and one bundle and system.conf for each case, and x.raucb and y.raucb."""
    folder = tmp_path_factory.mktemp("emmc")
    files = {"/in/ring.pem": pki.ring, "/tmp/a": b"", "/tmp/b": b"", "/in/user": USER, "/in/old0": OLD[0], "/in/old1": OLD[1],
             "/in/x": NEW, "/in/y": MORE}
    for name, case in CASES.items():
        files[f"/in/{name}.conf"] = update.conf("bootloader.0", "/in/ring.pem", device=case.device, type="boot-emmc",
                                                size_limit=case.limit)
        files[f"/in/{name}.raucb"] = make(rauc, pki.ec, folder / name, case.image, HOOK)
    for name, image in (("x", NEW), ("y", MORE)):
        files[f"/in/{name}.raucb"] = make(rauc, pki.ec, folder / name, image)
    return lambda script: emulated(BEGIN + script, files=files, programs=[rauc, "mmc"], env=update.ENV, seconds=240,
                                   modules=["mmc_core", "mmc_block", emmc_module])


@pytest.fixture(scope="module")
def seen(card, rauc):
    """What every case left behind, from one guest: seen[name][part]."""
    script = """show() { printf '== %s %s\\n%s\\n' "$@"; }
        power_on; dd if=/in/user of=/dev/mmcblk0 bs=64k conv=fsync 2>/dev/null\n"""
    for name, case in CASES.items():
        script += CASE.format(name=name, rauc=rauc, enable=case.enable, ack=case.ack, before=case.before)
    done = card(script)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for block in done.stdout.split("== ")[1:]:
        head, _, text = block.partition("\n")
        part, name = head.split()
        found.setdefault(name, {})[part] = text
    return found


def pairs(text):
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def digest(data):
    return bundles.sha256(data)


def filled(case):
    """The target as it is when the image is in."""
    limit = {"": SIZE, "64K": 64 * KIB, "1M": SIZE}[case.limit]
    return case.image.ljust(limit, b"\0") + OLD[case.target][limit:]


def test_rows():
    assert matrix.rows(__file__) == [("raw", "boot-emmc")]


@pytest.mark.parametrize("name", CASES)
def test_install(seen, name):
    case, found = CASES[name], seen[name]
    assert pairs(found["case"])["code"] == ("1" if case.fails else "0"), found["err"]
    assert case.says in found["err"], found["err"]
    for when in ("now", "later"):
        facts = pairs(found[when])
        assert int(facts["register"], 16) == case.new_register, when
        assert facts["user"] == digest(USER), when
        assert facts[f"boot{1 - case.target}"] == digest(OLD[1 - case.target]), "the other boot partition was touched"
        expected = filled(case) if case.fills else OLD[case.target]
        assert facts[f"boot{case.target}"] == digest(expected), when
        assert (facts["force_ro0"], facts["force_ro1"]) == ("1", "1"), when


@pytest.mark.parametrize("name", CASES)
def test_hooks(seen, name):
    """Before: writable, and nothing else has happened. After: all is in, but what boots is still the old."""
    case, pre, post = CASES[name], pairs(seen[name]["pre"]), pairs(seen[name]["post"])
    assert bool(pre) == (case.fills or name == "pre-hook") and bool(post) == case.fills
    for facts, content in ((pre, OLD[case.target]), (post, filled(case))):
        if not facts:
            continue
        assert int(facts["register"], 16) == case.register
        assert facts[f"boot{case.target}"] == digest(content)
        assert facts[f"boot{1 - case.target}"] == digest(OLD[1 - case.target])
        assert (facts[f"force_ro{case.target}"], facts[f"force_ro{1 - case.target}"]) == ("0", "1")
        assert facts["RAUC_BOOT_PARTITION_ACTIVATING"] == str(case.target)
        assert facts["RAUC_BOOT_SIZE_LIMIT"] == {"": "0", "64K": "65536", "1M": "1048576"}[case.limit]
        assert facts["RAUC_SLOT_DEVICE"] == case.device


def test_every_cut(card, rauc):
    """Power fails after each single write and switch: the register names a complete boot loader, old or new."""
    done = card("power_on; dd if=/in/user of=/dev/mmcblk0 bs=64k conv=fsync 2>/dev/null\n" + CUTS.replace("@rauc@", str(rauc)))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    outcomes = set()
    for number, survives, left, code, was, new, now, content, read_only, user in rows:
        old = "x" if new == "y" else "y"
        assert content == (old if now == was else new), (number, survives, done.stdout)
        assert code == "0" or left == "0", "it failed without a cut"
        assert code != "0" or now != was, "it succeeded, but the old one boots"
        assert read_only == "11" and user == digest(USER)
        outcomes.add((code, now != was))
    assert outcomes == {("1", False), ("1", True), ("0", True)}, done.stdout
    assert len(rows) > 20 and [row[2] != "0" for row in rows[-2:]] == [True, True], done.stdout
