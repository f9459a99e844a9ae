# SPDX-License-Identifier: MIT
"""Running programs, saying what happens, refusing in one line."""

import os
import shutil
import subprocess
import sys
import time


class Refusal(Exception):
    """A reason to stop, as one line for the person who called."""


def main(name, story):
    """Run story() as the program called name; every failure is one line on stderr."""
    try:
        story()
    except Refusal as refusal:
        print(f"{name}: {refusal}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        print(f"{name}: {error.strerror or error}{where}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    return 0


def need(program, package):
    """The path of program, or a refusal that names the Debian package."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Refusal(f"the program '{program}' is not installed (Debian package {package})")
    return path


def run(argv, what, timeout=900, **more):
    """Run argv quietly; its output, or a refusal with the last thing it said."""
    try:
        done = subprocess.run([str(a) for a in argv], text=True, capture_output=True, timeout=timeout,
                              errors="replace", stdin=subprocess.DEVNULL, **more)
    except subprocess.TimeoutExpired:
        raise Refusal(f"{what}: {argv[0]} did not end within {timeout} s") from None
    if done.returncode != 0:
        said = [line.strip() for line in (done.stderr.strip() or done.stdout).splitlines() if line.strip()]
        why = said[-1] if said else f"exit status {done.returncode}"
        raise Refusal(f"{what}: {os.path.basename(str(argv[0]))}: {why}")
    return done.stdout


def as_root(argv):
    """argv such that it may set owners and device nodes: really, or as fakeroot pretends."""
    if os.geteuid() == 0 or "FAKEROOTKEY" in os.environ:
        return list(argv)
    return [need("fakeroot", "fakeroot"), "--", *argv]


def mib(n_bytes):
    return f"{n_bytes / (1 << 20):.1f} MiB"


class Step:
    """with Step("name") as say: … prints one line: name, what say() was told, the time it took."""

    def __init__(self, name):
        self.name = name
        self.text = ""

    def __enter__(self):
        self.start = time.monotonic()
        return self.say

    def say(self, text):
        self.text = text

    def __exit__(self, kind, error, trace):
        if kind is None:
            print(f"  {self.name:<10} {self.text:<60} {time.monotonic() - self.start:6.1f} s", flush=True)
