# SPDX-License-Identifier: MIT
"""rauc-fetch, spoken to as rauc does, against nginx and against a server that misbehaves."""

import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import peer  # noqa: E402
import server as web_server  # noqa: E402
from peer import Fetch  # noqa: E402
from server import (Server, close_after, free_port, good, long, redirect, reset_after, saying, short, silence,  # noqa: E402
                    stall_after, status, trickle_body, trickle_head, whole)
from web import Nginx, make_pki, tls_context  # noqa: E402

DATA = random.Random(1).randbytes(3_000_000)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    make_pki(folder)
    return folder


@pytest.fixture(scope="module")
def nginx(pki):
    (pki / "www").mkdir()
    (pki / "www" / "b").write_bytes(DATA)
    with Nginx(pki) as running:
        yield running


@pytest.fixture
def server():
    with Server({"/b": DATA}) as running:
        yield running


@pytest.fixture
def fetch():
    with Fetch() as running:
        yield running


def ranges(server):
    return [seen.headers.get("range", "").removeprefix("bytes=") for seen in server.seen]


# --- nginx ------------------------------------------------------------------------


def test_nginx(nginx, fetch):
    url = f"http://127.0.0.1:{nginx.plain}/b"
    assert fetch.open(url)
    assert fetch.opened["size"] == str(len(DATA)) and fetch.opened["url"] == url
    assert fetch.opened["http"] == "1.1" and fetch.opened["ranges"] == "yes"
    assert fetch.opened["etag"].startswith('"') and int(fetch.opened["modified"]) > 1e9 and int(fetch.opened["date"]) > 1e9
    for number in range(1, 13):
        fetch.read(number, number * 200_000, 200_000)
    fetch.take(*range(1, 13))
    for number in range(1, 13):
        assert fetch.got[number] == DATA[number * 200_000:(number + 1) * 200_000]
    assert fetch.settle() == {"requests": 13, "bytes": 12 * 200_000 + 4, "retries": 0, "waited-ms": 0}
    assert not fetch.waiting
    assert len({connection for _, connection, *_ in nginx.requests()}) <= 4


def test_nginx_http2_is_one_connection(nginx, pki, fetch):
    assert fetch.open(f"https://127.0.0.1:{nginx.tls}/b", ("tls-ca", pki / "ca.pem")), fetch.failed
    assert fetch.opened["http"] == "2"
    for number in range(1, 31):
        fetch.read(number, number * 50_000, 50_000)
    fetch.take(*range(1, 31))
    assert all(fetch.got[n] == DATA[n * 50_000:(n + 1) * 50_000] for n in range(1, 31))
    lines = [line for line in nginx.requests() if line[0] == "HTTP/2.0"][-31:]
    assert len(lines) == 31 and len({connection for _, connection, *_ in lines}) == 1


# --- faults -----------------------------------------------------------------------


@pytest.mark.parametrize("step", [reset_after(100_000), close_after(100_000), short(100_000), stall_after(100_000)],
                         ids=["reset", "close", "short", "stall"])
def test_goes_on_behind_the_last_byte(server, fetch, step):
    assert fetch.open(server.url("/b"))
    server.plan(step)
    fetch.read(1, 1000, 500_000)
    assert fetch.take(1) == DATA[1000:501_000]
    asked = ranges(server)
    assert asked[:2] == ["0-3", "1000-500999"] and len(asked) == 3
    first, last = map(int, asked[2].split("-"))
    assert last == 500_999 and 1000 < first <= 101_000  # what was lost with the connection is asked for again
    assert fetch.settle()["bytes"] == 500_004 and fetch.stats["retries"] == "1"
    assert len(fetch.waiting) == 1 and fetch.n_going == 1
    assert fetch.waiting[0]["message"].startswith("waiting for network: ")
    assert int(fetch.waiting[0]["attempt"]) == 2 and fetch.waiting[0]["seconds"] == "1"
