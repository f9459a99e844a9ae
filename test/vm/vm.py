# SPDX-License-Identifier: MIT
"""`run` beside this file, for tests: vm.run("command") and vm.why_not()."""

import functools
import pathlib
import subprocess

RUN = pathlib.Path(__file__).resolve().with_name("run")
TIME_UP, NO_GUEST = 124, 125


def run(command, *, seconds=120, memory=1024, writable=(), disks=(), env=None, cwd=None):
    """A script as root in a fresh guest; what subprocess.run() gives."""
    argv = [RUN, "--seconds", str(seconds), "--memory", str(memory)]
    argv += [word for folder in writable for word in ("--writable", str(folder))]
    argv += [word for disk in disks for word in ("--disk", str(disk))]
    argv += [word for name, value in (env or {}).items() for word in ("--env", f"{name}={value}")]
    return subprocess.run([*argv, "--", command], cwd=cwd, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=seconds + 30)


@functools.cache
def why_not():
    """Why there are no guests here, or None. A guest that starts and then misbehaves is no such reason."""
    tried = run("true", seconds=60)
    if tried.returncode in (TIME_UP, NO_GUEST):
        return "no user-mode Linux guest here: " + " ".join(tried.stderr.split())[:300]
    return None
