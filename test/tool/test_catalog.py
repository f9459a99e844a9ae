# SPDX-License-Identifier: MIT
"""The journal's catalog explains what the program writes to the journal; journalctl is the judge."""

import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
CATALOG = TOP / "data/rauc.catalog"


def tool(name):
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not path:
        pytest.skip(f"{name} is not installed")
    return path


def run(*args):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60)


def entries(text):
    """MESSAGE_ID -> what is said, headers included."""
    parts = re.split(r"(?m)^-- ([0-9a-f]{32})\n", text)
    return dict(zip(parts[1::2], parts[2::2]))


def emitted():
    """MESSAGE_ID of each event the sources write."""
    text = "".join(path.read_text() for path in sorted((TOP / "src").rglob("*.c")))
    return re.findall(r'"([0-9a-f]{32})"', text)


def test_catalog_explains_every_message_there_is():
    ids = emitted()
    assert len(ids) == 10 and len(set(ids)) == 10
    assert set(entries(CATALOG.read_text())) == set(ids)
    assert len(re.findall(r"(?m)^-- ", CATALOG.read_text())) == len(ids), "an ID twice, or none"


def test_the_guide_lists_every_message():
    assert set(re.findall(r"`([0-9a-f]{32})`", (TOP / "doc/service.md").read_text())) == set(emitted())


def test_catalog_names_fields_that_are_always_there():
    always = {"SLOT_NAME", "SLOT_BOOTNAME", "TRANSACTION_ID", "MESSAGE"}
    about = {"Slot": "SLOT", "Installation": "TRANSACTION", "The device booted from slot": "SLOT"}
    for number, text in entries(CATALOG.read_text()).items():
        used = set(re.findall(r"@([A-Z_]+)@", text))
        assert used <= always, number
        subject = re.match(r"Subject: (.*)", text)[1]
        kind = next((kind for words, kind in about.items() if subject.startswith(words)), None)
        assert all(name == "MESSAGE" or name.startswith(kind or "?") for name in used), (number, used)


def test_journalctl_takes_the_catalog(tmp_path):
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    shutil.copy(CATALOG, folder)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    made = run(tool("journalctl"), f"--root={tmp_path}", "--update-catalog")
    assert made.returncode == 0 and not made.stderr.strip(), made.stderr

    listed = run(tool("journalctl"), f"--root={tmp_path}", "--list-catalog")
    for number, text in entries(CATALOG.read_text()).items():
        subject = re.match(r"Subject: (.*)", text)[1]
        assert re.search(rf"(?m)^{number} moonforge-rauc: {re.escape(subject)}$", listed.stdout), listed.stdout
    shown = run(tool("journalctl"), f"--root={tmp_path}", "--dump-catalog", *entries(CATALOG.read_text()))
    assert shown.returncode == 0 and shown.stdout.count("Subject: ") == len(emitted()), shown.stderr
