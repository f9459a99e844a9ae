# SPDX-License-Identifier: MIT

"""boot/custom/check: it lets the example pass, and finds what is wrong with others."""

import pathlib
import subprocess

import pytest

CUSTOM = pathlib.Path(__file__).resolve().parents[2] / "boot" / "custom"
EXAMPLE = (CUSTOM / "example.sh").read_text()


def check(tmp_path, text, *options):
    program = tmp_path / "backend"
    program.write_text(text.replace("/var/lib/boot-state", str(tmp_path / "state")))
    program.chmod(0o755)
    return subprocess.run([CUSTOM / "check", program, *options], capture_output=True, text=True, timeout=120)


def state_of(tmp_path):
    return {p.name: p.read_text() for p in (tmp_path / "state").iterdir() if p.read_text().strip()}


def test_example_passes(tmp_path):
    done = check(tmp_path, EXAMPLE)
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("7 of 7 checks held\n")


def test_state_is_put_back(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "order").write_text("B A\n")
    (tmp_path / "state" / "A").write_text("bad\n")
    assert check(tmp_path, EXAMPLE).returncode == 0
    assert state_of(tmp_path) == {"order": "B A\n", "A": "bad\n", "B": "good\n"}


def test_other_names(tmp_path):
    text = EXAMPLE.replace('slots="A B"', 'slots="system0 system1"')
    assert check(tmp_path, text, "--slots", "system0", "system1").returncode == 0
    assert check(tmp_path, text).returncode == 1


# What is taken from the example, what is put there, what is said of it.
PARTIAL = {
    "nothing is kept": ('mv "$state/$1.new" "$state/$1"', ":", "after 'set-state A bad'"),
    "no get-current": ("1:get-current)", "1:get-kurrent)", "'get-current' failed with exit status 2"),
    "get-current babbles": ("    sed -n", "    echo nonsense; : ", "'get-current' says 'nonsense'"),
    "no set-primary": ("    put order \"$order\"", "    :", "after 'set-primary B', 'get-primary' says A"),
    "set-primary leaves it bad": ('    put "$2" good\n', "", "after 'set-primary A', 'get-primary' says"),
    "bad is primary": ('if [ "$(get "$each" good)" = good ]; then', "if true; then", "is marked bad, and 'get-primary' still says so"),
    "any state": ("good | bad) put", "*) put", "'set-state A perhaps' is no right call"),
    "any slot": ("known() {", "known() {\n    return 0", "is no right call, but succeeds"),
    "any verb": ("*) usage ;;\nesac\n", "*) exit 0 ;;\nesac\n", "is no right call, but succeeds"),
    "other words": ('    get "$2" good\n', "    echo fine\n", "neither good nor bad"),
    "all slots at once": ('put "$2" "$3"', 'put A "$3"; put B "$3"', "changed"),
    "endless": ("set -eu", "set -eu; while :; do :; done", "did not end within 1.0 s"),
    "huge": ("set -eu", "set -eu; head -c 5000 /dev/zero | tr '\\0' x", "says 500"),
    "dies": ("set -eu", "kill -9 $$", "killed by signal 9"),
}


@pytest.mark.parametrize("fault", PARTIAL)
def test_finds(fault, tmp_path):
    old, new, complaint = PARTIAL[fault]
    assert old in EXAMPLE
    done = check(tmp_path, EXAMPLE.replace(old, new), "--seconds", "1")
    assert done.returncode == 1
    assert complaint in done.stdout


def test_no_program(tmp_path):
    done = subprocess.run([CUSTOM / "check", tmp_path / "none"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "cannot be started: No such file or directory" in done.stdout
