# SPDX-License-Identifier: MIT
"""nginx before one folder of bundles: what a device streams from. It counts what was asked for."""

import contextlib
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .machine import Trouble

PORT = 3333
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
CONF = """\
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
    log_format sent '$request_uri $body_bytes_sent';
    access_log {folder}/access.log sent;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    default_type application/octet-stream;
    sendfile on;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        # bundles, and nothing else of the folder
        location ~ ^/[A-Za-z0-9][A-Za-z0-9._-]*[.]raucb$ {{ }}
        location / {{ return 404; }}
    }}
}}
"""


def free_port():
    """PORT, or any other while somebody has that."""
    for port in (PORT, 0):
        with contextlib.suppress(OSError), socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", port))
            return one.getsockname()[1]
    raise Trouble("no port to be had on 127.0.0.1")


class Server:
    """with Server(folder) as server: server.url is what the device has to ask for."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder).resolve()
        self.port = free_port()
        # QEMU's user network shows the host's loopback as 10.0.2.2
        self.url = f"http://10.0.2.2:{self.port}"
        self.process = None

    def __enter__(self):
        if not NGINX:
            raise Trouble("nginx is not installed (Debian: nginx-light)")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="demo-nginx."))
        conf = self.folder / "nginx.conf"
        # started by root it works as another user, who may not reach everybody's folders
        conf.write_text(("user root;\n" if pathlib.Path("/proc/self").stat().st_uid == 0 else "") +
                        CONF.format(folder=self.folder, root=self.root, port=self.port))
        self.process = subprocess.Popen([NGINX, "-p", self.folder, "-c", conf, "-e", self.folder / "error.log"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True)
        try:
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait(self):
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        said = self.folder / "error.log"
        raise Trouble(f"nginx does not serve: {said.read_text().strip() if said.exists() else 'no word of it'}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sent(self):
        """(requests, bytes) since it was asked last."""
        time.sleep(0.2)  # a line is written when the answer is out
        log = self.folder / "access.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.write_text("")
        return len(lines), sum(int(line.split()[-1]) for line in lines)
