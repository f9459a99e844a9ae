# SPDX-License-Identifier: MIT
"""A name server that knows one address for every name, when it is well."""

import contextlib
import socket
import struct
import threading

A, SERVFAIL, NXDOMAIN, GOOD = 1, 2, 3, 0


class Names:
    """`says`: GOOD, SERVFAIL, NXDOMAIN, or None: nothing at all. On port 53, so it needs root; `sock`: one that was made
    elsewhere."""

    def __init__(self, at, address="127.0.0.1", sock=None):
        self.at, self.address, self.says = at, address, GOOD
        self.n_asked = 0
        self.sock = sock or socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((at, 53))
        self.sock.settimeout(0.1)
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        self.sock.close()

    def serve(self):
        while not self.is_over.is_set():
            with contextlib.suppress(OSError):
                query, peer = self.sock.recvfrom(2048)
                self.n_asked += 1
                if self.says is not None:
                    self.sock.sendto(self.answer(query), peer)

    def answer(self, query):
        end = query.index(0, 12) + 5  # of the question: a name, type and class
        kind = struct.unpack(">H", query[end - 4:end - 2])[0]
        found = kind == A and self.says == GOOD
        head = struct.pack(">2sHHHHH", query[:2], 0x8180 | self.says, 1, int(found), 0, 0)
        record = struct.pack(">HHHIH4s", 0xC00C, A, 1, 0, 4, socket.inet_aton(self.address)) if found else b""
        return head + query[12:end] + record

    def wrap(self, folder):
        """Words before a command that shall ask here, in a name space of mounts of its own already."""
        conf = folder / f"resolv-{self.at}"
        conf.write_text(f"nameserver {self.at}\noptions timeout:1 attempts:1\n")
        conf.chmod(0o644)
        return ["sh", "-c", f"mount --bind {conf} /etc/resolv.conf && exec \"$@\"", "sh"]
