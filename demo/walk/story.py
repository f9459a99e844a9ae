# SPDX-License-Identifier: MIT
"""The story: update, crash, fallback, failed health check, fallback."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

from .console import Console
from .machine import Machine, Trouble
from .server import Server

TOP = pathlib.Path(__file__).resolve().parents[2]
BROKEN = TOP / "demo" / "broken"
MIB = 1 << 20
SLOT_B = "/dev/disk/by-partlabel/root_b"

# seconds, before --patience
BOOT, INSTALL, RESTART, ANSWER, HEALTH = 150, 240, 90, 60, 120
ATTEMPTS = 3  # that a new system has to pass its health check

TITLES = (
    "Build version 1 (disk image) and versions 2, 3 and 4 (signed bundles)",
    "Power on a device fresh from the factory: version 1 in slot A",
    "The status is true from the first boot on",
    "A bundle that a stranger signed is refused, and nothing is touched",
    "Install version 2 into the other slot, while version 1 runs",
    "Restart: slot B boots version 2",
    "The health check passes, so version 2 is marked good and stays",
    "Install version 3 (it will crash the kernel)",
    "Restart: version 3 panics, three times",
    "The boot loader falls back by itself: version 2 in slot B",
    "The status says which slot failed",
    "Install version 4 (it boots, but its health check will fail)",
    "Restart: version 4 fails its health check, three times, and restarts the device",
    "Back in slot B once more: version 2 never was in danger",
)


def work(argv, limit=3600, **more):
    """(exit status, lines on stdout, lines on stderr) of a program; it and its children end with us."""
    process = subprocess.Popen(argv, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               errors="replace", start_new_session=True, **more)
    try:
        said, complaints = process.communicate(timeout=limit)
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
        raise
    return process.returncode, said.splitlines(), complaints.strip().splitlines()


class Story:
    def __init__(self, board, stage, folder, rauc, overlays, kvm, patience):
        self.board, self.compatible = board, f"moonforge-demo-{board.name}"
        self.stage, self.folder, self.kvm, self.patience = stage, folder, kvm, patience
        self.rauc, self.device_rauc, self.overlays = rauc, rauc, tuple(overlays)
        self.environ = None
        self.warned = set()
        self.n_boots = 0
        self.log = None
        self.device = None
        self.console = None

    # ---- pieces ------------------------------------------------------------

    def limit(self, seconds):
        return seconds * self.patience

    def make(self, what, argv, **more):
        """Run one of the build programs; its lines are shown, its warnings once."""
        with self.stage.busy(f"building {what}"):
            status, said, complaints = work([str(a) for a in argv], **more)
        for line in complaints:
            if line.startswith("WARNING") and line not in self.warned:
                self.warned.add(line)
                self.stage.say(line)
        if status != 0:
            raise Trouble(f"building {what}: {(complaints or ['no message'])[-1]}")
        self.stage.answer("\n".join(line for line in said if line.startswith("  ") and not line.lstrip().startswith(("made", "export"))))

    def build(self, version, only, *overlays):
        """The root file system of a version, and from it its disk image or bundle; the former is returned."""
        tar = self.folder / f"rootfs-{version}.tar"
        rauc = ("--rauc", self.rauc) if self.rauc else ()
        device_rauc = ("--rauc", self.device_rauc) if self.device_rauc else ()
        names = ("--version", version, "--compatible", self.compatible, "--layout", self.board.name)
        self.stage.say(f"version {version}")
        self.make(f"version {version}", [TOP / "image" / "debian-rootfs", *names, "--output", tar, *device_rauc,
                                         *(word for overlay in self.overlays + overlays for word in ("--overlay", overlay))],
                  env=self.environ)
        self.make(f"version {version}", [TOP / "image" / "build", "--rootfs", tar, *names, "--output", self.folder, "--only", only, *rauc],
                  env=self.environ)
        return tar

    def build_client(self):
        """For a processor that is not this machine's: in a clean chroot, by a cross compiler."""
        self.stage.say(f"the client for {self.board.arch}")
        folder = self.folder / "client"
        self.make(f"the client for {self.board.arch}", [TOP / "tool" / "build-clean", "-o", folder, self.board.arch])
        self.device_rauc = folder / self.board.arch / "usr" / "bin" / "rauc"

    def make_keys(self, folder, owner):
        """An authority of its own and a signer; the environment that build programs take them from."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.make(f"the keys of {owner}", [TOP / "pki" / "openssl-ca.sh", "--key-type", "ec", "--org", owner], cwd=folder)
        dev = folder / "openssl-ca" / "dev"
        return {**os.environ, "RAUC_KEY_FILE": str(dev / "private" / "development-1.key.pem"),
                "RAUC_CERT_FILE": str(dev / "development-1.cert.pem"), "RAUC_KEYRING_FILE": str(dev / "ca.cert.pem")}

    def build_strangers(self, tar):
        """Version 2 once more, signed by a stranger: good in every way but that the device does not trust him."""
        folder = self.folder / "stranger"
        self.stage.say("version 2, signed by a stranger")
        environ = self.make_keys(folder, "A stranger")
        self.make("the stranger's bundle", [TOP / "image" / "build", "--rootfs", tar, "--version", "2", "--compatible", self.compatible,
                                            "--layout", self.board.name, "--output", folder, "--only", "bundle", *(("--rauc", self.rauc) if self.rauc else ())],
                  env=environ)
        (folder / f"{self.compatible}-2.raucb").rename(self.folder / f"{self.compatible}-stranger.raucb")
        shutil.rmtree(folder)

    def power_on(self, name):
        """Start the next power cycle; the one before has ended or is ended now."""
        self.power_off()
        self.n_boots += 1
        self.log = self.folder / f"boot-{self.n_boots}-{name}.log"
        self.device = Machine(self.folder / f"{self.compatible}-1.img", self.log, self.kvm, self.board.hardware)
        self.device.power_on()
        self.console = Console(self.device)

    def power_off(self):
        if self.device:
            self.device.power_off()
            self.device = None
            if self.stage.verbose:
                self.stage.answer(self.log.read_text(encoding="utf-8", errors="replace"))

    def login(self):
        with self.stage.busy("booting"):
            self.console.login(self.limit(BOOT))

    def type(self, command, limit=ANSWER):
        """Run a command in front of the audience; it has to work."""
        self.stage.command(command)
        with self.stage.busy("working"):
            self.console.ask(command, self.limit(limit), self.stage.answer)

    def facts(self, version, slot):
        """Which system is this? Asked of the release file, the kernel and rauc."""
        release = self.console.ask("cat /etc/os-release")
        found = re.search(r"^IMAGE_VERSION=(.*)$", release, re.MULTILINE)
        self.stage.check("IMAGE_VERSION in /etc/os-release", found and found[1], version)
        found = re.search(r"rauc\.slot=(\S+)", self.console.ask("cat /proc/cmdline"))
        self.stage.check("rauc.slot on the kernel command line", found and found[1], slot)
        status = self.status()
        self.stage.check("booted, says rauc status", status["booted"], slot)
        return status

    def status(self):
        """rauc status, with the slots by their boot names."""
        answer = self.console.ask_json("rauc status --detailed --output-format=json", self.limit(ANSWER))
        answer["by_bootname"] = {}
        for slot in answer["slots"]:
            for name, facts in slot.items():
                answer["by_bootname"][facts["bootname"]] = {**facts, "name": name}
        return answer

    def variables(self):
        """The boot loader's."""
        text = self.console.ask(self.board.read_state, self.limit(ANSWER))
        return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))

    def healthy(self):
        """Wait until the device has judged itself."""
        with self.stage.busy("waiting for the health check"):
            for _ in range(int(self.limit(HEALTH))):
                said = self.console.run("systemctl is-active rauc-mark-good.service", self.limit(ANSWER))[1].strip()
                if said == "active":
                    return
                if said == "failed":
                    break
                self.console.run("sleep 1", self.limit(ANSWER))
        why = self.console.run("journalctl --no-pager -o cat -n 4 -u demo-health.service -u rauc-mark-good.service", self.limit(ANSWER))[1]
        raise Trouble("the slot was not marked good: " + " / ".join(why.split("\n")))

    def bundle(self, what):
        return f"{self.compatible}-{what}.raucb"

    def install(self, server, version, target):
        """Straight from the server into the slot; what the server saw of it is part of the show."""
        server.sent()
        self.type(f"rauc install --progress {server.url}/{self.bundle(version)}", INSTALL)
        requests, sent = server.sent()
        size = (self.folder / self.bundle(version)).stat().st_size
        self.stage.answer(f"the server sent {sent / MIB:.1f} of the bundle's {size / MIB:.1f} MiB, {100 * sent / size:.0f} %, "
                          f"in {requests} requests")
        self.stage.check("all of the bundle was fetched, or less", sent <= size * 1.005 + MIB, True)
        said = self.console.ask("journalctl --no-pager -o cat -u rauc.service", self.limit(ANSWER))
        self.stage.check("installations that rauc.service has finished since power-on", said.count(": finished\n"), 1)
        status = self.status()
        slot = status["by_bootname"][target]
        self.stage.check(f"slot {target} now holds version", slot["slot_status"]["bundle"].get("version"), version)
        self.stage.check(f"status of slot {target}", slot["slot_status"].get("status"), "ok")
        self.stage.check("the next boot goes to", status["boot_primary"], slot["name"])

    def sectors_written(self):
        """How much was ever written to slot B since power-on; the kernel counts."""
        return int(self.console.ask(f"cat /sys/class/block/$(basename $(readlink -f {SLOT_B}))/stat").split()[6])

    def refuse_stranger(self, server):
        before = self.status()
        command = f"rauc install {server.url}/{self.bundle('stranger')}"
        written = self.sectors_written()
        self.stage.command(command)
        with self.stage.busy("working"):
            status, said = self.console.run(command, self.limit(INSTALL), self.stage.answer)
        self.stage.check("exit status of rauc install", status, 1)
        self.stage.check("it speaks of the signature", "signature" in said, True)
        self.stage.check("sectors of slot B written, says the kernel", self.sectors_written() - written, 0)
        self.stage.check("rauc status is what it was", self.status() == before, True)

    def examine(self):
        """Both slots hold a good system now: the doctor must have nothing to say."""
        self.type("rauc doctor")
        answer = self.console.ask_json("rauc doctor --output-format=json", self.limit(ANSWER))
        self.stage.check("findings of rauc doctor", [finding["id"] for finding in answer["findings"]], [])

    def leave(self, command):
        """Shut down or restart; QEMU ends with the power cycle."""
        self.stage.command(command)
        # there is no logind to ask, and systemctl would say so
        self.device.serial.send(f"{command} 2>/dev/null")
        with self.stage.busy("shutting down"):
            self.device.wait_off(self.limit(RESTART))

    # ---- the fourteen steps --------------------------------------------------

    def tell(self):
        with self.stage.step():
            if self.board.is_foreign():
                self.build_client()
            self.environ = self.make_keys(self.folder / "keys", "The demo")
            self.build("1", "disk")
            self.build_strangers(self.build("2", "bundle"))
            self.build("3", "bundle", BROKEN / "panic")
            self.build("4", "bundle", BROKEN / "unhealthy")
        try:
            with Server(self.folder) as server:
                self.first_boot(server)
                self.good_update(server)
                self.panic()
                self.after_panic(server)
                self.unhealthy()
                self.ending()
        finally:
            self.power_off()

    def first_boot(self, server):
        with self.stage.step():
            self.power_on("A")
            self.login()
            self.facts("1", "A")
            self.healthy()
            self.board.healthy.check(self.stage, self.variables())
        with self.stage.step():
            self.type("rauc --version")
            self.type("rauc status")
            said = self.console.ask("systemctl is-active rauc.service; busctl list --no-legend | grep -o de.pengutronix.rauc | uniq")
            self.stage.check("rauc.service, and its name on the bus", said.split(), ["active", "de.pengutronix.rauc"])
            slots = self.status()["by_bootname"]
            facts = slots["A"]["slot_status"]
            self.stage.check("slot A holds version", facts["bundle"].get("version"), "1")
            self.stage.check("status of slot A", facts.get("status"), "ok")
            self.stage.check("boot status of slot A", slots["A"]["boot_status"], "good")
            self.stage.check("boot status of slot B, still empty", slots["B"]["boot_status"], "bad")
        with self.stage.step():
            self.refuse_stranger(server)
        with self.stage.step():
            self.install(server, "2", "B")

    def good_update(self, server):
        with self.stage.step():
            self.leave("reboot")
            self.power_on("B")
            self.login()
            self.facts("2", "B")
        with self.stage.step():
            self.healthy()
            self.type("systemctl --no-pager --lines=0 status demo-health.service | head -n 3")
            slots = self.status()["by_bootname"]
            self.stage.check("boot status of slot B", slots["B"]["boot_status"], "good")
            self.stage.check("boot status of slot A", slots["A"]["boot_status"], "good")
            self.board.committed.check(self.stage, self.variables())
            self.examine()
        with self.stage.step():
            self.install(server, "3", "A")
            self.known = self.variables()

    def watch_failure(self, name, *events):
        """Restart into slot A and see it fail, as often as a trial may; the device has to restart by itself."""
        self.leave("reboot")
        for attempt in range(1, ATTEMPTS + 1):
            self.power_on(f"{name}-{attempt}")
            with self.stage.busy(f"booting, attempt {attempt} of {ATTEMPTS}"):
                self.console.expect(r"slot A: ", self.limit(BOOT), "waiting for the boot loader to choose slot A")
                for pattern, what in events:
                    said = self.console.expect(pattern, self.limit(BOOT), f"waiting for {what}")[0].strip()
                    self.stage.answer(said)
                self.device.wait_off(self.limit(RESTART))
            self.stage.say(f"the device restarted by itself (attempt {attempt} of {ATTEMPTS})")

    def panic(self):
        with self.stage.step():
            self.watch_failure("A-panic", (r"Kernel panic - not syncing: .*\n", "the kernel panic"))

    def after_panic(self, server):
        with self.stage.step():
            self.power_on("B")
            self.login()
            self.facts("2", "B")
            now = self.variables()
            self.stage.check(f"B's variables {self.board.where}: the boot of a committed slot changes nothing",
                             self.board.variables_of("B", now), self.board.variables_of("B", self.known))
            self.board.used_up.check(self.stage, now)
        with self.stage.step():
            self.healthy()
            self.type("rauc status")
            self.failed_slot("3")
        with self.stage.step():
            self.install(server, "4", "A")

    def failed_slot(self, version):
        status = self.status()
        slots = status["by_bootname"]
        self.stage.check("slot A holds version", slots["A"]["slot_status"]["bundle"].get("version"), version)
        self.stage.check("boot status of slot A", slots["A"]["boot_status"], "bad")
        self.stage.check("boot status of slot B", slots["B"]["boot_status"], "good")
        self.stage.check("the next boot goes to", status["boot_primary"], slots["B"]["name"])

    def unhealthy(self):
        with self.stage.step():
            self.watch_failure("A-unhealthy", (r"health check: .*\n", "the health check to fail"))

    def ending(self):
        with self.stage.step():
            self.power_on("B")
            self.login()
            self.facts("2", "B")
            self.healthy()
            self.type("rauc status")
            self.failed_slot("4")
            self.leave("poweroff")

    def clean_up(self, keep):
        """Take away what is large, unless the images shall be kept, and what is half made; the logs stay."""
        for name in "stranger", "keys", "client":
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in self.folder.iterdir():
            if path.suffix in (".tar", ".unfinished") or not keep and path.suffix in (".img", ".raucb"):
                path.unlink()
