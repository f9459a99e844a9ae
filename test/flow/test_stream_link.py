# SPDX-License-Identifier: MIT
"""Installations over bad links: the kernel's own network between a real nginx and the real program, disturbed by netem, by
addresses that change, and by servers that fall. However bad it is, the installation ends with the right image.

Where the kernel has no netem, test/vm runs this in a guest that has."""

import concurrent.futures
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import device as devices
import links
import pki as authorities
import webserver
from bundles import MIB

sys.path.insert(0, str(Path(__file__).parents[1] / "fetch"))
from names import Names  # noqa: E402

SIZE = 2 * MIB
NEW, OLD = random.Random(5).randbytes(SIZE), random.Random(6).randbytes(SIZE)
QUICK = {"stall_timeout_sec": 2, "retry_max_sec": 5}
AT_ONCE = 3 * (os.cpu_count() or 1)  # they mostly wait
SLOW = ("rate", "1500kbit", "delay", "5ms")  # 11 s: there is a midst
PATIENCE = 120


# --- What happens to the link -----------------------------------------------------


def link_down(case):
    case.link.switch("down")
    time.sleep(4)
    case.link.switch("up")


def black_hole(case):
    case.link.shape("loss", "100%")
    time.sleep(4)


def address_change(case):
    """As a modem does it: what was connected hangs, and nobody is told."""
    case.link.take(case.link.device, links.DEVICE)
    case.link.give(case.link.device, "10.77.0.3")


def server_falls(case):
    case.nginx.process.send_signal(signal.SIGKILL)
    case.nginx.process.wait()
    time.sleep(2)
    case.nginx.start()


def server_moves(case):
    """Its name leads elsewhere now, and where it was is nobody."""
    case.names.address = "10.77.0.4"
    case.link.take(case.link.server, links.SERVER)
    case.link.give(case.link.server, case.names.address)


def names_fail(case):
    """And so does the connection: it has to be found anew."""
    case.names.says = None
    server_falls(case)
    time.sleep(2)
    case.names.says = 0


@dataclass(frozen=True)
class Trouble:
    shape: tuple
    protocols: tuple
    midst: object = None  # midst(case), while the image is written; then the link is a good one
    is_late: bool = False  # the server comes when somebody has asked for it in vain
    has_name: bool = False


BOTH = ("http1", "http2")
TROUBLES = {
    "far": Trouble(("delay", "150ms"), BOTH[1:]),
    "loss 0.5%": Trouble(("delay", "10ms", "loss", "0.5%"), BOTH[:1]),
    "loss 5%": Trouble(("delay", "10ms", "loss", "5%"), BOTH),
    "disorder": Trouble(("delay", "20ms", "10ms", "reorder", "20%", "50%", "duplicate", "5%"), BOTH[:1]),
    "corrupt": Trouble(("delay", "5ms", "corrupt", "1%"), BOTH[1:]),
    "slow": Trouble(("rate", "3mbit", "delay", "20ms"), BOTH[:1]),
    "link down": Trouble(SLOW, BOTH, link_down),
    "black hole": Trouble(SLOW, BOTH, black_hole),
    "address change": Trouble(SLOW, BOTH, address_change),
    "server falls": Trouble(SLOW, BOTH, server_falls),
    "server moves": Trouble(SLOW, BOTH, server_moves, has_name=True),
    "server late": Trouble(("delay", "5ms"), BOTH[1:], is_late=True),
    "names fail": Trouble(SLOW, BOTH[:1], names_fail, has_name=True),
}
CASES = [(name, protocol) for name, trouble in TROUBLES.items() for protocol in trouble.protocols]


# --- The place --------------------------------------------------------------------


class Nginx(webserver.Nginx):
    """In the server's name space, on all its addresses."""

    def __init__(self, folder, link, root, **kwargs):
        super().__init__(folder, root, address="0.0.0.0", **kwargs)
        self.link, self.port = link, 443

    def start(self):
        (self.folder / "nginx.pid").unlink(missing_ok=True)
        (self.folder / "nginx.conf").write_text(webserver.CONF.format(
            folder=self.folder, address=self.address, port=self.port, listen=self.listen, root=self.root, extra=self.extra))
        # without a process besides: it dies as one
        self.process = subprocess.Popen(
            [*self.link.at(self.link.server), webserver.NGINX, "-p", self.folder, "-c", self.folder / "nginx.conf", "-g",
             "master_process off;"], stderr=subprocess.DEVNULL, start_new_session=True)
        while not (self.folder / "nginx.pid").exists():  # written once it listens
            assert self.process.poll() is None, (self.folder / "error.log").read_text()
            time.sleep(0.02)
        return self


@dataclass
class Case:
    device: object
    link: object
    nginx: object
    names: object = None

    def wait_for_midst(self):
        """A part of the image is in the slot."""
        place = SIZE // 8
        for _ in range(PATIENCE * 20):
            with open(self.device.path("rootfs.1"), "rb") as file:
                file.seek(place)
                if file.read(4096) == NEW[place:place + 4096]:
                    return
            time.sleep(0.05)
        raise AssertionError("the image does not come")


class Lab:
    def __init__(self, rauc, ring, folder, bundle):
        self.rauc, self.ring, self.folder = rauc, ring, folder
        self.root = folder / "www"
        self.root.mkdir(mode=0o755)
        shutil.copy(bundle, self.root / "good.raucb")
        (self.root / "good.raucb").chmod(0o644)
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"
        authorities.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                            "-keyout", self.key, "-out", self.cert, "-subj", "/CN=bundles.test",
                            "-addext", f"subjectAltName=DNS:bundles.test,IP:{links.SERVER}")
        self.cert.chmod(0o644)

    def device(self, folder):
        slots = {}
        for index, name in enumerate("AB"):
            (folder / name).write_bytes(OLD)
            slots[f"rootfs.{index}"] = {"device": folder / name, "type": "raw", "bootname": name}
        made = devices.Device(folder, self.rauc, self.ring, slots)
        made.change("streaming", tls_ca=self.cert, **QUICK)
        return made

    def perform(self, name, protocol):
        trouble = TROUBLES[name]
        folder = self.folder / f"{name} {protocol}".replace(" ", "-").replace("%", "")
        (folder / "device").mkdir(parents=True)
        with contextlib.ExitStack() as stack:
            link = stack.enter_context(links.Link())
            link.shape(*trouble.shape)
            nginx = Nginx(folder, link, self.root, tls=(self.cert, self.key), http2=protocol == "http2")
            stack.callback(nginx.stop)
            case = Case(self.device(folder / "device"), link, nginx)
            wrap = link.at(link.device)
            if trouble.has_name:
                case.names = stack.enter_context(Names("127.0.0.1", links.SERVER, links.socket_in(link.device)))
                wrap = wrap + case.names.wrap(folder)
            if not trouble.is_late:
                nginx.start()
            self.install(case, trouble, wrap)

    def install(self, case, trouble, wrap):
        failed = []

        def disturb():
            try:
                if trouble.is_late:
                    while not case.link.n_refused():
                        time.sleep(0.1)
                    case.nginx.start()
                if trouble.midst:
                    case.wait_for_midst()
                    trouble.midst(case)
                    case.link.shape("delay", "5ms")
            except Exception as error:
                failed.append(error)
        thread = threading.Thread(target=disturb)
        thread.start()
        host = "bundles.test" if trouble.has_name else links.SERVER
        result = case.device.call("install", f"https://{host}/good.raucb", wrap=wrap, timeout=PATIENCE)
        thread.join()
        assert not failed, f"{failed}\n{result.text}"
        assert result.code == 0, result.text
        assert case.device.content("rootfs.1") == NEW and case.device.chosen() == "B", result.text
        assert case.device.content("rootfs.0") == OLD
        if trouble.midst or trouble.is_late:
            assert "waiting for network" in result.err, result.text


@pytest.fixture(scope="module")
def lab(rauc, pki, maker, fetcher, public):
    if why := links.why_not():
        pytest.skip(why)
    if not webserver.NGINX:
        pytest.skip("nginx is not installed")
    return Lab(rauc, pki.ring, public("links"), maker.forge({"rootfs.img": NEW}, {"rootfs": "rootfs.img"}))


@pytest.fixture(scope="module")
def under_way(request, lab):
    """The chosen cases, all of them begun."""
    chosen = [item.callspec.params["case"] for item in request.session.items if getattr(item, "module", None) is request.module]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {case: pool.submit(lab.perform, *case) for case in chosen}
        yield futures
        for future in futures.values():
            future.cancel()


@pytest.mark.parametrize("case", CASES, ids=" - ".join)
def test_link(under_way, case):
    under_way[case].result()
