# SPDX-License-Identifier: MIT
"""The client as a distribution builds it: tool/build-clean, for amd64 and, cross compiled, for arm64.

    python3 -m pytest test/tool/build_clean.py

Its packages come from Debian's mirror, into a chroot that is gone afterwards."""

import pathlib
import re
import struct
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
MACHINE = {"amd64": 62, "arm64": 183}  # of the ELF header
PROGRAMS = {"rauc": "usr/bin/rauc", "rauc-fetch": "usr/libexec/rauc/rauc-fetch"}
NEEDED = {
    "rauc": "libc libcrypto libfdisk libgio-2.0 libglib-2.0 libgobject-2.0 libjson-glib-1.0 liblz4 liblzma libubootenv libz libzstd",
    "rauc-fetch": "libc libcurl libglib-2.0",
}
FILES = ("usr/lib/systemd/system/rauc.service", "usr/lib/systemd/system/rauc-mark-good.service", "usr/libexec/rauc-service.sh",
         "usr/share/dbus-1/system.d/de.pengutronix.rauc.conf", "usr/share/dbus-1/system-services/de.pengutronix.rauc.service",
         "usr/share/man/man1/rauc.1", "usr/share/bash-completion/completions/rauc")


@pytest.fixture(scope="module")
def built(request, tmp_path_factory):
    """(folder, report); the report is shown, as the sizes are what people look for."""
    folder = tmp_path_factory.mktemp("clean")
    done = subprocess.run([TOP / "tool" / "build-clean", "-o", folder], text=True, capture_output=True, timeout=2100)
    assert done.returncode == 0, done.stdout + done.stderr
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{done.stdout}", flush=True)
    return folder, done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("arch", MACHINE)
def test_program(built, arch, program):
    folder, report = built
    path = folder / arch / PROGRAMS[program]
    head = path.read_bytes()[:64]
    assert head[:6] == b"\x7fELF\x02\x01" and struct.unpack_from("<HH", head, 16) == (3, MACHINE[arch])
    told = re.search(rf"^{arch}: {program} +(\d+) bytes, stripped; needs (.*)$", report, re.MULTILINE)
    assert told and int(told[1]) == path.stat().st_size
    libraries = {re.sub(r"\.so\.\d+$", "", name) for name in told[2].split()} - {"ld-linux-aarch64"}
    assert libraries == set(NEEDED[program].split())
    sections = subprocess.run(["readelf", "-SW", path], text=True, capture_output=True, timeout=60, check=True).stdout
    assert ".text" in sections and ".debug_" not in sections and ".symtab" not in sections


@pytest.mark.parametrize("arch", MACHINE)
def test_version(built, arch):
    ours = re.search(r"version: '([\d.]+)'", (TOP / "meson.build").read_text())[1]
    assert re.search(rf"^{arch}: rauc [\d.]+ \(moonforge-rauc {re.escape(ours)}\)$", built[1], re.MULTILINE), built[1]


@pytest.mark.parametrize("arch", MACHINE)
def test_files(built, arch):
    there = {str(path.relative_to(built[0] / arch)) for path in (built[0] / arch).rglob("*") if path.is_file()}
    assert not set(FILES) - there
    assert {name for name in there if not name.startswith(("usr/", "etc/"))} == set()


def test_both_install_the_same(built):
    amd64, arm64 = ({str(path.relative_to(built[0] / arch)) for path in (built[0] / arch).rglob("*")} for arch in MACHINE)
    assert amd64 == arm64


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))
