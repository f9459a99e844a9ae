# SPDX-License-Identifier: MIT
"""A device in a folder: system.conf, boot state, slots; and what must be true of it after every command."""

import configparser
import fcntl
import os
import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "boot" / "grub"))

import model  # noqa: E402  (the boot loader's own decision, see boot/grub)

ASAN = "detect_leaks=1:detect_stack_use_after_return=1:verify_asan_link_order=0"
REPORTS = re.compile(r"runtime error|AddressSanitizer|LeakSanitizer|Assertion|CRITICAL|core dumped")


EXTRA = {}  # for every program that is started here

NOTE = re.compile(r"(no (?:system|session) bus here \(.*\): working in this process\n)?(.*)", re.DOTALL)


@dataclass
class Result:
    code: int
    out: str
    err: str
    note: str = ""  # that there is no service, which is said whenever it could be the service's work

    @property
    def text(self):
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


def run(rauc, *args, env=None, cwd=None, timeout=60, wrap=(), **kwargs):
    """The program to its end: no sanitizer report, no abort, nothing left running."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": ASAN,
                   "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent",
                   "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1", "HOME": "/nonexistent", **EXTRA, **(env or {})}
    kwargs.setdefault("stdout", subprocess.PIPE)
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    process = subprocess.Popen([str(a) for a in (*wrap, rauc, *args)], env=environment, cwd=cwd,
                               stderr=subprocess.PIPE, start_new_session=True, **kwargs)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        out, err = process.communicate()
        raise AssertionError(f"{args} hung: {err!r}") from None
    note, err = NOTE.match(err.decode(errors="replace")).groups()
    result = Result(process.returncode, (out or b"").decode(errors="replace"), err, note or "")
    assert not REPORTS.search(result.err), result.text
    assert result.code >= 0 or wrap, f"died of signal {-result.code}\n{result.text}"
    assert session_is_empty(process.pid), "left a process behind"
    return result


def session_is_empty(session):
    for entry in os.listdir("/proc"):
        try:
            stat = pathlib.Path("/proc", entry, "stat").read_text() if entry.isdigit() else None
        except OSError:
            continue
        if stat:
            state, _, _, number = stat.rpartition(")")[2].split()[:4]
            if int(number) == session and state not in "ZX":
                return False
    return True


def mounts_below(folder):
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in lines if str(folder) in line]


class Device:
    """Slots are named class.index; boot names A, B, C by their order in the first class."""

    def __init__(self, folder, rauc, keyring, slots, booted="A", system=None, rings=None, handlers=None):
        self.folder, self.rauc, self.slots = folder, rauc, slots
        self.cmdline = f"quiet rauc.slot={booted} ro"
        self.conf, self.grubenv = folder / "system.conf", folder / "grubenv"
        self.data, self.run_folder, self.temporary = folder / "data", folder / "run", folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.sections = {
            "system": {"compatible": "Test", "bootloader": "grub", "grubenv": self.grubenv,
                       "data-directory": self.data, "mountprefix": folder / "mnt", **(system or {})},
            "keyring": {"path": keyring, **(rings or {})},
        }
        if handlers:
            self.sections["handlers"] = handlers
        for name, slot in slots.items():
            self.sections[f"slot.{name}"] = slot
        self.write_conf()
        names = [slot["bootname"] for slot in slots.values() if "bootname" in slot]
        self.reset_boot(names)

    def write_conf(self):
        text = ""
        for section, keys in self.sections.items():
            text += f"[{section}]\n" + "".join(f"{k}={v}\n" for k, v in keys.items() if v is not None) + "\n"
        self.conf.write_text(text)

    def change(self, section, **keys):
        """Keys with _ for -; None leaves one out."""
        keys = {key.replace("_", "-"): value for key, value in keys.items()}
        self.sections[section] = {**self.sections.get(section, {}), **keys}
        self.write_conf()

    def reset_boot(self, names=("A", "B")):
        values = [f"ORDER={' '.join(names)}"]
        for name in names:
            values += [f"{name}_OK=1", f"{name}_TRY=0"]
        self.names = tuple(names)
        self.grubenv.unlink(missing_ok=True)
        self.editenv("create")
        self.editenv("set", *values)

    def editenv(self, *args):
        return subprocess.run(["grub-editenv", self.grubenv, *args], check=True, capture_output=True, text=True,
                              timeout=20).stdout

    @property
    def boot(self):
        """What the boot loader's own tool reads."""
        return dict(line.split("=", 1) for line in self.editenv("list").splitlines())

    def chosen(self):
        """The slot the boot script would start now."""
        return model.choose(self.grubenv.read_bytes(), slots=self.names).slot

    def path(self, name):
        return pathlib.Path(self.slots[name]["device"])

    def content(self, name, size=-1):
        with open(self.path(name), "rb") as file:
            return file.read(size)

    @property
    def env(self):
        return {**EXTRA, "RAUC_TEST_RUNTIME_DIRECTORY": str(self.run_folder), "RAUC_TEST_CMDLINE": self.cmdline,
                "TMPDIR": str(self.temporary), "RAUC_TEST_IMAGE_ROOT": str(self.folder / "image"),
                "RAUC_TEST_CLOCK_SYNCHRONISED": "no"}

    def call(self, *args, env=None, **kwargs):
        result = run(self.rauc, "--conf", self.conf, *args, env={**self.env, **(env or {})}, **kwargs)
        self.check_rest()
        return result

    def install(self, bundle, *args, **kwargs):
        return self.call("install", *args, bundle, **kwargs)

    def ok(self, *args, **kwargs):
        """call() that has to succeed."""
        result = self.call(*args, **kwargs)
        assert result.code == 0, result.text
        return result

    @property
    def status_file(self):
        return self.data / "central.raucs"

    def status(self, name):
        """What the status file says about a slot."""
        parser = configparser.RawConfigParser(strict=True)
        parser.optionxform = str
        if self.status_file.exists():
            parser.read_string(self.status_file.read_text())
        section = f"slot.{name}"
        return dict(parser[section]) if parser.has_section(section) else {}

    def check_rest(self):
        """After every command, whatever it was: the lock is free, nothing is mounted, no temporary files."""
        assert not list(self.temporary.iterdir()), "temporary files stayed"
        assert not [m for m in mounts_below(self.folder) if "/mnt" in m], "something stayed mounted"
        lock = self.run_folder / "lock"
        if lock.exists():
            with open(lock) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in self.folder.rglob("*"):
            relative = str(path.relative_to(self.folder))
            assert not re.search(r"\.part$|\.tmp$|\.rauc-workdir|central\.raucs\.(?!broken$)|grubenv\.", relative), \
                f"{relative} stayed"
