# SPDX-License-Identifier: MIT
"""Encrypted bundles before the kernel's own dm-verity and dm-crypt, and before Debian's rauc, which installs with them."""

import re
import subprocess

import pytest

import bundles

SIZE = 3 * bundles.MIB + 4096
TEXT = bundles.input_manifest({"rootfs": "rootfs.img"}, "crypt")


@pytest.fixture
def made(rauc, pki, tmp_path):
    """(encrypted bundle, its signed manifest): for the owner of pki.rsa."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "rootfs.img").write_bytes(bundles.image(SIZE, 5))
    (folder / "manifest.raucm").write_text(TEXT)
    clear, sealed = tmp_path / "clear.raucb", tmp_path / "sealed.raucb"
    bundles.run(rauc, "bundle", "--cert", pki.ec.cert, "--key", pki.ec.key, folder, clear)
    bundles.run(rauc, "encrypt", "--keyring", pki.ring, "--to", pki.rsa.cert, clear, sealed)
    (tmp_path / "sig").write_bytes(bundles.disassemble(clear.read_bytes())[1])
    told = subprocess.run(["openssl", "cms", "-verify", "-noverify", "-inform", "DER", "-in", tmp_path / "sig"],
                          capture_output=True, text=True, check=True)
    return sealed, told.stdout


def conf(folder, pki):
    for name in "ab":
        (folder / name).write_bytes(bytes(SIZE + 65536))
    path = folder / "system.conf"
    path.write_text(f"[system]\ncompatible=Test\nbootloader=noop\nmountprefix=/tmp/mnt\n\n[keyring]\npath={pki.ring}\n\n"
                    f"[encryption]\nkey={pki.rsa.key}\n\n[slot.rootfs.0]\ndevice={folder}/a\nbootname=A\n\n"
                    f"[slot.rootfs.1]\ndevice={folder}/b\nbootname=B\n")
    return path


def test_kernel_reads_it(guest, made, tmp_path):
    """The tables of RAUC's documentation, and the file system that comes out of them."""
    sealed, manifest = made
    keys = dict(re.findall(r"(?m)^([a-z-]+)=(.*)$", manifest))
    total = len(bundles.disassemble(sealed.read_bytes())[0])
    blocks = (total - int(keys["verity-size"])) // 4096
    done = guest(f"""set -e
        loop=$(losetup --show -f -r -b 4096 {sealed})
        dmsetup create --noudevrules --noudevsync v -r --table "0 {blocks * 8} verity 1 $loop $loop 4096 4096 {blocks} {blocks} sha256 \
{keys['verity-hash']} {keys['verity-salt']}"
        dmsetup create --noudevrules --noudevsync c -r --table "0 {blocks * 8} crypt aes-cbc-plain64 {keys['crypt-key']} 0 $(dmsetup info -c --noheadings --separator : -o major,minor v) 0 1 \
sector_size:4096"
        dmsetup mknodes; mkdir -p /t; mount -t squashfs -o ro /dev/mapper/c /t
        cmp /t/rootfs.img {tmp_path}/in/rootfs.img
        dmsetup status v | grep -q ' V$'
        ls /t""")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"manifest.raucm", "rootfs.img"}


@pytest.mark.parametrize("who", ["ours", "debian"])
def test_installed(guest, rauc, debian, made, pki, tmp_path, who):
    """Debian's, with the kernel's help, installs what we made; ours in the same place without it."""
    program = rauc if who == "ours" else debian
    path = conf(tmp_path, pki)
    override = "--override-boot-slot=A" if who == "ours" else ""
    script = tmp_path / "install.sh"
    script.write_text(f"""set -e
        export DBUS_STARTER_BUS_TYPE=session RAUC_TEST_CMDLINE=rauc.slot=A
        if [ {who} = debian ]; then
            {program} --conf={path} --override-boot-slot=A service >/tmp/service.log 2>&1 &
            gdbus wait --session --timeout 30 de.pengutronix.rauc
        fi
        {program} --conf={path} {override} install {made[0]} || {{ cat /tmp/service.log >&2; exit 1; }}
        cmp -n {SIZE} {tmp_path}/b {tmp_path}/in/rootfs.img
        [ {who} = ours ] || kill $!""")
    done = guest(f"dbus-run-session -- sh {script}",
                 writable=[tmp_path])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "succeeded" in done.stdout
