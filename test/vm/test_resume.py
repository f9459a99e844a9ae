# SPDX-License-Identifier: MIT
"""The power goes while a bundle is streamed into a disk: what the disk has is not fetched again.

What the guest had only in memory, its file systems' writes too, is lost with it."""

import os
import pathlib
import random
import shutil
import subprocess
import tempfile

import pytest

import model
import update
from bundles import MIB

SIZE = 40 * MIB + 8192
AGAIN = 16 * MIB
REST = MIB
RUNS = 5
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
CONF = """
daemon on;
pid /run/nginx.pid;
error_log /run/error.log;
events {{ worker_connections 64; }}
http {{
    log_format sent '$body_bytes_sent';
    access_log /run/access.log sent;
    client_body_temp_path /run/t1; proxy_temp_path /run/t2; fastcgi_temp_path /run/t3;
    uwsgi_temp_path /run/t4; scgi_temp_path /run/t5;
    server {{ listen 127.0.0.1:8080; root {root}; limit_rate {rate}; }}
}}
"""
SYSTEM = """[system]
compatible=Test
bootloader=grub
grubenv=/data/grubenv
data-directory=/data/rauc
mountprefix=/run/mnt

[keyring]
path={keyring}

[slot.rootfs.0]
device=/dev/ubdc
bootname=A

[slot.rootfs.1]
device=/dev/ubdb
bootname=B
"""
# Then what is on the medium, in a line; and the installation, whose end is near.
SCRIPT = """set -e
mkdir -p /data /run/mnt
mount -t ext4 /dev/ubda /data
[ -e /data/grubenv ] || {{ grub-editenv /data/grubenv create; grub-editenv /data/grubenv set ORDER='A B' A_OK=1 A_TRY=0 B_OK=1 B_TRY=0; sync; }}
echo "grubenv $(base64 -w0 /data/grubenv)"
echo "known $(stat -c %s /data/rauc/slot.rootfs.1/write-journal 2>/dev/null || echo 128)"
{nginx} -c {folder}/nginx.conf
{end}
status=0
{rauc} --conf {folder}/system.conf install http://127.0.0.1:8080/good.raucb >&2 || status=$?
echo "code $status"
sleep 0.2
echo "sent $(awk '{{ n += $1 }} END {{ print n }}' /run/access.log)"
echo "after $(base64 -w0 /data/grubenv)"
sync
"""


class Machine:
    """Its disks outlive its boots."""

    def __init__(self, guest, rauc, keyring, folder, content, image):
        self.guest, self.rauc, self.folder, self.image = guest, rauc, folder, image
        self.env = {**update.ENV, "RAUC_FETCH": str(folder / "rauc-fetch")}
        (folder / "system.conf").write_text(SYSTEM.format(keyring=keyring))
        self.data, self.slot, self.other = (folder / name for name in ("data", "slot-b", "slot-a"))
        self.site = content

    def reset(self):
        for path, size in ((self.data, 32 * MIB), (self.slot, 44 * MIB), (self.other, MIB)):
            with open(path, "wb") as file:
                file.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.data], check=True)

    def boot(self, cut=None, after_first_byte=False):
        """Installs; `cut` seconds later the power goes, or so long after the first byte was written. What was said."""
        (self.folder / "nginx.conf").write_text(CONF.format(root=self.site, rate="20m" if cut else "0"))
        wait = "until [ $(awk '{print $7}' /sys/block/ubdb/stat) -gt 0 ]; do sleep 0.02; done; " if after_first_byte else ""
        end = f"({wait}sleep {cut}; busybox poweroff -f -n) &" if cut else ""
        script = SCRIPT.format(nginx=NGINX, folder=self.folder, rauc=self.rauc, end=end)
        done = self.guest(script, disks=[self.data, self.slot, self.other], env=self.env, seconds=90)
        assert cut or done.returncode == 0, done.stderr
        said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
        assert "grubenv" in said and (cut or said["code"] == "0"), done.stderr
        return said

    def chosen(self, text):
        path = self.folder / "env"
        path.write_bytes(subprocess.run(["base64", "-d"], input=text.encode(), capture_output=True, check=True).stdout)
        return model.choose(path.read_bytes(), slots=("A", "B")).slot

    @property
    def written(self):
        has = self.slot.read_bytes()[:SIZE]
        n = 0
        while has[n * MIB:(n + 1) * MIB] == self.image[n * MIB:(n + 1) * MIB] and n * MIB < SIZE:
            n += 1
        return min(n * MIB, SIZE)


@pytest.fixture
def machine(guest, rauc, pki, tmp_path):
    if not NGINX:
        pytest.skip("nginx is not installed")
    fetch = rauc.parent / "fetch" / "rauc-fetch"
    if not fetch.exists():
        pytest.skip(f"there is no {fetch}: this build has no streaming")
    image = random.Random(79).randbytes(SIZE)
    with tempfile.TemporaryDirectory(prefix="resume.") as name:
        folder = pathlib.Path(name)
        bundle = update.bundle(rauc, pki.ec, tmp_path / "good", {"rootfs.img": image}, {"rootfs": "filename=rootfs.img"})
        site = folder / "site"
        site.mkdir()
        shutil.copy(bundle, site / "good.raucb")
        shutil.copy(fetch, folder / "rauc-fetch")
        for path in (folder, site, folder / "rauc-fetch"):
            path.chmod(0o755)
        (site / "good.raucb").chmod(0o644)
        yield Machine(guest, rauc, pki.ring, folder, site, image)


def test_power_cut(machine, note):
    seed = os.environ.get("RAUC_SEED") or f"{random.SystemRandom().getrandbits(64):016x}"
    chance = random.Random(seed)
    hits = saved = again = 0
    for n in range(RUNS):
        what = f"RAUC_SEED={seed} run {n}"
        machine.reset()
        for _ in range(chance.randint(1, 2)):
            machine.boot(cut=f"{chance.uniform(0.3, 2.2) if n % 2 else chance.uniform(0, 1.5):.2f}", after_first_byte=n % 2 == 0)
        written = machine.written
        said = machine.boot()
        known = min((int(said["known"]) - 128) // 32 * MIB, SIZE)
        before, fetched = machine.chosen(said["grubenv"]), int(said["sent"])
        assert machine.chosen(said["after"]) == "B", what
        assert machine.slot.read_bytes()[:SIZE] == machine.image, what
        assert known <= written, f"{what}: the journal says {known}, the disk has {written}"
        assert before == "A" or written == SIZE, f"{what}: a slot with {written} bytes of the image boots"
        assert fetched <= SIZE - known + REST, f"{what}: {known} known, {fetched} fetched"
        assert fetched <= SIZE - written + AGAIN + REST, f"{what}: {written} on the disk, {fetched} fetched"
        hits, saved, again = hits + (0 < written < SIZE), saved + known, max(again, fetched - (SIZE - written))
    note(f"test_power_cut: RAUC_SEED={seed}: {RUNS} runs, {hits} met a slot in part; {saved / MIB:.0f} MiB were known and not "
         f"fetched again; fetched although it was there: at most {again / MIB:.1f} MiB")
    assert hits >= 1, "too few met the write"
