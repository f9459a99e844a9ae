# SPDX-License-Identifier: MIT
"""A bus of its own, the service on it, and clients that are not ours."""

import json
import os
import re
import signal
import subprocess
import time

import device as devices

NAME, PATH, INTERFACE = "de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer"
CONF = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>{}
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Bus:
    def __init__(self, folder, more=""):
        self.socket, self.conf = folder / "bus", folder / "bus.conf"
        self.conf.write_text(CONF.format(self.socket, more))
        self.start()

    def start(self):
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(["dbus-daemon", f"--config-file={self.conf}", "--nofork", "--nosyslog"],
                                        stderr=subprocess.DEVNULL)
        wait_until(self.socket.exists)

    def stop(self):
        self.process.kill()
        self.process.wait()

    @property
    def env(self):
        return {"DBUS_STARTER_BUS_TYPE": "session", "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.socket}"}

    def run(self, *args, timeout=30):
        return subprocess.run([str(a) for a in args], env={**os.environ, **self.env, "LC_ALL": "C.UTF-8"},
                              capture_output=True, text=True, timeout=timeout)

    def gdbus(self, *args):
        return self.run("gdbus", *args)

    def call(self, method, *args):
        return self.gdbus("call", "--session", "--dest", NAME, "--object-path", PATH, "--method",
                          f"{INTERFACE}.{method}", *args)

    def ok(self, method, *args):
        done = self.call(method, *args)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, method, *args):
        """The message of the error, whose name is the one RAUC's clients see."""
        done = self.call(method, *args)
        assert done.returncode == 1, done.stdout
        found = re.fullmatch(r"Error: GDBus\.Error:org\.gtk\.GDBus\.UnmappedGError\.Quark\._g_2dio_2derror_2dquark"
                             r"\.Code30: (.*?)\n(\(According to introspection data.*\n)?", done.stderr, re.DOTALL)
        # gdbus itself speaks GIO: it may have turned the name back into the error it stands for
        assert found or "g-io-error-quark" in done.stderr or done.stderr.startswith("Error: "), done.stderr
        return found[1] if found else done.stderr.removeprefix("Error: ").strip()

    def busctl(self, *args):
        done = self.run("busctl", f"--address=unix:path={self.socket}", "--json=short", *args)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def json(self, method, *args):
        """The answer with every type spelled out."""
        return self.busctl("call", NAME, PATH, INTERFACE, method, *args)["data"]

    def property(self, name):
        return self.busctl("get-property", NAME, PATH, INTERFACE, name)

    def has_owner(self):
        done = self.gdbus("call", "--session", "--dest", "org.freedesktop.DBus", "--object-path", "/", "--method",
                          "org.freedesktop.DBus.NameHasOwner", NAME)
        return done.stdout.strip() == "(true,)"


def value(text):
    """Text, numbers and tuples are written as Python writes them, variants, types and booleans are not."""
    plain = re.sub(r"\bu?int(16|32|64) |@[a-z({}) ]+ (?=[{\[])", "", re.sub(r"<(.*?)>", r"\1", text))
    return eval(plain, {"true": True, "false": False})


class Listener:
    """What the service sends, line by line, as gdbus prints it."""

    def __init__(self, bus, folder):
        self.path = folder / "heard"
        self.file = open(self.path, "w")
        self.process = subprocess.Popen(["gdbus", "monitor", "--session", "--dest", NAME], stdout=self.file,
                                        env={**os.environ, **bus.env})
        wait_until(lambda: "is owned by" in self.text)

    @property
    def text(self):
        return self.path.read_text()

    def wait(self, text):
        wait_until(lambda: text in self.text)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.file.close()

    def events(self):
        """("Operation", "installing"), ("Progress", (0, "Installing", 1)), ("Completed", 0), ... in order."""
        found = []
        for line in self.text.splitlines():
            one = re.search(r"PropertiesChanged \('[^']+', \{'(\w+)': <(.*)>\}, @as \[\]\)$", line)
            done = re.search(r"Completed \((-?\d+),\)$", line)
            if one:
                found.append((one[1], value(one[2])))
            elif done:
                found.append(("Completed", int(done[1])))
        return found


class Service:
    """`rauc service` for a Device."""

    def __init__(self, device, bus, *args, wait=True, wrap=()):
        self.device, self.bus = device, bus
        self.log = device.folder / "service.log"
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [str(word) for word in (*wrap, device.rauc, "--conf", device.conf, "service", *args)], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": devices.ASAN,
                     "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1", **device.env, **bus.env})
        if wait:
            wait_until(lambda: bus.has_owner() or self.process.poll() is not None)

    @property
    def text(self):
        return self.log.read_text()

    def end(self, number=signal.SIGTERM):
        """The exit code after this signal (None: none is sent)."""
        if number and self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        assert not devices.REPORTS.search(self.text), self.text
        return code
