# SPDX-License-Identifier: MIT
"""The command line as a person and as a script meet it; Debian's rauc as a second opinion."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

import bundles
import device as devices


def on_terminal(command, env, columns=80, when=None):
    """Run with stdout and stderr on a terminal; what was written, and the exit code."""
    parent, child = pty.openpty()
    subprocess.run(["stty", "cols", str(columns), "rows", "24"], stdin=child, check=True)
    process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=child, stderr=child,
                               env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **env},
                               start_new_session=True)
    os.close(child)
    data, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([parent], [], [], 1)[0]:
            continue
        try:
            part = os.read(parent, 65536)
        except OSError:
            break
        if not part:
            break
        data += part
        if when:
            when = when(process, data)
    os.close(parent)
    return data.decode(errors="replace").replace("\r\n", "\n"), process.wait(timeout=20)


@pytest.fixture
def big_device(make_device, tmp_path):
    """Slots large enough that an installation can be watched."""
    slots = {}
    for index, name in enumerate("AB"):
        path = tmp_path / f"slot-{name}"
        path.write_bytes(bytes(40 * bundles.MIB))
        slots[f"rootfs.{index}"] = {"device": path, "type": "raw", "bootname": name}
    return make_device(slots)


# info: what Debian's rauc prints is the reference where the formats agree.

def contains(ours, theirs):
    """Everything that is in `theirs` is in `ours`, which may say more."""
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and all(k in ours and contains(ours[k], v) for k, v in theirs.items())
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(contains, ours, theirs))
    return ours == theirs


@pytest.fixture(scope="module")
def bundle(maker):
    files = {"rootfs.img": bundles.image(bundles.MIB, 3), "app.ext4": bundles.image(4096, 4)}
    return maker.forge(files, {"rootfs": "rootfs.img", "appfs.big": "app.ext4"})


@pytest.mark.parametrize("form", ["json", "json-pretty"])
def test_info_json_is_what_debian_says_and_more(rauc, debian, bundle, pki, form):
    args = ["info", "--keyring", pki.ring, f"--output-format={form}", bundle]
    ours, theirs = devices.run(rauc, *args), devices.run(debian, *args)
    assert ours.code == theirs.code == 0, ours.text
    assert contains(json.loads(ours.out), json.loads(theirs.out))
    assert ours.out.count("\n") == 1 or form == "json-pretty"


def test_info_names_the_signers_like_debian(rauc, debian, bundle, pki):
    args = ["info", "--keyring", pki.ring, bundle]
    ours, theirs = devices.run(rauc, *args), devices.run(debian, *args)
    chains = [told.out[told.out.index("Certificate Chain:"):] for told in (ours, theirs)]
    assert chains[0] == chains[1]


def test_info_dumps_like_debian(rauc, debian, bundle):
    args = ["info", "--no-verify", "--dump-cert", "--dump-recipients", bundle]
    ours, theirs = devices.run(rauc, *args), devices.run(debian, *args)
    dumps = [told.out[told.out.index("\n\nCertificate:"):] for told in (ours, theirs)]
    assert dumps[0] == dumps[1]


def test_info_json_2(rauc, bundle, pki):
    told = devices.run(rauc, "info", "--keyring", pki.ring, "--output-format=json-2", bundle)
    assert told.code == 0, told.text
    values = json.loads(told.out)
    assert values["bundle"]["format"] == "verity" and len(values["manifest-hash"]) == 64
    assert [image["slot-class"] for image in values["images"]] == ["rootfs", "appfs"]


def test_two_signers_are_named(rauc, bundle, pki, tmp_path):
    payload, signature = bundles.disassemble(bundle.read_bytes())
    (tmp_path / "one").write_bytes(signature)
    subprocess.run(["openssl", "cms", "-resign", "-inform", "DER", "-in", "one", "-outform", "DER", "-out", "two",
                    "-signer", pki.rsa.cert, "-inkey", pki.rsa.key, "-nodetach"], cwd=tmp_path, check=True,
                   capture_output=True)
    both = tmp_path / "both.raucb"
    both.write_bytes(bundles.assemble(payload, (tmp_path / "two").read_bytes()))
    result = devices.run(rauc, "info", "--keyring", pki.ring, both)
    assert result.code == 1 and result.out == ""
    assert re.fullmatch(r"Unsupported number of signers: more than one \('.*', '.*'\)\n", result.err), result.text


def test_bundle_does_not_wait_for_a_pipe(rauc, pki, tmp_path):
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in/manifest.raucm")
    result = devices.run(rauc, "bundle", "--cert", pki.ec.cert, "--key", pki.ec.key, tmp_path / "in",
                         tmp_path / "out.raucb", timeout=20)
    assert result.code == 1 and "only regular files are supported" in result.err, result.text


def test_complaints_are_debians(rauc, debian, bundle):
    for args in (["info"], ["info", "a", "b"], ["install"], ["bundle"], ["bundle", "a"], ["--conf"],
                 ["extract", "a"], ["info", "--foobar"], ["info", "/none"], ["info", bundle],
                 ["info", "file://host/x"], ["bundle", "a", "b"]):
        ours, theirs = devices.run(rauc, *args), devices.run(debian, *args)
        # 1.8 spoke of a name where it takes a bundle, and logs to stderr too.
        expected = [line for line in theirs.err.splitlines() if not line.startswith("rauc-Message")]
        expected = [re.sub(r"A (file name|bundle filename name|bundle path or URL name|bundle filename) must",
                           "A bundle path or URL must", line)
                    for line in expected]
        assert (ours.code, ours.err.splitlines()) == (theirs.code, expected), args


# status, and Debian's service over a bus of its own.

def debians_status(device, folder):
    script = folder / "service.sh"
    script.write_text('export DBUS_STARTER_BUS_TYPE=session\n'
                      'rauc service --conf="$1" --override-boot-slot=A 2>"$2/service.log" & service=$!\n'
                      'for i in 1 2 3 4 5 6 7 8 9 10; do\n'
                      '    told=$(rauc status --detailed --output-format=json 2>/dev/null)\n'
                      # Asked while it is starting up it answers with nothing but nulls.
                      '    case $told in "{\\"compatible\\":\\"Test\\""*) echo "$told"; break ;; esac\n'
                      '    sleep 0.3\ndone\nkill $service\n')
    conf = folder / "debian.conf"
    text = device.conf.read_text()
    conf.write_text(re.sub(r"(?m)^data-directory=.*$", f"statusfile={device.status_file}", text))
    return subprocess.run(["dbus-run-session", "--", "sh", script, conf, folder], capture_output=True, text=True,
                          timeout=60, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                                           "HOME": str(folder)})


def test_status_is_what_debians_service_says(device, debian, maker, tool, tmp_path):
    tool("dbus-run-session")
    result = device.install(maker.simple(size=bundles.MIB))
    assert result.code == 0, result.text
    ours = json.loads(device.ok("status", "--detailed", "--output-format=json").out)
    told = debians_status(device, tmp_path)
    if not told.stdout.startswith("{"):
        pytest.skip(f"Debian's service does not run here: {told.stderr.strip()[-200:]}")
    theirs = json.loads(told.stdout)

    assert contains({k: ours[k] for k in ("compatible", "booted", "boot_primary", "variant")},
                    {k: theirs[k] for k in ("compatible", "booted", "boot_primary", "variant")})
    by_name = [{name: value for slot in told["slots"] for name, value in slot.items()} for told in (ours, theirs)]
    for name, value in by_name[1].items():
        assert contains(by_name[0][name], value), (name, by_name[0][name], value)


def test_status_in_the_shell(device):
    told = device.ok("status", "--detailed", "--output-format=shell")
    done = subprocess.run(["sh", "-euc", told.out + 'echo "$RAUC_SYSTEM_SLOTS $RAUC_SLOT_STATE_1 $RAUC_BOOT_PRIMARY"'],
                          capture_output=True, text=True, check=True)
    assert done.stdout == "rootfs.0 rootfs.1 booted rootfs.0\n"


@pytest.mark.parametrize("locale,marker", [("C.UTF-8", "\u23fa [rootfs.0]"), ("C", "x [rootfs.0]")])
def test_markers_follow_the_locale(device, locale, marker):
    told = device.ok("status", env={"LC_ALL": locale})
    assert marker in told.out


def test_colour_is_for_terminals(device):
    command = [device.rauc, "--conf", device.conf, "status"]
    assert "\033" not in device.ok("status").out
    shown, code = on_terminal(command, device.env)
    assert code == 0 and "\033[32m\033[32m\033[1m[rootfs.0]\033[0m" in shown
    plain, code = on_terminal(command, {**device.env, "NO_COLOR": "1"})
    assert code == 0 and "\033" not in plain


# install: progress for the eye and for scripts.

def test_lines_elsewhere(device, maker):
    result = device.install(maker.simple())
    assert result.code == 0, result.text
    lines = result.out.splitlines()
    assert lines[0] == "installing" and lines[-2] == "idle"
    assert re.fullmatch(r"Installing `.*` succeeded", lines[-1])
    assert all(re.fullmatch(r"[ 0-9]{3}% \S.*", line) for line in lines[1:-2]), result.out
    percents = [int(line[:3]) for line in lines[1:-2]]
    assert percents == sorted(percents) and percents[-1] == 100
    assert len(set(lines)) == len(lines)
    for text in ("Determining slot states", "Checking bundle", "Verifying signature", "Checking manifest contents",
                 "Determining target install group", "Updating slots", "Checking slot rootfs.1 (B)",
                 "Copying image to rootfs.1"):
        assert f"% {text}\n" in result.out and f"% {text} done.\n" in result.out, text


@pytest.mark.parametrize("columns", [20, 80, 200])
def test_bar_on_a_terminal(big_device, maker, columns):
    command = [big_device.rauc, "--conf", big_device.conf, "install", "--progress",
               maker.simple(size=16 * bundles.MIB, name="big.img")]
    shown, code = on_terminal(command, big_device.env, columns)
    assert code == 0, shown
    drawn = [part.split("\n")[0] for part in shown.split("\r\033[K") if re.match(r"[ 0-9]{3}% ", part)]
    assert drawn and all(len(line) < columns for line in drawn), drawn
    assert columns == 20 or any("[###" in line for line in drawn)
    assert re.search(r"(?m)^Installing `.*` succeeded$", shown.split("\r\033[K")[-1])


def test_ctrl_c_is_told_and_harmless(big_device, maker):
    def interrupt(process, data):
        if b"Updating slots" not in data:
            return interrupt
        os.killpg(process.pid, signal.SIGINT)
        return None

    command = [big_device.rauc, "--conf", big_device.conf, "install",
               maker.simple(size=16 * bundles.MIB, name="big.img")]
    shown, code = on_terminal(command, big_device.env, when=interrupt)
    assert code == 0, shown
    assert shown.count("Ctrl+C is not supported.") == 1
    assert big_device.boot["ORDER"] == "B A"


def test_failure_says_why_and_what_to_do(make_device, maker):
    device = make_device(system={"compatible": "Other"})
    result = device.install(maker.simple())
    assert result.code == 1
    assert re.search(r"(?m)^LastError: .*compatible", result.out, re.IGNORECASE), result.text
    assert result.out.endswith("\nidle\n")
    assert re.search(r"(?m)^Installing `.*` failed$", result.err)
    assert "\nhint: take the bundle for this kind of device\n" in result.err


def test_file_url(device, maker):
    result = device.install(maker.simple().as_uri())
    assert result.code == 0, result.text


@pytest.mark.parametrize("url", ["sftp://h/x", "ftp://h/x"])
def test_remote_is_refused_in_one_line(device, url):
    for verb in ("install", "info"):
        result = device.call(verb, "--tls-no-verify", "-H", "X: y", url)
        assert result.code == 1 and result.out == "" and result.err.count("\n") == 1, result.text
        assert url in result.err


# Output that nobody takes.

def test_full_disk_is_no_success(rauc, bundle):
    with open("/dev/full", "wb") as full:
        result = devices.run(rauc, "info", "--no-verify", bundle, stdout=full)
    assert result.code == 1 and "No space left on device" in result.err, result.text


def test_closed_pipe_is_no_success(rauc, bundle):
    read, write = os.pipe()
    os.close(read)
    try:
        result = devices.run(rauc, "info", "--no-verify", bundle, stdout=write)
    finally:
        os.close(write)
    assert result.code == 1 and "Failed to write to standard output" in result.err, result.text


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(big_device, maker, closed):
    """A slot must never be opened as stdout."""
    bundle = maker.simple()
    wrap = ["sh", "-c", f'exec "$@" {closed}', "sh"]
    result = big_device.install(bundle, wrap=wrap)
    assert (result.code == 0) == (">&-" not in closed.replace("2>&-", "")), result.text
    assert big_device.content("rootfs.1", 2 * bundles.MIB) == bundles.image(2 * bundles.MIB, 1)
