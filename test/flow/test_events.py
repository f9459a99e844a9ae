# SPDX-License-Identifier: MIT
"""What the event log says of a device's life: every event, every format, filters, rotation."""

import json
import re
import shutil
import signal

import pytest

import bundles
from bus import wait_until

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
HASH = "[0-9a-f]{64}"
FILES, IMAGES = {"rootfs.img": bundles.image(bundles.MIB, 1)}, {"rootfs": "rootfs.img"}
# What each record holds, in this order (TS comes first).
HEAD = ["MESSAGE", "PRIORITY", "GLIB_DOMAIN", "RAUC_EVENT_TYPE", "MESSAGE_ID"]
DONE_HEAD = ["MESSAGE", "MESSAGE_ID", "PRIORITY", "GLIB_DOMAIN", "RAUC_EVENT_TYPE"]
MARKED = [*HEAD, "SLOT_NAME", "SLOT_BOOTNAME"]
FINISHED = [*DONE_HEAD, "BUNDLE_HASH", "BUNDLE_DESCRIPTION", "BUNDLE_VERSION", "TRANSACTION_ID"]
UPDATE = [  # type, message, MESSAGE_ID, fields
    ("install", r"Installation [0-9a-z]{8} started", "b05410e8a93345389cd061aab1e9516d", [*HEAD, "TRANSACTION_ID"]),
    ("mark", r"Marked slot rootfs\.1 as bad", "ccb0e584a47043d7a5316994bce77ae5", MARKED),
    ("writeslot", r"Updating slot rootfs\.1", None, HEAD[:-1]),
    ("mark", r"Marked slot rootfs\.1 as active", "8b5e7435e1054d86858278e7544fe6da", [*MARKED, "BUNDLE_HASH"]),
    ("install", r"Installation [0-9a-z]{8} succeeded", "0163db5468ac4237b090d28490c301ed", FINISHED),
]


@pytest.fixture
def good(maker):
    text = bundles.manifest(FILES, IMAGES).replace("version=1.0", "version=1.0\ndescription=the good one")
    return maker.forge(FILES, IMAGES, text=text)


@pytest.fixture
def wrong(maker):
    return maker.forge(FILES, IMAGES, text=bundles.manifest(FILES, IMAGES, compatible="Other"))


def log(device, name, **keys):
    device.change(f"log.{name}", filename=f"{name}.log", **keys)
    return device.data / f"{name}.log"


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def check(record, expected):
    kind, message, number, fields = expected
    present = [name for name in fields if name in record or name not in ("BUNDLE_DESCRIPTION", "BUNDLE_HASH", "BUNDLE_VERSION")]
    assert list(record) == ["TS", *present], record
    assert re.fullmatch(TIME, record["TS"]) and re.fullmatch(message, record["MESSAGE"]), record
    assert record["RAUC_EVENT_TYPE"] == kind and record["PRIORITY"] == "5" and record["GLIB_DOMAIN"] == "rauc-event"
    assert record.get("MESSAGE_ID") == number and all(isinstance(value, str) for value in record.values())


def test_update(device, good):
    path = log(device, "all", format="json")
    device.ok("install", "--transaction-id=abcdefgh-ijkl", good)
    found = records(path)
    assert len(found) == len(UPDATE), found
    for record, expected in zip(found, UPDATE):
        check(record, expected)
    assert found[0]["TRANSACTION_ID"] == found[-1]["TRANSACTION_ID"] == "abcdefgh-ijkl"
    assert found[-1]["BUNDLE_VERSION"] == "1.0" and found[-1]["BUNDLE_DESCRIPTION"] == "the good one"
    assert found[3]["BUNDLE_HASH"] == found[-1]["BUNDLE_HASH"] and found[3]["SLOT_BOOTNAME"] == "B"


def test_rejected_and_failed(device, good, wrong, maker):
    path = log(device, "all", format="json", events="install")
    assert device.install(wrong).code == 1
    assert device.install("/etc/hostname").code == 1
    found = [record for record in records(path) if "started" not in record["MESSAGE"]]
    for record, word, number in zip(found, ("rejected", "failed"), ("60bea7e4fea549ccad68af457308b13a",
                                                                  "c48141f7fd49443aafff862b4809168f")):
        check(record, ("install", rf"Installation [0-9a-f]{{8}} {word}: .+", number, FINISHED))
    assert "Compatible mismatch" in found[0]["MESSAGE"] and len(found) == 2
    device.change("system", min_bundle_version="2.0")
    assert device.install(good).code == 1
    assert re.search(" failed: .*Version mismatch", records(path)[-1]["MESSAGE"])  # no rejection


def test_marks(device):
    path = log(device, "all", format="json")
    for action in ("good", "bad", "active"):
        device.ok("status", f"mark-{action}", "rootfs.0")
    numbers = ("3304e15a7a9a447885eb208ba7ae3a05", "ccb0e584a47043d7a5316994bce77ae5", "8b5e7435e1054d86858278e7544fe6da")
    for record, action, number in zip(records(path), ("good", "bad", "active"), numbers):
        check(record, ("mark", rf"Marked slot rootfs\.0 as {action}", number,
                       [*MARKED, "BUNDLE_HASH"] if action == "active" else MARKED))


READABLE = rf"""{TIME}: Installation abcdefgh started
                      transaction ID: abcdefgh-ijkl
{TIME}: Marked slot rootfs\.1 as bad
                      slot: rootfs\.1
                      bootname: B
{TIME}: Updating slot rootfs\.1
{TIME}: Marked slot rootfs\.1 as active
                      slot: rootfs\.1
                      bootname: B
                      bundle hash: {HASH}
{TIME}: Installation abcdefgh succeeded
                      bundle hash: {HASH}
                      bundle version: 1\.0
                      transaction ID: abcdefgh-ijkl
"""


def test_formats(device, good):
    paths = {form: log(device, form, format=form) for form in ("readable", "short", "json", "json-pretty")}
    only = log(device, "only", format="short", events="mark;writeslot")
    device.ok("install", "--transaction-id=abcdefgh-ijkl", good)
    assert re.fullmatch(READABLE, paths["readable"].read_text()), paths["readable"].read_text()
    heads = [line for line in paths["readable"].read_text().splitlines(True) if not line.startswith(" ")]
    messages = [line.split(": ", 1)[1] for line in heads]
    assert [line.split(": ", 1)[1] for line in paths["short"].read_text().splitlines(True)] == messages
    compact, pretty = records(paths["json"]), []
    text, decoder = paths["json-pretty"].read_text(), json.JSONDecoder()
    while text.strip():
        value, end = decoder.raw_decode(text)
        pretty.append(value)
        text = text[end:].lstrip("\n")
    assert '\n  "TS" : "' in paths["json-pretty"].read_text()
    assert [{**one, "TS": ""} for one in pretty] == [{**one, "TS": ""} for one in compact]
    assert [line.split(": ", 1)[1] for line in only.read_text().splitlines()] == [
        "Marked slot rootfs.1 as bad", "Updating slot rootfs.1", "Marked slot rootfs.1 as active"]


def test_rotation(device):
    log(device, "short", format="short", max_size=200, max_files=3)
    for n in range(30):
        device.ok("status", "mark-good")
    files = sorted(device.data.glob("short.log*"))
    assert [file.name for file in files] == ["short.log", "short.log.1", "short.log.2"]
    assert all(file.stat().st_size <= 200 for file in files)
    assert all(re.fullmatch(TIME + r": Marked slot rootfs\.0 as good", line) for file in files for line in file.read_text().splitlines())


def test_a_log_that_cannot_be_written_is_a_warning(device, good):
    log(device, "all")
    (device.data / "all.log").mkdir(parents=True)
    done = device.ok("install", good)
    assert "all.log" in done.err and device.chosen() == "B", done.text
    shutil.rmtree(device.data / "all.log")


def test_service(device, bus, start):
    """A boot once, then restarts."""
    path = log(device, "all", format="json")
    first = start()
    first.end()
    start().end()
    boot, again = records(path)
    check(boot, ("boot", r"Booted into rootfs\.0 \(A\)", "e60e0addd3454cb8b796eae0d497af96",
                 [*DONE_HEAD, "SLOT_NAME", "SLOT_BOOTNAME", "BOOT_ID", "BUNDLE_HASH"]))
    assert boot["BUNDLE_HASH"] == "unknown"
    check(again, ("service", "Service restarted", None, HEAD[:-1]))


def test_service_installs(device, bus, start, good):
    path = log(device, "all", format="json", events="install;mark;writeslot")
    service = start()
    bus.ok("InstallBundle", good, "{'transaction-id': <'abcdefgh-ijkl'>}")
    wait_until(lambda: bus.property("Progress")["data"] == [100, "Installing done.", 1])
    wait_until(lambda: bus.property("Operation")["data"] == "idle")
    for record, expected in zip(records(path), UPDATE):
        check(record, expected)
    assert service.end(signal.SIGTERM) == 0
