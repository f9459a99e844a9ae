# SPDX-License-Identifier: MIT
"""Completions, asked in the shells they are for, offer what the program's help names."""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
RAUC = pathlib.Path(os.environ.get("RAUC", TOP / "build/release/src/rauc")).resolve()
FOLDER = TOP / "data/completion"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SLOTS = """
[system]
compatible=x
bootloader=noop
[slot.rootfs.0]
device=/dev/null
bootname=A
[slot.rootfs.1]
device=/dev/zero
bootname=B
"""

# Asks for completion as a key press would; what is offered goes to $OFFERED, one a line.
ZSH = r"""
PS1= PROMPT= RPS1=
fpath=($FOLDER $fpath)
autoload -Uz compinit
compinit -u -D
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
        builtin compadd "$@"
        return
    fi
    local -a offered
    builtin compadd -A offered "$@"
    print -rl -- $offered >>$OFFERED
    builtin compadd "$@"
}
finish() { print -r -- END >>$OFFERED }
ask() { comppostfuncs=(finish); zle complete-word }
zle -N ask
bindkey '^I' ask
setopt no_beep no_list_ambiguous
LISTMAX=1000
print READY >>$OFFERED
"""


def tool(name):
    path = shutil.which(name, path=PATH)
    if not path:
        pytest.skip(f"{name} is not installed")
    return path


class Shell:
    """ask(line): the words offered at its end."""

    def __init__(self, folder, content):
        self.folder, self.content = folder, content
        (folder / "bin").mkdir()
        (folder / "bin/rauc").symlink_to(RAUC)
        self.env = {"PATH": f"{folder}/bin:{PATH}", "HOME": str(folder), "LC_ALL": "C.UTF-8", "TERM": "dumb",
                    "FOLDER": str(FOLDER), "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent",
                    "RAUC_TEST_CMDLINE": "rauc.slot=A", "RAUC_TEST_RUNTIME_DIRECTORY": str(folder / "run")}

    def run(self, *args):
        done = subprocess.run([str(a) for a in args], env=self.env, cwd=self.content, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return done.stdout.splitlines()

    def close(self):
        pass


class Bash(Shell):
    def ask(self, line):
        # As readline does: '=' and ':' are words of their own, and what follows them is replaced.
        words = re.findall(r"[=:]+|[^\s=:]+", line) + ([""] if line[-1] in " " else [])
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE=$*; '
                  'complete -p rauc >/dev/null && _rauc; printf "%s\\n" "${COMPREPLY[@]}"')
        found = self.run(tool("bash"), "--norc", "-c", script, "bash", FOLDER / "rauc.bash", *words)
        return {word for word in found if word}


class Fish(Shell):
    def ask(self, line):
        script = f"source {FOLDER}/rauc.fish; complete -C $argv[1]"
        lines = self.run(tool("fish"), "--no-config", "-c", script, line)
        return {re.sub(r"^--[a-z-]+=", "", word.split("\t")[0]).removesuffix("/") for word in lines}


class Zsh(Shell):
    def __init__(self, folder, content):
        super().__init__(folder, content)
        self.offered = folder / "offered"
        self.offered.touch()
        (folder / "setup").write_text(ZSH)
        parent, child = pty.openpty()
        self.terminal = parent
        self.process = subprocess.Popen([tool("zsh"), "-f", "-i"], stdin=child, stdout=child, stderr=child,
                                        env={**self.env, "OFFERED": str(self.offered), "TERM": "vt100"},
                                        cwd=content, start_new_session=True)
        os.close(child)
        self.type(f"source {folder}/setup\n", "READY")

    def type(self, keys, until):
        os.write(self.terminal, keys.encode())
        end = time.monotonic() + 60
        seen = b""
        while until not in self.offered.read_text().splitlines():
            if select.select([self.terminal], [], [], 0.02)[0]:
                seen += os.read(self.terminal, 65536)
            assert time.monotonic() < end, seen.decode(errors="replace")

    def ask(self, line):
        self.offered.write_text("")
        self.type("\x15" + line + "\t", "END")
        return {word.removesuffix("=") for word in self.offered.read_text().splitlines()
                if word.startswith("--") or not re.fullmatch(r"-.|END|", word)}

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A folder with files to choose from."""
    folder = tmp_path_factory.mktemp("content")
    for name in ("a.raucb", "b.img", "c.pem"):
        (folder / name).touch()
    (folder / "sub").mkdir()
    (folder / "system.conf").write_text(SLOTS)
    return folder


@pytest.fixture(scope="module", params=[Bash, Fish, Zsh], ids=["bash", "fish", "zsh"])
def shell(request, tmp_path_factory, content):
    if not RAUC.exists():
        pytest.skip(f"there is no {RAUC}: build it, or name another with RAUC=")
    made = request.param(tmp_path_factory.mktemp("shell"), content)
    yield made
    made.close()


def help_of(*verb):
    done = subprocess.run([RAUC, *verb, "--help"], capture_output=True, text=True, timeout=60,
                          env={"LC_ALL": "C", "PATH": PATH})
    assert done.returncode == 0, done.stderr
    return done.stdout


def options_of(*verb):
    return set(re.findall(r"(?m)^  (?:-., )?(--[a-z0-9-]+)", help_of(*verb)))


def verbs():
    listed = help_of().split("List of rauc commands:\n")[1].split("\n\n")[0]
    return re.findall(r"(?m)^  ([a-z-]+) .*$", listed)


def test_there_is_something_to_compare_with():
    assert {"install", "info", "status", "bundle"} <= set(verbs())
    assert {"--conf", "--ignore-compatible", "--keyring"} <= options_of("install")


def test_verbs(shell):
    assert shell.ask("rauc ") == set(verbs())
    assert shell.ask("rauc st") == {"status"}
    assert "install" in shell.ask("rauc --debug ins")


def test_options_before_a_verb(shell):
    assert shell.ask("rauc --") == options_of()


def test_options_of_every_verb(shell):
    for verb in verbs():
        assert shell.ask(f"rauc {verb} --") == options_of(verb), verb


def test_the_verb_is_found_behind_options(shell):
    assert shell.ask("rauc --debug --mount=/x info --") == options_of("info")
    assert shell.ask("rauc --conf x.conf info --dump-") == {"--dump-cert", "--dump-recipients"}


@pytest.mark.parametrize("form", ["--output-format=", "--output-format "], ids=["equals", "blank"])
@pytest.mark.parametrize("verb", ["info", "status", "keyring"])
def test_formats(shell, verb, form):
    told = set(re.search(r"--output-format=.*\((.*)\)", help_of(verb))[1].split(", "))
    assert "json" in told and shell.ask(f"rauc {verb} {form}") == told
    assert shell.ask(f"rauc {verb} {form}read") == {"readable"}


def test_bundles(shell):
    for line in ("rauc info ", "rauc install ", "rauc install --keyring=c.pem "):
        assert shell.ask(line) == {"a.raucb", "sub"}, line


def test_folders(shell):
    assert shell.ask("rauc bundle ") == {"sub"}
    assert shell.ask("rauc extract a.raucb ") == {"sub"}


def test_files(shell):
    for line in ("rauc --conf ", "rauc info --keyring=", "rauc info --keyring ", "rauc bundle --cert=x --key "):
        assert shell.ask(line) == {"a.raucb", "b.img", "c.pem", "sub", "system.conf"}, line


def test_values_that_nobody_can_know(shell):
    assert shell.ask("rauc install --transaction-id ") == set()


def test_image_types(shell):
    assert {"raw", "ext4", "tar"} <= shell.ask("rauc write-slot -t ")


def test_marks_and_slots(shell):
    assert shell.ask("rauc status ") == {"mark-good", "mark-bad", "mark-active"}
    conf = f"rauc --conf={shell.content}/system.conf"
    assert shell.ask(f"{conf} status mark-active ") == {"booted", "other", "rootfs.0", "rootfs.1"}
    assert shell.ask(f"{conf} write-slot ") == {"rootfs.0", "rootfs.1"}
    assert "b.img" in shell.ask(f"{conf} write-slot rootfs.1 ")


def test_keyring(shell):
    assert shell.ask("rauc keyring ") == {"status"}
    for line in ("rauc keyring status ", "rauc keyring status a.raucb "):
        assert shell.ask(line) == {"a.raucb", "sub"}, line


def test_quiet_where_the_slots_cannot_be_told(shell):
    assert shell.ask("rauc --conf=/nonexistent status mark-good ") == {"booted", "other"}
    assert shell.ask("rauc --conf=/nonexistent write-slot ") == set()
