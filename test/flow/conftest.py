# SPDX-License-Identifier: MIT
"""Fixtures over the real binary. RAUC names it; by default it is the release or the dev build."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

import bundles
import bus as buses
import device as devices
import pki as authorities

TOP = pathlib.Path(__file__).resolve().parents[2]
OLD = bundles.image(4 * bundles.MIB, 100)
DEBIAN = pathlib.Path("/usr/bin/rauc")


NOTES = []


@pytest.fixture
def note():
    """note(line): printed at the end of the run, whatever is captured."""
    return NOTES.append


def pytest_terminal_summary(terminalreporter):
    for line in NOTES:
        terminalreporter.write_line(line)


def find_rauc():
    if os.environ.get("RAUC"):
        return pathlib.Path(os.environ["RAUC"]).resolve()
    found = [p for p in (TOP / "build/release/src/rauc", TOP / "build/dev/src/rauc") if p.exists()]
    return found[0] if found else TOP / "build/release/src/rauc"


@pytest.fixture(scope="session")
def rauc():
    path = find_rauc()
    if not path.exists():
        pytest.skip(f"there is no {path}: build it, or name another with RAUC=")
    return path


@pytest.fixture(scope="session")
def debian():
    """Debian's rauc as a second opinion."""
    told = subprocess.run([DEBIAN, "--version"], capture_output=True, text=True) if DEBIAN.exists() else None
    if not told or not told.stdout.startswith("rauc 1."):
        pytest.skip("Debian's rauc is not installed (apt-get install rauc)")
    return DEBIAN


@pytest.fixture(scope="session")
def public():
    """public(name): a folder everybody can read. Not below pytest's own, which is for its owner again whenever another
    pytest begins."""
    with tempfile.TemporaryDirectory(prefix="rauc-flow-") as top:
        os.chmod(top, 0o755)

        def make(name):
            folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=top))
            folder.chmod(0o755)
            return folder
        yield make


@pytest.fixture(scope="session")
def server_identity(public):
    """(certificate, key) of a server called localhost."""
    folder = public("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    authorities.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "30",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    cert.chmod(0o644)
    return cert, key


@pytest.fixture(scope="module")
def fetcher(rauc, public):
    """The program that fetches: a copy of the one beside the one that is tested, which somebody else may start wherever this
    tree lies."""
    path = rauc.parent / "fetch" / "rauc-fetch"
    if not path.exists():
        pytest.skip(f"there is no {path}: this build has no streaming")
    copy = public("bin") / "rauc-fetch"
    shutil.copy(path, copy)
    copy.chmod(0o755)
    devices.EXTRA["RAUC_FETCH"] = str(copy)
    yield copy
    del devices.EXTRA["RAUC_FETCH"]


def fetchers(program):
    """Processes of this very file."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and os.readlink(f"/proc/{entry}/exe") == str(program):
                found.append(int(entry))
    return found


@pytest.fixture(scope="session")
def root():
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return authorities.Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def maker(tmp_path_factory, pki):
    return bundles.Maker(tmp_path_factory.mktemp("bundles"), pki)


@pytest.fixture(scope="session")
def tool():
    """tool("strace"): its path, or the test is skipped."""
    def find(name):
        path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        if not path:
            pytest.skip(f"{name} is not installed")
        return path
    return find


@pytest.fixture
def later():
    """later(days): words before a program for which it is that late; not faketime(1), which would be
    killed in its place and trips over the semaphores of others."""
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if not library:
        pytest.skip("libfaketime is not installed")
    return lambda days: ["env", f"LD_PRELOAD={library}", f"FAKETIME={days:+}d", "DONT_FAKE_MONOTONIC=1"]


@pytest.fixture
def loops(root, tool):
    """loops(file, ...): the file as a block device, given back after the test."""
    made = []

    def attach(file, *args):
        done = subprocess.run([tool("losetup"), "--show", "-f", *args, file], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no loop device to be had: {done.stderr.strip()}")
        made.append(done.stdout.strip())
        if "-r" not in args:  # a protection that was set on a device before outlives its file
            subprocess.run(["blockdev", "--setrw", made[-1]], check=True)
        return pathlib.Path(made[-1])

    yield attach
    for name in made:
        subprocess.run(["losetup", "-d", name], check=True)


@pytest.fixture
def mount(root, tmp_path):
    """mount(device, name, ...): a mount point, taken down after the test."""
    made = []

    def attach(source, name, *args):
        point = tmp_path / name
        point.mkdir(exist_ok=True)
        done = subprocess.run(["mount", *args, source, point], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"this kernel does not mount it: {done.stderr.strip().splitlines()[0]}")
        made.append(point)
        return point

    yield attach
    for point in reversed(made):
        subprocess.run(["umount", point], check=True)


@pytest.fixture
def make_device(tmp_path, rauc, pki):
    """make_device(slots=..., **kwargs): slots default to two files A and B of class rootfs with old content."""
    def make(slots=None, keyring=None, content=OLD, **kwargs):
        if slots is None:
            slots = {}
            for index, name in enumerate("AB"):
                path = tmp_path / f"slot-{name}"
                path.write_bytes(content)
                slots[f"rootfs.{index}"] = {"device": path, "type": "raw", "bootname": name}
        return devices.Device(tmp_path, rauc, keyring or pki.ring, slots, **kwargs)
    return make


@pytest.fixture
def device(make_device):
    return make_device()


@pytest.fixture
def bus(tmp_path_factory):
    """A bus of its own, without anybody on it."""
    if not shutil.which("dbus-daemon"):
        pytest.skip("dbus-daemon is not installed")
    made = buses.Bus(tmp_path_factory.mktemp("bus"))
    yield made
    made.stop()


@pytest.fixture
def start(device, bus):
    """start(options...): the service; ended at the end of the test, if the test has not."""
    made = []

    def go(*args, **kwargs):
        made.append(buses.Service(device, bus, *args, **kwargs))
        return made[-1]

    yield go
    for service in made:
        if service.process.poll() is None:
            service.end(signal.SIGKILL)
    for left in devices.mounts_below(device.folder / "mnt"):  # of a service that was killed
        subprocess.run(["umount", "-l", left], check=True)


WAIT = """#!/bin/sh
touch {0}/waiting
n=0
while [ ! -e {0}/go ] && [ $n -lt 600 ]; do sleep 0.05; n=$((n + 1)); done
"""


@pytest.fixture
def slow(device):
    """Installations wait until slow.go()."""
    script = device.folder / "wait.sh"
    script.write_text(WAIT.format(device.folder))
    script.chmod(0o755)
    device.change("handlers", pre_install=script)

    class Slow:
        def wait(self):
            buses.wait_until((device.folder / "waiting").exists)

        def go(self):
            (device.folder / "go").touch()
    return Slow()


@pytest.fixture
def without_fuse(root, tool):
    """Words before a command that make it find no FUSE."""
    hide = "! test -e /dev/fuse || mount --bind /dev/null /dev/fuse || exit 1; exec \"$@\""
    words = [tool("unshare"), "-m", "sh", "-c", hide, "sh"]
    done = subprocess.run([*words, "true"], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no name space of mounts to be had: {done.stderr.strip()}")
    return words
