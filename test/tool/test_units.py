# SPDX-License-Identifier: MIT
"""Units, bus policy and activation, judged by systemd and by the bus."""

import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
UNITS = ["rauc.service", "rauc-mark-good.service", "rauc-trial.service", "rauc-update.service"]
TIMER = "rauc-update.timer"
HEALTH = sorted(path.name for path in (TOP / "data/health").glob("*.service"))
MOST_EXPOSED_UPDATE = 50  # who only asks and decides
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
    shutil.copy(program, tmp_path / "rauc-trial")
    folder = tmp_path / "units"
    folder.mkdir()
    for name in UNITS:
        text = (TOP / f"data/{name}.in").read_text()
        (folder / name).write_text(text.replace("@bindir@", str(tmp_path)).replace("@libexecdir@", str(tmp_path)))
    for name in HEALTH:
        shutil.copy(TOP / "data/health" / name, folder)
    shutil.copy(TOP / "data" / TIMER, folder)
    return folder


def analyze(*args):
    done = run(tool("systemd-analyze"), *args)
    if re.search(r"(unrecognized|invalid) option|Unknown command", done.stderr):
        pytest.skip(f"this systemd-analyze is too old: {done.stderr.strip()}")
    return done


@pytest.mark.parametrize("name", [*UNITS, TIMER, *HEALTH])
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


def test_the_timer_comes_back(units):
    """Every two hours, not once: a key systemd does not know is only a warning to it, and so to nobody on a device."""
    timer = units / TIMER
    value = dict(re.findall(r"(?m)^(\w+)=(.*)$", timer.read_text()))
    assert value["OnUnitActiveSec"] == "2h" and value["OnBootSec"] and value["RandomizedDelaySec"]
    timer.write_text(timer.read_text().replace("OnUnitActiveSec=", "OnUnitActive="))
    assert "OnUnitActive" in analyze("verify", "--man=no", "--recursive-errors=no", timer).stderr


def test_the_update_is_less_than_the_service(units):
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED_UPDATE}", units / "rauc-update.service")
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def enable(folder, *names):
    """As systemctl enable does it: links where [Install] says."""
    for name in names:
        for kind, target in re.findall(r"(?m)^(WantedBy|RequiredBy)=(.*)$", (folder / name).read_text()):
            into = folder / f"{target}.{'wants' if kind == 'WantedBy' else 'requires'}"
            into.mkdir(exist_ok=True)
            (into / name).symlink_to(folder / name)


def cycles(folder):
    done = subprocess.run([tool("systemd-analyze"), "verify", "--man=no", "multi-user.target"], capture_output=True, text=True,
                          timeout=60, env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin", "SYSTEMD_LOG_LEVEL": "info"})
    return [line for line in done.stderr.splitlines() if "cycle" in line]


def test_health_checks_may_come_after_everything(units):
    """All of them enabled, and one of them after multi-user.target: there is an order."""
    enable(units, *UNITS[1:], TIMER, *HEALTH)
    assert cycles(units) == []
    mark = units / "rauc-mark-good.service"
    mark.write_text(mark.read_text().replace("DefaultDependencies=no\n", ""))
    assert cycles(units), "this test would not see a cycle"


def test_every_check_is_one(units):
    assert len(HEALTH) == 3
    for name in HEALTH:
        text = (units / name).read_text()
        assert "\nBefore=boot-complete.target\n" in text and "\nRequiredBy=boot-complete.target\n" in text


def test_the_watchdog_of_systemd(tmp_path):
    """systemd knows both settings, and a planted one it does not."""
    for text, known in (((TOP / "data/health/10-watchdog.conf").read_text(), True), ("[Manager]\nRuntimeWatchdogSek=30s\n", False)):
        names = re.findall(r"(?m)^(\w+)=", text)
        manual = pathlib.Path("/etc/systemd/system.conf").read_text()
        assert all(f"#{name}=" in manual for name in names) == known


# rauc-trial, with a rauc that says what is booted.

SHELL = """RAUC_SLOTS='1 2'
RAUC_SLOT_STATE_1='inactive'
RAUC_SLOT_BOOTNAME_1='A'
RAUC_SLOT_STATUS_ACTIVATED_TIMESTAMP_1='2026-01-01T00:00:00Z'
RAUC_SLOT_STATE_2='booted'
RAUC_SLOT_BOOTNAME_2='B'
RAUC_SLOT_STATUS_ACTIVATED_TIMESTAMP_2='WHEN'
"""


class Trial:
    def __init__(self, folder):
        self.folder, self.script = folder, folder / "rauc-trial"
        self.script.write_text((TOP / "data/rauc-trial.sh.in").read_text().replace("@bindir@", str(folder)).replace(
            "PATH=/usr/local/sbin:", f"PATH={folder}:"))
        self.program("sleep", "exit 0")
        self.program("systemctl", f"echo \"$*\" >> {folder}/called\n[ \"$2\" != is-active ] || [ -e {folder}/is-good ]")

    def program(self, name, text):
        (self.folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / name).chmod(0o755)

    def activated(self, at):
        self.program("rauc", f"cat << 'END'\n{SHELL.replace('WHEN', at)}END")

    def __call__(self, *words):
        env = {"RAUC_TRIAL_STATE": str(self.folder / "state" / "committed"), "PATH": "/usr/bin:/bin"}
        return subprocess.run(["sh", self.script, *words], capture_output=True, text=True, timeout=60, env=env)

    def called(self):
        path = self.folder / "called"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def trial(tmp_path):
    return Trial(tmp_path)


def test_what_is_a_trial(trial):
    trial.activated("2026-02-02T00:00:00Z")
    assert trial("is-trial").returncode == 0
    assert trial("commit").returncode == 0
    assert trial("is-trial").returncode == 1
    stamp = trial.folder / "state" / "committed"
    before = stamp.stat().st_ino
    assert trial("commit").returncode == 0 and stamp.stat().st_ino == before, "a second commit writes nothing"
    trial.activated("2026-03-03T00:00:00Z")
    assert trial("is-trial").returncode == 0


def test_never_activated_is_no_trial(trial):
    trial.activated("")
    assert trial("is-trial").returncode == 1


def test_no_status_is_no_trial(trial):
    trial.program("rauc", "exit 1")
    assert trial("is-trial").returncode == 1


def test_a_trial_that_does_not_commit_restarts(trial):
    done = trial("restart", "20")
    assert trial.called()[-2:] == ["reboot", "--force --force reboot"]
    assert "not committed within 20 s" in done.stderr


def test_a_trial_that_commits_goes_on(trial):
    (trial.folder / "is-good").write_text("")
    assert trial("restart", "20").returncode == 0
    assert trial.called() == ["--quiet is-active rauc-mark-good.service"]


def test_wrong_calls(trial):
    assert [trial(*words).returncode for words in ((), ("nothing",), ("restart",))] == [2, 2, 2]


def test_the_service_is_as_confined_as_an_updater_can_be(units):
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", units / "rauc.service")
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def test_every_capability_has_its_reason():
    for name in ("rauc.service.in", "rauc-update.service.in"):
        check_capabilities((TOP / "data" / name).read_text())


def check_capabilities(text):
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
