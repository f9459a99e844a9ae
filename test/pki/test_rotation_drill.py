# SPDX-License-Identifier: MIT
"""pki/rotation-drill: each step of the story is a test. And the drill itself has to be able to fail."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
DRILL = TOP / "pki" / "rotation-drill"
RAUC = pathlib.Path(os.environ.get("RAUC", TOP / "build/release/src/rauc")).resolve()
STEPS = subprocess.run([DRILL, "--list"], capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


def run(*args, **env):
    if not RAUC.exists():
        pytest.skip(f"there is no {RAUC}: build it, or name another with RAUC=")
    for tool in ("mke2fs", "debugfs", "openssl"):
        if not shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            pytest.skip(f"{tool} is not installed")
    return subprocess.run([DRILL, *map(str, args)], capture_output=True, text=True, timeout=600, env={**os.environ, "RAUC": str(RAUC), **env})


def verdicts(text):
    """Title -> (verdict, what was said below it)."""
    found = {}
    for line in text.splitlines():
        step = re.match(r" *\d+  \d{4}-\d\d-\d\d  (ok|FAILED) +(.*)$", line)
        if step:
            title = step[2]
            found[title] = (step[1], [])
        elif line.startswith(" " * 26):
            found[title][1].append(line.strip())
    return found


@pytest.fixture(scope="module")
def played():
    done = run()
    return done, verdicts(done.stdout)


@pytest.mark.parametrize("title", STEPS)
def test_step(played, title):
    done, found = played
    assert title in found, f"not reached:\n{done.stdout}{done.stderr}"
    verdict, said = found[title]
    assert verdict == "ok", said
    if title.startswith("WRONG: "):
        assert any(line.startswith("refused: ") for line in said), "nothing was refused"


def test_its_end(played):
    done, found = played
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert re.search(rf"(?m)^{len(STEPS)} of {len(STEPS)} steps held, in [\d.]+ s$", done.stdout)
    assert sum(title.startswith("WRONG: ") for title in STEPS) >= 9


def stand_in(folder, body):
    """A program in rauc's place."""
    path = folder / "rauc"
    path.write_text(f"#!/bin/bash\n{body}\nexec {RAUC} \"${{words[@]}}\"\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("option, title", [
    ("--accepted-until", "WRONG: an update that shall still be installable in 2036, when root A has ended"),
    ("--deployed-keyring", "WRONG: signing with the new key before devices have the new root"),
    ("--carries-keyring", "WRONG: the bridge carries a keyring that lacks the new root"),
])
def test_a_rauc_that_does_not_ask_is_found_out(tmp_path, option, title):
    """Where this option does nothing, the drill fails at the wrong order it is there for, or before, and says so."""
    rauc = stand_in(tmp_path, f'words=(); for word in "$@"; do case $word in {option}=*) ;; --next-cert=*) '
                              f'[ {option} = --carries-keyring ] || words+=("$word") ;; *) words+=("$word") ;; esac; done')
    done = run("--rauc", rauc)
    found = verdicts(done.stdout)
    last, (verdict, said) = list(found.items())[-1]
    assert done.returncode == 1 and verdict == "FAILED" and STEPS.index(last) <= STEPS.index(title), done.stdout
    assert any("was not refused" in line or "refused for another reason" in line for line in said), said
    assert "steps held" in done.stdout


def test_what_is_left(tmp_path):
    """Nothing, unless it is asked for."""
    places = tmp_path / "tmp"
    places.mkdir()
    done = run("--rauc", "/bin/false", TMPDIR=str(places))
    assert done.returncode == 1 and not list(places.iterdir())
    done = run("--rauc", "/bin/false", "--keep", tmp_path / "kept")
    assert done.returncode == 1 and (tmp_path / "kept/keys/public/keyring-a.pem").is_file()


def test_without_a_program():
    done = run("--rauc", "/nonexistent/rauc")
    assert done.returncode == 1 and done.stderr.startswith("rotation-drill: there is no /nonexistent/rauc: build it")
