# SPDX-License-Identifier: MIT
"""rauc doctor: a good device is given one fault at a time; it is found, nothing else is, and nothing was changed.

The device is a root file system in a folder, with loop devices as slots, real mounts, and a /proc and /sys of files: what a
device that runs is for `rauc doctor --root`."""

import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import stat
import subprocess
import sys

import pytest

import bundles
from device import run

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = (TOP / "boot/grub/grub.cfg").read_text()
PROGRAMS = "usr/lib/systemd/systemd", "usr/libexec/rauc/rauc-fetch", "usr/libexec/handler"
KEY = "usr/lib/rauc/device.key.pem"
MIB = bundles.MIB


class Patient:
    """A device in good health, in a folder."""

    def __init__(self, folder, rauc, ring, loops):
        self.root, self.rauc, self.loops = folder / "root", rauc, loops
        self.env = {"RAUC_TEST_CLOCK_SYNCHRONISED": "no"}
        self.sections = {
            "system": {"compatible": "Test", "bootloader": "grub", "grubenv": "/boot/efi/EFI/BOOT/grubenv",
                       "data-directory": "/data/rauc", "mountprefix": "/run/rauc/mnt", "bundle-formats": "verity"},
            "keyring": {"path": "keyring.pem"},
            "handlers": {"system-info": "/usr/libexec/handler"},
            "slot.rootfs.0": {"device": "/dev/disk/by-partlabel/root_a", "type": "ext4", "bootname": "A"},
            "slot.rootfs.1": {"device": "/dev/disk/by-partlabel/root_b", "type": "ext4", "bootname": "B"},
        }
        self.write("etc/rauc/keyring.pem", pathlib.Path(ring).read_text())
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
        self.write("etc/resolv.conf", "nameserver 192.0.2.1\n")
        self.write("usr/lib/os-release", "ID=test\n")
        self.write("proc/cmdline", "root=PARTLABEL=root_a rauc.slot=A panic=5 quiet\n")
        self.write("proc/uptime", "120.00 100.00\n")
        self.write("proc/sys/kernel/panic", "0\n")
        self.mounted()
        self.write("usr/share/dbus-1/system.conf", "")
        self.write("usr/share/dbus-1/system.d/de.pengutronix.rauc.conf", "")
        self.write("usr/share/dbus-1/system-services/de.pengutronix.rauc.service", "SystemdService=rauc.service\n")
        self.write("usr/lib/systemd/system/rauc.service", "")
        self.write("usr/lib/systemd/system/rauc-mark-good.service",
                   "[Unit]\nRequires=boot-complete.target\nAfter=boot-complete.target\n")
        self.link("etc/systemd/system/multi-user.target.wants/rauc-mark-good.service",
                  "/usr/lib/systemd/system/rauc-mark-good.service")
        self.write("boot/efi/EFI/BOOT/grub.cfg", SCRIPT)
        for name in PROGRAMS:
            self.write(name, "#!/bin/sh\n").chmod(0o755)
        (self.root / "data/rauc").mkdir(parents=True)
        (self.root / "run").mkdir()
        self.disks = {}
        for label in "root_a", "root_b":
            self.add_disk(label, 4 * MIB)
        self.write_status()
        self.write_env()
        self.write_conf()

    def path(self, name):
        return self.root / name

    def write(self, name, text):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def link(self, name, target):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def remove(self, name):
        self.path(name).unlink()

    def add_disk(self, label, size):
        """A loop device by this label; the node is one of the folder's own /dev."""
        image = self.root.parent / f"{label}.img"
        image.write_bytes(bytes(size))
        device = self.loops(image)
        node = f"dev/{device.name}"
        self.path(node).parent.mkdir(parents=True, exist_ok=True)
        os.mknod(self.path(node), 0o600 | stat.S_IFBLK, os.stat(device).st_rdev)
        self.link(f"dev/disk/by-partlabel/{label}", f"../../{device.name}")
        self.write(f"sys/class/block/{device.name}/uevent", f"DEVTYPE=partition\nPARTNAME={label}\n")
        self.disks[label] = image
        return device

    def write_conf(self):
        self.write("etc/rauc/system.conf", "".join(
            f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items() if value is not None) + "\n"
            for section, keys in self.sections.items() if keys is not None))

    def change(self, section, **keys):
        self.sections.setdefault(section, {}).update({key.replace("_", "-"): value for key, value in keys.items()})
        self.write_conf()

    def write_env(self, **values):
        values = {"ORDER": "A B", "A_OK": "1", "A_TRY": "0", "B_OK": "1", "B_TRY": "0", **values}
        path = self.path("boot/efi/EFI/BOOT/grubenv")
        path.unlink(missing_ok=True)
        subprocess.run(["grub-editenv", path, "create"], check=True)
        subprocess.run(["grub-editenv", path, "set", *(f"{k}={v}" for k, v in values.items() if v is not None)], check=True)

    def write_status(self, **more):
        text = ""
        for name in "rootfs.0", "rootfs.1":
            keys = {"status": "ok", "sha256": "0" * 64, "size": str(MIB), **(more if name == "rootfs.1" else {})}
            text += f"[slot.{name}]\n" + "".join(f"{k}={v}\n" for k, v in keys.items())
        self.write("data/rauc/central.raucs", text)

    def cmdline(self, text):
        self.write("proc/cmdline", text + "\n")

    def mounted(self, *entries):
        """What the kernel says of mounts: of a good device, and these besides."""
        self.write("proc/self/mountinfo", "\n".join([
            "20 1 0:20 / / ro,relatime - overlay overlay rw", "21 20 0:21 / /data rw - ext4 /dev/data rw",
            "22 20 0:22 / /boot/efi rw - autofs systemd-1 rw", "23 22 0:23 / /boot/efi rw - vfat /dev/esp rw", *entries]) + "\n")

    def fingerprint(self):
        """Everything in the folder and on the devices but what a look changes."""
        digest = hashlib.sha256()
        for path in sorted(self.root.rglob("*")):
            info = path.lstat()
            digest.update(f"{path} {info.st_mode} {info.st_uid} {info.st_size} {info.st_mtime_ns} {info.st_ctime_ns}\n".encode())
            if path.is_symlink():
                digest.update(os.readlink(path).encode())
            elif path.is_file():
                digest.update(path.read_bytes())
        for image in self.disks.values():
            digest.update(image.read_bytes())
        return digest.hexdigest()

    def examine(self, *args):
        """(exit status, answer), and nothing was changed."""
        before = self.fingerprint()
        result = run(self.rauc, "doctor", "--root", self.root, "--output-format=json", *args, env=self.env)
        assert self.fingerprint() == before, "the doctor changed something"
        answer = json.loads(result.out)
        n_errors = sum(f["severity"] == "error" for f in answer["findings"])
        assert answer["errors"] == n_errors and result.code == (1 if n_errors else 0), result.text
        assert all(f["what"] and f["why"] and f["fix"] for f in answer["findings"])
        return answer

    def ids(self):
        return {f["id"] for f in self.examine()["findings"]}


@pytest.fixture
def patient(tmp_path, rauc, pki, loops):
    return Patient(tmp_path, rauc, pki.ring, loops)


def damage_env(patient, content):
    patient.path("boot/efi/EFI/BOOT/grubenv").write_bytes(content)


def same_device(patient):
    patient.link("dev/disk/by-partlabel/root_b", os.readlink(patient.path("dev/disk/by-partlabel/root_a")))


def other_size(patient):
    shutil.rmtree(patient.path("sys/class/block"))
    patient.disks.pop("root_b").rename(patient.root.parent / "old.img")
    patient.add_disk("root_b", 3 * MIB)


def twice_labelled(patient):
    patient.write("sys/class/block/sdz9/uevent", "DEVTYPE=partition\nPARTNAME=root_b\n")


def kernel_name(patient):
    name = os.readlink(patient.path("dev/disk/by-partlabel/root_b")).rpartition("/")[2]
    patient.path("dev/sda3").hardlink_to(patient.path(f"dev/{name}"))
    patient.change("slot.rootfs.1", device="/dev/sda3")


def uboot(patient):
    patient.change("system", bootloader="uboot", grubenv=None)
    patient.cmdline("root=PARTLABEL=root_a rauc.slot=A panic=5 rauc.bootscript=uboot-1")


def device_number(patient, label):
    return os.stat(patient.path(f"dev/disk/by-partlabel/{label}")).st_rdev


def mount_line(patient, label, at, options="rw"):
    number = device_number(patient, label)
    return f"36 1 {os.major(number)}:{os.minor(number)} / {at} {options},relatime - ext4 /dev/x rw"


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def ring(patient, *args):
    key = patient.root.parent / "weak.key"
    openssl("req", "-x509", "-newkey", "rsa:2048" if "ec" not in args else "ec", "-nodes", "-keyout", key, "-subj", "/CN=Odd",
            "-out", patient.path("etc/rauc/keyring.pem"), *args)


def weak_ring(patient):
    key = patient.root.parent / "weak.key"
    openssl("genrsa", "-out", key, "1024")
    openssl("req", "-x509", "-new", "-key", key, "-days", "3650", "-subj", "/CN=Weak", "-out", patient.path("etc/rauc/keyring.pem"))


def demo_ring(patient):
    shutil.copy(TOP / "pki/demo/demo-ca.cert.pem", patient.path("etc/rauc/keyring.pem"))
    patient.change("keyring", allow_demo_keys="true")


def key_for_all(patient):
    patient.write(KEY, "key").chmod(0o644)
    patient.change("encryption", key=f"/{KEY}")


def drop_unit(patient):
    patient.remove("usr/lib/systemd/system/rauc-mark-good.service")
    patient.remove("etc/systemd/system/multi-user.target.wants/rauc-mark-good.service")


def watchdog(patient):
    patient.write("sys/class/watchdog/watchdog0/state", "inactive\n")
    patient.write("sys/class/watchdog/watchdog0/identity", "iTCO_wdt\n")


def in_future(patient):
    path = patient.write("usr/lib/clock-epoch", "")
    os.utime(path, (4102444800, 4102444800))


FAULTS = [
    # what is broken, the findings that name it, how
    ("no configuration", {"config.missing"}, lambda p: p.remove("etc/rauc/system.conf")),
    ("empty configuration", {"config.invalid"}, lambda p: p.write("etc/rauc/system.conf", "")),
    ("no key file", {"config.invalid"}, lambda p: p.write("etc/rauc/system.conf", "garbage\n")),
    ("unknown key", {"config.unknown-key"}, lambda p: p.change("system", bootlaoder="grub")),
    ("unknown section", {"config.unknown-key"}, lambda p: p.change("sytem", x="y")),
    ("no compatible", {"config.no-compatible"}, lambda p: p.change("system", compatible=None)),
    ("placeholder", {"config.placeholder"}, lambda p: p.change("system", compatible="@COMPATIBLE@")),
    ("no keyring", {"config.no-keyring"}, lambda p: p.change("keyring", path=None)),
    ("plain allowed", {"config.plain-allowed"}, lambda p: p.change("system", bundle_formats=None)),
    ("handler missing", {"config.handler-missing"}, lambda p: p.remove("usr/libexec/handler")),
    ("handler is data", {"config.handler-not-executable"}, lambda p: p.path("usr/libexec/handler").chmod(0o644)),
    ("mount prefix below a file", {"config.mountprefix"}, lambda p: p.change("system", mountprefix="/etc/passwd/mnt")),
    ("no data directory", {"config.no-data-directory"},
     lambda p: p.change("system", data_directory=None, statusfile="/data/rauc/central.raucs")),
    ("data directory below a file", {"config.data-unwritable"},
     lambda p: p.change("system", data_directory="/etc/passwd/rauc", statusfile="/data/rauc/central.raucs")),
    ("status nowhere", {"config.no-data-directory", "config.status-nowhere"},
     lambda p: (p.change("system", data_directory=None), p.change("slot.rootfs.1", type="raw"))),
    ("status file is garbage", {"config.status-corrupt"}, lambda p: p.write("data/rauc/central.raucs", "\0garbage")),
    ("no slots", {"slots.none", "boot.order"}, lambda p: (p.sections.pop("slot.rootfs.0"), p.sections.pop("slot.rootfs.1"), p.write_conf())),
    ("slot device missing", {"slots.missing-device"}, lambda p: p.remove("dev/disk/by-partlabel/root_b")),
    ("slot is a folder", {"slots.no-device"}, lambda p: p.change("slot.rootfs.1", device="/usr")),
    ("name of the kernel", {"slots.numbered-device"}, kernel_name),
    ("one device twice", {"slots.same-device"}, same_device),
    ("sizes differ", {"slots.sizes"}, other_size),
    ("slot too small", {"slots.too-small"}, lambda p: p.write_status(size=str(64 * MIB))),
    ("one slot only", {"slots.single", "boot.order"}, lambda p: (p.sections.pop("slot.rootfs.1"), p.write_conf())),
    ("no boot name", {"slots.bootname-missing", "boot.order"}, lambda p: p.change("slot.rootfs.1", bootname=None)),
    ("boot name twice", {"slots.bootname-twice"}, lambda p: p.change("slot.rootfs.1", bootname="A")),
    ("unknown slot on the command line", {"slots.booted-unknown"}, lambda p: p.cmdline("rauc.slot=C panic=5")),
    ("nothing on the command line", {"slots.booted-unknown"}, lambda p: p.cmdline("quiet panic=5")),
    ("witnesses disagree", {"slots.witnesses"}, lambda p: p.cmdline("root=PARTLABEL=root_b rauc.slot=A panic=5")),
    ("booted from elsewhere", {"slots.external"}, lambda p: p.cmdline("rauc.external panic=5")),
    ("root is the other slot", {"slots.root-elsewhere"}, lambda p: p.mounted(mount_line(p, "root_b", "/"))),
    ("booted slot writable elsewhere", {"slots.booted-mounted"}, lambda p: p.mounted(mount_line(p, "root_a", "/mnt"))),
    ("target mounted", {"slots.target-mounted"}, lambda p: p.mounted(mount_line(p, "root_b", "/mnt"))),
    ("label twice", {"slots.label-twice"}, twice_labelled),
    ("half written", {"slots.half-written"}, lambda p: p.write_status(status="pending")),
    ("failed", {"slots.half-written"}, lambda p: p.write_status(status="failed")),
    ("no bootloader", {"config.invalid"}, lambda p: p.change("system", bootloader=None, grubenv=None)),
    ("custom without its program", {"config.invalid"}, lambda p: p.change("system", bootloader="custom", grubenv=None)),
    ("EFI without its program", {"boot.tool-missing"}, lambda p: p.change("system", bootloader="efi", grubenv=None)),
    ("U-Boot without a map", {"boot.no-fw-env-config"}, uboot),
    ("U-Boot with a map elsewhere", {"boot.no-fw-env-config"},
     lambda p: (uboot(p), p.write("etc/fw_env.config", "/dev/x 0 1\n"), p.change("system", fw_env_config="/etc/other.config"))),
    ("U-Boot with one copy", {"boot.env-single"},
     lambda p: (uboot(p), p.write("etc/fw_env.config", "# device offset size\n/dev/mmcblk0 0x100000 0x20000\n"))),
    ("environment missing", {"boot.env-missing"}, lambda p: p.remove("boot/efi/EFI/BOOT/grubenv")),
    ("environment empty", {"boot.env-empty"}, lambda p: damage_env(p, b"")),
    ("environment of zeros", {"boot.env-damaged"}, lambda p: damage_env(p, bytes(1024))),
    ("environment cut", {"boot.env-damaged"},
     lambda p: damage_env(p, p.path("boot/efi/EFI/BOOT/grubenv").read_bytes()[:700])),
    ("environment is something else", {"boot.env-damaged"}, lambda p: damage_env(p, b"x" * 100000)),
    ("no order", {"boot.order", "boot.unreadable"}, lambda p: p.write_env(ORDER=None)),
    ("order of another product", {"boot.order"}, lambda p: p.write_env(ORDER="A B X")),
    ("nothing good", {"boot.no-good-slot", "boot.booted-bad", "boot.other-bad"}, lambda p: p.write_env(A_OK="0", B_OK="0")),
    ("other slot bad", {"boot.other-bad"}, lambda p: p.write_env(B_OK="0")),
    ("restart pending", {"boot.pending"}, lambda p: p.write_env(ORDER="B A")),
    ("script missing", {"boot.script-missing"}, lambda p: p.remove("boot/efi/EFI/BOOT/grub.cfg")),
    ("script by hand", {"boot.script-unknown"}, lambda p: p.write("boot/efi/EFI/BOOT/grub.cfg", "linux /vmlinuz\n")),
    ("script too old", {"boot.script-old"},
     lambda p: p.write("boot/efi/EFI/BOOT/grub.cfg", SCRIPT.replace("script, grub, version 2", "script, grub, version 1"))),
    ("script that ran is another loader's", {"boot.script-unknown"},
     lambda p: (p.remove("boot/efi/EFI/BOOT/grub.cfg"), p.cmdline("root=PARTLABEL=root_a rauc.slot=A panic=5 rauc.bootscript=uboot-1"))),
    ("ESP writable", {"boot.esp-writable"},
     lambda p: p.mounted("40 1 8:1 / /efi rw,relatime shared:1 - vfat /dev/sda1 rw")),
    ("mark-good missing", {"health.no-mark-good"}, drop_unit),
    ("mark-good masked", {"health.mark-good-masked"},
     lambda p: p.link("etc/systemd/system/rauc-mark-good.service", "/dev/null")),
    ("mark-good not enabled", {"health.mark-good-disabled"},
     lambda p: p.remove("etc/systemd/system/multi-user.target.wants/rauc-mark-good.service")),
    ("mark-good without health checks", {"health.mark-good-alone"},
     lambda p: p.write("usr/lib/systemd/system/rauc-mark-good.service", "[Unit]\n")),
    ("environment in a slot", {"boot.env-in-slot", "slots.booted-mounted"},
     lambda p: p.mounted(mount_line(p, "root_a", "/boot/efi/EFI"))),
    ("trial for ever", {"health.not-committed", "boot.booted-bad", "boot.pending"},
     lambda p: (p.write("proc/uptime", "9000.00 1.00\n"), p.write_env(A_TRY="1"))),
    ("watchdog idle", {"health.watchdog-unused"}, watchdog),
    ("panic hangs", {"health.no-panic-restart"}, lambda p: p.cmdline("root=PARTLABEL=root_a rauc.slot=A")),
    ("clock before the build", {"trust.clock-behind", "trust.anchor-expired"}, in_future),
    ("keyring missing", {"trust.unreadable"}, lambda p: p.remove("etc/rauc/keyring.pem")),
    ("keyring is garbage", {"trust.unreadable"}, lambda p: p.write("etc/rauc/keyring.pem", "garbage")),
    ("keyring ends soon", {"trust.anchor-expires"}, lambda p: ring(p, "-days", "5")),
    ("demo keys", {"trust.demo-keys"}, demo_ring),
    ("weak key", {"trust.weak-key"}, weak_ring),
    ("no revocation list", {"trust.crl-missing"}, lambda p: p.change("keyring", check_crl="true")),
    ("decryption key missing", {"trust.decryption-key"}, lambda p: p.change("encryption", key=f"/{KEY}")),
    ("decryption key for all", {"trust.decryption-key-open"}, key_for_all),
    ("trust state lost", {"trust.state-lost"}, lambda p: [p.write(f"data/rauc/trust.{n}", "garbage") for n in (1, 2)]),
    ("rauc-fetch missing", {"streaming.no-fetch"}, lambda p: p.remove("usr/libexec/rauc/rauc-fetch")),
    ("sandbox user missing", {"streaming.no-user"}, lambda p: p.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")),
    ("TLS file missing", {"streaming.tls-file"}, lambda p: p.change("streaming", tls_ca="/etc/ssl/ours.pem")),
    ("no name server", {"streaming.no-dns"}, lambda p: p.write("etc/resolv.conf", "")),
    ("policy missing", {"service.no-policy"}, lambda p: p.remove("usr/share/dbus-1/system.d/de.pengutronix.rauc.conf")),
    ("activation missing", {"service.no-activation"},
     lambda p: p.remove("usr/share/dbus-1/system-services/de.pengutronix.rauc.service")),
    ("unit of the service missing", {"service.no-unit"}, lambda p: p.remove("usr/lib/systemd/system/rauc.service")),
]


def test_good_device(patient):
    answer = patient.examine()
    assert answer["findings"] == [] and answer["is-live"] is True
    assert {f["name"]: f["ability"] for f in answer["features"]}["adaptive"] == "works"


@pytest.mark.parametrize("expected,plant", [pytest.param(e, p, id=n.replace(" ", "-")) for n, e, p in FAULTS])
def test_fault(patient, expected, plant):
    plant(patient)
    assert patient.ids() == expected


def test_enough_faults(note):
    assert len(FAULTS) >= 30
    note(f"doctor: {len(FAULTS)} planted faults")


def test_boot_slot_has_the_name(patient):
    """The boot name may be that of a boot slot, with the root file system beside it in its group."""
    for number, letter in enumerate("ab"):
        patient.add_disk(f"boot_{letter}", 8 * MIB)
        patient.sections[f"slot.boot.{number}"] = {"device": f"/dev/disk/by-partlabel/boot_{letter}", "type": "vfat", "bootname": letter.upper()}
        rootfs = patient.sections[f"slot.rootfs.{number}"]
        rootfs["parent"] = f"boot.{number}"
        del rootfs["bootname"]
    patient.write_conf()
    patient.mounted(mount_line(patient, "root_a", "/"))
    assert patient.ids() == set()
    patient.cmdline("root=PARTLABEL=root_b rauc.slot=A panic=5")
    assert patient.ids() == {"slots.witnesses"}
    patient.cmdline("root=PARTLABEL=root_a rauc.slot=A panic=5")
    patient.mounted(mount_line(patient, "root_b", "/"))
    assert patient.ids() == {"slots.root-elsewhere"}


def test_data_in_slot(patient, tool):
    """Real mounts: the slot's own file system, and one in memory."""
    subprocess.run([tool("mkfs.ext4"), "-q", "-F", patient.disks["root_a"]], check=True)
    device = "/dev/" + os.readlink(patient.path("dev/disk/by-partlabel/root_a")).rpartition("/")[2]
    data = patient.path("data")
    patient.disks.pop("root_a")  # its own file system writes to it whenever it likes
    for argv, expected in ((["-o", "ro", device], {"config.data-unwritable"}), ([device], {"config.data-in-slot", "slots.booted-mounted"}),
                           (["-t", "tmpfs", "none"], {"config.data-in-memory"})):
        done = subprocess.run(["mount", *argv, data], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"this kernel does not mount it: {done.stderr.strip()}")
        try:
            shutil.copy("/proc/self/mountinfo", patient.path("proc/self/mountinfo"))
            found = patient.ids()
        finally:
            subprocess.run(["umount", data], check=True)
        assert found == expected, argv


def test_image_at_build_time(patient):
    """Without /proc it is no device: what needs one is left out, and what is wrong in the image is found all the same."""
    shutil.rmtree(patient.path("proc"))
    shutil.rmtree(patient.path("dev"))
    shutil.rmtree(patient.path("data"))
    answer = patient.examine()
    assert answer["findings"] == [] and answer["is-live"] is False
    patient.link("etc/systemd/system/rauc-mark-good.service", "/dev/null")
    assert patient.ids() == {"health.mark-good-masked"}


def test_links_stay_below(patient):
    """An absolute link means the device's file, not ours."""
    patient.path("etc/rauc/keyring.pem").rename(patient.path("usr/keyring.pem"))
    patient.link("etc/rauc/keyring.pem", "/usr/keyring.pem")
    patient.change("keyring", path="/etc/rauc/keyring.pem")
    assert patient.ids() == set()
    patient.link("etc/rauc/keyring.pem", "/loop")
    patient.link("loop", "/loop")
    assert patient.ids() == {"trust.unreadable"}


def test_word_of_the_script(patient):
    """Where its file cannot be seen, the script speaks for itself."""
    patient.remove("boot/efi/EFI/BOOT/grub.cfg")
    patient.cmdline("root=PARTLABEL=root_a rauc.slot=A panic=5 rauc.bootscript=grub-2")
    assert patient.ids() == set()


def test_readable(patient):
    patient.remove("usr/libexec/handler")
    result = run(patient.rauc, "doctor", "--root", patient.root, env=patient.env)
    assert result.code == 1
    assert "error: the handler system-info cannot be found" in result.out and "[config.handler-missing]" in result.out
    for word in "where: /usr/libexec/handler", "why:", "do:", "=== Features ===", "1 errors, 0 warnings, 0 hints":
        assert word in result.out


def test_usage(patient):
    for args, words in ((["--output-format=shell"], "Unknown output format"), (["--root=/nonexistent"], "is not a folder"),
                        (["excess"], "Excess argument")):
        result = run(patient.rauc, "doctor", *args)
        assert result.code == 1 and words in result.err, result.text


@pytest.mark.parametrize("seed", range(6))
def test_garbage_everywhere(patient, seed):
    """Whatever is in the files: it answers."""
    chance = random.Random(seed)
    files = [p for p in sorted(patient.root.rglob("*")) if p.is_file() and not p.is_symlink() and not p.is_block_device()]
    for path in files:
        if path.name == "system.conf" and seed % 2:
            continue
        kind = chance.randrange(5)
        if kind == 0:
            path.write_bytes(b"")
        elif kind == 1:
            path.write_bytes(chance.randbytes(chance.randrange(1, 5000)))
        elif kind == 2:
            path.write_bytes(b"\xff" * 3000)
        elif kind == 3:
            path.unlink()
            path.mkdir()
        else:
            path.unlink()
            os.mkfifo(path)
    answer = patient.examine()
    assert answer["findings"]


def test_this_machine(rauc, tmp_path):
    """Whatever this machine is, without a root of its own: an answer."""
    result = run(rauc, "doctor", "--output-format=json-pretty", "--conf", tmp_path / "none.conf")
    assert "config.missing" in [f["id"] for f in json.loads(result.out)["findings"]]
    assert result.code == 1


def test_own_device(device, fetcher):
    """The device the other tests use, with rauc-fetch really started and shut in."""
    result = device.call("doctor", "--output-format=json")
    answer = json.loads(result.out)
    found = {f["id"] for f in answer["findings"]}
    assert not {i for i in found if i.startswith(("streaming.sandbox", "streaming.no-", "slots.", "trust."))} - {"streaming.no-dns"}, result.text
    assert {f["name"]: f["ability"] for f in answer["features"]}["streaming"] == "works"


def test_running_service(device, bus, start, tmp_path):
    """Asked who it is, never started; then older than its configuration, then than its program."""
    def found():
        answer = json.loads(device.call("doctor", "--output-format=json", env=bus.env).out)
        return {f["id"] for f in answer["findings"] if f["id"].startswith("service.old")}

    device.rauc, original = tmp_path / "copy-of-rauc", device.rauc
    shutil.copy(original, device.rauc)
    assert found() == set() and not bus.has_owner()
    service = start()
    assert found() == set()
    later = device.conf.stat().st_mtime + 3600
    os.utime(device.conf, (later, later))
    assert found() == {"service.old-config"}
    device.rauc.unlink()
    shutil.copy(original, device.rauc)
    assert found() == {"service.old-config", "service.old-program"}
    service.end()
    assert found() == set()


def test_page_names_every_finding(rauc):
    made = subprocess.run([sys.executable, TOP / "tool/doc_doctor.py"], capture_output=True, text=True, check=True).stdout
    page = (TOP / "doc/doctor.md").read_text()
    assert made in page, "run tool/doc_doctor.py --write"
    table = (TOP / "src/doctor/doctor_kinds.c").read_text()
    ids = re.findall(r'\{ "([a-z-]+\.[a-z-]+)"', table)
    assert len(ids) == len(set(ids)) > 70
    assert all(f"`{i}`" in page for i in ids)
