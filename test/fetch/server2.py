# SPDX-License-Identifier: MIT
"""The server of server.py over HTTP/2: the same plans and steps, and what only HTTP/2 can do to one.

The protocol is that of python3-h2. Each connection has a thread that hears, each request one that answers."""

import contextlib
import socket
import ssl
import struct
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import hyperframe.frame

import server
from server import Seen

INTERNAL_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM = 2, 7, 11


def tls_context(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["h2"])
    return context


class Connection:
    """TLS in memory, as several threads write to it."""

    def __init__(self, sock, peer, owner):
        self.sock, self.peer, self.owner = sock, peer, owner
        self.came, self.goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = owner.tls.wrap_bio(self.came, self.goes, server_side=True)
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, header_encoding="utf-8", validate_outbound_headers=False))
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.is_gone = self.is_parting = self.is_reset = False
        self.ended = set()  # streams
        self.last_stream = self.n_answers = 0

    def flush(self):
        """What has to go, goes. Locked."""
        data = self.http.data_to_send()
        if data:
            self.tls.write(data)
        if self.goes.pending:
            self.sock.sendall(self.goes.read())

    def hear(self):
        """More bytes, or the end."""
        data = self.sock.recv(65536)
        with self.lock:
            if data:
                self.came.write(data)
            else:
                self.came.write_eof()
        return bool(data)

    def shake_hands(self):
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                if not self.hear():
                    raise ConnectionError("hung up in the handshake") from None
        with self.lock:
            self.http.initiate_connection()
            self.flush()

    def plain(self):
        """What has come, decrypted. Locked."""
        parts = []
        with contextlib.suppress(ssl.SSLWantReadError):
            while part := self.tls.read(65536):
                parts.append(part)
        return b"".join(parts)

    def serve(self):
        try:
            self.shake_hands()
            is_open = True
            while is_open:
                with self.lock:
                    for event in self.http.receive_data(self.plain()):
                        self.take(event)
                    self.flush()
                    self.changed.notify_all()
                is_open = self.hear()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        self.leave()

    def leave(self):
        """Nothing is said any more, and nothing heard."""
        with self.lock:
            self.is_gone = True
            self.changed.notify_all()
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RD if self.is_reset else socket.SHUT_RDWR)

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived) and not self.is_parting:
            self.last_stream = event.stream_id
            self.n_answers += 1
            threading.Thread(target=self.answer, args=(event.stream_id, dict(event.headers)), daemon=True).start()
        elif isinstance(event, h2.events.StreamReset):
            self.ended.add(event.stream_id)

    def answer(self, stream, headers):
        seen = Seen(headers[":path"], headers, self.peer, time.monotonic())
        made = []

        def make(*about):
            made.append(Exchange(self, *about))
            made[-1].stream = stream
            return made[-1]
        try:
            self.owner.answer(seen, make)
            made[0].end()
        except (OSError, h2.exceptions.ProtocolError):  # the client went away
            pass
        with self.lock:
            self.n_answers -= 1
            if self.is_parting and self.n_answers == 0:
                self.leave()

    def check(self, stream):
        if self.is_gone or stream in self.ended:
            raise ConnectionError("gone")

    def goaway(self, last_stream, code):
        """A frame made by hand: with h2's own nothing could be sent any more. Locked."""
        frame = hyperframe.frame.GoAwayFrame(0, last_stream_id=last_stream, error_code=code)
        self.flush()
        self.tls.write(frame.serialize())
        self.flush()


class Exchange(server.Exchange):
    """`handler` is the Connection."""
    stream = 0
    has_head = False
    farewell = {}

    @property
    def owner(self):
        return self.handler.owner

    def head(self, code=206, **more):
        headers = [(":status", str(code))] + [(n.lower(), v) for n, v in self.headers(code, more).items()]
        with self.handler.lock:
            self.handler.check(self.stream)
            self.handler.http.send_headers(self.stream, headers)
            self.handler.flush()
        self.has_head = True

    def send(self, data):
        at = 0
        while at < len(data):
            with self.handler.lock:
                n = self.wait_for_window()
                piece = data[at:at + n]
                self.handler.http.send_data(self.stream, piece)
                self.handler.flush()
            at += len(piece)
            self.seen.sent += len(piece)

    def wait_for_window(self):
        while True:
            self.handler.check(self.stream)
            n = min(self.handler.http.local_flow_control_window(self.stream), self.handler.http.max_outbound_frame_size)
            if n > 0:
                return n
            self.handler.changed.wait()

    def end(self):
        """All of it was said."""
        with self.handler.lock:
            if self.has_head and not self.handler.is_gone and self.stream not in self.handler.ended:
                self.handler.ended.add(self.stream)
                self.handler.http.end_stream(self.stream)
                self.handler.flush()

    def close(self):
        """Of the connection, without a word."""
        self.handler.leave()

    def part(self):
        """What was begun is brought to an end; nothing is begun."""
        with self.handler.lock:
            self.handler.is_parting = True
            self.handler.goaway(self.handler.last_stream, 0)

    def reset(self):
        self.handler.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.handler.is_reset = True
        self.handler.leave()

    def hang(self):
        """Of this stream: others go on."""
        connection = self.handler
        with connection.lock:
            while not (connection.is_gone or self.stream in connection.ended or self.owner.is_over.is_set()):
                connection.changed.wait(0.05)
            connection.ended.add(self.stream)

    def trickle(self):
        """A frame in bytes: nothing else comes on this connection until it is whole."""
        with self.handler.lock:
            self.handler.http.send_headers(self.stream, [(":status", "206"), *((f"x-{n}", "x" * 50) for n in range(100))])
            for byte in self.handler.http.data_to_send():
                self.handler.tls.write(bytes([byte]))
                self.handler.flush()
                if self.owner.is_over.wait(0.2):
                    break
            self.handler.leave()


# --- Steps that only HTTP/2 has ---------------------------------------------------


def goaway_after(n):
    """The server falls in the midst of it, with a last word."""
    def step(exchange):
        exchange.head()
        exchange.send(exchange.body[:n])
        with exchange.handler.lock:
            exchange.handler.goaway(0, INTERNAL_ERROR)
        exchange.close()
    return step


def rst_stream_after(n, code=INTERNAL_ERROR):
    def step(exchange):
        exchange.head()
        exchange.send(exchange.body[:n])
        with exchange.handler.lock:
            exchange.handler.check(exchange.stream)
            exchange.handler.ended.add(exchange.stream)
            exchange.handler.http.reset_stream(exchange.stream, code)
            exchange.handler.flush()
    return step


def refuse(exchange):
    """A request that was not begun: it may be made again."""
    with exchange.handler.lock:
        exchange.handler.check(exchange.stream)
        exchange.handler.ended.add(exchange.stream)
        exchange.handler.http.reset_stream(exchange.stream, REFUSED_STREAM)
        exchange.handler.flush()


def end_after(n):
    """END_STREAM, though more was announced."""
    def step(exchange):
        exchange.head()
        exchange.send(exchange.body[:n])
    return step


# --- The server -----------------------------------------------------------------


class Threads(server.Threads):
    def finish_request(self, request, client_address):
        if self.owner.is_handshake_bad(request):
            return
        connection = Connection(request, client_address, self.owner)
        with self.owner.known(request):
            connection.serve()
        if connection.is_reset:
            server.reset(request)


class Server(server.Server):
    threads = Threads
