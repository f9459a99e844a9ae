# SPDX-License-Identifier: MIT

"""The running system of a truth table: the real rauc, marking slots in the boot state of a loader under test.

    Backend(folder, {"bootloader": "grub", "grubenv": path}).act("A", "install B")
"""

import os
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
RAUC = pathlib.Path(os.environ.get("RAUC", TOP / "build" / "release" / "src" / "rauc"))
KEYRING = TOP / "pki" / "demo" / "demo-ca.cert.pem"


class Backend:
    """A device with slots rootfs.0, rootfs.1, ...; `slots` are their boot names, `keys` go into [system]."""

    def __init__(self, folder, system, slots=("A", "B"), keys=None, env=None):
        self.folder, self.slots, self.env = pathlib.Path(folder), tuple(slots), env or {}
        self.folder.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{k}={v}\n" for k, v in {"compatible": "Table", "data-directory": self.folder / "data",
                                                  "mountprefix": self.folder / "mnt", **system}.items())
        text = f"[system]\n{text}\n[keyring]\npath={KEYRING}\n"
        for number, name in enumerate(self.slots):
            device = self.folder / f"slot-{number}"
            device.touch()
            more = "".join(f"{k}={v}\n" for k, v in (keys or {}).get(name, {}).items())
            text += f"\n[slot.rootfs.{number}]\ndevice={device}\nbootname={name}\n{more}"
        self.conf = self.folder / "system.conf"
        self.conf.write_text(text)

    def run(self, booted, *args):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent",
               "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent", "RAUC_TEST_CMDLINE": f"rauc.slot={booted}",
               "RAUC_TEST_RUNTIME_DIRECTORY": str(self.folder / "run"), "RAUC_TEST_CLOCK_SYNCHRONISED": "no", **self.env}
        done = subprocess.run([str(RAUC), "--conf", str(self.conf), *args], env=env, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(f"rauc {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout

    def name_of(self, slot):
        return f"rootfs.{self.slots.index(slot)}"

    def act(self, booted, what):
        """What a row of the table says the running system does: "good", "mark bad X", "install X", "install X, cut"."""
        words = what.replace(",", "").split()
        if what == "good":
            self.run(booted, "status", "mark-good")
        elif words[:2] == ["mark", "bad"]:
            self.run(booted, "status", "mark-bad", self.name_of(words[2]))
        elif words[0] == "install":
            self.run(booted, "status", "mark-bad", self.name_of(words[1]))
            if words[2:] != ["cut"]:
                self.run(booted, "status", "mark-active", self.name_of(words[1]))
        else:
            raise ValueError(what)
