# SPDX-License-Identifier: MIT
"""One power cycle of the emulated device: a QEMU process and its serial line."""

import codecs
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

FIRMWARE = (("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
            ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"))
UBOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
ESCAPES = re.compile(r"\x1b\[[0-9;?=]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78cM]|\x07|\x00")
# an escape sequence or a line end of which only the beginning has come
CUT_SHORT = re.compile(r"(\x1b(\[[0-9;?=]*|[()])?|\r)\Z")
PR_SET_PDEATHSIG = 1


class Trouble(Exception):
    """Why a step does not hold, in one line."""


def firmware():
    for code, variables in FIRMWARE:
        if os.path.exists(code) and os.path.exists(variables):
            return code, variables
    raise Trouble("UEFI firmware for QEMU not found: install the Debian package ovmf")


def die_with_parent():
    """In the child: be killed when the demo is, however it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def accelerator(kvm):
    return ["-accel", "kvm", "-cpu", "host"] if kvm else ["-accel", "tcg,thread=multi", "-cpu", "Nehalem"]


class Pc:
    """The hardware of a PC with UEFI, without disk and network."""
    program, package = "qemu-system-x86_64", "qemu-system-x86"

    @staticmethod
    def arguments(folder, kvm):
        code, variables = firmware()
        shutil.copyfile(variables, f"{folder}/vars.fd")
        return ["-machine", "q35", *accelerator(kvm), "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}",
                "-drive", f"if=pflash,unit=1,format=raw,file={folder}/vars.fd"]


class Arm64:
    """QEMU's own board for arm64, with U-Boot. Its flash, where U-Boot would keep an environment, is empty at each power-on."""
    program, package = "qemu-system-aarch64", "qemu-system-arm"

    @staticmethod
    def arguments(_folder, _kvm):
        if not os.path.exists(UBOOT):
            raise Trouble("U-Boot for QEMU not found: install the Debian package u-boot-qemu")
        return ["-machine", "virt", "-accel", "tcg,thread=multi", "-cpu", "cortex-a57", "-bios", UBOOT]


class Serial:
    """Everything the device says, as one growing text; time-stamped lines go to a log."""

    def __init__(self, path, log):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.text = ""
        self.closed = False
        self.news = threading.Condition()
        self.log_path = log
        self.start = time.monotonic()
        self.line = ""
        self.log = open(log, "w", encoding="utf-8")
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        pending = ""
        while True:
            try:
                data = self.socket.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            text = pending + decoder.decode(data)
            cut = CUT_SHORT.search(text)
            text, pending = (text[:cut.start()], cut[0]) if cut else (text, "")
            # a carriage return alone begins a line anew, as progress bars do: here it is the next line
            text = text.replace("\r\n", "\n").replace("\n\r", "\n").replace("\r", "\n")
            self.hear(ESCAPES.sub("", text))
        with self.news:
            self.closed = True
            self.news.notify_all()

    def hear(self, text):
        with self.news:
            self.text += text
            self.news.notify_all()
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            self.note(line)

    def note(self, line):
        if line.strip() and not self.log.closed:
            self.log.write(f"{time.monotonic() - self.start:8.2f}  {line}\n")
            self.log.flush()

    def send(self, line):
        self.note(f"> {line}")
        try:
            self.socket.sendall(line.encode() + b"\n")
        except OSError:
            pass  # the device went off meanwhile: wait() sees that and says so

    def wait(self, pattern, begin, limit):
        """The first match of pattern after position begin; None when the device went off first."""
        end = time.monotonic() + limit
        compiled = re.compile(pattern, re.MULTILINE)
        with self.news:
            while True:
                match = compiled.search(self.text, begin)
                if match or self.closed:
                    return match
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self.news.wait(min(left, 1.0))

    def close(self):
        self.socket.close()
        self.thread.join(2)
        if self.line.strip():
            self.note(self.line)
        self.log.close()


class Machine:
    """with Machine(disk, log, kvm) as device: … ; the process is gone afterwards, whatever happens."""

    def __init__(self, disk, log, kvm, hardware=Pc):
        self.disk, self.log, self.kvm, self.hardware = disk, log, kvm, hardware
        self.process = self.serial = None

    def __enter__(self):
        self.power_on()
        return self

    def __exit__(self, *_):
        self.power_off()

    def arguments(self, path):
        argv = [self.hardware.program, "-nodefaults", "-no-user-config", "-display", "none",
                *self.hardware.arguments(self.folder, self.kvm), "-smp", "2", "-m", "512", "-no-reboot",
                "-chardev", f"socket,id=line,path={path},server=on,wait=on", "-serial", "chardev:line"]
        if self.disk:
            argv += ["-drive", f"if=none,id=disk,format=raw,file={self.disk}", "-device", "virtio-blk-pci,drive=disk,bootindex=1",
                     "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci"]
        return argv

    def power_on(self):
        self.folder = tempfile.mkdtemp(prefix="demo-")
        try:
            self.begin(f"{self.folder}/line")
        except BaseException:
            self.power_off()
            raise

    def begin(self, path):
        with open(f"{self.folder}/errors", "w", encoding="utf-8") as errors:
            try:
                self.process = subprocess.Popen(self.arguments(path), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                                start_new_session=True, preexec_fn=die_with_parent)
            except FileNotFoundError:
                raise Trouble(f"{self.hardware.program} is not installed (Debian package {self.hardware.package})") from None
        end = time.monotonic() + 20
        while self.serial is None:
            try:
                self.serial = Serial(path, self.log)
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Trouble(f"QEMU did not start: {self.said()}") from None
                time.sleep(0.05)

    def said(self):
        lines = pathlib.Path(self.folder, "errors").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "no message"

    def wait_off(self, limit):
        """Wait until the device switched off or restarted (which ends the process)."""
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Trouble(f"the device did not restart within {limit:.0f} s") from None

    def power_off(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.serial:
            self.serial.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def kvm_works(log, limit=6):
    """Does a real guest run under KVM? The device file alone proves nothing, so try: the firmware must speak up in time."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    try:
        with Machine(None, log, kvm=True) as device:
            return device.serial.wait("BdsDxe", 0, limit) is not None
    except (TimeoutError, Trouble):
        return False
    finally:
        pathlib.Path(log).unlink(missing_ok=True)
