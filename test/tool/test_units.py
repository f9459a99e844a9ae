# SPDX-License-Identifier: MIT
"""Units, bus policy and activation, judged by systemd and by the bus."""

import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
UNITS = ["rauc.service", "rauc-mark-good.service"]
MOST_EXPOSED = 65  # of 100: what an updater cannot do without, see the comments in rauc.service.in


def tool(name):
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not path:
        pytest.skip(f"{name} is not installed")
    return path


def run(*args):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60)


# Units.

@pytest.fixture
def units(tmp_path):
    """The units as they are installed, with a program that is there."""
    program = tmp_path / "rauc"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    folder = tmp_path / "units"
    folder.mkdir()
    for name in UNITS:
        text = (TOP / f"data/{name}.in").read_text()
        (folder / name).write_text(text.replace("@bindir@", str(tmp_path)))
    return folder


def analyze(*args):
    done = run(tool("systemd-analyze"), *args)
    if re.search(r"(unrecognized|invalid) option|Unknown command", done.stderr):
        pytest.skip(f"this systemd-analyze is too old: {done.stderr.strip()}")
    return done


@pytest.mark.parametrize("name", UNITS)
def test_systemd_verifies_the_unit(units, name):
    done = analyze("verify", "--man=no", "--recursive-errors=no", units / name)
    said = [line for line in done.stderr.splitlines() if name in line]
    assert done.returncode == 0 and not said, done.stderr


def test_a_planted_mistake_is_found(units):
    """The judge above can say no."""
    unit = units / "rauc.service"
    unit.write_text(unit.read_text().replace("[Service]\n", "[Service]\nProtectKernelLog=yes\n"))
    done = analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert "ProtectKernelLog" in done.stderr


def test_the_service_is_as_confined_as_an_updater_can_be(units):
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", units / "rauc.service")
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def test_every_capability_has_its_reason():
    text = (TOP / "data/rauc.service.in").read_text()
    kept = set(" ".join(re.findall(r"(?m)^CapabilityBoundingSet=(.*)$", text)).split())
    told = set(re.findall(r"CAP_\w+", " ".join(re.findall(r"(?m)^#   (CAP_.*?)  ", text))))
    assert kept == told


def test_the_mark_is_tried_until_an_installation_is_over():
    """Busy is no reason to give up: longer than handlers may take, and within systemd's limit."""
    text = (TOP / "data/rauc-mark-good.service.in").read_text()
    value = dict(re.findall(r"(?m)^(\w+)=(.*)$", text))
    assert value["Restart"] == "on-failure" and value["After"] == value["Requires"] == "boot-complete.target"
    seconds = int(value["RestartSec"].removesuffix("s")) * int(value["StartLimitBurst"])
    assert 3600 < seconds < int(value["StartLimitIntervalSec"].removesuffix("h")) * 3600


# The bus.

def test_the_bus_takes_the_policy(tmp_path):
    conf = tmp_path / "bus.conf"
    conf.write_text('<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"\n'
                    ' "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">\n'
                    f"<busconfig><type>session</type><listen>unix:path={tmp_path}/bus</listen>"
                    f"<include>{TOP}/data/de.pengutronix.rauc.conf</include></busconfig>\n")
    bus = subprocess.Popen([tool("dbus-daemon"), f"--config-file={conf}", "--nofork", "--nosyslog", "--print-address"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert bus.stdout.readline().startswith("unix:path="), bus.stderr.read()
    finally:
        bus.kill()
        bus.communicate()


def test_the_bus_starts_what_is_installed():
    text = (TOP / "data/de.pengutronix.rauc.service.in").read_text()
    value = dict(re.findall(r"(?m)^(\w+)=(.*)$", text))
    assert value == {"Name": "de.pengutronix.rauc", "Exec": "@libexecdir@/rauc-service.sh", "User": "root",
                     "SystemdService": "rauc.service"}
    unit = (TOP / "data/rauc.service.in").read_text()
    assert "BusName=de.pengutronix.rauc\n" in unit and "[Install]\n" not in unit.replace("no [Install]", "")
