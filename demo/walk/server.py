# SPDX-License-Identifier: MIT
"""A small HTTP server for one folder of bundles; it knows ranges, so bundles can be streamed too."""

import http.server
import os
import pathlib
import re
import threading

PORT = 3333


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = pathlib.Path(".")

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        name = self.path.lstrip("/").partition("?")[0]
        path = self.folder / name
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or not path.is_file():
            self.send_error(404)
            return
        size = path.stat().st_size
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        first = int(wanted[1]) if wanted else 0
        last = min(int(wanted[2]), size - 1) if wanted and wanted[2] else size - 1
        if first > last:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("ETag", f'"{path.stat().st_mtime_ns:x}-{size:x}"')
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        if body:
            self.send_part(path, first, last + 1)

    def send_part(self, path, at, end):
        with open(path, "rb") as file:
            try:
                while at < end:
                    at += os.sendfile(self.connection.fileno(), file.fileno(), at, end - at)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    def log_message(self, *_):
        pass


class Server:
    """with Server(folder) as server: server.url is what the device has to ask for."""

    def __init__(self, folder):
        handler = type("FolderHandler", (Handler,), {"folder": pathlib.Path(folder)})
        http.server.ThreadingHTTPServer.daemon_threads = True
        try:
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), handler)
        except OSError:
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        # QEMU's user network shows the host's loopback as 10.0.2.2
        self.url = f"http://10.0.2.2:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
