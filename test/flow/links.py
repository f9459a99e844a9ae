# SPDX-License-Identifier: MIT
"""A link of its own between a server and a device: two network name spaces, a veth pair, and netem at both ends."""

import ctypes
import itertools
import os
import socket
import subprocess
import threading

SERVER, DEVICE = "10.77.0.1", "10.77.0.2"
NUMBERS = itertools.count()


def run(*args):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, args))}: {done.stderr.strip()}")


class Link:
    """The interface is called `wire` on both sides."""

    def __init__(self):
        name = f"rauc-{os.getpid()}-{next(NUMBERS)}"
        self.server, self.device = f"{name}-s", f"{name}-d"

    def __enter__(self):
        try:
            for space in (self.server, self.device):
                run("ip", "netns", "add", space)
                run("ip", "-n", space, "link", "set", "lo", "up")
            run("ip", "link", "add", "name", "wire", "netns", self.server, "type", "veth", "peer", "name", "wire", "netns", self.device)
            for space, address in ((self.server, SERVER), (self.device, DEVICE)):
                self.give(space, address)
                run("ip", "-n", space, "link", "set", "wire", "up")
        except OSError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for space in (self.server, self.device):
            subprocess.run(["ip", "netns", "del", space], capture_output=True)

    def give(self, space, address):
        run("ip", "-n", space, "address", "add", f"{address}/24", "dev", "wire")

    def take(self, space, address):
        run("ip", "-n", space, "address", "del", f"{address}/24", "dev", "wire")

    def shape(self, *netem):
        """In both directions."""
        for space in (self.server, self.device):
            run("tc", "-n", space, "qdisc", "replace", "dev", "wire", "root", "netem", *netem)

    def switch(self, state):
        run("ip", "-n", self.server, "link", "set", "wire", state)

    def n_refused(self):
        """How many segments were answered by a reset, at the server's side."""
        done = subprocess.run([*self.at(self.server), "cat", "/proc/net/snmp"], capture_output=True, text=True, check=True)
        names, values = [line.split() for line in done.stdout.splitlines() if line.startswith("Tcp: ")]
        return int(values[names.index("OutRsts")])

    def at(self, space):
        """Words before a command."""
        return ["ip", "netns", "exec", space]


def socket_in(space):
    """One for datagrams, made there."""
    made, network = [], 0x40000000

    def make():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{space}") as file:
            if libc.setns(file.fileno(), network):  # of this thread
                raise OSError(ctypes.get_errno(), "setns")
        made.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


def why_not():
    """Why there are no links here, or None."""
    if os.geteuid() != 0:
        return "needs root, for network name spaces"
    try:
        with Link() as link:
            link.shape("delay", "1ms")
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no link to be had: {error}"
    return None
