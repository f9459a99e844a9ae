# SPDX-License-Identifier: MIT
"""A fault of the network is a pause, never a failure: every fault, at every part of a bundle, over HTTP/1.1 and HTTP/2.

Each cell of the table is an installation by the real program from a server that does what the row says to requests over one
byte of the bundle. Either it completes when the fault is over, with the right image in the slot, or it ends with the error of
the row, and what was booted still boots. Cells mostly wait, so several are under way at once."""

import concurrent.futures
import contextlib
import math
import os
import pathlib
import random
import re
import shutil
import signal
import ssl
import struct
import sys
import threading
from dataclasses import dataclass

import pytest

import bundles
import bus as buses
import device as devices
import pki as authorities
from bundles import MIB
from conftest import fetchers

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fetch"))
import server as http1  # noqa: E402
from names import SERVFAIL, Names  # noqa: E402
from server import (Relay, close_after, farewell, good, long, redirect, reset_after, saying, short, silence, stall_after,  # noqa: E402
                    status, trickle_head, whole)

http2 = pytest.importorskip("server2", reason="python3-h2 is not installed")

SIZE = 6 * MIB
NEW = random.Random(1).randbytes(SIZE)  # so that a byte of it is a byte of the bundle
BOOTED, OTHER = random.Random(2).randbytes(SIZE), random.Random(3).randbytes(SIZE)
PATH = "/good.raucb"
AT_ONCE = 6
QUICK = {"stall_timeout_sec": 1, "connect_timeout_sec": 2, "retry_max_sec": 1}


# --- The table --------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    step: object  # step(n): what becomes of a request, n bytes of whose answer lie before the place
    times: float = 1
    final: str = ""  # how the message ends; none: the installation completes
    says: str = ""  # on its way
    protocols: tuple = ("http1", "http2")
    is_everywhere: bool = False  # at other places too


def always(step):
    return lambda n: step


def refused(n):
    def step(exchange):
        exchange.head()
        exchange.send(exchange.body[:n])
        exchange.owner.go_away(1.5)
    return step


def no_handshake(n):
    def step(exchange):
        exchange.owner.n_bad_handshakes = 3
        reset_after(n)(exchange)
    return step


def no_names(n):
    def step(exchange):
        names = exchange.owner.names
        names.says = SERVFAIL

        def heal():
            exchange.owner.is_over.wait(2.5)
            names.says = 0
        threading.Thread(target=heal, daemon=True).start()
        reset_after(n)(exchange)
        exchange.owner.hang_up()
    return step


def frozen(n):
    """The path is gone, as when the address has changed: nobody says so."""
    def step(exchange):
        exchange.head()
        exchange.send(exchange.body[:n])
        exchange.owner.relay.freeze()
        exchange.send(exchange.body[n:])
        exchange.hang()
    return step


def killed(n):
    """The program at the other end, as by a kernel that wants its memory."""
    def step(exchange):
        exchange.head()
        exchange.send(exchange.body[:n])
        os.kill(owner_of(exchange.seen.peer[1], exchange.owner.fetcher), signal.SIGKILL)
        exchange.hang()
    return step


def owner_of(port, program):
    """The process of this program with that local port."""
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{line[9]}]" for line in lines if int(line[1].split(":")[1], 16) == port}
    for pid in fetchers(program):
        with contextlib.suppress(OSError):
            if inodes & {os.readlink(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()}:
                return pid
    raise ProcessLookupError(f"nobody has port {port}")


def wrong_range(n):
    def step(exchange):
        size = len(exchange.content)
        saying(Content_Range=f"bytes {exchange.first + 1}-{exchange.last}/{size}")(exchange)
    return step


def shrunk(n):
    """The file is cut off at the place; who remembers its date is not told."""
    def step(exchange):
        cut = exchange.first + n
        exchange.owner.files[PATH] = exchange.content = exchange.content[:cut]
        exchange.last = cut - 1
        if n:
            good(exchange)
        else:
            status(416, Content_Range=f"bytes */{cut}")(exchange)
    return step


def corrupt(n):
    def step(exchange):
        at = exchange.first + n
        exchange.content = exchange.content[:at] + bytes([exchange.content[at] ^ 1]) + exchange.content[at + 1:]
        good(exchange)
    return step


FAULTS = {
    # the installation goes on
    "reset": Fault(reset_after, 3),
    "close": Fault(close_after, 2),
    "stall": Fault(stall_after),
    "silence": Fault(always(silence)),
    "slow loris": Fault(always(trickle_head)),
    "frozen": Fault(frozen),
    "206 short": Fault(lambda n: short(max(n, 1))),
    "206 long": Fault(always(long(b"more" * 10000))),
    "wrong range": Fault(wrong_range, 2),
    "200": Fault(always(whole)),
    "500": Fault(always(status(500))),
    "502": Fault(always(status(502)), 2),
    "503": Fault(always(status(503, Retry_After="1"))),
    "429": Fault(always(status(429, Retry_After="2"))),
    "408": Fault(always(status(408))),
    "refused": Fault(refused),
    "no names": Fault(no_names),
    "no handshake": Fault(no_handshake),
    "killed": Fault(killed, 2),
    "close after each": Fault(always(farewell), math.inf, is_everywhere=True),
    "goaway": Fault(lambda n: http2.goaway_after(n), 2, protocols=("http2",)),
    "rst stream": Fault(lambda n: http2.rst_stream_after(n), 2, protocols=("http2",)),
    "calm": Fault(lambda n: http2.rst_stream_after(n, http2.ENHANCE_YOUR_CALM), protocols=("http2",)),
    "refused stream": Fault(always(lambda exchange: http2.refuse(exchange)), protocols=("http2",)),
    "early end": Fault(lambda n: http2.end_after(n), protocols=("http2",)),
    # it cannot
    "always wrong range": Fault(wrong_range, 5, r"server sent another range than bytes \d+ to \d+, which it was asked for"),
    "another etag": Fault(always(saying(ETag='"two"')), math.inf, "the bundle has changed on the server while it was read"),
    "redirects": Fault(always(redirect(PATH)), math.inf, "more than 8 redirects, the last one from 127.0.0.1"),
    "401": Fault(always(status(401)), math.inf, "unexpected HTTP response code 401"),
    "403": Fault(always(status(403)), math.inf, "unexpected HTTP response code 403"),
    "404": Fault(always(status(404)), math.inf, "unexpected HTTP response code 404"),
    "410": Fault(always(status(410)), math.inf, "unexpected HTTP response code 410"),
    "shrunk": Fault(shrunk, math.inf, "the bundle has changed on the server while it was read"),
    "always killed": Fault(killed, math.inf, "rauc-fetch has ended 6 times: the other process has ended"),
    "corrupt": Fault(corrupt, math.inf, r"verity: (hash )?block \d+ is corrupted|the content is not what was signed: .*"),
}
# what is written is checked all the same, so a spoiled index costs time, and nothing else
SPOILED_INDEX = Fault(corrupt, math.inf, says=r"Continuing after adaptive mode error: verity: block \d+ is corrupted")
PARTS = ("tables", "index", "data")
N_RANDOM = 24
CELLS = [(name, part, protocol) for name, fault in FAULTS.items() for part in PARTS for protocol in fault.protocols]
CELLS += [(name, "opening", protocol) for name in ("silence", "slow loris", "503", "refused", "no names", "no handshake", "killed")
          for protocol in ("http1", "http2")]
CELLS += [("killed", f"random {n}", f"http{n % 2 + 1}") for n in range(N_RANDOM)]
CELLS += [("corrupt", part, protocol) for part in ("tree", "signature") for protocol in ("http1", "http2")]


# --- The place --------------------------------------------------------------------


def pack(maker, pki):
    """An adaptive bundle: image and index, so far from each other and from the rest that nothing comes by the way."""
    index = b"".join(bytes.fromhex(bundles.sha256(NEW[at:at + 4096])) for at in range(0, SIZE, 4096))
    gap = random.Random(4).randbytes(MIB // 4)
    files = {"rootfs.img": NEW, "rootfs.img.0": gap, "rootfs.img.block-hash-index": index, "zz": gap[::-1]}
    text = bundles.manifest(files, {"rootfs": "rootfs.img"}).rstrip() + "\nadaptive=block-hash-index\n"
    folder = maker.content(files, text)
    payload = folder.parent / "payload"
    bundles.run("mksquashfs", folder, payload, "-no-fragments", "-no-progress", "-quiet", "-all-root")  # one file after the other
    return bundles.seal(payload.read_bytes(), text, pki.ec, maker.place(), "verity"), index


def find_places(bundle, index):
    """Part -> the offset of a byte in the midst of it."""
    signed = len(bundle) - 8 - struct.unpack(">Q", bundle[-8:])[0]
    found = {"opening": 2, "data": bundle.index(NEW[SIZE // 2:SIZE // 2 + 64]), "index": bundle.index(index[20000:20064]),
             "tables": struct.unpack("<Q", bundle[64:72])[0] + 10, "tree": signed - 5000, "signature": signed + 300}
    assert list(found.values()) == sorted(found.values())
    chance = random.Random(8)
    start = bundle.index(NEW[:64])
    return {**found, **{f"random {n}": chance.randrange(start, start + SIZE) for n in range(N_RANDOM)}}


@pytest.fixture(scope="module")
def lab(rauc, pki, maker, fetcher, public):
    return Lab(rauc, pki.ring, fetcher, public("lab"), *pack(maker, pki))


class Lab:
    """What all cells share."""

    def __init__(self, rauc, ring, fetcher, folder, bundle, index):
        self.rauc, self.ring, self.fetcher, self.folder, self.bundle = rauc, ring, fetcher, folder, bundle
        self.places = find_places(bundle, index)
        self.cert, key = folder / "cert.pem", folder / "key.pem"
        authorities.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                            "-keyout", key, "-out", self.cert, "-subj", "/CN=bundles.test",
                            "-addext", "subjectAltName=DNS:bundles.test,IP:127.0.0.1")
        self.cert.chmod(0o644)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.kinds = {"http1": lambda: http1.Server({PATH: bundle}, tls=context),
                      "http2": lambda: http2.Server({PATH: bundle}, tls=http2.tls_context(self.cert, key))}
        self.n = 0
        self.lock = threading.Lock()

    def number(self):
        with self.lock:
            self.n += 1
            return self.n

    def device(self):
        folder = self.folder / f"device-{self.number()}"
        folder.mkdir()
        slots = {}
        for index, (name, content) in enumerate((("A", BOOTED), ("B", OTHER))):
            path = folder / f"slot-{name}"
            path.write_bytes(content)
            slots[f"rootfs.{index}"] = {"device": path, "type": "raw", "bootname": name}
        made = devices.Device(folder, self.rauc, self.ring, slots)
        made.change("streaming", tls_ca=self.cert, **QUICK)
        return made

    @contextlib.contextmanager
    def server(self, protocol, fault=None, place=0):
        """One that does so, what `rauc install` is to be given, and what has to be before the command."""
        with self.kinds[protocol]() as server:
            server.trap = Trap(fault, place) if fault else server.trap
            server.fetcher = self.fetcher
            server.wrap, server.address = (), f"127.0.0.1:{server.port}"
            if fault and fault.step is frozen:
                with Relay(server.port) as server.relay:
                    server.address = f"127.0.0.1:{server.relay.port}"
                    yield server
            elif fault and fault.step is no_names:
                with self.names() as server.names:
                    server.address = f"bundles.test:{server.port}"
                    server.wrap = ["unshare", "-m", *server.names.wrap(self.folder)]
                    yield server
            else:
                yield server

    def names(self):
        return Names(f"127.0.53.{self.number() % 250 + 1}")


class Trap:
    """Met by requests over the place."""

    def __init__(self, fault, place):
        self.fault, self.place, self.n_met = fault, place, 0

    def __call__(self, seen):
        is_met = seen.first <= self.place <= seen.last and self.n_met < self.fault.times
        self.n_met += is_met
        if not is_met and not self.fault.is_everywhere:
            return None
        return self.fault.step(self.place - seen.first)


# --- The cells --------------------------------------------------------------------


def perform(lab, name, part, protocol):
    fault = SPOILED_INDEX if (name, part) == ("corrupt", "index") else FAULTS[name]
    device = lab.device()
    with lab.server(protocol, fault, lab.places[part]) as server:
        result = device.call("install", f"https://{server.address}{PATH}", wrap=server.wrap, timeout=60)
        n_met = server.trap.n_met
    judge(device, result, fault, n_met)
    for name in device.slots:
        device.path(name).unlink()  # many devices are much


def judge(device, result, fault, n_met):
    assert n_met or not fault.times, f"nothing was asked for there\n{result.text}"
    assert device.content("rootfs.0") == BOOTED, result.text
    if fault.final:
        said = [line for line in result.out.splitlines() if line.startswith("LastError: ")]
        assert result.code == 1 and len(said) == 1 and re.search(f": ({fault.final})$", said[0]), result.text
        assert "Invalid bundle format" not in said[0], "it is not the bundle's fault"
        assert device.chosen() == "A" and device.boot["A_OK"] == "1", result.text
    else:
        assert result.code == 0 and re.search(fault.says, result.err), result.text
        assert device.content("rootfs.1") == NEW and device.chosen() == "B", result.text
        assert n_met == fault.times or fault.times == math.inf, f"met {n_met} times\n{result.text}"


@pytest.fixture(scope="module")
def under_way(request, lab):
    """(function, words) of the chosen tests -> future: all of them are begun."""
    chosen = [item for item in request.session.items if getattr(item, "function", None) in WORK]
    work = [WORK[item.function](item.callspec.params) for item in chosen]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        work.sort(key=lambda words: words[0] is perform)  # the long ones first
        futures = {words: pool.submit(words[0], lab, *words[1:]) for words in work if not why_not(*words[1:])}
        yield futures
        for future in futures.values():
            future.cancel()


HAS_BUS = shutil.which("dbus-daemon") is not None


def why_not(name, part=None, _protocol=None):
    if name == "no names" and os.geteuid() != 0:
        return "needs root, to be a name server"
    if "killed" in name and os.geteuid() != 0:
        return "needs root, to see whose connection it is"
    if part is None and not HAS_BUS:
        return "dbus-daemon is not installed"
    return None


@pytest.mark.parametrize("cell", CELLS, ids=" - ".join)
def test_fault(under_way, cell):
    if why := why_not(*cell):
        pytest.skip(why)
    under_way[(perform, *cell)].result()


@pytest.mark.parametrize("protocol", ["http1", "http2"])
@pytest.mark.parametrize("size", [3, 100, 100_000, -9, -1])
def test_cut_off(lab, protocol, size):
    """What was never whole on the server is no bundle, whatever the network does."""
    device = lab.device()
    with lab.server(protocol) as server:
        server.files[PATH] = lab.bundle[:size]
        result = device.call("install", f"https://{server.address}{PATH}")
    said = [line for line in result.out.splitlines() if line.startswith("LastError: ")]
    assert result.code == 1 and len(said) == 1, result.text
    assert "Invalid bundle format: " in said[0] or "server sent another range than was asked for" in said[0], said
    assert device.chosen() == "A" and device.content("rootfs.1") == OTHER


# --- Through the service ----------------------------------------------------------


SERVED = ["reset", "stall", "frozen", "killed", "always killed", "429", "refused", "no handshake", "close after each", "always wrong range", "another etag", "404",
          "corrupt"]


def holdings(pid):
    """What a process has that it may forget to give back."""
    folder = pathlib.Path("/proc", str(pid))
    return {"descriptors": len(list((folder / "fd").iterdir())), "threads": len(list((folder / "task").iterdir())),
            "children": (folder / "task" / str(pid) / "children").read_text()}


def serve(lab, protocol):
    device = lab.device()
    bus = buses.Bus(device.folder)
    service = buses.Service(device, bus)
    before = None
    try:
        for name in [None, *(name for name in SERVED if not why_not(name, "data")), None]:
            serve_one(lab, device, bus, name, protocol)
            if before:
                buses.wait_until(lambda: holdings(service.process.pid) == before)
            before = before or holdings(service.process.pid)
        assert before["children"] == ""
    finally:
        service.end()
        bus.stop()
    device.check_rest()


def serve_one(lab, device, bus, name, protocol):
    fault = FAULTS.get(name)
    device.reset_boot()
    device.path("rootfs.1").write_bytes(OTHER)
    with lab.server(protocol, fault, lab.places["data"]) as server:
        result = devices.run(lab.rauc, "install", f"https://{server.address}{PATH}", env={**device.env, **bus.env})
        n_met = server.trap.n_met if fault else 0
    judge(device, result, fault or Fault(None, 0), n_met)


@pytest.mark.parametrize("protocol", ["http1", "http2"])
def test_the_service_keeps_nothing(under_way, protocol):
    """One service for all faults: it ends as many installations as it begins, and nothing stays open or running."""
    if why := why_not(protocol):
        pytest.skip(why)
    under_way[(serve, protocol)].result()


WORK = {test_fault: lambda params: (perform, *params["cell"]),
        test_the_service_keeps_nothing: lambda params: (serve, params["protocol"])}
