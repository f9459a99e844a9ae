# SPDX-License-Identifier: MIT
"""Every bundle of test/data/bundle, given to each verb that reads bundles: what its README says must be so."""

import json
import pathlib
import re
import subprocess
from dataclasses import dataclass

import pytest

import bundles
import device as devices
from test_bad_input import Before, assert_one_line, refuse, snapshot

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "bundle"
KEYS = DATA / "keys"
CODES = pathlib.Path(__file__).resolve().parents[2] / "doc" / "errors.md"
SLOT = bundles.image(16 * bundles.BLOCK, 9)
VERBS = ["info", "extract", "install"]


@dataclass(frozen=True)
class Row:
    name: str
    what: str
    trusted: str
    refused_by: tuple
    code: str
    says: str  # a regular expression

    @property
    def path(self):
        return DATA / f"{self.name}.raucb"


def rows():
    for line in (DATA / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != 8 or cells[1] in ("file", "---"):
            continue
        name, what, trusted, refused_by, code, says = cells[1:7]
        by = {"all": VERBS, "nobody": []}.get(refused_by, refused_by.split(", "))
        yield Row(name, what, trusted, tuple(by), code, ".*".join(map(re.escape, says.strip("`").split("…"))))


ROWS = {row.name: row for row in rows()}


@pytest.fixture
def trusting(make_device):
    """trusting(name): a device that trusts what the table calls so."""
    def make(trusted):
        has_crl = trusted.endswith("crl")
        device = make_device(keyring=KEYS / (f"{trusted}.ring.pem" if has_crl else "root.pem"), content=SLOT)
        more = {"codesign": {"check_purpose": "codesign"}, "cns": {"allowed_signer_cns": "signer"}}.get(trusted, {})
        device.change("keyring", check_crl="true" if has_crl else None, **more)
        if trusted == "key":
            device.change("encryption", key=KEYS / "recipient.key.pem")
        return device
    return make


def test_table():
    """It tells of every file, and means it."""
    assert len(ROWS) > 150
    assert {f"{name}.raucb" for name in ROWS} == {path.name for path in DATA.glob("*.raucb")}
    codes = set(re.findall(r"(?m)^\| `?([a-z-]+)`? \|", CODES.read_text()))
    for row in ROWS.values():
        assert set(row.refused_by) <= set(VERBS)
        assert (row.name.split("-")[0] in ("good", "odd")) == (not row.refused_by)
        assert row.what and bool(row.refused_by) == bool(row.says) == bool(row.code)
        assert not row.code or row.code in codes, row.code
        assert row.path.stat().st_size < 100000


def test_can_be_made_again(tool, tmp_path):
    """The script beside the files still makes files of these names, each of its kind of size."""
    tool("mksquashfs")
    done = subprocess.run(["/usr/bin/python3", "-B", DATA / "make.py", tmp_path / "again"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for pattern in ("*.raucb", "keys/*.pem"):
        sizes = [{path.name: path.stat().st_size for path in folder.glob(pattern)} for folder in (DATA, tmp_path / "again")]
        assert set(sizes[0]) == set(sizes[1])
        assert all(abs(sizes[0][name] - sizes[1][name]) < 200 for name in sizes[0]), sizes


@pytest.mark.parametrize("name", ROWS)
def test_info(trusting, name):
    row = ROWS[name]
    device = trusting(row.trusted)
    before = snapshot(device.folder)
    result = device.call("info", row.path)
    if "info" in row.refused_by:
        assert_one_line(result, row.says)
        assert "Certificate Chain" not in result.out, "nothing is shown of what nobody vouched for"
    else:
        assert result.code == 0 and "Compatible:" in result.out, result.text
    assert snapshot(device.folder) == before


@pytest.mark.parametrize("name", ROWS)
def test_extract(trusting, tmp_path, name):
    row = ROWS[name]
    device = trusting(row.trusted)
    before = snapshot(tmp_path)
    result = device.call("extract", row.path, tmp_path / "out")
    if "extract" in row.refused_by:
        assert_one_line(result, row.says)
        assert snapshot(tmp_path) == before, "something was left behind"
    else:
        assert result.code == 0, result.text
        assert (tmp_path / "out" / "rootfs.img").stat().st_size == 4096


@pytest.mark.parametrize("name", ROWS)
def test_install(trusting, name):
    row = ROWS[name]
    device = trusting(row.trusted)
    before = Before.of(device)
    result = device.install(row.path, "--output-format=json")
    told = json.loads(result.out)
    if "install" in row.refused_by:
        refuse(device, result, row.says, before)
        assert told["result"] == "failed" and told["error"]["code"] == row.code, told
        assert re.search(row.says, told["error"]["message"])
    else:
        assert result.code == 0, result.text
        assert device.chosen() == "B"


REWORKED = [name for name, row in ROWS.items() if "info" in row.refused_by and row.name != "signers-two"
            and row.name != "signers-twice-the-same"]


@pytest.mark.parametrize("name", REWORKED)
def test_nothing_is_made_of_it(trusting, tmp_path, name):
    """resign and extract-signature do not hand on what they cannot believe."""
    row = ROWS[name]
    device = trusting(row.trusted)
    before = snapshot(tmp_path)
    for args in (["resign", "--cert", KEYS / "signer.pem", "--key", KEYS / "signer.key.pem", row.path, tmp_path / "out.raucb"],
                 ["extract-signature", row.path, tmp_path / "out.sig"]):
        result = device.call(*args)
        assert result.code == 1, result.text
        assert result.err.strip(), "it says why"
        assert snapshot(tmp_path) == before, "something was left behind"


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if not row.refused_by])
def test_debians_rauc_takes_it(debian, name):
    row = ROWS[name]
    key = ["--key", KEYS / "recipient.key.pem"] if row.trusted == "key" else []
    result = devices.run(debian, "info", "--keyring", KEYS / "root.pem", *key, row.path)
    assert result.code == 0, result.text


# What Debian's 1.8 shows although we refuse it: it looks closer at a manifest only when it mounts the bundle.
SHOWN = {
    "trailer-byte-behind-the-cms", "manifest-format-crypt", "manifest-hash-missing", "manifest-hash-short", "manifest-hook-above",
    "manifest-image-above", "manifest-image-absolute", "manifest-image-digest-short", "manifest-image-size-huge", "manifest-latin-1",
    "manifest-nul", "manifest-salt-short", "manifest-size-odd", "manifest-size-overflow", "manifest-size-zero", "crypt-key-short",
    "crypt-without-crypt-key",
}


@pytest.mark.parametrize("name", [n for n, r in ROWS.items() if "info" in r.refused_by and r.trusted in ("root", "key")])
def test_debians_rauc_does_not_take_it(debian, name):
    """A second opinion: whether the file is as wrong as its row says."""
    row = ROWS[name]
    key = ["--key", KEYS / "recipient.key.pem"] if row.trusted == "key" else []
    result = devices.run(debian, "info", "--keyring", KEYS / "root.pem", *key, row.path)
    assert (result.code == 0) == (name in SHOWN), result.text
