# SPDX-License-Identifier: MIT
"""`rauc install`, `status` and `status mark-…` as clients of a service, ours and Debian's; Debian's client of ours; and
the same verbs without a service."""

import json
import os
import re
import signal
import subprocess

import pytest

import bundles
import bus as buses
import device as devices
from bundles import MIB
from bus import wait_until
from test_cli import contains, on_terminal

IMAGE = bundles.image(2 * MIB, 1)
NOTHING = {"bundle-size": 0, "bytes-fetched": 0, "requests": 0, "retries": 0, "waited-ms": 0, "bytes-written": 0,
           "bytes-in-place": 0, "bytes-zero": 0, "seeds": {}}
DIRECT = "no system bus here (Could not connect: No such file or directory): working in this process\n"


@pytest.fixture
def bundle(maker):
    return maker.simple(name="rootfs.img")


@pytest.fixture
def wrong(maker):
    files, images = {"rootfs.img": IMAGE}, {"rootfs": "rootfs.img"}
    return maker.forge(files, images, text=bundles.manifest(files, images, compatible="Other"))


def client(device, bus, *args, env=None, **kwargs):
    """The program without --conf, on the bus; its working in process would fail, as there is no configuration."""
    return devices.run(device.rauc, *args, env={**device.env, **bus.env, **(env or {})}, **kwargs)


def begin(device, bus, *args):
    """A client that goes on while the test does something else."""
    return subprocess.Popen([str(a) for a in (device.rauc, *args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True,
                            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": devices.ASAN,
                                 **device.env, **bus.env})


# --- install ------------------------------------------------------------------


def test_install_says_the_same_through_both_doors(device, bus, start, bundle):
    direct = device.install(bundle)
    assert direct.code == 0 and direct.note == DIRECT, direct.text
    device.reset_boot()
    service = start()
    served = client(device, bus, "install", bundle)
    assert served.code == 0 and served.note + served.err == "", served.text
    repeated = "Copying image to rootfs.1\n"  # how often depends on the clock
    lines = [[line for line in told.out.splitlines(True) if not line.endswith(repeated)] for told in (direct, served)]
    assert lines[1].pop(-3) == "left 2.1 MB in place\n"  # from the first time
    assert lines[0] == lines[1]
    assert lines[1][0] == "installing\n" and lines[1][-2:] == ["idle\n", f"Installing `{bundle}` succeeded\n"]
    assert device.chosen() == "B" and device.content("rootfs.1", len(IMAGE)) == IMAGE
    assert f"input bundle: {bundle}" in service.text
    device.check_rest()


def test_relative_path_and_options(device, bus, start, bundle):
    start()
    done = client(device, bus, "install", "--transaction-id=tx-7", bundle.name, cwd=bundle.parent)
    assert done.code == 0 and done.out.endswith(f"Installing `{bundle.parent}/{bundle.name}` succeeded\n"), done.text
    assert device.status("rootfs.1")["installed.transaction"] == "tx-7"
    refused = client(device, bus, "install", "--require-manifest-hash=" + 64 * "0", bundle)
    assert refused.code == 1 and "unexpected hash" in refused.out, refused.text


def test_failure(device, bus, start, wrong):
    start()
    direct = device.install(wrong)
    device.reset_boot()
    served = client(device, bus, "install", wrong)
    assert served.code == direct.code == 1
    assert served.out == direct.out and "\nLastError: Compatible mismatch: " in served.out, served.text
    assert served.err == f"Installing `{wrong}` failed\nhint: take the bundle for this kind of device\n"
    assert client(device, bus, "install", "--ignore-compatible", wrong).code == 0


@pytest.mark.parametrize("door", ["service", "direct"])
def test_json(device, bus, start, bundle, wrong, door):
    if door == "service":
        start()

    def install(*args):
        done = client(device, bus, "install", *args) if door == "service" else device.install(args[-1], *args[:-1])
        return done, json.loads(done.out)

    done, told = install("--output-format=json", wrong)
    assert done.code == 1 and done.out.count("\n") == 1, done.text
    message = told["error"].pop("message")
    assert message.startswith("Compatible mismatch: Expected 'Test'")
    assert told == {"bundle": str(wrong), "result": "failed", "exit-code": 1, "error": {
        "code": "compatible", "stage": "check", "slot": None, "hint": "take the bundle for this kind of device",
        "can-retry": False}, "statistics": {**NOTHING, "summary": ""}}
    assert f"Installing `{wrong}` failed\n" in done.err

    path, away = device.path("rootfs.1"), device.folder / "away"
    path.rename(away)
    done, told = install("--output-format=json", bundle)
    assert done.code == 1 and told["error"]["code"] == "not-found" and told["error"]["stage"] == "plan", done.text
    away.rename(path)

    done, told = install("--output-format=json-pretty", bundle)
    statistics = told.pop("statistics")
    assert done.code == 0 and told == {"bundle": str(bundle), "result": "succeeded", "exit-code": 0, "error": None}
    assert set(statistics) == {*NOTHING, "summary"} and statistics["bytes-written"] + statistics["bytes-zero"] == len(IMAGE)
    assert statistics["summary"].startswith("wrote ")

    done, told = install("--output-format=json", "/nowhere.raucb")
    assert done.code == 1 and told["error"]["message"] == "No such file: /nowhere.raucb" and told["statistics"] is None
    assert told["error"]["code"] == "not-found"


def test_json_names_the_slot(device, bus, start, rauc, pki, tmp_path):
    """A hook that fails while a slot is being written."""
    content = tmp_path / "content"
    content.mkdir()
    (content / "rootfs.img").write_bytes(IMAGE)
    (content / "hook").write_text("#!/bin/sh\necho no luck >&2\nexit 3\n")
    (content / "hook").chmod(0o755)
    (content / "manifest.raucm").write_text(
        bundles.input_manifest({"rootfs": "rootfs.img"}) + "hooks=post-install\n\n[hooks]\nfilename=hook\n")
    bundle = tmp_path / "hook.raucb"
    bundles.run(rauc, "--cert", pki.ec.cert, "--key", pki.ec.key, "bundle", content, bundle)
    start()
    done = client(device, bus, "install", "--output-format=json", bundle)
    told = json.loads(done.out)
    assert done.code == 1 and told["error"]["slot"] == "rootfs.1" and told["error"]["stage"] == "write", done.text
    assert told["error"]["code"] == "tool" and "no luck" in told["error"]["message"]


def test_unknown_format(device, bus):
    for name in ("yaml", "shell", "json-2"):
        done = client(device, bus, "install", f"--output-format={name}", "/x")
        assert done.code == 1 and done.out == ""
        assert done.err == f"Unknown output format: '{name}'.\nSupported formats are: readable, json, json-pretty.\n"


def test_busy(device, bus, slow, start, bundle):
    start()
    first = begin(device, bus, "install", bundle)
    slow.wait()
    second = client(device, bus, "install", bundle)
    assert second.code == 2 and second.out == "", second.text
    assert second.err == ("Failed to contact rauc service: Already processing a different method\n"
                          f"D-Bus error while installing `{bundle}`\nhint: wait until the other user is done\n")
    told = json.loads(client(device, bus, "install", "--output-format=json", bundle).out)
    assert told["result"] == "service-error" and told["exit-code"] == 2 and told["error"]["code"] == "busy"
    status = client(device, bus, "status")
    assert status.code == 1 and status.out == ""
    assert "Error retrieving slot status via D-Bus: already processing a different method" in status.err
    marked = client(device, bus, "status", "mark-good")
    assert (marked.code, marked.err) == (1, "rauc mark: already processing a different method\n")
    slow.go()
    out, err = first.communicate(timeout=30)
    assert first.returncode == 0 and out.endswith(f"idle\nInstalling `{bundle}` succeeded\n"), out + err


def test_ctrl_c(device, bus, slow, start, bundle):
    """The client goes, the installation stays."""
    start()
    first = begin(device, bus, "install", bundle)
    slow.wait()
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=30)
    assert first.returncode == 3 and err == "", err
    assert out.endswith("\nCtrl+C pressed. Exiting rauc installation client...\n"
                        "Note that this will not abort the installation running in the rauc service!\n")
    slow.go()
    wait_until(lambda: bus.property("Operation")["data"] == "idle")
    assert device.chosen() == "B"


def test_service_disappears(device, bus, slow, start, bundle):
    service = start()
    first = begin(device, bus, "install", bundle)
    slow.wait()
    service.end(signal.SIGKILL)
    slow.go()
    out, err = first.communicate(timeout=30)
    assert first.returncode == 2
    assert err == (f"RAUC service disappeared\nD-Bus error while installing `{bundle}`\n"
                   "hint: see what the service says: journalctl -u rauc\n")
    assert device.chosen() == "A"


def test_bus_disappears(device, bus, slow, start, bundle):
    start()
    first = begin(device, bus, "install", bundle)
    slow.wait()
    bus.stop()
    out, err = first.communicate(timeout=30)
    assert first.returncode == 2 and err.startswith("RAUC service disappeared\n"), err
    slow.go()


def test_progress_bar(device, bus, start, bundle):
    start()
    command = [device.rauc, "install", "--progress", bundle]
    shown, code = on_terminal(command, {**device.env, **bus.env})
    assert code == 0 and "\r\033[K" in shown and "[###" in shown, shown
    shown, code = on_terminal([device.rauc, "install", bundle], {**device.env, **bus.env})
    assert code == 0 and "\033" not in shown and " 40% Updating slots\n" in shown, shown


@pytest.mark.parametrize("option", ["keyring=/x", "handler-args=x", "override-boot-slot=A"])
def test_settled_when_the_service_starts(device, bus, start, bundle, option):
    start()
    done = client(device, bus, "install", f"--{option}", bundle)
    name = option.split("=")[0]
    assert done.code == 1 and done.out == "", done.text
    assert done.err == (f"The '--{name}' argument is not supported when using the D-Bus service. "
                        "Reconfigure the service instead.\n")
    assert device.chosen() == "A"


def test_configuration_beside_the_service(device, bus, start):
    start()
    done = client(device, bus, "--conf", device.conf, "status")
    assert done.code == 0 and f"{device.conf} is not used" in done.err, done.text
    done = client(device, bus, "--conf", "/nowhere", "status")
    assert done.code == 1 and "Failed to load system config (/nowhere)" in done.err, done.text


def test_started_by_the_bus(device, tmp_path_factory, bundle):
    """The bus has an activation file: the service comes when it is called."""
    folder = tmp_path_factory.mktemp("bus")
    (folder / "services").mkdir()
    script = folder / "start.sh"
    script.write_text(f"#!/bin/sh\nexec {device.rauc} --conf {device.conf} service 2>{folder}/log\n")
    script.chmod(0o755)
    (folder / "services" / "de.pengutronix.rauc.service").write_text(
        f"[D-BUS Service]\nName=de.pengutronix.rauc\nExec={script}\n")
    for name, value in device.env.items():
        os.environ[name] = value
    try:
        bus = buses.Bus(folder, f"<servicedir>{folder}/services</servicedir>")
        done = client(device, bus, "install", bundle)
        assert done.code == 0, done.text + (folder / "log").read_text()
        assert device.chosen() == "B"
        script.write_text("#!/bin/sh\nexit 1\n")
        subprocess.run(["pkill", "-f", f"{device.conf} service"], check=True)
        wait_until(lambda: not bus.has_owner())
        broken = client(device, bus, "install", bundle)
        assert broken.code == 2 and "Failed to contact rauc service: " in broken.err, broken.text
        asked = client(device, bus, "status")
        assert asked.code == 1 and "Error retrieving slot status via D-Bus: " in asked.err, asked.text
    finally:
        for name in device.env:
            del os.environ[name]
        bus.stop()


# --- status and marks ---------------------------------------------------------

FORMS = ["readable", "shell", "json", "json-pretty"]


@pytest.mark.parametrize("form", FORMS)
def test_status_says_the_same_through_both_doors(make_device, tmp_path, bus, maker, form):
    slots = {}
    for name, kind in (("rootfs.0", "raw"), ("rootfs.1", "raw"), ("appfs.0", "ext4"), ("appfs.1", "ext4"), ("rescue.0", "vfat")):
        path = tmp_path / name
        path.write_bytes(bytes(4 * MIB))
        slots[name] = {"device": path, "type": kind}
        if name.startswith("rootfs"):
            slots[name].update(bootname="AB"[int(name[-1])], description="the \"root\" of\ttrees")
        if name.startswith("appfs"):
            slots[name]["parent"] = "rootfs." + name[-1]
    device = make_device(slots, system={"variant-name": "wide"})
    device.sections["artifacts.apps"] = {"path": tmp_path, "type": "files", "description": "of others"}
    device.write_conf()
    device.ok("install", maker.simple(name="rootfs.img"))
    service = buses.Service(device, bus)
    try:
        for more in ([], ["--detailed"]):
            direct = device.ok("status", f"--output-format={form}", *more)
            served = client(device, bus, "status", f"--output-format={form}", *more)
            assert served.code == 0 and served.note + served.err == "" and direct.note == DIRECT, served.text
            assert served.out == direct.out and "rootfs.1" in served.out
    finally:
        service.end()


@pytest.mark.parametrize("args, code, out, err", [
    (["mark-good"], 0, "rauc status: marked slot(s) rootfs.0 as good\n", ""),
    (["mark-bad", "other"], 0, "rauc status: marked slot(s) rootfs.1 as bad\n", ""),
    (["mark-active", "rootfs.1"], 0, "rauc status: marked slot(s) rootfs.1 as active\n", ""),
    (["mark-active", "nosuch"], 1, "", "rauc mark: Invalid slot name format: 'nosuch'\n"),
    (["mark-fine"], 1, "", "unknown subcommand mark-fine\n"),
    (["mark-good", "booted", "more"], 1, "", "Too many arguments\n"),
])
def test_marks(device, bus, start, args, code, out, err):
    start()
    served = client(device, bus, "status", *args)
    assert (served.code, served.out, served.err) == (code, out, err)
    direct = device.call("status", *args)
    assert (direct.code, direct.out, direct.note, direct.err) == (code, out, DIRECT, err)
    if code == 0:
        assert {k: v for k, v in device.boot.items() if not k.endswith(("_LEFT", "_COMMIT"))} == {"ORDER": "B A" if "mark-active" in args else "A B", "A_OK": "1",
            "A_TRY": "0", "B_OK": "0" if "mark-bad" in args else "1", "B_TRY": "0"}


def test_no_primary_is_a_warning(device, bus, start):
    start()
    device.grubenv.unlink()
    done = client(device, bus, "status", "--output-format=json")
    assert done.code == 0 and json.loads(done.out)["boot_primary"] is None, done.text
    assert "Failed getting primary slot: " in done.err


# --- others' ------------------------------------------------------------------


@pytest.fixture
def debians_service(device, debian, bus):
    conf = device.folder / "debian.conf"
    conf.write_text(re.sub(r"(?m)^data-directory=.*$", f"statusfile={device.folder}/debian.raucs", device.conf.read_text()))
    with open(device.folder / "debian.log", "w") as log:
        process = subprocess.Popen([debian, f"--conf={conf}", "service", "--override-boot-slot=A"], stdout=log,
                                   stderr=log, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **bus.env})
    wait_until(lambda: bus.has_owner() or process.poll() is not None)
    if process.poll() is not None:
        pytest.skip("Debian's service does not run here: " + (device.folder / "debian.log").read_text()[-200:])
    wait_until(lambda: bus.property("Compatible")["data"] == "Test")
    yield process
    process.kill()
    process.wait()


def test_debians_service_with_our_client(device, bus, debian, debians_service, maker):
    """A plain bundle, as its verity ones need a device-mapper."""
    bundle = maker.simple(name="rootfs.img", fmt="plain")
    # Debian's 1.8 knows no `ignore-version-limit`, which clients of 1.16 always send: it says so, and so do we.
    done = client(device, bus, "install", bundle)
    assert done.code == 2 and "Unsupported key: ignore-version-limit" in done.err, done.text
    ours = client(device, bus, "status", "--output-format=json", "--detailed")
    theirs = bus.run(debian, "status", "--output-format=json", "--detailed")
    assert ours.code == theirs.returncode == 0, ours.text + theirs.stderr
    assert contains(json.loads(ours.out), {k: v for k, v in json.loads(theirs.stdout).items() if k != "slots"})
    marked = client(device, bus, "status", "mark-bad", "other")
    assert marked.out == "rauc status: marked slot rootfs.1 as bad\n", marked.text  # its words
    assert device.boot["B_OK"] == "0"


def test_our_service_with_debians_client(device, bus, debian, start, bundle, wrong):
    start()
    done = bus.run(debian, "install", bundle)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "installing" and f"Installing `{bundle}` succeeded" in lines, done.stdout
    assert "100% Installing done." in lines and device.chosen() == "B"
    failed = bus.run(debian, "install", wrong)
    assert failed.returncode == 1 and "LastError: Compatible mismatch: Expected 'Test'" in failed.stdout, failed.stderr
    told = bus.run(debian, "status", "--output-format=json", "--detailed")
    ours = client(device, bus, "status", "--output-format=json", "--detailed")
    told, ours = json.loads(told.stdout), json.loads(ours.out)
    told["slots"].sort(key=str)  # it goes by hashes, we by system.conf
    ours["slots"].sort(key=str)
    assert contains(ours, told), told
    marked = bus.run(debian, "status", "mark-good", "rootfs.1")
    assert marked.returncode == 0 and "marked slot(s) rootfs.1 as good" in marked.stdout + marked.stderr


DASBUS = """
import sys
from dasbus.connection import AddressedMessageBus
from dasbus.loop import EventLoop
from dasbus.typing import get_variant, Bool

bus, loop = AddressedMessageBus(sys.argv[1]), EventLoop()
rauc = bus.get_proxy("de.pengutronix.rauc", "/")
rauc.Completed.connect(lambda result: (print("completed", result), loop.quit()))
rauc.PropertiesChanged.connect(lambda interface, changed, gone: print(interface, sorted(changed)))
rauc.InstallBundle(sys.argv[2], {"ignore-compatible": get_variant(Bool, True)})
loop.run()
"""


def test_dasbus_installs(device, bus, start, wrong):
    if subprocess.run(["/usr/bin/python3", "-c", "import dasbus, gi"], capture_output=True).returncode:
        pytest.skip("python3-dasbus is not installed")
    start()
    done = subprocess.run(["/usr/bin/python3", "-c", DASBUS, f"unix:path={bus.socket}", wrong], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0 and "\ncompleted 0\n" in done.stdout, done.stdout + done.stderr
    assert f"{buses.INTERFACE} ['Progress']\n" in done.stdout and device.chosen() == "B"


def test_ctrl_c_without_a_service(device, bus, slow, bundle):
    """There is a bus, and its threads in our process, but nobody serves: Ctrl+C still does no harm."""
    alone = begin(device, bus, "--conf", device.conf, "install", bundle)
    slow.wait()
    alone.send_signal(signal.SIGINT)
    slow.go()
    out, err = alone.communicate(timeout=30)
    assert alone.returncode == 0 and "\nCtrl+C is not supported.\n" in out and device.chosen() == "B", out + err
    assert err.startswith("no update service on the session bus: working in this process\n")
