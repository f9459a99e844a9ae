# SPDX-License-Identifier: MIT
"""Hooks of bundles and handlers of devices under the service: what they find in their environment, and what becomes of
an installation when they, the data directory or the clock misbehave. After each: idle, nothing mounted, and the next
installation works."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

import bundles
import bus as buses
import device as devices
from bus import wait_until

IMAGE = bundles.image(bundles.MIB, 1)
DIGEST, HASH = bundles.sha256(IMAGE), re.compile("[0-9a-f]{64}")
SPKI = re.compile(r"([0-9A-F]{2}:){31}[0-9A-F]{2}( ([0-9A-F]{2}:){31}[0-9A-F]{2})*")


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def pack(rauc, pki, tmp_path):
    """pack(hook, …): a bundle of one image and this hook."""
    def make(hook=None, image_hooks="", hooks="", more="", mode=0o755, handler=None, name="update"):
        content = tmp_path / f"content-{name}"
        shutil.rmtree(content, ignore_errors=True)
        content.mkdir()
        (content / "rootfs.img").write_bytes(IMAGE)
        if hook is not None:
            program(content / "hook", hook).chmod(mode)
        if handler is not None:
            program(content / "handler", handler)
        text = "[update]\ncompatible=Test\nversion=1.0\nbuild=7\n\n[bundle]\nformat=verity\n\n"
        if hook is not None:
            text += "[hooks]\nfilename=hook\n" + (f"hooks={hooks}\n" if hooks else "") + "\n"
        if handler is not None:
            text += "[handler]\nfilename=handler\nargs=one 'two three'\n\n"
        text += "[image.rootfs]\nfilename=rootfs.img\n" + (f"hooks={image_hooks}\n" if image_hooks else "") + more
        (content / "manifest.raucm").write_text(text)
        bundle = tmp_path / f"{name}.raucb"
        bundle.unlink(missing_ok=True)
        bundles.run(rauc, "--cert", pki.ec.cert, "--key", pki.ec.key, "bundle", content, bundle)
        return bundle
    return make


def install(device, bus, bundle):
    return devices.run(device.rauc, "install", bundle, env={**device.env, **bus.env})


def check_idle(device, bus):
    assert bus.property("Operation")["data"] == "idle"
    device.check_rest()


# --- The environment ----------------------------------------------------------


def environment(path):
    """What the program found there, without what the service was started with."""
    pairs = dict(line.split("=", 1) for line in path.read_text().split("\0") if "=" in line)
    return {key: value for key, value in pairs.items() if key.startswith("RAUC_") and not key.startswith("RAUC_TEST_")}


def check(found, expected):
    assert set(found) == set(expected)
    for key, value in expected.items():
        ok = value.fullmatch(found[key]) if isinstance(value, re.Pattern) else found[key] == value
        assert ok, (key, found[key], value)


@pytest.fixture
def full(make_device, tmp_path):
    """A device whose slots have children, and which knows its version."""
    slots = {}
    for name, more in (("rootfs.0", {"bootname": "A"}), ("rootfs.1", {"bootname": "B"}),
                       ("appfs.0", {"parent": "rootfs.0"}), ("appfs.1", {"parent": "rootfs.1"})):
        (tmp_path / name).write_bytes(bytes(2 * bundles.MIB))
        slots[name] = {"device": tmp_path / name, "type": "raw", **more}
    info = program(tmp_path / "info", "echo RAUC_SYSTEM_VERSION=7.1; echo RAUC_CUSTOM=own; echo nothing of that")
    device = make_device(slots, system={"variant-name": "wide"}, handlers={"system-info": info})
    for when in ("pre", "post"):
        handler = program(tmp_path / f"{when}-handler", f"cat /proc/self/environ >{tmp_path}/{when}-install")
        device.sections["handlers"][f"{when}-install"] = handler
    device.write_conf()
    return device


def handler_facts(device, slots=True):
    facts = {
        "RAUC_SYSTEM_CONFIG": str(device.conf), "RAUC_SYSTEM_COMPATIBLE": "Test", "RAUC_SYSTEM_VARIANT": "wide",
        "RAUC_SYSTEM_VERSION": "7.1", "RAUC_CURRENT_BOOTNAME": "A", "RAUC_MOUNT_PREFIX": f"{device.folder}/mnt",
        "RAUC_CUSTOM": "own", "RAUC_BUNDLE_MOUNT_POINT": f"{device.folder}/mnt/bundle",
        "RAUC_UPDATE_SOURCE": f"{device.folder}/mnt/bundle", "RAUC_TRANSACTION_ID": re.compile(r"[0-9a-f-]{36}"),
        "RAUC_SLOTS": "1 2 3 4", "RAUC_TARGET_SLOTS": "2 4",
        "RAUC_IMAGE_NAME_2": "rootfs.img", "RAUC_IMAGE_DIGEST_2": DIGEST, "RAUC_IMAGE_CLASS_2": "rootfs",
        "RAUC_META_UPDATE_INFO_CHANNEL": "beta"}
    for n, (name, slot) in enumerate(device.slots.items(), 1):
        facts.update({f"RAUC_SLOT_NAME_{n}": name, f"RAUC_SLOT_CLASS_{n}": name.split(".")[0], f"RAUC_SLOT_TYPE_{n}": "raw",
                      f"RAUC_SLOT_DEVICE_{n}": str(slot["device"]), f"RAUC_SLOT_BOOTNAME_{n}": slot.get("bootname", ""),
                      f"RAUC_SLOT_PARENT_{n}": slot.get("parent", "")})
    return facts


META = "\n[meta.update-info]\nchannel=beta\n"
SLOT = {
    "RAUC_SYSTEM_COMPATIBLE": "Test", "RAUC_SYSTEM_VARIANT": "wide", "RAUC_SYSTEM_VERSION": "7.1", "RAUC_SLOT_NAME": "rootfs.1",
    "RAUC_SLOT_STATE": "inactive", "RAUC_SLOT_CLASS": "rootfs", "RAUC_SLOT_TYPE": "raw", "RAUC_SLOT_DEVICE": "{folder}/rootfs.1",
    "RAUC_SLOT_BOOTNAME": "B", "RAUC_SLOT_PARENT": "", "RAUC_IMAGE_NAME": "{folder}/mnt/bundle/rootfs.img",
    "RAUC_IMAGE_SIZE": str(len(IMAGE)), "RAUC_IMAGE_DIGEST": DIGEST, "RAUC_IMAGE_CLASS": "rootfs",
    "RAUC_MOUNT_PREFIX": "{folder}/mnt", "RAUC_BUNDLE_SPKI_HASHES": SPKI, "RAUC_BUNDLE_MOUNT_POINT": "{folder}/mnt/bundle"}
CHECK = {
    "RAUC_SYSTEM_COMPATIBLE": "Test", "RAUC_SYSTEM_VARIANT": "wide", "RAUC_SYSTEM_VERSION": "7.1", "RAUC_MF_COMPATIBLE": "Test",
    "RAUC_MF_VERSION": "1.0", "RAUC_MF_BUILD": "7", "RAUC_MOUNT_PREFIX": "{folder}/mnt", "RAUC_META_UPDATE_INFO_CHANNEL": "beta"}


def filled(facts, device):
    return {key: value.format(folder=device.folder) if isinstance(value, str) else value for key, value in facts.items()}


@pytest.mark.parametrize("door", ["service", "direct"])
def test_environments(full, bus, pack, door, tmp_path):
    bundle = pack(f'cat /proc/self/environ >{tmp_path}/hook-$1; echo "$#" >{tmp_path}/words-$1', "pre-install;post-install",
                  "install-check", META)
    if door == "service":
        service = buses.Service(full, bus)
        done = install(full, bus, bundle)
        service.end()
    else:
        done = full.install(bundle)
    assert done.code == 0, done.text
    check(environment(tmp_path / "hook-install-check"), filled(CHECK, full))
    for verb in ("slot-pre-install", "slot-post-install"):
        check(environment(tmp_path / f"hook-{verb}"), filled(SLOT, full))
        assert (tmp_path / f"words-{verb}").read_text() == "1\n"
    for when in ("pre", "post"):
        check(environment(tmp_path / f"{when}-install"), handler_facts(full))
    full.check_rest()


def test_custom_handler(full, bus, pack, tmp_path):
    """It does all there is to do; the service's own words come behind the manifest's."""
    bundle = pack(None, more=META, handler=f"cat /proc/self/environ >{tmp_path}/custom\n"
                  f'printf "%s|" "$@" >{tmp_path}/words\necho "<< handler going"; echo "<< image rootfs.img half"; echo plain')
    service = buses.Service(full, bus, "--handler-args=four 'five six'")
    done = install(full, bus, bundle)
    service.end()
    assert done.code == 0 and full.boot["B_OK"] == "1", done.text
    check(environment(tmp_path / "custom"), handler_facts(full))
    assert (tmp_path / "words").read_text() == "one|two three|four|five six|"
    for line in (f"installing {bundle}: Handler status: going", f"installing {bundle}: Image 'rootfs.img' status: half", "# plain"):
        assert line in service.text
    assert "Launching update handler done." in done.out


# --- Bad luck -----------------------------------------------------------------

PRE = "slot-pre-install"
BAD_HOOKS = {  # hook, what the error says, whether the slot was touched
    "fails": ("echo first >&2; echo out of luck >&2; exit 3", r"exited with code 3 \(slot-pre-install: first / out of luck\)"),
    "crashes": ("echo oops; kill -SEGV $$", r"failed to start slot hook: .*signal 11.*\(oops\)"),
    "hangs": ("echo waiting >&2; sleep 100", r"failed to start slot hook: .*1 s.*\(waiting\)"),
    "hangs-deaf": ("trap '' TERM INT HUP; while :; do sleep 1; done", r"failed to start slot hook: .*1 s"),
    "floods": ("yes x | head -c 3000000; echo the end >&2; exit 1", r"exited with code 1 \(slot-pre-install: the end\)"),
    "floods-binary": ("head -c 3000000 /dev/urandom; exit 1", r"exited with code 1"),
    "tells": ("echo one; echo two; echo three; echo four; exit 1", r"exited with code 1 \(slot-pre-install: two / three / four\)"),
}


@pytest.mark.parametrize("name", BAD_HOOKS)
def test_bad_hook(device, bus, start, pack, maker, name):
    hook, words = BAD_HOOKS[name]
    device.change("handlers", timeout_sec=1 if "hangs" in name else 60)
    service = start()
    done = install(device, bus, pack(hook, "pre-install"))
    assert len(service.text) < 5 << 20, "the flood went into the log"
    assert done.code == 1 and re.search(rf"(?m)^LastError: Installation error: Failed updating slot rootfs\.1: .*{words}", done.out), \
        done.text
    info = {key: value["data"] for key, value in bus.property("LastErrorInfo")["data"].items()}
    assert info["code"] == "tool" and info["slot"] == "rootfs.1" and info["stage"] == "write" and info["can-retry"] is True
    assert device.chosen() == "A" and device.status("rootfs.1")["status"] == "failed"
    check_idle(device, bus)
    assert install(device, bus, maker.simple()).code == 0 and device.chosen() == "B"


def test_hook_leaves_a_daemon(device, bus, start, pack, tmp_path):
    """Nobody waits for who inherited its output; who is of its group ends with it."""
    start()
    begin = time.monotonic()
    done = install(device, bus, pack(f"sleep 1000 & echo $! >{tmp_path}/child; setsid sleep 1001 & echo $! >{tmp_path}/apart",
                                     "pre-install"))
    assert done.code == 0 and time.monotonic() - begin < 60, done.text
    child, apart = (int((tmp_path / name).read_text()) for name in ("child", "apart"))
    wait_until(lambda: not pathlib.Path(f"/proc/{child}").exists())
    os.kill(apart, signal.SIGKILL)
    check_idle(device, bus)


def test_hook_goes_with_a_killed_service(device, bus, start, pack, tmp_path):
    """What writes into a slot must not go on behind the back of the next one."""
    service = start()
    bus.ok("Install", pack(f"echo $$ >{tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 1000", "pre-install"))
    wait_until((tmp_path / "pid").exists)
    pid = int((tmp_path / "pid").read_text())
    service.end(signal.SIGKILL)
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists() or
               pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
    assert device.chosen() == "A"


def test_slot_without_a_file_system(make_device, bus, maker, rauc, pki, loops, tmp_path):
    """New, or cut short while it was written: a hook that wants to look into it must not stand in the way for ever."""
    slots, look = {}, tmp_path / "look"
    for index, name in enumerate("AB"):
        (tmp_path / f"slot-{name}").write_bytes(bundles.image(8 * bundles.MIB, 5))
        slots[f"rootfs.{index}"] = {"device": loops(tmp_path / f"slot-{name}"), "type": "ext4", "bootname": name}
    device = make_device(slots)
    content = tmp_path / "content"
    content.mkdir()
    with open(content / "rootfs.ext4", "wb") as image:
        image.truncate(4 * bundles.MIB)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "new").write_bytes(IMAGE)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", tmp_path / "tree", content / "rootfs.ext4"], check=True)
    program(content / "hook", f"echo \"$1: $(ls -A $RAUC_SLOT_MOUNT_POINT | tr '\\n' ' ')\" >>{look}; touch $RAUC_SLOT_MOUNT_POINT/x")
    (content / "manifest.raucm").write_text(bundles.input_manifest({"rootfs": "rootfs.ext4"}) +
                                            "hooks=pre-install;post-install\n\n[hooks]\nfilename=hook\n")
    bundle = tmp_path / "update.raucb"
    bundles.run(rauc, "--cert", pki.ec.cert, "--key", pki.ec.key, "bundle", content, bundle)
    service = buses.Service(device, bus)
    assert install(device, bus, bundle).code == 0 and device.chosen() == "B", service.text
    assert look.read_text() == "slot-pre-install: \nslot-post-install: lost+found new \n"
    assert "failed to mount slot rootfs.1: " in service.text and "the pre-install hook sees an empty slot" in service.text
    device.reset_boot()
    look.unlink()
    assert install(device, bus, bundle).code == 0
    assert look.read_text() == "slot-pre-install: lost+found new x \nslot-post-install: lost+found new \n"
    service.end()
    device.check_rest()


def test_mounted_slot(make_device, bus, pack, loops, mount, tmp_path):
    """In use, it is only for an install hook that knows what it does."""
    slots = {}
    for index, name in enumerate("AB"):
        (tmp_path / f"slot-{name}").write_bytes(bytes(8 * bundles.MIB))
        slots[f"rootfs.{index}"] = {"device": loops(tmp_path / f"slot-{name}"), "type": "ext4", "bootname": name}
    device = make_device(slots)
    subprocess.run(["mkfs.ext4", "-q", "-F", device.path("rootfs.1")], check=True)
    point = mount(device.path("rootfs.1"), "elsewhere")
    hook = f'echo "$1 $RAUC_SLOT_MOUNT_POINT $RAUC_IMAGE_NAME" >>{tmp_path}/ran; cp "$RAUC_IMAGE_NAME" "$RAUC_SLOT_MOUNT_POINT/new"'
    plain, hooked = pack(name="plain"), pack(hook, "install", name="hooked")
    told = f"Destination device '{device.path('rootfs.1')}' already mounted"
    for bundle in (plain, hooked):
        service = buses.Service(device, bus)
        done = install(device, bus, bundle)
        assert done.code == 1 and f"LastError: {told}" in done.out, done.text
        assert bus.property("LastErrorInfo")["data"]["code"]["data"] == "busy" and device.chosen() == "A"
        service.end()
    device.change("slot.rootfs.1", allow_mounted="true")
    service = buses.Service(device, bus)
    done = install(device, bus, plain)
    assert done.code == 1 and f"Mounted device '{device.path('rootfs.1')}' may only be updated by a custom install hook" in done.out
    assert device.chosen() == "A" and not (tmp_path / "ran").exists()
    done = install(device, bus, hooked)
    assert done.code == 0 and device.chosen() == "B", done.text
    assert (tmp_path / "ran").read_text() == f"slot-install {point} {device.folder}/mnt/bundle/rootfs.img\n"
    assert (point / "new").read_bytes() == IMAGE
    service.end()


CHECKS = {
    "no": ("echo reason >&2; echo 'not for you' >&2; exit 10", "Bundle rejected: Hook returned: 'not for you'", "rejected"),
    "no-words": ("exit 11", "Bundle rejected: Hook returned with exit code 11: ", "rejected"),
    "fails": ("exit 9", "Install-check hook failed: failed to run bundle hook: Child process exited with code 9", "tool"),
    "hangs": ("sleep 100", "Install-check hook failed: failed to run bundle hook: ", "tool"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_install_check(device, bus, start, pack, name):
    hook, words, code = CHECKS[name]
    device.change("handlers", timeout_sec=1)
    before = device.path("rootfs.1").read_bytes(), device.grubenv.read_bytes()
    start()
    done = install(device, bus, pack(hook, hooks="install-check"))
    assert done.code == 1 and f"LastError: {words}" in done.out, done.text
    assert bus.property("LastErrorInfo")["data"]["code"]["data"] == code
    assert (device.path("rootfs.1").read_bytes(), device.grubenv.read_bytes()) == before
    check_idle(device, bus)


def test_install_check_instead_of_compatible(device, bus, start, pack):
    device.change("system", compatible="Other")
    start()
    assert install(device, bus, pack("exit 0", hooks="install-check")).code == 0


def test_hook_is_not_executable(device, bus, start, pack):
    start()
    done = install(device, bus, pack("exit 0", "pre-install", mode=0o644))
    assert done.code == 1 and re.search(r"failed to start slot hook: .*Permission denied", done.out), done.text
    check_idle(device, bus)


HANDLERS = {  # pre-install, post-install, error, which slot boots then
    "missing": ("/nowhere/handler", None, r"Pre-install handler error: .*/nowhere/handler.*No such file", "A"),
    "not-executable": ("{folder}/plain", None, r"Pre-install handler error: .*/plain.*Permission denied", "A"),
    "a-folder": ("/etc", None, r"Pre-install handler error: .*/etc", "A"),
    "no-program": ("{folder}/garbage", None, r"Pre-install handler error: .*garbage", "A"),
    "pre-fails": ("{folder}/fail", None, r"Pre-install handler error: .*fail: Child process exited with code 5 \(two\)", "A"),
    "pre-hangs": ("{folder}/hang", None, r"Pre-install handler error: .*hang.*1 s", "A"),
    "post-fails": (None, "{folder}/fail", r"Post-install handler error: .*fail: Child process exited with code 5", "B"),
    "post-crashes": (None, "{folder}/crash", r"Post-install handler error: .*crash.*signal 6", "B"),
}


@pytest.mark.parametrize("name", HANDLERS)
def test_bad_handler(device, bus, start, maker, name):
    pre, post, words, boots = HANDLERS[name]
    program(device.folder / "fail", "echo one; echo two >&2; exit 5")
    program(device.folder / "hang", "sleep 100")
    program(device.folder / "crash", "kill -ABRT $$")
    program(device.folder / "plain", "exit 0").chmod(0o644)
    garbage = device.folder / "garbage"
    garbage.write_bytes(bundles.image(5000, 3))
    garbage.chmod(0o755)
    keys = {"pre_install": pre, "post_install": post}
    device.change("handlers", timeout_sec=1, **{key: value.format(folder=device.folder) for key, value in keys.items() if value})
    start()
    done = install(device, bus, maker.simple())
    assert done.code == 1 and re.search(rf"(?m)^LastError: {words}", done.out), done.text
    assert device.chosen() == boots
    check_idle(device, bus)


@pytest.mark.parametrize("text, words", [
    (None, r"System info handler script/binary '.*info' not found\."),
    ("exit 3", "Failed to read system-info variables: .*code 3"),
    ("kill -9 $$", "Failed to read system-info variables: .*signal 9"),
])
def test_bad_system_info(device, start, text, words):
    """The service does not start with half of what it has to know."""
    if text:
        program(device.folder / "info", text)
    device.change("handlers", system_info=device.folder / "info")
    service = start(wait=False)
    assert service.end(None) == 1 and re.search(words, service.text), service.text


DAMAGED = [b"", bytes(3000), bundles.image(3000, 3), b"[slot.rootfs.1]\nstatus=ok\nsha2", b"[system\nboot-id=x",
           b"[slot.rootfs.1]\nbundle.version=\xff\xfe\nsize=-1\ninstalled.timestamp=x\nactivated.count=99999999999\n"]


def test_damaged_status(device, bus, start, maker):
    """Cut anywhere, or full of garbage: the service starts, answers and installs."""
    device.ok("install", maker.simple())
    whole = device.status_file.read_bytes()
    for data in [*DAMAGED, *(whole[:n] for n in range(1, len(whole), 37))]:
        device.status_file.write_bytes(data)
        service = start()
        assert len(bus.json("GetSlotStatus")[0]) == 2, data
        assert service.end() == 0
    device.status_file.write_bytes(DAMAGED[2])
    device.reset_boot()
    start()
    assert install(device, bus, maker.simple()).code == 0
    assert device.status("rootfs.1")["status"] == "ok"


def test_data_directory_full(device, bus, start, mount, maker):
    device.data.mkdir()
    mount("tmpfs", "data", "-t", "tmpfs", "-o", "size=16k")
    start()
    with pytest.raises(OSError), open(device.data / "filler", "wb", buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass
    done = install(device, bus, maker.simple())
    assert done.code == 1 and re.search("LastError: .*saving slot status: .*No space left on device", done.out), done.text
    assert device.chosen() == "A"
    check_idle(device, bus)
    (device.data / "filler").unlink()
    assert install(device, bus, maker.simple()).code == 0 and device.chosen() == "B"


def test_data_directory_read_only(device, bus, start, mount, maker):
    device.data.mkdir()
    point = mount("tmpfs", "data", "-t", "tmpfs")
    subprocess.run(["mount", "-o", "remount,ro", point], check=True)
    start()
    done = install(device, bus, maker.simple())
    assert done.code == 1 and re.search("LastError: .*saving slot status: .*Read-only file system", done.out), done.text
    assert device.chosen() == "A" and bus.ok("GetPrimary") == "('rootfs.0',)"
    check_idle(device, bus)
    subprocess.run(["mount", "-o", "remount,rw", point], check=True)
    assert install(device, bus, maker.simple()).code == 0 and device.chosen() == "B"


def test_clock_of_1970(device, bus, start, maker, tool):
    """No certificate is valid yet; with the signing time as reference it is."""
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if not library:
        pytest.skip("libfaketime is not installed")
    # not faketime(1), which stays in front of the program and is killed in its place
    then = [tool("env"), f"LD_PRELOAD={library}", "FAKETIME=@1970-01-02 00:00:00", "DONT_FAKE_MONOTONIC=1"]
    service = start(wrap=then)
    done = install(device, bus, maker.simple())
    assert done.code == 1 and "LastError: signature verification failed: " in done.out and "not yet valid" in done.out, done.text
    assert device.chosen() == "A"
    check_idle(device, bus)
    service.end(signal.SIGKILL)
    device.change("keyring", use_bundle_signing_time="true")
    start(wrap=then)
    done = install(device, bus, maker.simple())
    assert done.code == 0 and device.chosen() == "B", done.text
    assert device.status("rootfs.1")["installed.timestamp"].startswith("1970-01-02T00:0")
