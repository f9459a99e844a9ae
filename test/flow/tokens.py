# SPDX-License-Identifier: MIT
"""PKCS#11 tokens for the tests: SoftHSM in a folder, and test/crypto/pkcs11_shim.c before it, which fails where it shall."""

import pathlib
import subprocess
from urllib.parse import quote

SOFTHSM = pathlib.Path("/usr/lib/softhsm/libsofthsm2.so")
SHIM = pathlib.Path(__file__).resolve().parents[1] / "crypto" / "pkcs11_shim.c"
PIN = "24681357"  # nothing else in a test looks like it

TYPES = {
    "rsa2048": ("rsa:2048", []),
    "rsa3072": ("rsa:3072", []),
    "p256": ("EC:prime256v1", ["--usage-derive"]),
    "p384": ("EC:secp384r1", ["--usage-derive"]),
}


def run(*args, env=None):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
    return done.stdout


class Hsm:
    """A folder of tokens. The keys are made inside, as one does with an HSM, and never leave it."""

    def __init__(self, folder, ca):
        self.folder, self.ca = folder, ca
        (folder / "tokens").mkdir(parents=True)
        self.conf = folder / "softhsm2.conf"
        self.conf.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.certs = {}
        self.n = 0
        self.token("release")

    @property
    def env(self):
        return {"SOFTHSM2_CONF": str(self.conf), "RAUC_PKCS11_MODULE": str(SOFTHSM), "RAUC_PKCS11_PIN": PIN}

    def tool(self, *args):
        return run(*args, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self.env, "PKCS11_MODULE_PATH": str(SOFTHSM)})

    def pkcs11(self, *args, token="release"):
        return self.tool("pkcs11-tool", "--module", SOFTHSM, "--token-label", token, "--login", "--pin", PIN, *args)

    def token(self, label):
        self.tool("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "87654321")

    def url(self, label, token="release", **more):
        return f"pkcs11:token={token};object={quote(label)}" + "".join(f";{k}={v}" for k, v in more.items())

    def key(self, label, kind, token="release"):
        """Make a key pair in the token and a certificate for it, in the token and in a file: its path."""
        self.n += 1
        number = f"{self.n:02x}"
        size, usage = TYPES[kind]
        self.pkcs11("--keypairgen", "--key-type", size, "--label", label, "--id", number, *usage, token=token)
        request, cert = self.folder / f"{label}.csr", self.folder / f"{label}.pem"
        self.tool("openssl", "req", "-new", "-engine", "pkcs11", "-keyform", "engine", "-key",
                  f"{self.url(label, token)};type=private?pin-value={PIN}", "-config", self.ca.folder / "ca.conf",
                  "-subj", f"/O=Test/CN={label}", "-out", request)
        run("openssl", "x509", "-req", "-in", request, "-CA", self.ca.cert, "-CAkey", self.ca.key, "-set_serial",
            1000 + self.n, "-days", "3650", "-extfile", self.ca.folder / "ca.conf", "-extensions", "ext_leaf", "-out", cert)
        self.put(cert, label, number, token)
        self.certs[label] = cert
        return cert

    def put(self, cert, label, number, token="release"):
        der = self.folder / "cert.der"
        run("openssl", "x509", "-in", cert, "-outform", "DER", "-out", der)
        self.pkcs11("--write-object", der, "--type", "cert", "--label", label, "--id", number, token=token)

    def shim(self, fail=None, flags=None, log=None, gone=None):
        """The environment in which a token goes wrong at a certain call."""
        library = self.folder / "shim.so"
        if not library.exists():
            run("gcc", "-shared", "-fPIC", "-O1", "-o", library, SHIM)
        more = {"SHIM_FAIL": fail, "SHIM_FLAGS": flags, "SHIM_LOG": log and str(log),
                "SHIM_GONE": gone and str(gone)}
        return {**self.env, "SHIM_MODULE": str(SOFTHSM), "RAUC_PKCS11_MODULE": str(library),
                **{k: v for k, v in more.items() if v}}
