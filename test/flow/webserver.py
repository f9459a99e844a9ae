# SPDX-License-Identifier: MIT
"""A real nginx before a folder, and what it was asked for."""

import contextlib
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")

CONF = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
    log_format asked '$request_method|$uri|$http_range|$status|$body_bytes_sent|$server_protocol|$http_user_agent|$http_x_test|$http_rauc_variant|$http_rauc_transaction_id';
    access_log {folder}/access.log asked;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    default_type application/octet-stream;
    sendfile on;
    server {{
        listen {address}:{port} {listen};
        root {root};
        {extra}
    }}
}}
"""


@dataclass
class Asked:
    method: str
    path: str
    range: str
    status: int
    sent: int
    protocol: str
    agent: str
    test: str
    variant: str
    transaction: str


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Nginx:
    """tls: (certificate, key); extra: lines of the server block; client_ca: whose clients are let in."""

    def __init__(self, folder, root, tls=None, client_ca=None, http2=False, extra="", address="127.0.0.1"):
        self.folder, self.root, self.address = pathlib.Path(folder), root, address
        self.port = free_port()
        self.scheme = "https" if tls else "http"
        self.listen = " ".join(["ssl" if tls else "", "http2" if http2 else ""])
        self.extra = extra
        if tls:
            self.extra += f"\nssl_certificate {tls[0]}; ssl_certificate_key {tls[1]};"
        if client_ca:
            self.extra += f"\nssl_client_certificate {client_ca}; ssl_verify_client on;"
        self.process = None

    @property
    def url(self):
        return f"{self.scheme}://{'localhost' if self.scheme == 'https' else self.address}:{self.port}"

    def start(self):
        (self.folder / "nginx.conf").write_text(CONF.format(
            folder=self.folder, address=self.address, port=self.port, listen=self.listen, root=self.root, extra=self.extra))
        self.process = subprocess.Popen([NGINX, "-p", self.folder, "-c", self.folder / "nginx.conf"],
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), 1):
                return self
            assert self.process.poll() is None, (self.folder / "error.log").read_text()
            time.sleep(0.02)
        raise AssertionError("nginx does not answer")

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def asked(self):
        path = self.folder / "access.log"
        lines = path.read_text().splitlines() if path.exists() else []
        parts = [line.split("|") for line in lines]
        return [Asked(p[0], p[1], p[2], int(p[3]), int(p[4]), *p[5:10]) for p in parts]

    def settle(self, seconds=2):
        """Wait until nobody is connected. What was asked by somebody who is dead is logged only when nginx sees it."""
        end = time.monotonic() + seconds
        while self.connected() and time.monotonic() < end:
            time.sleep(0.01)

    def connected(self):
        ends = [line.split()[1:4] for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return any(int(local.split(":")[1], 16) == self.port and state in ("01", "08") for local, _, state in ends)

    def forget(self):
        self.settle()
        (self.folder / "access.log").write_text("")


def ranges(asked):
    return [tuple(map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", a.range).groups())) for a in asked]
