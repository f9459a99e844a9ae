# SPDX-License-Identifier: MIT
"""The certificates of this folder, made once: they are valid from 2015 to 2074, or it is their point not to be."""

import pathlib
import subprocess

CONF = """
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
crlnumber = crlnumber
rand_serial = yes
default_md = sha256
default_crl_days = 30
unique_subject = no
policy = any
copy_extensions = none
[any]
organizationName = optional
commonName = supplied
[req]
distinguished_name = empty
[empty]
[ca_]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[ca_end]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[ca_no_certs]
basicConstraints = critical,CA:TRUE
keyUsage = critical,cRLSign
subjectKeyIdentifier = hash
[ca_names]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
nameConstraints = critical,permitted;dirName:only
[only]
O = Somebody else
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
authorityKeyIdentifier = keyid
[mail]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = emailProtection
[server]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
[encipher]
basicConstraints = CA:FALSE
keyUsage = critical,keyEncipherment
[unknown]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
1.3.6.1.4.1.99999.1 = critical,DER:0500
"""
LONG = ("20150101000000Z", "20740101000000Z")
PAST = ("20150101000000Z", "20160101000000Z")
FUTURE = ("20730101000000Z", "20740101000000Z")


def openssl(*args, cwd=None, data=None):
    done = subprocess.run(["openssl", *map(str, args)], cwd=cwd, input=data, capture_output=True)
    assert done.returncode == 0, f"openssl {args}: {done.stderr.decode()}"
    return done.stdout


class Authority:
    """Issues into one folder: <name>.pem and <name>.key.pem."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        (self.folder / "ca.conf").write_text(CONF)
        for name in ("index.txt", "index.txt.attr"):
            (self.folder / name).touch()
        (self.folder / "crlnumber").write_text("01\n")

    def cert(self, name):
        return self.folder / f"{name}.pem"

    def key(self, name):
        return self.folder / f"{name}.key.pem"

    def issue(self, name, issuer=None, ext="leaf", days=LONG, cn=None, kind="ec"):
        """A key and its certificate; without an issuer it is signed by itself."""
        how = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else [
            "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        openssl("genpkey", *how, "-out", self.key(name))
        openssl("req", "-new", "-config", "ca.conf", "-key", self.key(name), "-subj", f"/O=TEST ONLY/CN={cn or name}", "-out",
                "request", cwd=self.folder)
        signer = ["-selfsign", "-keyfile", self.key(name)] if not issuer else [
            "-cert", self.cert(issuer), "-keyfile", self.key(issuer)]
        openssl("ca", "-batch", "-notext", "-config", "ca.conf", *signer, "-extensions", ext, "-startdate", days[0], "-enddate",
                days[1], "-in", "request", "-out", self.cert(name), cwd=self.folder)

    def crl(self, name, issuer, update=LONG, revoke=()):
        for revoked in revoke:
            openssl("ca", "-config", "ca.conf", "-cert", self.cert(issuer), "-keyfile", self.key(issuer), "-revoke",
                    self.cert(revoked), cwd=self.folder)
        openssl("ca", "-config", "ca.conf", "-cert", self.cert(issuer), "-keyfile", self.key(issuer), "-gencrl", "-crl_lastupdate",
                update[0], "-crl_nextupdate", update[1], "-out", self.folder / f"{name}.crl.pem", cwd=self.folder)
        return self.folder / f"{name}.crl.pem"

    def ring(self, name, *parts):
        (self.folder / f"{name}.ring.pem").write_bytes(b"".join(pathlib.Path(part).read_bytes() for part in parts))

    def clean(self):
        for path in self.folder.iterdir():
            if not path.name.endswith(".pem") or path.name[:-4].isupper():
                path.unlink()
            elif path.name.removesuffix(".pem").isalnum() and len(path.stem) == 40:
                path.unlink()
