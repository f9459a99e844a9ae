# SPDX-License-Identifier: MIT
"""What an idle `rauc service` costs: memory of ours and of Debian's, each alone on a bus of its own."""

import contextlib
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

CONF = """\
[system]
compatible=bench
bootloader=noop
statusfile={folder}/status
mountprefix={folder}/mnt

[slot.system.0]
device={folder}/a
bootname=A

[slot.system.1]
device={folder}/b
bootname=B
"""
KINDS = ("Pss", "Rss", "Private_Dirty")
NAME = "de.pengutronix.rauc"


@contextlib.contextmanager
def private_bus():
    bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield {**os.environ, "DBUS_STARTER_BUS_TYPE": "session", "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip()}
    finally:
        bus.terminate()
        bus.wait()


def wait_for_name(env, process):
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with {process.returncode}")
        asked = subprocess.run(["gdbus", "call", "--session", "--dest", NAME, "--object-path", "/", "--method",
                                f"{NAME}.Installer.GetSlotStatus"], env=env, capture_output=True, check=False)
        if asked.returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError("the service does not answer")


def memory(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {kind: int(re.search(rf"(?m)^{kind}: +(\d+) kB", text)[1]) for kind in KINDS}


def measure(program, folder):
    """KiB of a service that has answered one call and then had nothing to do for a second."""
    conf = folder / "system.conf"
    conf.write_text(CONF.format(folder=folder))
    for slot in "ab":
        (folder / slot).write_bytes(bytes(4096))
    with private_bus() as env:
        env["RAUC_TEST_RUNTIME_DIRECTORY"] = str(folder / "run")
        process = subprocess.Popen([program, f"--conf={conf}", "service", "--override-boot-slot=A"], env=env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for_name(env, process)
            time.sleep(1)
            return memory(process.pid)
        finally:
            process.terminate()
            process.wait()


def run(programs, rounds):
    """name -> medians in KiB, of the programs in turns."""
    found = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            with tempfile.TemporaryDirectory(prefix="rauc-idle.") as folder:
                found[name].append(measure(program, pathlib.Path(folder)))
    return {name: {kind: statistics.median(one[kind] for one in runs) for kind in KINDS} for name, runs in found.items()}


def show(results):
    lines = ["", "idle service, alone on its bus (KiB)" + "".join(f"{kind:>16}" for kind in KINDS)]
    for name, values in results.items():
        lines.append(f"  {name:34}" + "".join(f"{values[kind]:16.0f}" for kind in KINDS))
    if len(results) > 1:
        first, second = results["ours"], results["debian"]
        lines.append(f"  {'ours / Debian':34}" + "".join(f"{first[kind] / second[kind]:16.2f}" for kind in KINDS))
    return "\n".join(lines)
