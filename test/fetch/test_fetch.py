# SPDX-License-Identifier: MIT
"""rauc-fetch, spoken to as rauc does, against nginx and against a server that misbehaves."""

import pathlib
import random
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import peer  # noqa: E402
import server as web_server  # noqa: E402
from peer import Fetch  # noqa: E402
from server import (Relay, Server, close_after, free_port, good, long, redirect, reset_after, saying, short, silence,  # noqa: E402
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


def test_nginx_http2_shares_a_connection(nginx, pki, fetch):
    """What does not get one of its own."""
    assert fetch.open(f"https://127.0.0.1:{nginx.tls}/b", ("tls-ca", pki / "ca.pem"), connections=1), fetch.failed
    assert fetch.opened["http"] == "2"
    for number in range(1, 31):
        fetch.read(number, number * 50_000, 50_000)
    fetch.take(*range(1, 31))
    assert all(fetch.got[n] == DATA[n * 50_000:(n + 1) * 50_000] for n in range(1, 31))
    lines = [line for line in nginx.requests() if line[0] == "HTTP/2.0"][-31:]
    assert len(lines) == 31 and len({connection for _, connection, *_ in lines}) == 2


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


@pytest.mark.parametrize("steps", [[status(503)], [status(500), status(502)], [status(429, Retry_After="0")], [silence], [trickle_head]],
                         ids=["503", "5xx", "429", "silence", "slow head"])
def test_waits_and_tries_again(server, fetch, steps):
    assert fetch.open(server.url("/b"))
    server.plan(*steps)
    fetch.read(1, 0, 1000)
    assert fetch.take(1) == DATA[:1000]
    assert ranges(server)[1:] == ["0-999"] * (len(steps) + 1)
    assert len(fetch.waiting) == len(steps) and fetch.n_going == 1
    assert fetch.waiting[-1]["attempt"] == str(len(steps) + 1)


def test_retry_after_is_heeded(server, fetch):
    assert fetch.open(server.url("/b"))
    server.plan(status(429, Retry_After="3"))
    fetch.read(1, 0, 1000)
    fetch.take(1)
    assert server.seen[2].at - server.seen[1].at >= 3 and int(fetch.waiting[0]["seconds"]) >= 3


@pytest.mark.parametrize("code,name", [(401, "network"), (403, "network"), (404, "not-found"), (410, "not-found"), (416, "network")])
def test_final_status(server, fetch, code, name):
    assert fetch.open(server.url("/b"))
    server.plan(status(code))
    fetch.read(1, 0, 1000)
    fetch.until(lambda: fetch.failed)
    assert fetch.failed[1] == {"code": name, "http": str(code), "message": f"unexpected HTTP response code {code}"}
    fetch.read(2, 5, 5)  # it is of that range only
    assert fetch.take(2) == DATA[5:10]
    assert not fetch.waiting


@pytest.mark.parametrize("step", [saying(ETag='"two"'), saying(Content_Range=f"bytes 0-999/{len(DATA) + 1}"),
                                  saying(ETag=None, Last_Modified="Sun, 06 Nov 1994 08:49:37 GMT"),
                                  status(416, Content_Range="bytes */5")],
                         ids=["etag", "size", "modified", "416"])
def test_another_file_is_final(server, fetch, step):
    assert fetch.open(server.url("/b"))
    server.plan(step)
    fetch.read(1, 0, 1000)
    fetch.until(lambda: fetch.failed)
    assert fetch.failed[1]["code"] == "integrity" and 1 not in fetch.got
    assert len(server.seen) == 2


@pytest.mark.parametrize("said", [f"bytes 1-1000/{len(DATA)}", "bytes 0-999", None], ids=["range", "malformed", "none"])
def test_another_range_is_asked_for_again(server, fetch, said):
    """Not for ever: it may be the server that counts in another way."""
    assert fetch.open(server.url("/b"))
    server.plan(saying(Content_Range=said))
    fetch.read(1, 0, 1000)
    assert fetch.take(1) == DATA[:1000] and len(fetch.waiting) == 1 and len(server.seen) == 3
    server.always = saying(Content_Range=said)
    fetch.read(2, 0, 1000)
    fetch.until(lambda: 2 in fetch.failed)
    assert fetch.failed[2]["code"] == "integrity" and 2 not in fetch.got and len(server.seen) == 8
    assert fetch.failed[2]["message"] == "server sent another range than bytes 0 to 999, which it was asked for"


def test_more_than_asked_for_is_left(server, fetch):
    assert fetch.open(server.url("/b"))
    server.plan(long(b"x" * 200_000))
    fetch.read(1, 0, 100_000)
    assert fetch.take(1) == DATA[:100_000]
    fetch.read(2, 7, 7)
    assert fetch.take(2) == DATA[7:14] and fetch.settle()["retries"] == 0


def test_a_page_in_between_is_waited_for(server, fetch):
    """The login page of a hotel answers 200 to everything; a server that no longer knows ranges does so for good."""
    assert fetch.open(server.url("/b"))
    server.plan(whole)
    fetch.read(1, 0, 1000)
    assert fetch.take(1) == DATA[:1000] and len(fetch.waiting) == 1
    server.always = whole
    fetch.read(2, 0, 1000)
    fetch.until(lambda: fetch.failed)
    assert fetch.failed[2]["message"] == "range requests not supported by server (5 tries)"


# --- no ranges --------------------------------------------------------------------


BUNDLE = b"hsqs" + DATA[4:]


def cut_whole(n, **more):
    """200, and lost after n bytes."""
    def step(exchange):
        exchange.head(200, Content_Length=str(len(exchange.content)), **more)
        exchange.send(exchange.content[:n])
        exchange.reset()
    return step


def test_server_without_ranges(fetch):
    """Each read is a request that begins at the beginning; what lies before is not sent on."""
    with Server({"/b": BUNDLE}) as server:
        server.always = whole
        assert fetch.open(server.url("/b"))
        assert fetch.opened["ranges"] == "no" and fetch.opened["size"] == str(len(BUNDLE))
        fetch.read(1, 2_500_001, 499_999)
        assert fetch.take(1) == BUNDLE[2_500_001:]
        fetch.read(2, 0, len(BUNDLE), 1000)
        fetch.until(lambda: len(fetch.got.get(2, b"")) == 1000)
        fetch.idle(0.3)
        while 2 not in fetch.done:
            fetch.credit(2, 333_333)
            fetch.until(lambda: 2 in fetch.done or len(fetch.got[2]) == fetch.granted[2])
        assert fetch.got[2] == BUNDLE
        assert [seen.headers.get("range") for seen in server.seen] == ["bytes=0-3", None, None]
        assert fetch.settle()["bytes"] == 2 * len(BUNDLE) + 4


def test_without_ranges_it_goes_on_where_it_was(fetch):
    with Server({"/b": BUNDLE}) as server:
        server.always = whole
        assert fetch.open(server.url("/b"))
        server.plan(cut_whole(100_000), cut_whole(1_500_000), cut_whole(1_600_000))
        fetch.read(1, 1_000_000, 1_000_000)
        assert fetch.take(1) == BUNDLE[1_000_000:2_000_000]
        assert len(server.seen) == 5 and fetch.settle()["retries"] == 3


@pytest.mark.parametrize("change", [{"ETag": '"two"'}, {"Content_Length": "2999999"}, {"Content_Length": None}],
                         ids=["etag", "length", "no-length"])
def test_without_ranges_another_file_is_final(fetch, change):
    def other(exchange):
        exchange.head(200, **{"Content_Length": str(len(exchange.content)), **change})
        exchange.send(exchange.content[:2999999])
        exchange.close()
    with Server({"/b": BUNDLE}) as server:
        server.always = whole
        assert fetch.open(server.url("/b"))
        server.plan(other)
        fetch.read(1, 0, 1000)
        fetch.until(lambda: fetch.failed)
        assert fetch.failed[1]["code"] in ("integrity", "unsupported") and 1 not in fetch.got
        assert len(server.seen) == 2


def test_a_page_is_no_bundle_without_ranges(server, fetch):
    """DATA does not begin like one."""
    server.always = whole
    assert not fetch.open(server.url("/b"), open_tries=1)
    assert fetch.failed[0]["message"] == "failed to configure streaming: range requests not supported by server"


def test_slow_body_is_no_stall(server, fetch):
    assert fetch.open(server.url("/b"))
    server.plan(trickle_body(10, 0.4))
    fetch.read(1, 0, 50)
    assert fetch.take(1) == DATA[:50] and not fetch.waiting


def test_one_waits_while_others_go_on(server, fetch):
    """WAITING is for when nothing comes at all."""
    assert fetch.open(server.url("/b"))
    server.plan(trickle_body(1000, 0.1))
    fetch.read(1, 0, 30_000)
    fetch.until(lambda: 1 in fetch.got)
    server.plan(status(503))
    fetch.read(2, 0, 1000)
    fetch.take(1, 2)
    assert not fetch.waiting and fetch.settle()["retries"] == 1


def test_deadline(server, fetch):
    assert fetch.open(server.url("/b"), deadline_sec=2)
    server.always = status(503)
    fetch.read(1, 0, 1000)
    fetch.until(lambda: fetch.failed)
    assert fetch.failed[1]["code"] == "network" and "2 s" in fetch.failed[1]["message"]
    assert fetch.waiting


@pytest.mark.parametrize("kind", ["http1", "http2"])
def test_link_that_is_lost(nginx, pki, fetch, kind):
    """The old connections say nothing, for ever (a new address behind a modem): all is dialled anew, once."""
    scheme, port = ("http", nginx.plain) if kind == "http1" else ("https", nginx.tls)
    with Relay(port) as relay:
        assert fetch.open(f"{scheme}://127.0.0.1:{relay.port}/b", ("tls-ca", pki / "ca.pem"),
                          connections=4 if kind == "http1" else 1)
        relay.limit = 700_000
        for number in range(1, 5):
            fetch.read(number, number * 500_000, 500_000)
        fetch.take(1, 2, 3, 4)
        assert all(fetch.got[n] == DATA[n * 500_000:(n + 1) * 500_000] for n in range(1, 5))
        assert fetch.waiting and fetch.n_going >= 1
        assert "no data from 127.0.0.1 for 1 s" in fetch.waiting[0]["message"]
        assert relay.n_connections <= (8 if kind == "http1" else 4)  # with HTTP/2 one of its own, one for three
        fetch.read(9, 0, 100)  # and none of the old ones is taken again
        assert fetch.take(9) == DATA[:100]
        assert fetch.settle()["bytes"] == 2_000_104


@pytest.mark.parametrize("seed", range(2))
def test_everything_at_once(server, fetch, seed):
    """Twelve ranges, thirty faults, credit in small change: every byte comes once, in its place."""
    dice = random.Random(seed)
    faults = [reset_after, close_after, short, stall_after]
    assert fetch.open(server.url("/b"))
    server.plan(*(dice.choice(faults)(dice.randrange(60_000)) if dice.random() < 0.8 else status(503) for _ in range(30)))
    spans = {n: (dice.randrange(2_000_000), dice.randrange(1, 200_000)) for n in range(1, 13)}
    for number, (at, size) in spans.items():
        fetch.read(number, at, size, dice.randrange(size))
    while len(fetch.done) < 12:
        assert not fetch.failed, fetch.failed
        for number, (_, size) in spans.items():
            if number not in fetch.done and len(fetch.got.get(number, b"")) == fetch.granted[number] < size:
                fetch.credit(number, min(50_000, size - fetch.granted[number]))
        fetch.idle(0.05)
    for number, (at, size) in spans.items():
        assert fetch.got[number] == DATA[at:at + size]
    assert int(fetch.settle()["bytes"]) == sum(size for _, size in spans.values()) + 4


def test_endless_headers(server, fetch):
    def endless(exchange):
        exchange.head(**{f"X_{n}": "y" * 1000 for n in range(10_000)})
    assert fetch.open(server.url("/b"))
    server.plan(endless)
    fetch.read(1, 0, 1000)
    assert fetch.take(1) == DATA[:1000] and len(fetch.waiting) == 1


# --- OPEN -------------------------------------------------------------------------


def test_server_that_is_down_is_waited_for(fetch):
    port = free_port()
    fetch.ask(f"http://127.0.0.1:{port}/b")
    fetch.until(lambda: fetch.waiting)
    assert f"connection refused by 127.0.0.1 port {port}, next try in 1 s" in fetch.waiting[0]["message"]
    with Server({"/b": DATA}, port=port) as late:
        fetch.until(lambda: fetch.opened or fetch.failed)
        assert fetch.opened and fetch.n_going == 1
        assert len(late.seen) == 1


def test_open_ends_after_its_tries(fetch):
    assert not fetch.open(f"http://127.0.0.1:{free_port()}/b", open_tries=3)
    assert len(fetch.waiting) == 2
    assert fetch.failed[0]["message"].startswith("failed to configure streaming: server not responding: connection refused by 127.0.0.1 ")
    assert fetch.failed[0]["message"].endswith(" (3 tries)") and fetch.failed[0]["code"] == "network"


@pytest.mark.parametrize("url,code", [("ftp://127.0.0.1/b", "unsupported"), ("file:///etc/passwd", "unsupported"), ("http://", "usage"),
                                      ("b c", "usage")])
def test_bad_url(fetch, url, code):
    assert not fetch.open(url, open_tries=1)
    assert fetch.failed[0]["code"] == code and fetch.failed[0]["message"].startswith("failed to configure streaming: ")


def test_headers(server, fetch):
    assert fetch.open(server.url("/b"), ("header", "X-Mine: 1"), ("header", "X-Empty:"), ("info-header", "RAUC-Serial: 77"))
    fetch.read(1, 0, 10)
    fetch.take(1)
    first, second = (seen.headers for seen in server.seen)
    assert first["x-mine"] == second["x-mine"] == "1" and first["x-empty"] == second["x-empty"] == ""
    assert first["user-agent"] == "rauc/1.16" and first["rauc-serial"] == "77"
    assert "user-agent" not in second and "rauc-serial" not in second


# --- redirects and secrets ----------------------------------------------------------


SECRET = [("header", "X-Token: mine"), ("info-header", "RAUC-Serial: 77")]


def test_redirect_keeps_secrets_at_home(server, fetch):
    with Server({"/c": DATA}, host="127.0.0.2") as other:
        server.plan(redirect("/b"), redirect(other.url("/c")))
        assert fetch.open(server.url("/b", "me:pass@"), *SECRET)
        assert fetch.opened["url"] == other.url("/c")
        fetch.read(1, 0, 10)
        assert fetch.take(1) == DATA[:10]
        for seen in server.seen:
            assert seen.headers["authorization"] == "Basic bWU6cGFzcw=="
            assert seen.headers["x-token"] == "mine" and seen.headers["rauc-serial"] == "77"
        assert len(server.seen) == 2 and len(other.seen) == 2
        for seen in other.seen:
            assert not {"authorization", "x-token", "rauc-serial"} & set(seen.headers)


def test_other_port_is_another_origin(server, fetch):
    with Server({"/c": DATA}) as other:
        server.plan(redirect(other.url("/c")))
        assert fetch.open(server.url("/b", "me:pass@"), *SECRET)
        assert not {"authorization", "x-token", "rauc-serial"} & set(other.seen[0].headers)


def test_netrc_is_for_the_origin(server, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password pass\nmachine 127.0.0.2 login you password word\n")
    with Fetch(env={"HOME": str(tmp_path)}) as fetch, Server({"/c": DATA}, host="127.0.0.2") as other:
        server.plan(redirect(other.url("/c")))
        assert fetch.open(server.url("/b"))
        assert server.seen[0].headers["authorization"] == "Basic bWU6cGFzcw=="
        assert "authorization" not in other.seen[0].headers


def test_redirect_loop(server, fetch):
    server.always = redirect("/b")
    assert not fetch.open(server.url("/b"))
    assert "more than 8 redirects" in fetch.failed[0]["message"] and len(server.seen) == 9


def test_redirect_of_a_read(server, fetch):
    """A server may move while we read; where it went is remembered."""
    with Server({"/c": DATA}) as other:
        assert fetch.open(server.url("/b"))
        server.plan(redirect(other.url("/c")))
        for number in (1, 2):
            fetch.read(number, 0, 10)
            assert fetch.take(number) == DATA[:10]
        assert len(server.seen) == 2 and len(other.seen) == 2


def test_link_that_expires(server, fetch):
    """What a redirect led to is forbidden after a while: the redirect is asked again."""
    server.files["/signed"] = DATA
    server.plan(redirect("/signed?until=1"), good, status(403), redirect("/signed?until=2"), good)
    assert fetch.open(server.url("/b"))
    fetch.read(1, 0, 10)
    assert fetch.take(1) == DATA[:10]
    assert [seen.path for seen in server.seen] == ["/b", "/signed?until=1", "/signed?until=1", "/b", "/signed?until=2"]
    server.plan(status(403), redirect("/signed?until=3"), status(403))
    fetch.read(2, 0, 10)
    fetch.until(lambda: 2 in fetch.failed)
    assert fetch.failed[2]["http"] == "403"


def test_https_never_goes_to_http(server, pki, fetch):
    with Server({"/b": DATA}, tls=tls_context(pki)) as safe:
        safe.plan(redirect(server.url("/b")))
        assert not fetch.open(safe.url("/b"), ("tls-ca", pki / "ca.pem"))
        assert fetch.failed[0]["message"].endswith("127.0.0.1 redirects from https to http, which is not followed")
        assert not server.seen


def test_verbose_shows_no_secret(server):
    with Fetch(env={"RAUC_CURL_VERBOSE": "1"}) as fetch:
        assert fetch.open(server.url("/b", "me:pass@"), *SECRET)
        said = fetch.stderr()
    assert "Range: bytes=0-3" in said
    assert not any(secret in said for secret in ("bWU6cGFzcw", "mine", "pass"))


def test_proxy_of_the_environment():
    with Server({"http://bundles.invalid/b": DATA}) as proxy:
        with Fetch(env={"http_proxy": proxy.url(""), "no_proxy": None}) as fetch:
            assert fetch.open("http://bundles.invalid/b")
            fetch.read(1, 0, 10)
            assert fetch.take(1) == DATA[:10]


# --- TLS --------------------------------------------------------------------------


def test_unknown_ca_is_final(nginx, fetch):
    assert not fetch.open(f"https://127.0.0.1:{nginx.tls}/b")
    assert "the TLS certificate of 127.0.0.1 is not trusted" in fetch.failed[0]["message"] and not fetch.waiting


def test_no_verify(nginx, fetch):
    assert fetch.open(f"https://127.0.0.1:{nginx.tls}/b", ("tls-no-verify", "yes"))


def test_client_certificate(nginx, pki, fetch):
    assert fetch.open(f"https://127.0.0.1:{nginx.mutual}/b", ("tls-ca", pki / "ca.pem"), ("tls-cert", pki / "client.pem"),
                      ("tls-key", pki / "client.key")), fetch.failed
    fetch.read(1, 100, 100)
    assert fetch.take(1) == DATA[100:200]


def test_no_client_certificate(nginx, pki, fetch):
    assert not fetch.open(f"https://127.0.0.1:{nginx.mutual}/b", ("tls-ca", pki / "ca.pem"))
    assert fetch.failed[0]["http"] == "400"


@pytest.fixture
def token(pki, tmp_path, monkeypatch):
    """A client's key made in a SoftHSM token, its certificate in the token and in token.pem: the environment to use it."""
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nlog.level = ERROR\n")
    env = {"SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf"), "PKCS11_MODULE_PATH": "/usr/lib/softhsm/libsofthsm2.so"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    tool = ["pkcs11-tool", "--module", env["PKCS11_MODULE_PATH"], "--token-label", "client", "--login", "--pin", "1234"]

    def run(*args):
        subprocess.run([str(a) for a in args], check=True, capture_output=True)
    run("softhsm2-util", "--init-token", "--free", "--label", "client", "--pin", "1234", "--so-pin", "5678")
    run(*tool, "--keypairgen", "--key-type", "EC:prime256v1", "--label", "k", "--id", "01")
    run("openssl", "req", "-new", "-engine", "pkcs11", "-keyform", "engine", "-key", TOKEN + ";type=private?pin-value=1234",
        "-subj", "/CN=token", "-out", tmp_path / "csr")
    run("openssl", "x509", "-req", "-in", tmp_path / "csr", "-CA", pki / "ca.pem", "-CAkey", pki / "ca.key", "-days", "2",
        "-extfile", pki / "client.ext", "-out", tmp_path / "token.pem")
    run("openssl", "x509", "-in", tmp_path / "token.pem", "-outform", "DER", "-out", tmp_path / "der")
    run(*tool, "--write-object", tmp_path / "der", "--type", "cert", "--label", "k", "--id", "01")
    return env


TOKEN = "pkcs11:token=client;object=k"


@pytest.mark.parametrize("cert", ["file", "token"])
def test_client_key_in_a_token(nginx, pki, token, tmp_path, cert):
    with Fetch(env=token) as fetch:
        assert fetch.open(f"https://127.0.0.1:{nginx.mutual}/b", ("tls-ca", pki / "ca.pem"),
                          ("tls-cert", TOKEN if cert == "token" else tmp_path / "token.pem"),
                          ("tls-key", TOKEN + "?pin-value=1234")), (fetch.failed, fetch.stderr())
        fetch.read(1, 100, 100)
        assert fetch.take(1) == DATA[100:200]


@pytest.mark.parametrize("cert,key", [("file", TOKEN + "?pin-value=9876"), ("file", "pkcs11:token=client;object=none?pin-value=9876"),
                                      ("pkcs11:token=none?pin-value=9876", TOKEN + "?pin-value=9876")])
def test_wrong_pin_is_tried_once(nginx, pki, token, tmp_path, cert, key):
    with Fetch(env={**token, "RAUC_CURL_VERBOSE": "1"}) as fetch:
        assert not fetch.open(f"https://127.0.0.1:{nginx.mutual}/b", ("tls-ca", pki / "ca.pem"),
                              ("tls-cert", tmp_path / "token.pem" if cert == "file" else cert), ("tls-key", key))
        assert fetch.failed[0]["code"] == "config" and not fetch.waiting
        assert "9876" not in fetch.failed[0]["message"] + fetch.stderr()


def test_no_engine_for_tokens(nginx, pki, tmp_path):
    with Fetch(env={"OPENSSL_ENGINES": str(tmp_path)}) as fetch:
        assert not fetch.open(f"https://127.0.0.1:{nginx.mutual}/b", ("tls-ca", pki / "ca.pem"),
                              ("tls-cert", pki / "client.pem"), ("tls-key", TOKEN + "?pin-value=1234"))
        assert fetch.failed[0]["code"] == "unsupported" and "engine 'pkcs11'" in fetch.failed[0]["message"]
        assert "1234" not in fetch.failed[0]["message"] + fetch.stderr()


@pytest.mark.parametrize("key", ["tls-ca", "tls-cert"])
def test_missing_file_is_final(nginx, pki, fetch, key):
    assert not fetch.open(f"https://127.0.0.1:{nginx.tls}/b", *dict([("tls-ca", pki / "ca.pem"), (key, "/etc/none.pem")]).items())
    assert fetch.failed[0]["code"] == "config" and not fetch.waiting


def test_interrupted_handshake_is_waited_for(pki, fetch):
    """A plain server, where TLS is expected: what comes is nonsense, but perhaps not for ever."""
    with Server({"/b": DATA}) as plain:
        assert not fetch.open(plain.url("/b").replace("http:", "https:"), ("tls-ca", pki / "ca.pem"), open_tries=2)
        assert len(fetch.waiting) == 1


# --- credit -----------------------------------------------------------------------


def test_never_more_than_credit(nginx, fetch):
    """peer.Fetch holds the amounts; here that it comes to a stop and goes on, without another request."""
    assert fetch.open(f"http://127.0.0.1:{nginx.plain}/b")
    fetch.read(1, 0, 2_000_000, 100_001)
    fetch.until(lambda: len(fetch.got.get(1, b"")) == 100_001)
    fetch.idle(0.5)
    assert len(fetch.got[1]) == 100_001
    while 1 not in fetch.done:
        fetch.credit(1, 333_333)
        fetch.until(lambda: 1 in fetch.done or len(fetch.got[1]) == fetch.granted[1])
    assert fetch.got[1] == DATA[:2_000_000] and fetch.settle()["requests"] == 2


def test_credit_over_http2(nginx, pki, fetch):
    """One that stands still keeps nobody else on its connection from going on."""
    assert fetch.open(f"https://127.0.0.1:{nginx.tls}/b", ("tls-ca", pki / "ca.pem"))
    fetch.read(1, 0, 2_000_000, 1000)
    fetch.until(lambda: len(fetch.got.get(1, b"")) == 1000)
    fetch.read(2, 1_000_000, 2_000_000)
    assert fetch.take(2) == DATA[1_000_000:]
    fetch.credit(1, 1_999_000)
    assert fetch.take(1) == DATA[:2_000_000] and fetch.settle()["bytes"] == 4_000_004
    assert fetch.stats["requests"] == "3"


def test_memory_over_http2(nginx, pki, fetch):
    """What there is no credit for stays in the kernel and with the server, also where a stream's window would let it in."""
    def memory():
        status = pathlib.Path(f"/proc/{fetch.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[1])
    with open(pki / "www" / "big", "wb") as file:
        file.truncate(100_000_000)
    assert fetch.open(f"https://127.0.0.1:{nginx.tls}/big", ("tls-ca", pki / "ca.pem"))
    fetch.read(1, 0, 100_000_000, 1000)
    fetch.until(lambda: len(fetch.got.get(1, b"")) == 1000)
    before = memory()
    for number in range(2, 40):
        fetch.read(number, number * 1_000_000, 1000)
    fetch.take(*range(2, 40))
    fetch.idle(1.5)
    assert memory() - before < 8192, (before, memory())


def test_held_ranges_give_way(server, fetch):
    assert fetch.open(server.url("/b"), connections=2)
    for number in (1, 2):
        fetch.read(number, 0, len(DATA), 1000)
    fetch.until(lambda: len(fetch.got) == 2)
    fetch.read(3, 5, 100)
    assert fetch.take(3) == DATA[5:105]
    for number in (1, 2):
        fetch.credit(number, len(DATA) - 1000)
    fetch.take(1, 2)
    assert fetch.got[1] == fetch.got[2] == DATA
    assert fetch.settle()["retries"] == 0 and not fetch.waiting


def test_closed_while_held_is_no_failure(server, fetch):
    assert fetch.open(server.url("/b"))
    server.plan(reset_after(500_000))
    fetch.read(1, 0, 1_000_000, 1000)
    fetch.until(lambda: 1 in fetch.got)
    fetch.idle(1)
    fetch.credit(1, 999_000)
    assert fetch.take(1) == DATA[:1_000_000]
    assert fetch.settle()["retries"] == 0 and not fetch.waiting and len(server.seen) == 3


def test_cancel(server, fetch):
    assert fetch.open(server.url("/b"), connections=1)
    server.plan(stall_after(1000))
    fetch.read(1, 0, 100_000)
    fetch.until(lambda: len(fetch.got.get(1, b"")) == 1000)
    fetch.send(peer.CANCEL, 1)
    fetch.read(2, 0, 1000)
    assert fetch.take(2) == DATA[:1000]
    assert len(fetch.got[1]) == 1000 and 1 not in fetch.failed and 1 not in fetch.done


def test_what_rauc_does_not_take_stays_with_the_server(fetch):
    """All of it is granted, but the socket is full: some MB are on their way, in buffers of the kernel."""
    with Server({"/big": bytes(100_000_000)}) as server:
        assert fetch.open(server.url("/big"))
        fetch.read(1, 0, 100_000_000)
        for _ in range(100):
            before = server.seen[-1].sent
            server.is_over.wait(0.3)
            if server.seen[-1].sent == before and len(server.seen) == 2:
                break
        assert server.seen[-1].sent < 40_000_000
        fetch.take(1)


# --- the rest ---------------------------------------------------------------------


@pytest.mark.parametrize("n,size", [(1, 300_000), (2, 150_000), (30, 10_000)])
def test_rate_limit_is_of_all(server, fetch, n, size):
    """In one piece or in many, together or one after the other; slow as they are, they have not stalled."""
    assert fetch.open(server.url("/b"), rate_limit=100_000)
    for number in range(1, n + 1):
        fetch.read(number, 0, size)
    fetch.take(*range(1, n + 1))
    taken = web_server.time.monotonic() - server.seen[1].at
    assert 300_000 / taken < 200_000  # but for what comes in one go
    assert fetch.settle()["retries"] == 0


@pytest.mark.parametrize("state", ["idle", "reading", "waiting", "opening"])
def test_ends_with_rauc(server, state):
    with Fetch() as fetch:
        if state == "opening":
            fetch.ask(f"http://127.0.0.1:{free_port()}/b", retry_max_sec=60, open_tries=100)
            fetch.until(lambda: len(fetch.waiting) == 2)
        else:
            fetch.open(server.url("/b"), retry_max_sec=60)
            server.always = {"reading": stall_after(10), "waiting": status(503, Retry_After="60")}.get(state, good)
            fetch.read(1, 0, 1000)
            fetch.until(lambda: {"reading": 1 in fetch.got, "waiting": fetch.waiting}.get(state, fetch.done))
        begin = web_server.time.monotonic()
        fetch.socket.close()
        fetch.wait(10)
        assert web_server.time.monotonic() - begin < 10


def test_nonsense_from_rauc():
    with pytest.raises(AssertionError), Fetch() as fetch:
        fetch.socket.sendall(b"\xff" * 100)
        assert fetch.wait() == 1
    assert "rauc-fetch: " in fetch.stderr()


def test_not_as_root():
    with pytest.raises(AssertionError), Fetch(env={"RAUC_FETCH_ALLOW_ROOT": None}) as fetch:
        if peer.os.geteuid() != 0:
            pytest.skip("not root")
        assert fetch.wait() == 1
    assert "not to be started as root" in fetch.stderr()


def test_as_nobody(server):
    """As rauc starts it: all that it gave away is given away."""
    if peer.os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    with peer.program_for_all() as program, \
            Fetch(wrap=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], env={"RAUC_FETCH_ALLOW_ROOT": None},
                  binary=program) as fetch:
        assert fetch.open(f"http://localhost:{server.port}/b")  # resolved in a thread, and by the libraries of the system
        state = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{fetch.pid}/status").read_text().splitlines())
        assert state["Uid"].split() == ["65534"] * 4 and state["NoNewPrivs"] == "1" and state["Seccomp"] == "2"
        assert {int(p.name) for p in pathlib.Path(f"/proc/{fetch.pid}/fd").iterdir()} >= {0, 2, 3}
