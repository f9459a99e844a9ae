# SPDX-License-Identifier: MIT
"""The demo's own machinery against a QEMU that a script plays: serial line, time limits, cleaning up, the server."""

import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "demo"))

from walk import board, machine, server  # noqa: E402
from walk.console import Console  # noqa: E402
from walk.machine import Machine, Trouble  # noqa: E402
from walk.stage import Stage  # noqa: E402

# Listens where the demo connects; SCRIPT then speaks and listens on `line`.
FAKE = """#!/usr/bin/python3
import os, re, socket, subprocess, sys, time
open(os.environ["FAKE_PID"], "w").write(str(os.getpid()))
listener = socket.socket(socket.AF_UNIX)
listener.bind(re.search(r"path=([^,]+)", " ".join(sys.argv))[1])
listener.listen()
line = listener.accept()[0]
def say(text): line.sendall(text if isinstance(text, bytes) else text.encode())
def shell():
    reader = line.makefile("r")
    for command in reader:
        say(command if command.startswith("stty") else "")
        if command.startswith("reboot"): return
        say(subprocess.run(["sh", "-c", command], capture_output=True).stdout.replace(b"\\n", b"\\r\\n"))
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """fake(script) puts a QEMU of that behaviour into PATH; returns a function that tells whether it still runs."""
    def make(script):
        path = tmp_path / "bin" / "qemu-system-x86_64"
        path.parent.mkdir(exist_ok=True)
        path.write_text(FAKE + script)
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
        monkeypatch.setenv("FAKE_PID", str(tmp_path / "pid"))
        monkeypatch.setattr(machine, "firmware", lambda: ("/dev/null", "/dev/null"))
        return lambda: runs(tmp_path / "pid")
    return make


def runs(pid_file):
    """A process that ended but was not collected by its parent does not run."""
    try:
        return pathlib.Path(f"/proc/{int(pid_file.read_text())}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False


def ends(pid_file):
    for _ in range(100):
        if not runs(pid_file):
            return True
        time.sleep(0.1)
    return False


def folders():
    return set(pathlib.Path(tempfile.gettempdir()).glob("demo-*"))


def test_log_in_run_commands_and_leave(fake, tmp_path):
    alive = fake('say("\\x1b[2J\\x1b[01;01HWelcome to GRUB!\\n\\rdemo# ")\nshell()\n')
    with Machine("/dev/null", tmp_path / "log", False) as device:
        console = Console(device)
        console.login(10)
        assert console.run("echo one; echo two", 10) == (0, "one\ntwo")
        assert console.run("(exit 7)", 10) == (7, "")
        assert console.ask_json("echo noise; echo '{\"a\": [1]}'", 10) == {"a": [1]}
        with pytest.raises(Trouble, match="`false` failed with exit status 1"):
            console.ask("false", 10)
        with pytest.raises(Trouble, match="did not print JSON"):
            console.ask_json("echo '{no'", 10)
        device.serial.send("reboot")
        device.wait_off(10)
    assert not alive()
    log = (tmp_path / "log").read_text()
    assert re.search(r"^ +\d+\.\d\d  Welcome to GRUB!$", log, re.MULTILINE) and "\x1b" not in log and "\r" not in log
    assert "> (exit 7); " in log


def test_escapes_and_characters_cut_in_two(fake, tmp_path):
    fake('for b in "\\x1b[=3h\\x1b[0m\\x1b[30m\\x1b[47mslot A: \u23fa ok\\r\\n".encode(): say(bytes([b])); time.sleep(0.002)\ntime.sleep(9)\n')
    with Machine("/dev/null", tmp_path / "log", False) as device:
        assert Console(device).expect(r"slot .*\n", 5, "it")[0] == "slot A: \u23fa ok\n"


def test_line_ends(fake, tmp_path):
    """GRUB says LF CR, terminals CR LF, progress bars CR alone; each may be cut anywhere."""
    fake('for b in b"one\\n\\rtwo\\r\\n 10%\\r 20%\\r\\nend\\r\\n": say(bytes([b])); time.sleep(0.002)\ntime.sleep(9)\n')
    with Machine("/dev/null", tmp_path / "log", False) as device:
        Console(device).expect(r"^end\n", 5, "the end")
        assert [line for line in device.serial.text.split("\n") if line] == ["one", "two", " 10%", " 20%", "end"]


def test_lines_are_heard_as_they_come(fake, tmp_path):
    fake('say("demo# ")\nshell()\n')
    with Machine("/dev/null", tmp_path / "log", False) as device:
        console, heard = Console(device), []
        console.login(10)
        assert console.ask("echo one; echo two", 10, heard.append) == "one\ntwo"
        assert [line for line in heard if line] == ["one", "two"]


def test_time_limits_and_processes_end(fake, tmp_path):
    before = folders()
    alive = fake('say("nothing to see")\ntime.sleep(60)\n')
    start = time.monotonic()
    with pytest.raises(Trouble, match="waiting for the prompt: not within 1 s"):
        with Machine("/dev/null", tmp_path / "log", False) as device:
            assert alive()
            Console(device).login(1)
    assert time.monotonic() - start < 10 and not alive() and folders() == before
    assert "nothing to see" in (tmp_path / "log").read_text()


def test_a_device_that_goes_off(fake, tmp_path):
    fake('say("demo# ")\nline.recv(100)\n')
    with Machine("/dev/null", tmp_path / "log", False) as device:
        with pytest.raises(Trouble, match="went off"):
            Console(device).login(20)


def test_a_device_that_does_not_restart(fake, tmp_path):
    alive = fake("time.sleep(60)\n")
    with Machine("/dev/null", tmp_path / "log", False) as device:
        with pytest.raises(Trouble, match="did not restart within 1 s"):
            device.wait_off(1)
    assert not alive()


def test_qemu_that_refuses(fake, tmp_path):
    before = folders()
    alive = fake("")
    path = tmp_path / "bin" / "qemu-system-x86_64"
    path.write_text("#!/bin/sh\necho 'qemu: no such machine' >&2\nexit 1\n")
    with pytest.raises(Trouble, match="QEMU did not start: qemu: no such machine"):
        Machine("/dev/null", tmp_path / "log", False).power_on()
    assert not alive() and folders() == before


def test_no_qemu(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.Pc, "program", "qemu-that-is-not-there")
    with pytest.raises(Trouble, match="not installed"):
        Machine("/dev/null", tmp_path / "log", False).power_on()


def test_qemu_dies_with_a_killed_demo(fake, tmp_path):
    """Even SIGKILL leaves no machine running."""
    alive = fake("time.sleep(60)\n")
    code = (f"import sys, time; sys.path.insert(0, {str(TOP / 'demo')!r})\nfrom walk import machine\n"
            f"machine.firmware = lambda: ('/dev/null', '/dev/null')\n"
            f"machine.Machine('/dev/null', {str(tmp_path / 'log')!r}, False).power_on()\nprint('on', flush=True)\ntime.sleep(60)")
    demo = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "TMPDIR": str(tmp_path)})
    assert demo.stdout.readline() == "on\n" and alive()
    demo.send_signal(signal.SIGKILL)
    demo.wait(10)
    assert ends(tmp_path / "pid")


@pytest.mark.parametrize("script, works", [
    ('say("BdsDxe: failed to load Boot0001\\n")\ntime.sleep(9)\n', True),
    ("time.sleep(60)\n", False),
    ("", False),
])
def test_kvm_is_believed_only_when_a_guest_speaks(fake, tmp_path, monkeypatch, script, works):
    alive = fake(script)
    monkeypatch.setattr(machine.os, "access", lambda *_: True)
    assert machine.kvm_works(tmp_path / "log", limit=2) is works
    assert not alive() and not (tmp_path / "log").exists()


def test_no_kvm_device(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.os, "access", lambda *_: False)
    assert machine.kvm_works(tmp_path / "log") is False


def test_the_board_says_what_the_machine_is(fake, tmp_path, monkeypatch):
    """Another QEMU and no firmware of a PC; what is missing is named."""
    fake("time.sleep(60)\n")
    monkeypatch.setattr(machine, "UBOOT", "/dev/null")
    (tmp_path / "bin" / "qemu-system-x86_64").rename(tmp_path / "bin" / "qemu-system-aarch64")
    with Machine("/dev/null", tmp_path / "log", False, board.ARM64.hardware) as device:
        ran = device.process.args
    assert ran[0] == "qemu-system-aarch64" and ran[ran.index("-bios") + 1] == "/dev/null" and "pflash" not in " ".join(ran)
    monkeypatch.setattr(machine, "UBOOT", "/nowhere")
    with pytest.raises(Trouble, match="install the Debian package u-boot-qemu"):
        Machine("/dev/null", tmp_path / "log", False, board.ARM64.hardware).power_on()


def test_variables_of_the_boot_loader(capsys):
    stage = Stage(("one",), live=False, verbose=False)
    known = {"BOOT_ORDER": "B A", "BOOT_A_LEFT": "03", "BOOT_B_LEFT": "03", "A_TRY": "0"}
    board.ARM64.committed.check(stage, known)
    board.PC.healthy.check(stage, known)
    assert capsys.readouterr().out.split("\n")[:2] == [
        "      ok  BOOT_ORDER, BOOT_A_LEFT, BOOT_B_LEFT of U-Boot: ['B A', '03', '03']", "      ok  A_TRY in grubenv, after the health check: 0"]
    with pytest.raises(Trouble, match=r"BOOT_B_LEFT of U-Boot is \['B A', '03', '3'\], expected"):
        board.ARM64.committed.check(stage, {**known, "BOOT_B_LEFT": "3"})
    assert board.ARM64.variables_of("B", known) == {"BOOT_B_LEFT": "03"} and board.PC.variables_of("A", known) == {"A_TRY": "0"}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.raucb").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "secret").mkdir()
    with server.Server(tmp_path) as running:
        yield http.client.HTTPConnection("127.0.0.1", int(running.url.rpartition(":")[2]), timeout=10)


@pytest.mark.parametrize("wanted, status, length, starts", [
    (None, 200, 1024, b"\x00\x01"), ("bytes=0-0", 206, 1, b"\x00"), ("bytes=10-19", 206, 10, b"\x0a"), ("bytes=1000-", 206, 24, b"\xe8"),
    ("bytes=1000-5000", 206, 24, b"\xe8"), ("bytes=1024-", 416, None, b""), ("bytes=20-10", 416, None, b""), ("lines=1-2", 200, 1024, b"\x00"),
])
def test_server_ranges(files, wanted, status, length, starts):
    for _ in range(2):  # the connection stays usable
        files.request("GET", "/a.raucb", headers={"Range": wanted} if wanted else {})
        answer = files.getresponse()
        body = answer.read()
        assert (answer.status, body[:len(starts)]) == (status, starts) and length in (None, len(body))


@pytest.mark.parametrize("path", ["/none", "/secret", "/../a.raucb", "/", "/%2e%2e/etc/passwd", "/.hidden"])
def test_server_refuses(files, path):
    files.request("GET", path)
    assert files.getresponse().status in (400, 404)


def test_server_counts(tmp_path):
    (tmp_path / "a.raucb").write_bytes(bytes(1024))
    with server.Server(tmp_path) as running:
        asked = http.client.HTTPConnection("127.0.0.1", int(running.url.rpartition(":")[2]), timeout=10)
        for wanted in ("bytes=0-9", "bytes=100-"):
            asked.request("GET", "/a.raucb", headers={"Range": wanted})
            asked.getresponse().read()
        assert running.sent() == (2, 10 + 924)
        assert running.sent() == (0, 0)
    assert not running.folder.exists()


def test_no_nginx(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "NGINX", None)
    with pytest.raises(machine.Trouble, match="nginx is not installed"), server.Server(tmp_path):
        pass


def test_server_takes_another_port_when_its_own_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", server.PORT))
            taken.listen()
        except OSError:
            pass  # somebody else has it: all the better
        with server.Server(tmp_path) as running:
            assert not running.url.endswith(f":{server.PORT}")


def test_a_failing_step_says_which_and_why(tmp_path):
    """No rauc program: the first step cannot hold; table, reason and exit status say so."""
    done = subprocess.run([TOP / "demo" / "run", "--non-interactive", "--rauc", "/nowhere/rauc", "--accel", "tcg", "--output", tmp_path],
                          text=True, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert re.search(r"^ +1  Build version 1 .* FAILED +\d+\.\d s$", done.stdout, re.MULTILINE)
    assert re.search(r"^ +14  .* not reached$", done.stdout, re.MULTILINE)
    assert done.stderr.splitlines()[-1] == ("demo: step 1 does not hold: building version 1: debian-rootfs: the rauc program "
                                            "'/nowhere/rauc' does not exist or cannot be run")
    assert "\x1b" not in done.stdout


def test_progress_bars_are_told_once(capsys):
    told = Stage(("one",), live=False, verbose=False)
    told.answer("installing\n 40% [##  ] Copying to A\n 41% [##  ] Copying to A\n\n 50% [### ] Copying to A 17.7 MB/s 0:12 left\n"
                "100% [####] Copying to A done.\nidle")
    assert capsys.readouterr().out.split("\n") == ["      | installing", "      |  40% [##  ] Copying to A",
                                                   "      | 100% [####] Copying to A done.", "      | idle", ""]


def test_interrupted_while_building(tmp_path):
    """Ctrl-C in the first step: nothing goes on behind our back, nothing half made stays."""
    slow = tmp_path / "rauc"
    slow.write_text("#!/bin/sh\n[ \"$1\" != --version ] || { echo 'rauc 1.16 (moonforge-rauc 0)'; exit; }\nexec sleep 300\n")
    slow.chmod(0o755)
    (tmp_path / "mmdebstrap").write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sleep 300\n")
    (tmp_path / "mmdebstrap").chmod(0o755)
    # an empty cache means the base has to be made, which takes its time here
    top = tmp_path / "top"
    for part in ("demo", "image", "pki", "boot", "data"):
        shutil.copytree(TOP / part, top / part, symlinks=True)
    demo = subprocess.Popen([top / "demo" / "run", "--non-interactive", "--rauc", slow, "--accel", "tcg"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a job of a shell may ignore it
    for _ in range(200):
        if runs(tmp_path / "pid"):
            break
        time.sleep(0.1)
    assert runs(tmp_path / "pid")
    demo.send_signal(signal.SIGINT)
    said, complaints = demo.communicate(timeout=60)
    assert demo.returncode == 130 and complaints.endswith("demo: interrupted\n"), complaints
    assert ends(tmp_path / "pid")
    assert list((top / "out" / "demo").iterdir()) == []


def test_help():
    done = subprocess.run([TOP / "demo" / "run", "--help"], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0 and "--non-interactive" in done.stdout
