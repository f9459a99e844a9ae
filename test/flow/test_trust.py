# SPDX-License-Identifier: MIT
"""What a device believes, and that it only moves forward: time, security epoch, demo keys; in process and by the service."""

import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import bundles
import device as devices
from bundles import MIB
from bus import wait_until
from strikes import CHANGES, STEADY, calls, moments, strike
from test_bad_input import Before

TOP = pathlib.Path(__file__).resolve().parents[2]
DEMO = TOP / "pki" / "demo"
DAY = 24 * 60 * 60
IMAGE = bundles.image(MIB, 5)
FILES, IMAGES = {"rootfs.img": IMAGE}, {"rootfs": "rootfs.img"}


@pytest.fixture
def at():
    """at("1970-01-02 00:00:00"): what makes a program see this clock, and the true times of files."""
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if not library:
        pytest.skip("libfaketime is not installed")

    def env(when):
        return {"LD_PRELOAD": str(library), "FAKETIME": f"@{when}", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1", "TZ": "UTC"}
    return env


@pytest.fixture(params=["direct", "service"])
def door(request, device, bus, start, tool):
    """Both ways to the same device."""
    class Door:
        env, service, is_service = {}, None, request.param == "service"

        def set(self, **env):
            """From here on the device lives with this; its service is started anew for it."""
            self.env = env
            self.off()

        def off(self):
            if self.service:
                self.service.end()
            self.service = None

        def boot(self, name):
            device.cmdline = f"rauc.slot={name}"
            self.off()

        def do(self, *args):
            if not self.is_service:
                return device.call(*args, env=self.env)
            if not self.service:
                self.service = start(wrap=[tool("env"), *(f"{key}={value}" for key, value in self.env.items())])
            done = devices.run(device.rauc, *args, env={**device.env, **bus.env})
            assert done.note == "", done.text
            return done

        def said(self, done):
            return done.text + (self.service.text if self.service else "")

        def ok(self, *args):
            done = self.do(*args)
            assert done.code == 0, self.said(done)
            return done

        def refused(self, bundle, reason, *args):
            """Not installed, before anything was touched; LastError says why."""
            before = Before.of(device)
            done = self.do("install", *args, bundle)
            told = re.search("^LastError: (.*)$", done.out, re.MULTILINE)
            assert done.code == 1 and told and re.search(reason, told[1]), self.said(done)
            assert Before.of(device).slots == before.slots and Before.of(device).grubenv == before.grubenv, done.text
            assert all(device.status(name).get("status") not in ("pending", "failed") for name in device.slots)
            return told[1]

        def commit(self, name):
            """The slot is booted and found to work."""
            self.boot(name)
            return self.ok("status", "mark-good")

        @property
        def trust(self):
            return json.loads(self.ok("status", "--output-format=json").out)["trust"]

    return Door()


def stamp(device, when):
    """The running image was built then."""
    path = device.folder / "image/usr/lib/os-release"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (when, when))


def moment(text):
    return datetime.datetime.fromisoformat(text + "+00:00").timestamp()


def today():
    return datetime.datetime.now(datetime.timezone.utc)


def iso(days=0):
    return (today() + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


def is_near(text, days):
    """A time in ISO 8601, so many days from now."""
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return abs((when - today()) / datetime.timedelta(days=1) - days) < 1.5


def with_meta(maker, signer=None, version="1.0", compatible="Test", seed=None, fmt="verity", **meta):
    """A bundle with [meta.moonforge]; keys with _ for -. `seed`: another image, so that it shows."""
    files = FILES if seed is None else {"rootfs.img": bundles.image(MIB, seed)}
    lines = "".join(f"{key.replace('_', '-')}={value}\n" for key, value in meta.items())
    text = bundles.manifest(files, IMAGES, fmt=fmt, version=version, compatible=compatible) + f"\n[meta.moonforge]\n{lines}"
    return maker.forge(files, IMAGES, fmt=fmt, text=text, signer=signer)


def signed_when(rauc, maker, signer, when, at):
    """Made by the real program on a computer whose clock says so."""
    content = maker.content(FILES, bundles.input_manifest(IMAGES))
    path = content.parent / "bundle.raucb"
    done = devices.run(rauc, "bundle", f"--cert={signer.cert}", f"--key={signer.key}", content, path, env=at(when))
    assert done.code == 0, done.text
    return path


# --- Time ---------------------------------------------------------------------


def test_clock_of_1970(device, door, maker, at):
    """The image knows better than a clock that was never set."""
    bundle = maker.simple()
    door.set(**at("1970-01-02 00:00:00"))
    why = door.refused(bundle, "certificate is not yet valid: certificate '.*checked for 1970-01-02T")
    assert "(the clock says so; if it is wrong, set it)" in why
    built = int(today().timestamp()) - 60
    stamp(device, built)
    done = door.ok("install", bundle)
    when = datetime.datetime.fromtimestamp(built, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert re.search(rf"the clock says 1970-01-02T00:0\d:\d\dZ, using {when} from the build time of the image, /usr/lib/os-release",
                     door.said(done)), door.said(done)
    assert device.chosen() == "B"
    trust = door.trust
    assert (trust["time_floor"], trust["time_floor_source"]) == (when, "build")
    assert f"Time floor:     {when} (the build time of the image, /usr/lib/os-release)" in door.ok("status", "--detailed").out


def test_image_from_before_the_signer(device, door, maker, at):
    """Neither the clock nor the image knows of this time: then the message says what it knows, and from where."""
    door.set(**at("1970-01-02 00:00:00"))
    stamp(device, moment("2001-02-03 04:05:06"))
    why = door.refused(maker.simple(), "certificate is not yet valid")
    assert re.search(r"checked for 2001-02-03T04:05:06Z? ?\(the clock says 1970-01-02T00:0\d:\d\dZ, using 2001-02-03T04:05:06Z from the "
                     r"build time of the image, /usr/lib/os-release\)", why), why


def test_clock_from_the_future(device, door, maker, at):
    stamp(device, moment("2024-05-06 07:08:09"))
    door.set(**at("2099-01-02 00:00:00"))
    why = door.refused(maker.simple(), "certificate has expired: certificate '.*', valid from .* until .*, checked for 2099-01-02T")
    assert why.endswith("(the clock says so; if it is wrong, set it: otherwise the latest time known is 2024-05-06T07:08:09Z from "
                        "the build time of the image, /usr/lib/os-release)"), why
    door.set()
    assert door.ok("install", maker.simple()) and device.chosen() == "B"


def test_clock_that_was_set_back(device, door, maker, pki, at):
    """What was valid once is not valid again: the clock was right when the slot was marked good."""
    stale = with_meta(maker, signer=pki.expired)
    past = at((today() - datetime.timedelta(days=200)).strftime("%Y-%m-%d 00:00:00"))
    door.set(**past)
    door.ok("install", stale)  # nothing is known yet that speaks against it
    device.reset_boot()
    shutil.rmtree(device.data)

    door.set(RAUC_TEST_CLOCK_SYNCHRONISED="yes")
    door.ok("install", maker.simple())
    door.commit("B")
    assert is_near(door.trust["time_floor"], 0) and door.trust["time_floor_source"] == "signing"
    door.set(**past)
    why = door.refused(stale, "certificate has expired")
    assert re.search(r"the clock says \d{4}-\d\d-\d\dT.*, using .*Z from the signing time of a bundle that was marked good\)$", why), why
    before = device.data.joinpath("trust.1").read_bytes()
    door.ok("status", "mark-good")  # under the wrong clock
    assert device.data.joinpath("trust.1").read_bytes() == before, "it only moves forward"


@pytest.mark.parametrize("days,end,sync,learned", [
    (26000, 3000, "no", "build"),  # behind the end of his own certificate
    (26000, 3000, "yes", "sync"),
    (2000, 3000, "no", "build"),  # within it, but nobody confirms it
    (2000, 3000, "yes", "sync"),
    (100, 3000, "no", "signing"),  # a year behind the build is the most that is believed
])
def test_signing_time_that_lies(device, door, maker, pki, rauc, at, days, end, sync, learned):
    """Who signs must not be able to end all updates, whatever his clock says."""
    signer = pki.ec_ca.issue(f"liar-{days}-{sync}-{door.is_service}", end=end)
    lie = signed_when(rauc, maker, signer, (today() + datetime.timedelta(days=days)).strftime("%Y-%m-%d 00:00:00"), at)
    stamp(device, today().timestamp() - 30 * DAY)
    door.set(RAUC_TEST_CLOCK_SYNCHRONISED=sync)
    door.ok("install", lie)
    assert is_near(device.status("rootfs.1")["bundle.signing-time"], days)
    assert is_near(device.status("rootfs.1")["bundle.signed-until"], end)
    assert not device.data.joinpath("trust.1").exists(), "installing teaches nothing"
    door.commit("B")
    trust = door.trust
    assert trust["time_floor_source"] == learned
    assert is_near(trust["time_floor"], {"build": -30, "sync": 0, "signing": days}[learned])
    door.ok("install", maker.simple())  # those who are valid today still are
    assert device.chosen() == "A"


def test_server_of_time_that_lies(device, door, maker, pki, at):
    """A synchronised clock moves the floor to a day before the end of the chain that runs, not beyond."""
    signer = pki.ec_ca.issue(f"short-{door.is_service}", end=300)
    door.ok("install", with_meta(maker, signer=signer))
    door.set(**at("2099-01-02 00:00:00"), RAUC_TEST_CLOCK_SYNCHRONISED="yes")
    door.commit("B")
    assert is_near(door.trust["time_floor"], 299)
    door.set()
    door.ok("install", with_meta(maker, signer=signer))


def test_clock_that_is_synchronised_late(device, door, maker):
    """The mark came before the network: the next installation that succeeds notes the time, one that is refused does not."""
    stamp(device, today().timestamp() - 30 * DAY)
    door.ok("install", maker.simple())
    door.commit("B")
    for path in copies(device):  # as if that had been a month ago
        lines = re.sub(r"time-floor=\d+\ntime-source=\w+", f"time-floor={int(today().timestamp()) - 30 * DAY}\ntime-source=build",
                       path.read_text()).splitlines(True)[:-1]
        path.write_text("".join(lines) + f"sha256={bundles.sha256(''.join(lines).encode())}\n")
    door.set(RAUC_TEST_CLOCK_SYNCHRONISED="yes")
    door.refused(with_meta(maker, compatible="Other"), "Compatible mismatch")
    assert door.trust["time_floor_source"] == "build"
    door.ok("install", maker.simple())
    trust = door.trust
    assert trust["time_floor_source"] == "sync" and is_near(trust["time_floor"], 0)


def test_failed_trial_teaches_nothing(device, door, maker):
    """Installed, not come up, fallen back: no word of it."""
    door.ok("install", with_meta(maker, security_epoch=7))
    door.boot("A")
    door.ok("status", "mark-good", "booted")
    door.ok("status", "mark-good", "other")  # somebody says so, but it does not run
    assert door.trust["security_epoch"] == 0


# --- Security epoch -----------------------------------------------------------


def copies(device):
    return [device.data / f"trust.{n}" for n in (1, 2)]


def test_epochs(device, door, maker):
    """Up with mark-good, never down by itself; down with a signed permission, once."""
    zero, one, two = maker.simple(), with_meta(maker, security_epoch=1, seed=31), with_meta(maker, security_epoch=2, seed=32)

    door.ok("install", two)
    assert device.status("rootfs.1")["bundle.security-epoch"] == "2"
    assert door.trust["security_epoch"] == 0, "installing does not raise it"
    door.ok("install", zero)
    door.ok("install", two)
    done = door.commit("B")
    assert "the security epoch of this device is 2 now, it was 0" in door.said(done)
    assert door.trust == {**door.trust, "security_epoch": 2, "kept": True}

    why = door.refused(one, "Security epoch too low: the bundle has 1, this device is at 2")
    assert "take a bundle with security-epoch=2 or higher" in why and "security-epoch-downgrade-from=2" in why
    door.refused(zero, "the bundle has 0, this device is at 2", "--ignore-version-limit", "--ignore-compatible")

    # the other slot is written anew: by hand with the old image, then with what is allowed
    (device.folder / "old.img").write_bytes(IMAGE)
    assert device.call("write-slot", "rootfs.0", device.folder / "old.img").code == 0
    door.refused(zero, "Security epoch too low")
    door.ok("install", two)
    door.refused(one, "Security epoch too low")
    door.boot("A")
    door.refused(one, "Security epoch too low")
    door.commit("A")

    # one copy of the state is gone, or damaged: the other counts, and mends it
    for n, damage in ((0, lambda path: path.unlink()), (1, lambda path: path.write_bytes(path.read_bytes()[:50]))):
        door.off()
        damage(copies(device)[n])
        done = door.ok("status", "mark-good") if n else door.do("install", one)
        assert len(re.findall(rf"warning: trust state .*/trust\.{n + 1} is damaged", door.said(done))) == 1 + door.is_service, done.text
        door.refused(one, "Security epoch too low")
        assert copies(device)[0].read_bytes() == copies(device)[1].read_bytes()
        assert door.trust["security_epoch"] == 2
    # even the status file
    device.status_file.unlink()
    door.refused(one, "Security epoch too low")

    until = iso(1)
    for reason, meta, compatible in (
            ("the bundle has 1, this device is at 2: take", {"from": "3", "until": until}, "Test"),
            ("the permission to go back in its manifest ended at .*T23:59:59Z", {"from": "2", "until": iso(-1)}, "Test"),
            ("the permission to go back in its manifest is for 'Other', this is 'Test'", {"from": "2", "until": until}, "Other")):
        wrong = with_meta(maker, compatible=compatible, security_epoch=1,
                          **{f"security_epoch_downgrade_{key}": value for key, value in meta.items()})
        door.refused(wrong, reason, "--ignore-compatible")

    back = with_meta(maker, security_epoch=1, security_epoch_downgrade_from="2 3", security_epoch_downgrade_until=until, seed=33)
    door.ok("install", back)
    assert device.status("rootfs.1")["bundle.security-epoch-from"] == "2"
    assert door.trust["security_epoch"] == 2, "not before it runs"
    door.refused(one, "Security epoch too low")
    done = door.commit("B")
    assert "goes back from 2 to 1, as the signed manifest permits" in door.said(done)
    assert door.trust["security_epoch"] == 1 and "bundle.security-epoch-from" not in device.status("rootfs.1")
    door.ok("install", one)
    door.refused(zero, "the bundle has 0, this device is at 1")

    # up again, and back into the slot with the permission: it was for once
    door.ok("install", two)
    door.commit("A")
    assert door.trust["security_epoch"] == 2
    door.commit("B")
    assert door.trust["security_epoch"] == 2
    shown = json.loads(door.ok("status", "--detailed", "--output-format=json").out)
    slots = {name: facts for slot in shown["slots"] for name, facts in slot.items()}
    assert [slots[f"rootfs.{n}"]["slot_status"]["bundle"]["security_epoch"] for n in (0, 1)] == [2, 1]


def test_permission_ends_also_without_a_clock(device, door, maker, at):
    """Its last day is compared with what is known, not with 1970."""
    door.ok("install", with_meta(maker, security_epoch=2))
    door.commit("B")
    door.set(**at("1970-01-02 00:00:00"))
    stamp(device, today().timestamp() - 60)
    meta = {"security_epoch": 1, "security_epoch_downgrade_from": 2}
    door.refused(with_meta(maker, **meta, security_epoch_downgrade_until=iso(-1)), "the permission .* ended at ")
    door.ok("install", with_meta(maker, **meta, security_epoch_downgrade_until=iso(1)))


def test_all_copies_lost(device, door, maker):
    """Never in the way of an update, and loud; the running system says where it is."""
    two = with_meta(maker, security_epoch=2)
    door.ok("install", two)
    door.commit("B")
    for path in copies(device):
        path.write_bytes(b"\0" * 300)
    door.refused(maker.simple(), "the bundle has 0, this device is at 2")
    done = door.ok("install", two)
    assert re.search(r"warning: the trust state in .*data is lost \(trust\.1: .*; trust\.2: .*\)", door.said(done)), door.said(done)
    door.ok("status", "mark-good")
    assert copies(device)[0].read_bytes() == copies(device)[1].read_bytes() != b"\0" * 300
    assert door.trust["security_epoch"] == 2


def test_without_data_directory(device, door, maker):
    """Nothing can be kept: the running system's epoch is the device's, and it is said."""
    device.change("system", data_directory=None, statusfile=device.folder / "status")
    door.ok("install", with_meta(maker, security_epoch=2))
    door.commit("B")
    assert door.trust["security_epoch"] == 2 and door.trust["kept"] is False
    door.refused(maker.simple(), "the bundle has 0, this device is at 2")
    assert "Security epoch: 2 (not kept: no data-directory)" in door.ok("status", "--detailed").out
    assert not [path for path in device.folder.rglob("trust.*")]
    if door.is_service:
        assert "without a data-directory no trust state is kept" in door.service.text


@pytest.mark.parametrize("meta,reason", [
    ({"security_epoch": "-1"}, "Invalid value '-1' for key 'security-epoch' in group '\\[meta.moonforge\\]'"),
    ({"security_epoch": "4294967296"}, "expected a number from 0 to 4294967295"),
    ({"security_epoch": "1", "security_epoch_downgrade_from": "2"}, "Missing key 'security-epoch-downgrade-until'"),
    ({"security_epoch": "1", "security_epoch_downgrade_until": "2027-01-01"}, "Missing key 'security-epoch-downgrade-from'"),
    ({"security_epoch_dowgrade_from": "2"}, "Invalid key 'security-epoch-dowgrade-from'"),
])
@pytest.mark.parametrize("fmt", ["verity", "plain"])
def test_malformed_epoch(device, maker, pki, rauc, meta, reason, fmt):
    """By whoever makes the bundle, and by the device."""
    more = "\n[meta.moonforge]\n" + "".join(f"{key.replace('_', '-')}={value}\n" for key, value in meta.items())
    content = maker.content(FILES, bundles.input_manifest(IMAGES, fmt=fmt, more=more))
    made = devices.run(rauc, "bundle", f"--cert={pki.ec.cert}", f"--key={pki.ec.key}", content, content.parent / "out.raucb")
    assert made.code == 1 and re.search(reason, made.err) and not (content.parent / "out.raucb").exists(), made.text
    before = device.grubenv.read_bytes()
    done = device.install(with_meta(maker, fmt=fmt, **meta))
    assert done.code == 1 and re.search(reason, done.err) and device.grubenv.read_bytes() == before, done.text


def test_per_slot_status(device, door, maker, mount, tool, tmp_path):
    """slot.raucs in the slot itself remembers it as well."""
    image = tmp_path / "root.ext4"
    for path in (image, *map(device.path, device.slots)):
        path.unlink(missing_ok=True)
        subprocess.run([tool("mke2fs"), "-q", "-t", "ext4", path, "4M"], check=True)
    mount(image, "probe", "-o", "loop,ro")  # or the test is skipped
    for name in device.slots:
        device.change(f"slot.{name}", type="ext4")
    device.change("system", data_directory=None, statusfile="per-slot")
    files = {"rootfs.ext4": image.read_bytes(), "ballast": os.urandom(8192)}  # verity wants more than a block
    text = bundles.manifest(files, {"rootfs": "rootfs.ext4"})
    new = maker.forge(files, {"rootfs": "rootfs.ext4"}, text=text + "\n[meta.moonforge]\nsecurity-epoch=2\n")
    door.ok("install", new)
    door.commit("B")
    assert door.trust["security_epoch"] == 2
    door.refused(maker.forge(files, {"rootfs": "rootfs.ext4"}), "the bundle has 0, this device is at 2")


# --- The power goes -----------------------------------------------------------


@pytest.fixture
def committed(device, maker, tool, tmp_path):
    """mark(strace options...): mark-good of a slot that raises time and epoch, from the same start each time."""
    if subprocess.run([tool("strace"), "-o", "/dev/null", "true"], capture_output=True).returncode:
        pytest.skip("strace may not trace here")
    device.ok("install", with_meta(maker, security_epoch=1))
    device.cmdline = "rauc.slot=B"
    device.ok("status", "mark-good")
    device.ok("install", with_meta(maker, security_epoch=2))
    device.cmdline = "rauc.slot=A"
    kept, trace = tmp_path / "kept", tmp_path / "trace"
    shutil.copytree(device.data, kept)
    env = device.grubenv.read_bytes()

    def mark(*options):
        shutil.rmtree(device.data)
        shutil.copytree(kept, device.data)
        device.grubenv.write_bytes(env)
        result = devices.run(device.rauc, "--conf", device.conf, "status", "mark-good",
                             env={**device.env, **STEADY, "RAUC_TEST_CLOCK_SYNCHRONISED": "yes"},
                             wrap=[tool("strace"), "-f", "-y", "-qq", "-s", "64", "-o", trace, *options])
        return result, calls(trace)
    return mark


def epoch_of(path):
    """Of a copy that is whole, judged by what the format says; else None."""
    text = path.read_text(errors="replace") if path.exists() else ""
    lines = text.splitlines(True)
    if not lines or lines[-1] != f"sha256={bundles.sha256(''.join(lines[:-1]).encode())}\n":
        return None
    return int(re.search(r"^security-epoch=(\d+)$", text, re.MULTILINE)[1])


def judge(device, what):
    """A copy is whole, and the device says what the later one does."""
    epochs = [epoch_of(path) for path in copies(device)]
    assert set(epochs) - {None}, f"{what}: no copy is whole"
    told = json.loads(device.ok("status", "--output-format=json").out)["trust"]["security_epoch"]
    assert told == max(epoch for epoch in epochs if epoch is not None), what
    return told


def mend(device, what):
    device.ok("status", "mark-good")
    assert [epoch_of(path) for path in copies(device)] == [2, 2], what


def changes(device, committed):
    result, trace = committed("-e", "trace=" + ",".join("?" + c for c in CHANGES))
    assert result.code == 0 and [epoch_of(path) for path in copies(device)] == [2, 2], result.text
    found = [m for m in moments(trace, device.folder) if "/lock>" not in m[2]]
    assert len([m for m in found if "/trust." in m[2]]) >= 8, "the trace shows both copies"
    return found


def test_power_cut_while_learning(device, committed, note):
    found = changes(device, committed)
    ends = []
    for n, (name, number, call) in enumerate(found):
        what = f"killed before {name} number {number}: {call[:150]}"
        _, trace = strike(committed, "signal=SIGKILL", found, n, device.folder)
        assert "killed by SIGKILL" in str(trace), what
        ends.append(judge(device, what))
        mend(device, what)
    assert ends == sorted(ends) and set(ends) == {1, 2}, "one instant decides"
    note(f"test_power_cut_while_learning: {len(found)} moments")


def test_faults_while_learning(device, committed):
    """A medium that fails: the slot is good all the same, the state is as before or after, and it is said."""
    found = changes(device, committed)
    for n, (name, number, call) in enumerate(found):
        if "/trust." not in call:
            continue
        what = f"{name} number {number} fails: {call[:150]}"
        result, trace = strike(committed, "error=EIO", found, n, device.folder)
        assert "(INJECTED)" in str(trace), what
        assert result.code == 0, f"{what}\n{result.text}"
        assert "saving trust state" in result.err or name == "unlink", f"{what}\n{result.text}"
        judge(device, what)
        mend(device, what)


@pytest.mark.parametrize("cut", [0, 1, 60, 150])
@pytest.mark.parametrize("n", [0, 1])
def test_torn_copy(device, committed, n, cut):
    """What a file system makes of a write that was not finished."""
    result, _ = committed("-e", "trace=none")
    assert result.code == 0
    path = copies(device)[n]
    path.write_bytes(path.read_bytes()[:cut])
    assert judge(device, f"copy {n} torn at {cut}") == 2
    mend(device, "torn")


# --- Demo keys ----------------------------------------------------------------


WARNED = r"contains the public demo CA 'O = DEMO - NOT FOR PRODUCTION, CN = [^']*': NOT FOR PRODUCTION"


@pytest.fixture(scope="module")
def demo_bundle(maker):
    from pki import Identity
    return maker.forge(FILES, IMAGES, signer=Identity(DEMO / "demo.cert.pem", DEMO / "demo.key.pem"))


def test_demo_keyring_is_refused(device, door, maker, demo_bundle):
    device.change("keyring", path=DEMO / "demo-ca.cert.pem", allow_demo_keys="false")
    why = door.refused(demo_bundle, "keyring .*demo-ca.cert.pem contains the public demo CA")
    assert "anyone can sign" in why and "set allow-demo-keys=true in [keyring] for a demonstration" in why
    status = door.ok("status")
    assert re.search(f"WARNING: .*{WARNED}", status.err), status.text
    assert "DEMO" not in status.out
    if door.is_service:
        wait_until(lambda: re.search(WARNED + ".*; bundles are refused", door.service.text))


def test_demo_keys_are_loud(device, door, demo_bundle):
    device.change("keyring", path=DEMO / "demo-ca.cert.pem", allow_demo_keys="true")
    done = door.ok("install", demo_bundle)
    assert re.search(WARNED, door.said(done)), door.said(done)
    assert re.search("signed by the public demo signer '.*': NOT FOR PRODUCTION", door.said(done)), door.said(done)
    assert device.chosen() == "B"
    assert "demo-ca.cert.pem contains the public demo CA" in door.trust["demo_keys"]
    assert re.search(r"^Demo keys: +keyring .* contains the public demo CA", door.ok("status", "--detailed").out, re.MULTILINE)


def test_demo_signer_among_others(device, door, maker, demo_bundle, pki):
    """One line too many in the keyring is enough."""
    ring = pki.folder / "ring-with-demo.pem"
    ring.write_bytes(pki.ring.read_bytes() + (DEMO / "demo.cert.pem").read_bytes())
    device.change("keyring", path=ring, allow_demo_keys="false")
    door.refused(maker.simple(), "ring-with-demo.pem contains the public demo signer")
    device.change("keyring", path=pki.ring)
    door.off()
    door.refused(demo_bundle, "^signature verification failed: ")
    door.ok("install", maker.simple())


@pytest.mark.parametrize("allowed", [None, "true", "false"])
def test_demo_on_the_host(rauc, maker, demo_bundle, tmp_path, allowed):
    """bundle and info, with the option and with the default of the build."""
    options = ["-C", f"keyring:allow-demo-keys={allowed}"] if allowed else []
    content = maker.content(FILES, bundles.input_manifest(IMAGES))
    out = tmp_path / "out.raucb"
    made = devices.run(rauc, *options, "bundle", f"--cert={DEMO / 'demo.cert.pem'}", f"--key={DEMO / 'demo.key.pem'}", content, out)
    shown = devices.run(rauc, *options, "info", f"--keyring={DEMO / 'demo-ca.cert.pem'}", demo_bundle)
    if allowed is None:
        assert made.code == shown.code, "the default is one"
        allowed = "true" if made.code == 0 else "false"
    if allowed == "true":
        assert made.code == shown.code == 0, made.text + shown.text
        assert re.search("signing as the public demo signer '.*': NOT FOR PRODUCTION", made.err), made.text
        assert re.search(WARNED, shown.err) and "signed by the public demo signer" in shown.err, shown.text
        assert shown.out.startswith("Compatible: "), "what is shown stays RAUC's"
        return
    assert made.code == shown.code == 1 and made.out == shown.out == "" and not out.exists(), made.text + shown.text
    assert re.search("^Failed to create bundle: refusing to sign as the public demo signer .*allow-demo-keys=true", made.err), made.text
    assert re.search("^keyring .* contains the public demo CA .*allow-demo-keys=true", shown.err), shown.text


def test_keyring_of_a_device_without_a_clock(device, at):
    """In 1970 no certificate is valid yet; the floor knows better, and nobody is alarmed."""
    words = ["status", "--output-format=json"]
    assert json.loads(device.call(*words, env=at("1970-01-02 00:00:00")).out)["keyring"]["state"] == "broken"
    stamp(device, int(today().timestamp()) - 60)
    done = device.call(*words, env=at("1970-01-02 00:00:00"))
    assert done.code == 0 and "keyring" not in json.loads(done.out), done.text
