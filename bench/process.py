# SPDX-License-Identifier: MIT
"""Starting what is measured, waiting for it, and what it took."""

import contextlib
import hashlib
import os
import pathlib
import re
import subprocess
import threading
import time


def wait(process, seconds):
    """How it went and what it cost, with all the children it waited for."""
    end = time.monotonic() + seconds
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage
        if time.monotonic() > end:
            process.kill()
            raise TimeoutError(f"{process.args[0]} took more than {seconds} s")
        time.sleep(0.005)


def cpu_of_machine():
    """Seconds that were worked, by whomever, since the machine started."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, open("/proc/stat").readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def digest(path, size):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while size:
            chunk = file.read(min(size, 1 << 20))
            if not chunk:
                break
            sha.update(chunk)
            size -= len(chunk)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return sha.hexdigest()


@contextlib.contextmanager
def private_bus(log):
    bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield {"DBUS_STARTER_BUS_TYPE": "session", "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip()}
    finally:
        bus.terminate()
        bus.wait()


def family(pid):
    """The process and all below it, as far as they still live."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                found += family(int(child))
    return found


class Peaks(threading.Thread):
    """Looks at processes and their children: the peak of each one's memory. A peak stays readable, so looking is cheap."""

    def __init__(self, pids, seconds=0.1):
        super().__init__(daemon=True)
        self.pids, self.seconds, self.found, self.ended = pids, seconds, {}, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(self.seconds):
            for pid in [one for top in self.pids for one in family(top)]:
                with contextlib.suppress(OSError):
                    peak = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
                    if peak:
                        self.found[pid] = max(self.found.get(pid, 0), int(peak[1]) * 1024)

    def stop(self):
        """Of all of them together: no less than what they had at any time."""
        self.ended.set()
        self.join()
        return sum(self.found.values())
