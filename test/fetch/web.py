# SPDX-License-Identifier: MIT
"""Debian's nginx as a server of bundles, and certificates for it."""

import shutil
import ssl
import subprocess
import time
from urllib.request import urlopen

import server as faults

CONF = """
daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log warn;
events {{ worker_connections 64; }}
http {{
    access_log {dir}/access.log combined;
    client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3;
    uwsgi_temp_path {dir}/4; scgi_temp_path {dir}/5;
    root {dir}/www;
    log_format who '$server_protocol $connection "$http_range" $status $body_bytes_sent $remote_user';
    access_log {dir}/who.log who;
    ssl_certificate {dir}/server.pem; ssl_certificate_key {dir}/server.key;
    server {{ listen 127.0.0.1:{plain};
        location /slow/ {{ alias {dir}/www/; limit_rate 200k; }}
        location /secret/ {{ alias {dir}/www/; auth_basic x; auth_basic_user_file {dir}/users; }}
    }}
    server {{ listen 127.0.0.1:{tls} ssl http2; http2_max_concurrent_streams 32; }}
    server {{ listen 127.0.0.1:{mutual} ssl http2; ssl_client_certificate {dir}/ca.pem; ssl_verify_client on; }}
}}
"""


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def make_pki(folder):
    """ca.pem, and for 127.0.0.1 server.pem, for a client client.pem, with their keys."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=Test CA",
            "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
    for name, more in (("server", "subjectAltName=IP:127.0.0.1,DNS:localhost"), ("client", "extendedKeyUsage=clientAuth")):
        (folder / f"{name}.ext").write_text(more + "\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr")
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
                "-days", "2", "-extfile", folder / f"{name}.ext", "-out", folder / f"{name}.pem")


def tls_context(folder):
    """For server.Server: TLS with the certificate of make_pki()."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


class Nginx:
    """Serves folder/www: plainly, over TLS with HTTP/2, and to those with a certificate. /slow/ is slow, /secret/ for a:b."""

    def __init__(self, folder):
        self.folder = folder
        self.plain, self.tls, self.mutual = (faults.free_port() for _ in range(3))
        (folder / "www").mkdir(exist_ok=True)
        (folder / "users").write_text("a:{PLAIN}b\n")
        (folder / "nginx.conf").write_text(CONF.format(dir=folder, plain=self.plain, tls=self.tls, mutual=self.mutual))
        self.process = None

    def __enter__(self):
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        self.process = subprocess.Popen([nginx, "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log"],
                                        stdin=subprocess.DEVNULL)
        for _ in range(500):
            try:
                urlopen(f"http://127.0.0.1:{self.plain}/none").close()
            except OSError as error:
                if getattr(error, "code", None) == 404:
                    return self
                if self.process.poll() is not None:
                    break
                time.sleep(0.02)
        raise RuntimeError("nginx does not start: " + (self.folder / "error.log").read_text())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def requests(self):
        """(protocol, connection, range, status, bytes, user) of each request that has ended."""
        lines = (self.folder / "who.log").read_text().splitlines()
        return [tuple(line.replace('"', "").split(" ")) for line in lines if "bytes=" in line]
