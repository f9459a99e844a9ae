# SPDX-License-Identifier: MIT
"""Certificates for the tests: small authorities made with openssl, each identity once a session."""

import datetime
import functools
import pathlib
import subprocess
from dataclasses import dataclass

CONF = """
[ca]
default_ca = this
[this]
dir = .
database = index.txt
new_certs_dir = .
rand_serial = yes
certificate = ca.cert.pem
private_key = ca.key.pem
default_md = sha256
default_days = 3650
default_crl_days = 3650
unique_subject = no
policy = any
[any]
organizationName = optional
commonName = supplied
[req]
distinguished_name = empty
[empty]
[ext_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[ext_leaf]
basicConstraints = CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[ext_codesign]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,codeSigning
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[ext_mail]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = emailProtection
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""

KEYS = {
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
}


@dataclass(frozen=True)
class Identity:
    cert: pathlib.Path
    key: pathlib.Path
    chain: tuple = ()  # intermediate certificates, nearest first


def openssl(*args, cwd=None):
    done = subprocess.run(["openssl", *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"openssl {args}: {done.stderr}"
    return done.stdout


def moment(days):
    """Days from now, as openssl ca wants it."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return when.strftime("%Y%m%d%H%M%SZ")


class Ca:
    def __init__(self, folder, kind="rsa", subject="/O=Test/CN=Root", parent=None):
        self.folder, self.kind, self.parent = folder, kind, parent
        folder.mkdir()
        (folder / "index.txt").touch()
        (folder / "crlnumber").write_text("01\n")
        (folder / "ca.conf").write_text(CONF)
        self.cert = folder / "ca.cert.pem"
        self.key = folder / "ca.key.pem"
        if parent:
            made = parent.issue("ca-" + folder.name, ext="ext_ca", subject=subject, start=-3000, kind=kind)
            self.cert.write_bytes(made.cert.read_bytes())
            self.key.write_bytes(made.key.read_bytes())
            return
        openssl("genpkey", *KEYS[kind], "-out", self.key)
        openssl("req", "-new", "-key", self.key, "-out", "ca.csr.pem", "-subj", subject, "-config", "ca.conf", cwd=folder)
        openssl("ca", "-batch", "-notext", "-selfsign", "-config", "ca.conf", "-extensions", "ext_ca", "-startdate",
                moment(-3000), "-enddate", moment(7300), "-in", "ca.csr.pem", "-out", self.cert, cwd=folder)

    def issue(self, name, ext="ext_leaf", subject=None, start=-1, end=3650, kind=None):
        """An identity that is valid from `start` to `end` days from now."""
        key, request, cert = (self.folder / f"{name}.{part}.pem" for part in ("key", "csr", "cert"))
        openssl("genpkey", *KEYS[kind or self.kind], "-out", key)
        openssl("req", "-new", "-key", key, "-out", request, "-subj", subject or f"/O=Test/CN={name}",
                "-config", "ca.conf", cwd=self.folder)
        openssl("ca", "-batch", "-notext", "-config", "ca.conf", "-extensions", ext, "-startdate", moment(start),
                "-enddate", moment(end), "-in", request, "-out", cert, cwd=self.folder)
        return Identity(cert, key, (self.cert,) if self.parent else ())

    def revoke(self, identity):
        openssl("ca", "-config", "ca.conf", "-revoke", identity.cert, cwd=self.folder)

    def crl(self):
        openssl("ca", "-config", "ca.conf", "-gencrl", "-out", "crl.pem", cwd=self.folder)
        return self.folder / "crl.pem"


class Pki:
    """What the tests ask for, made when it is first asked for."""

    def __init__(self, folder):
        self.folder = folder

    @functools.cached_property
    def rsa_ca(self):
        return Ca(self.folder / "rsa")

    @functools.cached_property
    def ec_ca(self):
        return Ca(self.folder / "ec", kind="ec")

    @functools.cached_property
    def rogue_ca(self):
        """The subject of rsa_ca with another key."""
        return Ca(self.folder / "rogue", kind="ec")

    @functools.cached_property
    def middle_ca(self):
        return Ca(self.folder / "middle", kind="ec", subject="/O=Test/CN=Middle", parent=self.ec_ca)

    @functools.cached_property
    def rsa(self):
        return self.rsa_ca.issue("signer")

    @functools.cached_property
    def ec(self):
        return self.ec_ca.issue("signer")

    @functools.cached_property
    def rogue(self):
        return self.rogue_ca.issue("signer")

    @functools.cached_property
    def middle(self):
        return self.middle_ca.issue("signer")

    @functools.cached_property
    def codesign(self):
        return self.ec_ca.issue("codesign", ext="ext_codesign")

    @functools.cached_property
    def mail(self):
        return self.ec_ca.issue("mail", ext="ext_mail")

    @functools.cached_property
    def expired(self):
        return self.ec_ca.issue("expired", start=-400, end=-30)

    @functools.cached_property
    def future(self):
        return self.ec_ca.issue("future", start=30, end=400)

    @functools.cached_property
    def revoked(self):
        made = self.ec_ca.issue("revoked")
        self.ec_ca.revoke(made)
        return made

    @functools.cached_property
    def encrypted(self):
        """ec with its key behind the passphrase "secret"."""
        key = self.folder / "encrypted.key.pem"
        openssl("pkey", "-in", self.ec.key, "-aes256", "-passout", "pass:secret", "-out", key)
        return Identity(self.ec.cert, key)

    def keyring(self, *parts):
        """A keyring of these PEM files."""
        name = "keyring-" + "-".join(f"{p.parent.name}.{p.stem}" for p in parts) + ".pem"
        path = self.folder / name
        path.write_bytes(b"".join(p.read_bytes() for p in parts))
        return path

    @functools.cached_property
    def ring(self):
        return self.keyring(self.rsa_ca.cert, self.ec_ca.cert)

    @functools.cached_property
    def crl_ring(self):
        """ec_ca and middle_ca with their CRLs; `revoked` is on one of them."""
        assert self.revoked
        return self.keyring(self.ec_ca.cert, self.ec_ca.crl(), self.middle_ca.crl())
