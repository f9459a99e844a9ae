# SPDX-License-Identifier: MIT
"""image/debian-rootfs without a mirror: what it adds to a base, what it leaves out, what it refuses."""

import io
import os
import pathlib
import subprocess
import tarfile

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = TOP / "image" / "debian-rootfs"
OURS = ("RAUC_KEY_FILE", "RAUC_CERT_FILE", "RAUC_KEYRING_FILE")


def make_base(path, more=()):
    with tarfile.open(path, "w") as tar:
        for name, kind, what in [(".", "dir", None), ("./usr", "dir", None), ("./usr/bin", "dir", None), ("./etc", "dir", None),
                                 ("./dev", "dir", None), ("./dev/null", "file", b"x"), ("./var", "dir", None), ("./bin", "link", "usr/bin"),
                                 ("./var/lib/apt/lists", "file", b"x"), ("./etc/os-release", "link", "../usr/lib/os-release"),
                                 ("./usr/bin/tool", "file", b"old"), *more]:
            info = tarfile.TarInfo(name)
            if kind == "dir":
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif kind == "link":
                info.type, info.linkname = tarfile.SYMTYPE, what
            else:
                info.size, info.mode = len(what), 0o644
            tar.addfile(info, io.BytesIO(what) if kind == "file" else None)
    return path


def make(folder, *more, base=None, version="2.0", env=None):
    base = base or make_base(folder / "base.tar")
    rauc = folder / "rauc"
    if not rauc.exists():
        rauc.write_text("#!/bin/sh\n")
        rauc.chmod(0o755)
    environ = {k: v for k, v in os.environ.items() if k not in OURS and k != "RAUC"}
    return subprocess.run([str(a) for a in (SCRIPT, "--version", version, "--compatible", "Some Board", "--output", folder / "out.tar",
                                            "--base", base, "--rauc", rauc, *more)],
                          text=True, capture_output=True, timeout=60, env={**environ, **(env or {})})


def members(folder):
    with tarfile.open(folder / "out.tar") as tar:
        return {info.name: (info, tar.extractfile(info).read() if info.isreg() else info.linkname) for info in tar}


def test_demo_keys_are_allowed_where_they_are_used(tmp_path):
    """Only our program has to be told, and only if it is the demo's keyring."""
    (tmp_path / "rauc").write_text("#!/bin/sh\necho 'rauc 1.16 (moonforge-rauc 0.1.0)'\n")
    (tmp_path / "rauc").chmod(0o755)
    assert make(tmp_path).returncode == 0
    assert b"[keyring]\nallow-demo-keys=true\n" in members(tmp_path)["./etc/rauc/system.conf"][1]
    own = {name: str(tmp_path / "own.pem") for name in OURS}
    (tmp_path / "own.pem").write_text("x")
    assert make(tmp_path, env=own).returncode == 0
    assert b"allow-demo-keys" not in members(tmp_path)["./etc/rauc/system.conf"][1]


def one_line(done, says):
    lines = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
    assert done.returncode == 1 and len(lines) == 1 and lines[0].startswith("debian-rootfs: ") and says in lines[0], done.stderr


@pytest.mark.parametrize("place", ["bin/fetch/rauc-fetch", "libexec/rauc/rauc-fetch"])
def test_fetcher_comes_with_it(tmp_path, place):
    """Where it was built, or where it was installed; and it is said where there is none."""
    rauc, fetch = tmp_path / "bin" / "rauc", tmp_path / place
    for path in (rauc, fetch):
        path.parent.mkdir(parents=True, exist_ok=True)
    rauc.write_text("#!/bin/sh\n")
    rauc.chmod(0o755)
    done = make(tmp_path, "--rauc", rauc)
    assert done.returncode == 0 and "which cannot stream" in done.stdout, done.stderr
    fetch.write_text("#!/bin/sh\necho fetch\n")
    fetch.chmod(0o755)
    done = make(tmp_path, "--rauc", rauc)
    assert done.returncode == 0 and "cannot stream" not in done.stdout, done.stderr
    member, data = members(tmp_path)["./usr/libexec/rauc/rauc-fetch"]
    assert (member.mode, data) == (0o755, fetch.read_bytes())


def test_what_is_added_and_left_out(tmp_path):
    done = make(tmp_path)
    assert done.returncode == 0, done.stderr
    found = members(tmp_path)
    assert b"IMAGE_VERSION=2.0\n" in found["./etc/os-release"][1], "the base's link is replaced by a file"
    assert b"compatible=Some Board\n" in found["./etc/rauc/system.conf"][1]
    assert found["./etc/rauc/keyring.pem"][1] == (TOP / "pki/demo/demo-ca.cert.pem").read_bytes()
    assert found["./usr/bin/rauc"][0].mode == 0o755
    assert b"allow-demo-keys" not in found["./etc/rauc/system.conf"][1], "other people's rauc does not know it"
    assert found["./etc/systemd/system/systemd-logind.service"][1] == "/dev/null"
    units = "./usr/lib/systemd/system"
    assert b"ExecStart=/usr/bin/rauc status mark-good\n" in found[f"{units}/rauc-mark-good.service"][1]
    assert b"ExecStart=/usr/bin/rauc --mount=/run/rauc/mnt service\n" in found[f"{units}/rauc.service"][1]
    assert not any(b"dir@" in found[name][1] for name in found if name.startswith(f"{units}/rauc"))
    assert "./etc/systemd/system/boot-complete.target.requires/demo-health.service" in found
    assert found["./usr/libexec/demo-health"][0].mode == 0o755
    assert "./dev/null" not in found and "./var/lib/apt/lists" not in found and "./dev" in found
    assert all((info.uid, info.gid) == (0, 0) for info, _ in found.values())
    assert "NOT FOR PRODUCTION" in done.stderr
    names = tarfile.open(tmp_path / "out.tar").getnames()
    assert len(names) == len(set(names)), "no path twice"


def test_the_environment_of_uboot_is_where_the_layout_has_it(tmp_path):
    assert make(tmp_path, "--layout", "qemuarm64").returncode == 0
    found = members(tmp_path)
    assert found["./etc/fw_env.config"][1].splitlines()[1:] == [b"/dev/disk/by-partlabel/ubootenv 0x0 0x1000",
                                                               b"/dev/disk/by-partlabel/ubootenv2 0x0 0x1000"]
    assert found["./etc/u-boot-initial-env"][1] == b"BOOT_ORDER=A B\nBOOT_A_LEFT=3\nBOOT_B_LEFT=3\n", "no slot is judged by it"
    assert b"bootloader=uboot\n" in found["./etc/rauc/system.conf"][1]
    assert b"PARTLABEL=esp" not in found["./etc/fstab"][1] and b"PARTLABEL=data" in found["./etc/fstab"][1], "there is no such partition"
    assert make(tmp_path).returncode == 0
    found = members(tmp_path)
    assert "./etc/fw_env.config" not in found and b"PARTLABEL=esp" in found["./etc/fstab"][1]


def test_overlays_win_in_order(tmp_path):
    for number in ("1", "2"):
        (tmp_path / number / "usr/bin").mkdir(parents=True)
        (tmp_path / number / "usr/bin/tool").write_text(f"overlay {number}")
    (tmp_path / "1/usr/bin/only").symlink_to("tool")
    assert make(tmp_path, "--overlay", tmp_path / "1", "--overlay", tmp_path / "2").returncode == 0
    found = members(tmp_path)
    assert found["./usr/bin/tool"][1] == b"overlay 2" and found["./usr/bin/only"][1] == "tool"


def test_own_keyring(tmp_path):
    (tmp_path / "ring.pem").write_text("mine")
    assert make(tmp_path, env={"RAUC_KEYRING_FILE": str(tmp_path / "ring.pem")}).returncode == 0
    assert members(tmp_path)["./etc/rauc/keyring.pem"][1] == b"mine"


def test_refuses_an_overlay_through_a_link(tmp_path):
    (tmp_path / "over/bin").mkdir(parents=True)
    (tmp_path / "over/bin/x").write_text("x")
    one_line(make(tmp_path, "--overlay", tmp_path / "over"), "use where it leads, e.g. usr/bin")
    assert not (tmp_path / "out.tar").exists() and not (tmp_path / "out.tar.unfinished").exists()


def test_refuses_missing_libraries(tmp_path):
    (tmp_path / "rauc").write_bytes(pathlib.Path("/bin/sh").read_bytes())
    (tmp_path / "rauc").chmod(0o755)
    one_line(make(tmp_path), "needs libc.so.6, which the root file system has not")


def test_programs_of_another_architecture(tmp_path):
    """A program for the board's processor, and only such a one; ldd cannot look into it."""
    cc = ["aarch64-linux-gnu-gcc", "-nostdlib", "-shared", "-x", "c", "/dev/null"]
    subprocess.run([*cc, "-Wl,-soname,libthing.so.1", "-o", tmp_path / "libthing.so"], check=True, timeout=60)
    subprocess.run([*cc, "-x", "none", "-Wl,--no-as-needed", tmp_path / "libthing.so", "-o", tmp_path / "rauc"], check=True, timeout=60)
    one_line(make(tmp_path, "--layout", "qemuarm64"), "needs libthing.so.1, which the root file system has not")
    base = make_base(tmp_path / "more.tar", [("./usr/lib", "dir", None), ("./usr/lib/libthing.so.1", "file", b"x")])
    assert make(tmp_path, "--layout", "qemuarm64", base=base).returncode == 0
    one_line(make(tmp_path, base=base), "is a program for arm64, but the layout is for amd64")
    (tmp_path / "rauc").write_bytes(pathlib.Path("/bin/sh").read_bytes())
    one_line(make(tmp_path, "--layout", "qemuarm64"), "is a program for amd64, but the layout is for arm64: tool/build-clean makes one")


@pytest.mark.parametrize("more, env, says", [
    (["--overlay", "/nowhere"], {}, "the overlay '/nowhere' is not a folder"),
    (["--layout", "toaster"], {}, "no layout 'toaster'"),
    ([], {"RAUC_KEY_FILE": "/x"}, "RAUC_KEY_FILE is set but RAUC_KEYRING_FILE is not"),
    ([], {"RAUC_KEYRING_FILE": "/nowhere"}, "cannot read '/nowhere'"),
    (["--base", "/dev/null"], {}, "not a tar"),
])
def test_refuses(tmp_path, more, env, says):
    one_line(make(tmp_path, *more, env=env), says)
    assert not (tmp_path / "out.tar").exists()


@pytest.mark.parametrize("version", ["", "1 2", "1\n", "$(x)"])
def test_refuses_bad_versions(tmp_path, version):
    done = make(tmp_path, f"--version={version}")
    one_line(done, "--version")
