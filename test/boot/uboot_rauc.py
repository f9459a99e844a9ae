# SPDX-License-Identifier: MIT

"""U-Boot's environment shared with others: Debian's rauc with fw_printenv and fw_setenv on the same two copies.

What one writes the other understands; a commitment ("03") does not outlive what RAUC
does to a slot, and what RAUC marks is never mistaken for one.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import backend  # noqa: E402
import uboot_truth as uboot  # noqa: E402

DEBIAN = "/usr/bin/rauc"


class Device:
    """One environment; ours and Debian's rauc, which knows the standard paths only: it gets fw_printenv with another config."""

    def __init__(self, folder, variables):
        self.folder = folder
        self.paths = [folder / "copy-1", folder / "copy-2"]
        for number, path in enumerate(self.paths):
            path.write_bytes(uboot.env_block(variables, 1 - number))
        self.config = folder / "fw_env.config"
        self.config.write_text("".join(f"{p} 0x0 {uboot.ENV_SIZE:#x}\n" for p in self.paths))
        self.ours = backend.Backend(folder / "ours", {"bootloader": "uboot", "fw-env-config": self.config})
        tools = folder / "bin"
        tools.mkdir()
        for name in ("fw_printenv", "fw_setenv"):
            (tools / name).write_text(f'#!/bin/sh\nexec {shutil.which(name)} -c {self.config} "$@"\n')
            (tools / name).chmod(0o755)
        theirs = self.ours.conf.read_text().replace(f"fw-env-config={self.config}\n", "")
        self.conf = folder / "debian.conf"
        self.conf.write_text(theirs)
        self.env = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": "/nonexistent", "RAUC_TEST_RUNTIME_DIRECTORY": str(folder / "run")}

    def ask(self, program, conf, booted, *args):
        """A client and its service, on a bus of their own."""
        script = (f'{program} --conf={conf} --override-boot-slot={booted} service >{self.folder}/service.log 2>&1 & '
                  f'for i in $(seq 100); do {program} status >/dev/null 2>&1 && break; sleep 0.1; done; {program} {" ".join(args)}; '
                  f'status=$?; kill $!; wait $!; exit $status')
        bus = self.folder / "bus.conf"
        bus.write_text('<busconfig><type>system</type><listen>unix:tmpdir=/tmp</listen><policy context="default"><allow user="*"/><allow own="*"/>'
                       '<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>')
        done = subprocess.run(["dbus-run-session", f"--config-file={bus}", "--", "sh", "-c",
                               f"export DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS; unset DBUS_STARTER_BUS_TYPE; {script}"],
                              env=self.env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr + (self.folder / "service.log").read_text()
        return done.stdout

    def debian(self, booted, *args):
        return self.ask(DEBIAN, self.conf, booted, *args)

    def read(self):
        """As fw_printenv tells it."""
        done = subprocess.run(["fw_printenv", "-c", str(self.config)], capture_output=True, text=True, timeout=60, check=True)
        assert dict(line.split("=", 1) for line in done.stdout.splitlines()) == uboot.newest([p.read_bytes() for p in self.paths])
        return dict(line.split("=", 1) for line in done.stdout.splitlines())


@pytest.fixture
def device(tmp_path):
    gone = [t for t in ("fw_printenv", "fw_setenv", DEBIAN, "dbus-run-session") if not shutil.which(t)]
    if gone:
        pytest.skip(f"not installed: {' '.join(gone)}")
    return Device(tmp_path, {"BOOT_ORDER": "A B", "BOOT_A_LEFT": "03", "BOOT_B_LEFT": "03", "bootcmd": "run it"})


def test_debians_rauc_on_ours(device):
    said = device.debian("A", "status", "--output-format=shell")
    assert "BOOT_STATUS_1='good'" in said and "BOOT_STATUS_2='good'" in said, '"03" is three attempts to it'
    device.debian("A", "status", "mark-good")
    assert device.read()["BOOT_A_LEFT"] == "3", "its mark is no commitment"
    device.debian("A", "status", "mark-bad", "rootfs.1")
    now = device.read()
    assert now["BOOT_ORDER"] == "A" and now["BOOT_B_LEFT"] == "0", "and takes one away"
    device.debian("A", "status", "mark-active", "rootfs.1")
    assert device.read() == {"BOOT_ORDER": "B A", "BOOT_A_LEFT": "3", "BOOT_B_LEFT": "3", "bootcmd": "run it"}


def test_ours_on_debians(device):
    device.debian("A", "status", "mark-active", "rootfs.1")
    assert "rootfs.1" in device.ours.run("A", "status", "--output-format=json")
    device.ours.act("B", "good")
    assert device.read()["BOOT_B_LEFT"] == "03"
    device.ours.act("B", "install A")
    said = device.debian("B", "status", "--output-format=shell")
    assert "RAUC_BOOT_PRIMARY='rootfs.0'" in said
    assert device.read() == {"BOOT_ORDER": "A B", "BOOT_A_LEFT": "3", "BOOT_B_LEFT": "03", "bootcmd": "run it"}


def test_fw_setenv_between(device):
    """A script that writes as scripts do."""
    subprocess.run(["fw_setenv", "-c", str(device.config), "BOOT_A_LEFT", "2"], check=True, timeout=60)
    device.ours.act("A", "good")
    assert device.read()["BOOT_A_LEFT"] == "03"
    before = [p.read_bytes() for p in device.paths]
    device.ours.act("A", "good")
    assert [p.read_bytes() for p in device.paths] == before, "nothing changes, nothing is written"


def test_all_copies_are_lost_while_the_second_slot_runs(device):
    """Made anew from what mkuboot.sh gives: the running slot is not called bad, the one that is written is."""
    (device.folder / "slots.env").write_text("ab_env=raw\n")
    subprocess.run([uboot.TOP / "boot" / "uboot" / "mkuboot.sh", "--slots", device.folder / "slots.env", device.folder / "made"], check=True, timeout=60)
    shutil.copy(device.folder / "made" / "etc" / "u-boot-initial-env", device.folder)
    for path in device.paths:
        path.write_bytes(b"\xa5" * uboot.ENV_SIZE)
    device.ours.act("B", "install A, cut")
    assert device.read() == {"BOOT_ORDER": "B", "BOOT_A_LEFT": "0", "BOOT_B_LEFT": "3"}
    device.ours.act("B", "good")
    assert device.read()["BOOT_B_LEFT"] == "03"


def test_the_service_says_at_its_start_what_is_wrong(device):
    device.ask(backend.RAUC, device.ours.conf, "A", "status")
    assert "uboot backend" not in (device.folder / "service.log").read_text()
    device.paths[0].write_bytes(b"\xff" * uboot.ENV_SIZE)
    device.ask(backend.RAUC, device.ours.conf, "A", "status")
    said = [line for line in (device.folder / "service.log").read_text().splitlines() if "uboot backend" in line]
    assert len(said) == 1 and "nothing but 0xff" in said[0] and str(device.paths[0]) in said[0], said


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", os.path.abspath(__file__)]))
