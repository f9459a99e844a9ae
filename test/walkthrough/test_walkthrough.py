# SPDX-License-Identifier: MIT
"""doc/walkthrough.md, typed as it stands there: on this machine, on the server's terminal, and on the device."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "demo"))

from walk.machine import CUT_SHORT, ESCAPES  # noqa: E402

DOC = TOP / "doc" / "walkthrough.md"
OUT = TOP / "out" / "walk"
BLOCK = re.compile(r"(?ms)^```(\w+)(?: ([\w ]+))?\n(.*?)^```$")
PROMPT = "demo# "
PATIENCE = 300  # seconds for a boot; emulated, and perhaps beside other work


def blocks():
    """(language, role, text) of each block, in their order."""
    return [(m[1], m[2] or "", m[3]) for m in BLOCK.finditer(DOC.read_text())]


class Terminal:
    """A program whose terminal is this."""

    def __init__(self, command, env):
        self.text, self.news = "", threading.Condition()
        self.process = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=TOP, env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        pending = ""
        while data := os.read(self.process.stdout.fileno(), 65536):
            text = pending + data.decode(errors="replace")
            cut = CUT_SHORT.search(text)  # a sequence whose end has not come yet
            text, pending = (text[:cut.start()], cut[0]) if cut else (text, "")
            with self.news:
                self.text += ESCAPES.sub("", text).replace("\r", "")
                self.news.notify_all()

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, pattern, begin=0, limit=PATIENCE):
        """The end of the first match after `begin`."""
        end = time.monotonic() + limit
        with self.news:
            while not (found := re.compile(pattern, re.MULTILINE).search(self.text, begin)):
                assert self.process.poll() is None and time.monotonic() < end, f"no '{pattern}' in: {self.text[begin:][-3000:]}"
                self.news.wait(1)
            return found.end()

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)


@pytest.fixture(scope="module")
def walked():
    """What was said in answer to each block for the device, and what the page says of it."""
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("qemu-system-x86_64 is not installed")
    shutil.rmtree(OUT, ignore_errors=True)
    env = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    for name in ("RAUC", "RAUC_KEY_FILE", "RAUC_CERT_FILE", "RAUC_KEYRING_FILE"):
        env.pop(name, None)
    host, answers, terminals, device = "", [], [], None
    try:
        for language, role, text in blocks():
            if language == "text":
                answers[-1][1] = text.splitlines()
            elif role in ("", "make"):
                host += text
            elif role in ("server", "qemu"):
                on_host(host, env)
                host = ""
                terminals.append(Terminal(text.strip(), env))
                if role == "server":
                    terminals[-1].wait("Ctrl-C ends it$", limit=20)
                    time.sleep(1)
                    assert terminals[-1].process.poll() is None, terminals[-1].text  # somebody else may have the port
                else:
                    device = terminals[-1]
                    device.wait(f"^{PROMPT}")
            elif role.startswith("device"):
                answers.append([on_device(device, text, "restarts" in role), []])
        yield answers
    finally:
        for terminal in terminals:
            terminal.stop()
        shutil.rmtree(OUT, ignore_errors=True)


def on_host(commands, env):
    """One shell for what stands between two terminals, so that its exports hold for what follows in it."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=TOP, env=env, capture_output=True, text=True, timeout=1800,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr


def on_device(device, text, restarts):
    begin = len(device.text)
    for line in text.splitlines():
        at = len(device.text)
        device.type(line)
        last = restarts and line == text.splitlines()[-1]
        if last:
            device.wait(f"(?s)^demo/boot: the device restarts$.*^{PROMPT}", at)
            continue
        device.type("echo status=$?")
        device.wait(f"(?s)^status=\\d+$.*^{PROMPT}", at)
        assert re.search("^status=0$", device.text[at:], re.MULTILINE), device.text[at:]
    return device.text[begin:]


def test_the_device_says_what_the_page_says(walked):
    assert len(walked) == 4
    for said, lines in walked:
        for line in lines:
            assert " ".join(line.split()) in " ".join(said.split()), f"'{line}' is not in:\n{said}"


def test_the_doctor_is_content(walked):
    assert re.search("^0 errors, 0 warnings, ", walked[-1][0], re.MULTILINE), walked[-1][0]


def test_what_kas_is_told_is_there():
    """The build itself does not fit here: the files it names exist, and hand on what the page exports."""
    text = "".join(text for _, role, text in blocks() if role == "kas")
    (name,) = re.findall(r"kas/\S+\.yml", text)
    names, env = [name], {}
    while names:
        found = yaml.safe_load((TOP / names.pop()).read_text())
        env |= found.get("env", {})
        names += [one for one in found["header"].get("includes", []) if isinstance(one, str)]
    exported = set(re.findall(r"-e (\w+)", text))
    assert exported - {"IMAGE_VERSION"} <= set(env), env
    assert len(exported) == 6
