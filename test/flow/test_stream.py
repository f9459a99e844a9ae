# SPDX-License-Identifier: MIT
"""Bundles from a server, straight into the slot: real nginx, HTTP/1.1 and HTTP/2, TLS, and what goes wrong."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

import bundles
import device as devices
import webserver
from bundles import MIB
from conftest import OLD, fetchers

SIZE = 12 * MIB + 4096


@pytest.fixture(scope="module")
def site(public, maker):
    """A folder with bundles."""
    folder = public("site")
    shutil.copy(maker.simple(SIZE, 21), folder / "good.raucb")
    shutil.copy(maker.simple(MIB, 22, fmt="plain"), folder / "plain.raucb")
    shutil.copy(maker.simple(MIB, 23, signer=maker.pki.rogue), folder / "rogue.raucb")
    (folder / "text.raucb").write_text("this is no bundle\n" * 3000)
    (folder / "small.raucb").write_text("x")
    for path in folder.iterdir():
        path.chmod(0o644)
    return folder


@pytest.fixture
def nginx(tmp_path_factory, site, fetcher):
    """nginx(**kwargs): one, started; stopped after the test."""
    if not webserver.NGINX:
        pytest.skip("nginx is not installed")
    made = []

    def make(**kwargs):
        server = webserver.Nginx(tmp_path_factory.mktemp("nginx"), site, **kwargs)
        made.append(server)
        return server.start()
    yield make
    for server in made:
        server.stop()


KINDS = {"http1": {}, "https1": {"tls": True}, "http2": {"tls": True, "http2": True}}


@pytest.fixture(params=KINDS)
def server(request, nginx, server_identity):
    wanted = dict(KINDS[request.param])
    if wanted.pop("tls", False):
        wanted["tls"] = server_identity
    made = nginx(**wanted)
    made.options = ["--tls-ca", server_identity[0]] if made.scheme == "https" else []
    return made


@pytest.fixture(autouse=True)
def no_helper_left(fetcher):
    yield
    for _ in range(100):
        if not fetchers(fetcher):
            return
        time.sleep(0.05)
    raise AssertionError(f"left behind: {fetchers(fetcher)}")


def test_install(server, device, site):
    device.ok("install", *server.options, f"{server.url}/good.raucb")
    assert device.content("rootfs.1", SIZE) == bundles.image(SIZE, 21)
    assert device.chosen() == "B"
    asked = server.asked()
    size = (site / "good.raucb").stat().st_size
    assert all(a.status == 206 for a in asked), asked
    assert sum(a.sent for a in asked) <= size * 1.005 + 64 * 1024, "what was sent"
    assert len(asked) <= 20, [a.range for a in asked]
    assert webserver.ranges(asked)[0] == (0, 3)


def test_info(server, rauc, pki, maker):
    url = f"{server.url}/good.raucb"
    told = devices.run(rauc, "info", "--keyring", pki.ring, *server.options, url)
    assert told.code == 0, told.text
    assert told.out == devices.run(rauc, "info", "--keyring", pki.ring, maker.simple(SIZE, 21)).out
    assert sum(a.sent for a in server.asked()) < 300 * 1024


def test_headers(nginx, device):
    """The user's with every request, those about the device with the first one only."""
    server = nginx()
    device.change("system", variant_name="blue")
    device.change("streaming", send_headers="variant")
    device.ok("install", "-H", "X-Test: yes", f"{server.url}/good.raucb")
    asked = server.asked()
    assert {a.test for a in asked} == {"yes"}
    assert [a.variant for a in asked] == ["blue"] + ["-"] * (len(asked) - 1)
    assert asked[0].agent.startswith("rauc/1.16")


@pytest.mark.parametrize("kind", KINDS)
def test_server_without_ranges(nginx, device, site, server_identity, kind):
    """Read twice from beginning to end: the first time for what lies at its end, which is all that is kept."""
    wanted = dict(KINDS[kind])
    if wanted.pop("tls", False):
        wanted["tls"] = server_identity
    server = nginx(extra="max_ranges 0;", **wanted)
    options = ["--tls-ca", server_identity[0]] if server.scheme == "https" else []
    done = device.ok("install", *options, f"{server.url}/good.raucb")
    assert device.content("rootfs.1", SIZE) == bundles.image(SIZE, 21) and device.chosen() == "B"
    asked, size = server.asked(), (site / "good.raucb").stat().st_size
    assert [a.status for a in asked] == [200] * 3 and asked[0].range == "bytes=0-3", asked
    assert [a.range for a in asked[1:]] == ["-", "-"]
    assert all(a.sent <= size for a in asked)
    assert done.err.count("knows no range requests") == 1, done.text
    shown = device.ok("info", *options, f"{server.url}/good.raucb")
    assert "Compatible" in shown.out and not list(device.data.glob(".rauc*"))


@pytest.mark.parametrize("given", [None, "0fc3a8a4-4a6e-4c0e-9d0a-3a1f4f2b7c11"], ids=["made", "given"])
def test_transaction(nginx, device, given):
    """Every installation has one, and the server is told it: the same that is kept with the slot."""
    server = nginx()
    device.change("streaming", send_headers="transaction-id")
    device.ok("install", *(["--transaction-id", given] if given else []), f"{server.url}/good.raucb")
    asked = server.asked()
    kept = device.status("rootfs.1")["installed.transaction"]
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", kept) and kept == (given or kept)
    assert [a.transaction for a in asked] == [kept] + ["-"] * (len(asked) - 1)
    device.ok("info", f"{server.url}/good.raucb")
    assert {a.transaction for a in server.asked()[len(asked):]} == {"-"}


REFUSED = {
    "missing": ("none.raucb", "not found: .*404"),
    "plain": ("plain.raucb", "Bundle format 'plain' not supported in streaming mode"),
    "rogue": ("rogue.raucb", "signature verification failed"),
    "text": ("text.raucb", "Invalid bundle format"),
    "small": ("small.raucb", "."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(nginx, device, case):
    name, message = REFUSED[case]
    done = device.call("install", f"{nginx().url}/{name}")
    assert done.code == 1, done.text
    assert re.search(message, done.err), done.text
    assert device.chosen() == "A" and device.content("rootfs.1") == OLD


def test_client_certificate(nginx, device, server_identity, pki, public):
    server = nginx(tls=server_identity, client_ca=pki.ec_ca.cert)
    folder = public("client")
    cert, key = folder / "client.pem", folder / "client.key"
    shutil.copy(pki.ec.cert, cert)
    shutil.copy(pki.ec.key, key)
    for path in (cert, key):
        path.chmod(0o644)
    without = device.call("install", "--tls-ca", server_identity[0], f"{server.url}/good.raucb")
    assert without.code == 1 and device.chosen() == "A", without.text
    device.ok("install", "--tls-ca", server_identity[0], "--tls-cert", cert, "--tls-key", key, f"{server.url}/good.raucb")
    assert device.chosen() == "B"


def test_unknown_server(nginx, device, server_identity):
    """A certificate nobody vouches for is final, unless one says otherwise."""
    server = nginx(tls=server_identity)
    begun = time.monotonic()
    done = device.call("install", f"{server.url}/good.raucb")
    assert done.code == 1 and "certificate" in done.err.lower(), done.text
    assert time.monotonic() - begun < 30
    device.ok("install", "--tls-no-verify", f"{server.url}/good.raucb")


def test_nobody_there(device, fetcher):
    """info asks once."""
    done = device.call("info", f"http://127.0.0.1:{webserver.free_port()}/x.raucb")
    assert done.code == 1 and done.err.count("\n") == 1, done.text
    assert "Failed to stream bundle http://127.0.0.1" in done.err


def test_server_that_goes_and_comes(nginx, device, rauc):
    """A fault is a pause: the server is stopped in the middle of the installation, and comes back."""
    server = nginx(extra="limit_rate 2m;")
    process = subprocess.Popen([rauc, "--conf", device.conf, "install", f"{server.url}/good.raucb"],
                               env={**os.environ, **device.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def interrupt():
        for _ in range(2):
            time.sleep(1)
            server.stop()
            time.sleep(1.5)
            server.start()
    thread = threading.Thread(target=interrupt)
    thread.start()
    out, err = process.communicate(timeout=120)
    thread.join()
    assert process.returncode == 0, out + err
    assert device.content("rootfs.1", SIZE) == bundles.image(SIZE, 21) and device.chosen() == "B"
    assert "next try in" in err, err


def test_killed_fetcher(nginx, device, rauc, fetcher):
    """Another one goes on where it ended, and it is said."""
    server = nginx(extra="limit_rate 1m;")
    process = subprocess.Popen([rauc, "--conf", device.conf, "install", f"{server.url}/good.raucb"],
                               env={**os.environ, **device.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(2):
        time.sleep(1)
        os.kill(fetchers(fetcher)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err.count("rauc-fetch has ended") == 2, out + err
    assert device.content("rootfs.1", SIZE) == bundles.image(SIZE, 21) and device.chosen() == "B"


def test_killed_installation_leaves_no_fetcher(nginx, device, rauc, fetcher):
    server = nginx(extra="limit_rate 1m;")
    process = subprocess.Popen([rauc, "--conf", device.conf, "install", f"{server.url}/good.raucb"],
                               env={**os.environ, **device.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    assert fetchers(fetcher)
    process.kill()
    process.wait()


def test_by_the_service(nginx, device, bus, start):
    """The same over D-Bus, and inspected."""
    server = nginx()
    start()
    done = devices.run(device.rauc, "install", f"{server.url}/good.raucb", env={**device.env, **bus.env})
    assert done.code == 0 and done.note == "", done.text
    assert device.chosen() == "B"


def test_runs_as_somebody_else(nginx, device, rauc, fetcher):
    """The process that speaks to the network is not root, and may not become it."""
    server = nginx(extra="limit_rate 1m;")
    process = subprocess.Popen([rauc, "--conf", device.conf, "install", f"{server.url}/good.raucb"],
                               env={**os.environ, **device.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    status = pathlib.Path("/proc", str(fetchers(fetcher)[0]), "status").read_text()
    process.kill()
    process.wait()
    values = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    if os.geteuid() == 0:
        assert "0" not in values["Uid"].split() and "0" not in values["Gid"].split(), values
    assert values["NoNewPrivs"] == "1"


def test_json(nginx, device):
    done = device.call("install", "--output-format=json", f"{nginx().url}/none.raucb")
    told = json.loads(done.out)
    assert done.code == 1 and (told["error"]["code"], told["error"]["stage"]) == ("not-found", "verify"), done.text
