# SPDX-License-Identifier: MIT
"""A server at the other end of a link: nginx in a network namespace of its own, behind veth with tc netem or, where
the kernel has no netem, behind two TUN devices with wire.c between them.

Segmentation offload is off on both ends: netem would else lose and delay 64 KiB at once, which no wire does."""

import contextlib
import pathlib
import re
import shutil
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
SPACE, OURS, THEIRS = "rauc-bench", "rauc-bench0", "rauc-bench1"
CLIENT, SERVER = "10.213.77.1", "10.213.77.2"  # of nobody else: a link of two
CONF = """\
daemon off; worker_processes 1; user root; pid {work}/pid; error_log {work}/error.log warn;
events {{ worker_connections 256; }}
http {{
    log_format asked '$server_protocol|$http_range|$status|$body_bytes_sent';
    access_log {work}/access.log asked;
    client_body_temp_path {work}/1; proxy_temp_path {work}/2; fastcgi_temp_path {work}/3;
    uwsgi_temp_path {work}/4; scgi_temp_path {work}/5;
    default_type application/octet-stream;
    root {root};
    sendfile on;
    ssl_certificate {work}/server.pem; ssl_certificate_key {work}/server.key;
    server {{ listen {address}:80; }}
    server {{ listen {address}:443 ssl http2; }}
}}
"""


def run(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = (done.stderr + done.stdout).strip().splitlines()
        raise RuntimeError(f"{' '.join(map(str, words))}: {said[-1] if said else done.returncode}")
    return done.stdout


def has_netem():
    """Of the kernel this runs on, tried in a namespace that nobody sees."""
    script = "ip link add x type veth peer name y && tc qdisc add dev x root netem delay 1ms"
    return subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True).returncode == 0


class Link:
    """with Link(work, root) as link: files of root are at link.url(...); certificate: link.ca."""

    def __init__(self, work, root):
        self.work, self.root, self.process, self.wire = pathlib.Path(work), root, None, None
        self.ca = self.work / "server.pem"

    def __enter__(self):
        try:
            self.connect()
            self.serve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in (self.process, self.wire):
            if process:
                process.terminate()
                process.wait()
        for words in (("link", "del", OURS), ("netns", "del", SPACE)):
            subprocess.run(["ip", *words], capture_output=True)

    def connect(self):
        for module in ("veth", "sch_netem"):
            subprocess.run(["modprobe", "-q", module], capture_output=True)  # built in, or not there: seen below
        run("ip", "netns", "add", SPACE)
        if has_netem():
            run("ip", "link", "add", OURS, "type", "veth", "peer", "name", THEIRS, "netns", SPACE)
        else:
            self.lay_wire()
        for inside, name, address in (([], OURS, CLIENT), (["-n", SPACE], THEIRS, SERVER)):
            run("ip", *inside, "addr", "add", f"{address}/30", "dev", name)
            run("ip", *inside, "link", "set", name, "up", "gso_max_segs", "1")
        run("ip", "-n", SPACE, "link", "set", "lo", "up")

    def lay_wire(self):
        program = self.work / "wire"
        run("cc", "-O2", "-pthread", "-o", program, HERE / "wire.c")
        for name in (OURS, THEIRS):
            run("ip", "tuntap", "add", "dev", name, "mode", "tun")
            run("ip", "link", "set", name, "txqueuelen", "20000")  # what waits for wire.c is not to be lost
        run("ip", "link", "set", THEIRS, "netns", SPACE)
        self.wire = subprocess.Popen([program, OURS, SPACE, THEIRS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.tell_wire(0, 0)

    def tell_wire(self, delay_us, loss_percent):
        self.wire.stdin.write(f"{delay_us:.0f} {loss_percent}\n")
        self.wire.stdin.flush()
        if self.wire.stdout.readline().strip() != "ok":
            raise RuntimeError("the wire does not answer")

    def serve(self):
        if not NGINX:
            raise RuntimeError("nginx is not installed")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=bench", "-addext", f"subjectAltName=IP:{SERVER}", "-keyout", self.work / "server.key", "-out", self.ca)
        self.ca.chmod(0o644)
        (self.work / "nginx.conf").write_text(CONF.format(work=self.work, root=self.root, address=SERVER))
        self.process = subprocess.Popen(["ip", "netns", "exec", SPACE, NGINX, "-p", self.work, "-c", self.work / "nginx.conf"],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection((SERVER, 443), 1):
                return
            if self.process.poll() is not None:
                raise RuntimeError("nginx: " + (self.work / "error.log").read_text().strip())
            time.sleep(0.05)
        raise RuntimeError("nginx does not answer")

    def shape(self, rtt_ms, loss_percent):
        """Half of the round trip and the loss in each direction."""
        if self.wire:
            self.tell_wire(rtt_ms * 500, loss_percent)
            return
        for inside, name in (([], OURS), (["-n", SPACE], THEIRS)):
            subprocess.run(["tc", *inside, "qdisc", "del", "dev", name, "root"], capture_output=True)
            if rtt_ms or loss_percent:
                # nothing may be dropped for want of room: that would be another loss
                run("tc", *inside, "qdisc", "add", "dev", name, "root", "netem", "limit", "200000",
                    "delay", f"{rtt_ms / 2}ms", "loss", f"{loss_percent}%")

    @staticmethod
    def url(name, http2):
        return f"{'https' if http2 else 'http'}://{SERVER}/{name}"

    @staticmethod
    def received():
        """Bytes that came over the wire, with all headers."""
        return int(pathlib.Path(f"/sys/class/net/{OURS}/statistics/rx_bytes").read_text())

    def forget(self):
        (self.work / "access.log").write_text("")

    def asked(self):
        """(protocol, range, status, bytes of the body) of each request since forget()."""
        lines = (self.work / "access.log").read_text().splitlines()
        found = [re.fullmatch(r"([^|]*)\|([^|]*)\|(\d+)\|(\d+)", line) for line in lines]
        return [(m[1], m[2], int(m[3]), int(m[4])) for m in found if m]
