# SPDX-License-Identifier: MIT
"""A person at the serial line: waits for the prompt, types, reads what comes."""

import json
import secrets
import time

from .machine import Trouble

PROMPT = r"^demo# ?$"


class Console:
    """A shell on the device. Every answer ends with a marker that carries the exit status."""

    def __init__(self, device):
        self.device = device
        self.serial = device.serial
        self.at = 0

    def expect(self, pattern, limit, what):
        """Wait for pattern; what is named when it does not come."""
        try:
            match = self.serial.wait(pattern, self.at, limit)
        except TimeoutError:
            raise Trouble(f"{what}: not within {limit:.0f} s") from None
        if match is None:
            raise Trouble(f"{what}: the device went off first")
        self.at = match.end()
        return match

    def login(self, limit):
        """From power-on to a shell that neither echoes nor draws."""
        self.expect(PROMPT, limit, "waiting for the prompt")
        # a plain sh: no line editor, so what comes back is what the commands said
        self.serial.send("stty -echo; PS1= exec sh")
        self.run("dmesg -n 1; umask", 60)

    def run(self, command, limit, hear=None):
        """(exit status, output) of one command line; hear gets each line as it comes."""
        token = secrets.token_hex(4)
        begin = at = self.at
        self.serial.send(f"{command}; s=$?; echo; echo =={token}==$s==")
        end = time.monotonic() + limit
        while True:
            try:
                match = self.serial.wait(rf"^==({token})==(\d+)==|^(.*)\n", at, end - time.monotonic())
            except TimeoutError:
                raise Trouble(f"`{command}` did not end within {limit:.0f} s") from None
            if match is None:
                raise Trouble(f"`{command}`: the device went off before it ended")
            if match[1]:
                break
            at = match.end()
            if hear:
                hear(match[3])
        self.at = match.end()
        return int(match[2]), self.serial.text[begin:match.start()].strip("\n")

    def ask(self, command, limit=60, hear=None):
        """The output of a command that must work."""
        status, said = self.run(command, limit, hear)
        if status != 0:
            last = said.strip().splitlines()[-1:] or ["no message"]
            raise Trouble(f"`{command}` failed with exit status {status}: {last[0]}")
        return said

    def ask_json(self, command, limit=60):
        said = self.ask(command, limit)
        begin, end = said.find("{"), said.rfind("}")
        try:
            return json.loads(said[begin:end + 1])
        except ValueError:
            raise Trouble(f"`{command}` did not print JSON: {said[:200]!r}") from None
