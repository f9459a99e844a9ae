# SPDX-License-Identifier: MIT
"""`rauc mount`: served by a process that stays as long as the mount."""

import os
import pathlib
import signal
import subprocess

import pytest

import bundles
import device as devices
from bus import wait_until

FILES = {"rootfs.img": bundles.image(bundles.MIB, 5), "app.ext4": bundles.image(4096, 4)}
IMAGES = {"rootfs": "rootfs.img", "appfs": "app.ext4"}


@pytest.fixture
def mounted(root, device, tmp_path):
    point = tmp_path / "mnt" / "bundle"
    yield point
    while subprocess.run(["umount", "-l", point], capture_output=True).returncode == 0:
        pass


def rauc_mount(device, *args, wrap=(), env=None):
    """Not devices.run(): a process stays behind."""
    return subprocess.run([str(a) for a in (*wrap, device.rauc, "--conf", device.conf, "mount", *args)], text=True,
                          capture_output=True, timeout=30, stdin=subprocess.DEVNULL,
                          env={**os.environ, "ASAN_OPTIONS": devices.ASAN, **device.env, **(env or {})})


def check_content(point):
    for name, data in FILES.items():
        assert (point / name).read_bytes() == data
    assert (point / "manifest.raucm").exists()
    with pytest.raises(OSError):
        (point / "rootfs.img").write_bytes(b"x")


@pytest.mark.parametrize("fmt", ["plain", "verity"])
def test_mount(device, mounted, maker, fmt):
    bundle = maker.forge(FILES, IMAGES, fmt=fmt)
    done = rauc_mount(device, bundle)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout == f"Mounted bundle at {mounted}. Use 'umount {mounted}' to unmount.\n"
    check_content(mounted)
    again = rauc_mount(device, bundle)
    assert again.returncode == 1 and again.stdout == ""
    assert again.stderr == f"something is mounted at {mounted} already: umount it first\n"
    check_content(mounted)
    subprocess.run(["umount", mounted], check=True)
    wait_until(lambda: not mounted.exists())
    device.check_rest()


def test_server_goes_with_the_mount(device, mounted, maker):
    bundle = maker.forge(FILES, IMAGES)
    assert rauc_mount(device, bundle).returncode == 0
    users = subprocess.run(["fuser", bundle], capture_output=True, text=True).stdout.split()
    assert len(users) == 1 and os.readlink(f"/proc/{users[0]}/cwd") == "/"
    assert [os.readlink(f"/proc/{users[0]}/fd/{n}") for n in range(3)] == ["/dev/null"] * 3
    with open(device.run_folder / "lock") as lock:
        devices.fcntl.flock(lock, devices.fcntl.LOCK_EX | devices.fcntl.LOCK_NB)  # only held while mounting
    subprocess.run(["umount", mounted], check=True)
    wait_until(lambda: not pathlib.Path(f"/proc/{users[0]}").exists())


def test_killed_server(device, mounted, maker):
    """What it leaves is taken away by the next installation."""
    bundle = maker.forge({"rootfs.img": FILES["rootfs.img"]}, {"rootfs": "rootfs.img"})
    assert rauc_mount(device, bundle).returncode == 0
    user = subprocess.run(["fuser", bundle], capture_output=True, text=True).stdout.split()[0]
    os.kill(int(user), signal.SIGKILL)
    wait_until(lambda: not pathlib.Path(f"/proc/{user}").exists())
    again = rauc_mount(device, bundle)
    assert again.returncode == 1 and "already: umount it first" in again.stderr
    script = device.folder / "pre"
    script.write_text("#!/bin/sh\ntest -e $RAUC_BUNDLE_MOUNT_POINT/rootfs.img\n")
    script.chmod(0o755)
    device.change("handlers", pre_install=script)
    device.ok("install", bundle)


def test_without_fuse(device, mounted, maker, without_fuse):
    """A copy in memory, which needs nobody to serve it."""
    bundle = maker.forge(FILES, IMAGES)
    script = f"""
        {device.rauc} --conf {device.conf} mount {bundle} || exit 1
        cmp {mounted}/rootfs.img {device.folder}/rootfs.img || exit 2
        fuser -s {bundle} && exit 3
        touch {mounted}/x 2>/dev/null && exit 4
        umount {mounted} || exit 5
        grep {device.folder} /proc/self/mounts && exit 6
        exit 0"""
    (device.folder / "rootfs.img").write_bytes(FILES["rootfs.img"])
    done = subprocess.run([*without_fuse, "sh", "-c", script], text=True, capture_output=True,
                          env={**os.environ, "ASAN_OPTIONS": devices.ASAN, **device.env}, timeout=60)
    assert done.returncode == 0, f"{done.returncode} {done.stdout}{done.stderr}"
    assert f"Mounted bundle at {mounted}. Use 'umount {mounted}' to unmount.\n" in done.stdout
    device.check_rest()


@pytest.mark.parametrize("args, words", [
    ([], "A bundle path or URL must be provided"),
    (["a", "b"], "Excess argument: b"),
    (["/nowhere.raucb"], "No such file: /nowhere.raucb"),
])
def test_refused(device, mounted, args, words):
    done = rauc_mount(device, *args)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", words + "\n")


def test_untrusted(device, mounted, maker, pki):
    done = rauc_mount(device, maker.forge(FILES, IMAGES, signer=pki.rogue))
    assert done.returncode == 1 and done.stdout == "" and not mounted.exists()
    assert done.stderr.count("\n") == 1


def test_needs_a_configuration(rauc):
    done = devices.run(rauc, "mount", "/x")
    assert done.code == 1 and done.err.startswith("Failed to initialize context: Failed to load system config"), done.text


def test_beside_an_installation(device, mounted, maker):
    """Its hooks see the bundle at the same place."""
    device.run_folder.mkdir(exist_ok=True)
    holder = subprocess.Popen(["flock", "--no-fork", device.run_folder / "lock", "sh", "-c", "echo held; exec sleep 60"],
                              stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert holder.stdout.readline() == "held\n"
        done = rauc_mount(device, maker.forge(FILES, IMAGES))
        assert done.returncode == 1 and "another rauc" in done.stderr and not mounted.exists()
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        holder.wait()
