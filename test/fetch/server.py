# SPDX-License-Identifier: MIT
"""A web server that misbehaves as it is told, one request after the other.

    with Server({"/bundle": data}) as server:
        server.plan(reset_after(1000), status(503), good)
        ... server.url("/bundle") ...
        server.seen[0].headers["range"]

What is planned is used up, one step a request; after it, every request is answered well (or as `server.always` says).
`server.trap(seen)` may know better: the step for this request, or None. Without all that this is a plain server that
knows ranges, over TLS if it is given a context. server2.py has the same for HTTP/2."""

import contextlib
import email.utils
import http.server
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass


@dataclass
class Seen:
    path: str
    headers: dict  # names in lower case
    peer: tuple
    at: float
    sent: int = 0  # bytes of the body
    first: int = 0
    last: int = 0


@dataclass
class Exchange:
    """One request and how it can be answered."""
    handler: object
    seen: Seen
    content: bytes
    first: int
    last: int  # of the content
    farewell = {"Connection": "close"}

    @property
    def owner(self):
        return self.handler.server.owner

    @property
    def body(self):
        return self.content[self.first:self.last + 1]

    def headers(self, code, more):
        """None leaves one out."""
        headers = {"Content-Range": f"bytes {self.first}-{self.last}/{len(self.content)}" if code == 206 else None,
                   "Content-Length": str(len(self.body)), "ETag": self.owner.etag,
                   "Last-Modified": email.utils.formatdate(self.owner.modified, usegmt=True),
                   "Date": email.utils.formatdate(usegmt=True)}
        headers.update({name.replace("_", "-"): value for name, value in more.items()})
        return {name: value for name, value in headers.items() if value is not None}

    def head(self, code=206, **more):
        """Status and headers."""
        lines = [f"HTTP/1.1 {code} x"] + [f"{n}: {v}" for n, v in self.headers(code, more).items()]
        self.handler.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send(self, data):
        for at in range(0, len(data), 65536):
            self.handler.wfile.write(data[at:at + 65536])
            self.seen.sent += len(data[at:at + 65536])

    def close(self):
        self.handler.close_connection = True

    def part(self):
        """With the last word said."""
        self.close()

    def reset(self):
        """RST instead of FIN: what was not read yet at the other side may be lost with it."""
        sock = self.handler.connection
        self.close()
        self.handler.finish = lambda: None
        reset(sock)

    def hang(self):
        """Until the other side has had enough, or the server ends."""
        sock = self.handler.connection
        sock.settimeout(0.05)
        while not self.owner.is_over.is_set():
            try:
                if not sock.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.close()

    def trickle(self):
        """A byte of the status line now and then, for ever."""
        try:
            for byte in b"HTTP/1.1 206 " + b"x" * 10000:
                self.handler.wfile.write(bytes([byte]))
                if self.owner.is_over.wait(0.2):
                    break
        finally:
            self.close()


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.socket(fileno=sock.detach()).close()


# --- Steps of a plan ------------------------------------------------------------


def good(exchange):
    exchange.head()
    exchange.send(exchange.body)


def reset_after(n):
    def step(exchange):
        exchange.head()
        exchange.send(exchange.body[:n])
        time.sleep(0.2)  # an RST overtakes what is on its way
        exchange.reset()
    return step


def stall_after(n):
    def step(exchange):
        exchange.head()
        exchange.send(exchange.body[:n])
        exchange.hang()
    return step


def silence(exchange):
    """Not even a status."""
    exchange.hang()


def close_after(n):
    """A clean end too early."""
    def step(exchange):
        exchange.head()
        exchange.send(exchange.body[:n])
        exchange.close()
    return step


def farewell(exchange):
    """A good answer, and the end of the connection."""
    exchange.head(**exchange.farewell)
    exchange.send(exchange.body)
    exchange.part()


def short(n):
    """Says and sends n bytes, where the range has more."""
    def step(exchange):
        exchange.head(Content_Length=str(n))
        exchange.send(exchange.body[:n])
    return step


def long(extra):
    """Says and sends more bytes than the range has."""
    def step(exchange):
        exchange.head(Content_Length=str(len(exchange.body) + len(extra)))
        exchange.send(exchange.body + extra)
    return step


def saying(**headers):
    """A good answer but for these headers (None: without)."""
    def step(exchange):
        exchange.head(**headers)
        exchange.send(exchange.body)
    return step


def whole(exchange):
    """200: it does not know ranges."""
    exchange.head(200, Content_Length=str(len(exchange.content)))
    exchange.send(exchange.content)


def status(code, **headers):
    def step(exchange):
        if code in (204, 304):
            exchange.head(code, Content_Length=None, **headers)
            return
        exchange.head(code, **{"Content_Length": "5", **headers})
        exchange.send(b"sorry")
    return step


def redirect(location, code=302):
    return status(code, Location=location)


def trickle_head(exchange):
    exchange.trickle()


def trickle_body(n, pause):
    """n bytes at a time."""
    def step(exchange):
        exchange.head()
        for at in range(0, len(exchange.body), n):
            exchange.send(exchange.body[at:at + n])
            time.sleep(pause)
    return step


# --- The server -----------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0

    def log_message(self, *_):
        pass

    def do_GET(self):
        seen = Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, self.client_address, time.monotonic())
        try:
            self.server.owner.answer(seen, lambda *about: Exchange(self, *about))
        except OSError:  # the client went away
            self.close_connection = True


class Threads(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    owner = None

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is no error here

    def finish_request(self, request, client_address):
        """The handshake belongs to the thread of the connection."""
        owner = self.owner
        if owner.is_handshake_bad(request):
            return
        if owner.tls:
            try:
                request = owner.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        with owner.known(request):
            self.RequestHandlerClass(request, client_address, self)


class Server:
    threads, handler = Threads, Handler

    def __init__(self, files, tls=None, host="127.0.0.1", port=0):
        self.files, self.tls, self.host, self.port = files, tls, host, port
        self.etag, self.modified = '"one"', 1700000000
        self.seen, self.steps, self.always = [], [], good
        self.trap = lambda seen: None
        self.n_bad_handshakes = 0  # still to come
        self.lock, self.is_over = threading.Lock(), threading.Event()
        self.sockets, self.absences = [], []
        self.listen()

    def listen(self):
        self.http = self.threads((self.host, self.port), self.handler)
        self.http.owner = self
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for absence in self.absences:
            absence.join()
        self.end()

    def end(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()
        self.hang_up()

    def hang_up(self):
        """On everybody."""
        with self.lock:
            for sock in self.sockets:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def go_away(self, seconds):
        """Nobody listens on the port for so long."""
        def be_away():
            self.end()
            self.is_over.wait(seconds)
            self.listen()
            self.thread.start()
        self.absences.append(threading.Thread(target=be_away, daemon=True))
        self.absences[-1].start()

    @contextlib.contextmanager
    def known(self, sock):
        """For hang_up()."""
        with self.lock:
            self.sockets.append(sock)
        try:
            yield
        finally:
            with self.lock:
                self.sockets.remove(sock)

    def is_handshake_bad(self, sock):
        """Then it is over: with nonsense, or with nothing, by turns."""
        with self.lock:
            n, self.n_bad_handshakes = self.n_bad_handshakes, max(0, self.n_bad_handshakes - 1)
        if n % 2:
            sock.sendall(b"\x16\x03\x03 no handshake")
        return n > 0

    def plan(self, *steps):
        with self.lock:
            self.steps += steps

    def take_step(self, seen):
        with self.lock:
            self.seen.append(seen)
            return self.trap(seen) or (self.steps.pop(0) if self.steps else self.always)

    def answer(self, seen, exchange):
        """`exchange(seen, content, first, last)` makes one."""
        path = seen.path.split("?")[0]
        content = self.files.get(path, b"")
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", seen.headers.get("range", ""))
        seen.first, seen.last = (int(wanted[1]), int(wanted[2])) if wanted else (0, len(content) - 1)
        seen.last = min(seen.last, len(content) - 1)
        step = self.take_step(seen)
        if step is good and path not in self.files:
            step = status(404)
        elif step is good and wanted and int(wanted[1]) >= len(content):
            step = status(416, Content_Range=f"bytes */{len(content)}")
        step(exchange(seen, self.files.get(path, b""), seen.first, seen.last))

    def url(self, path, user=""):
        return f"http{'s' if self.tls else ''}://{user}{self.host}:{self.port}{path}"


def free_port():
    """One on which nobody listens, for now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Relay:
    """A stretch of network in front of 127.0.0.1:port. What was connected can be frozen: nothing comes any more, and nobody is told."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.n_connections = 0
        self.era = 0  # connections of earlier ones are frozen
        self.limit = None  # bytes towards the client, after which that happens by itself
        self.sockets = []

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for sock in [self.listener, *self.sockets]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def freeze(self):
        self.era += 1

    def accept(self):
        while True:
            try:
                ours, _ = self.listener.accept()
            except OSError:
                return
            theirs = socket.create_connection(("127.0.0.1", self.target))
            self.n_connections += 1
            self.sockets += [ours, theirs]
            for pair, is_towards_client in (((ours, theirs), False), ((theirs, ours), True)):
                threading.Thread(target=self.carry, args=(*pair, self.era, is_towards_client), daemon=True).start()

    def carry(self, source, to, era, is_towards_client):
        try:
            while data := source.recv(16384):
                if is_towards_client and self.limit is not None:
                    self.limit -= len(data)
                    if self.limit < 0:
                        self.limit = None
                        self.freeze()
                if era != self.era:
                    return  # both stay open
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass
