# SPDX-License-Identifier: MIT
"""A client key that never leaves its PKCS#11 token: SoftHSM, and nginx that lets in only who has it."""

import os
import pathlib
import re
import shutil

import pytest

import bundles
import pki as authorities
import tokens
import webserver

SIZE = 2 * bundles.MIB


def open_to_all(folder):
    """rauc-fetch is nobody."""
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.geteuid() and str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o055)


@pytest.fixture(scope="module")
def hsm(tmp_path_factory, pki):
    for path, package in ((tokens.SOFTHSM, "softhsm2"), ("pkcs11-tool", "opensc")):
        if not (path.exists() if isinstance(path, pathlib.Path) else shutil.which(path)):
            pytest.skip(f"{path} is not installed ({package})")
    if not list(pathlib.Path("/usr/lib").glob("*/engines-3/pkcs11.so")):
        pytest.skip("OpenSSL's engine for PKCS#11 is not installed (libengine-pkcs11-openssl)")
    made = tokens.Hsm(tmp_path_factory.mktemp("hsm"), pki.ec_ca)
    made.key("client", "p256")
    made.key("rsa", "rsa2048")
    open_to_all(made.folder)
    for folder, _, names in os.walk(made.folder):
        pathlib.Path(folder).chmod(0o755)
        for name in names:
            pathlib.Path(folder, name).chmod(0o644)
    return made


@pytest.fixture(params=["http1", "http2"])
def server(request, tmp_path_factory, pki, maker, fetcher):
    if not webserver.NGINX:
        pytest.skip("nginx is not installed")
    site, work = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("nginx")
    shutil.copy(maker.simple(SIZE, 31), site / "good.raucb")
    (site / "good.raucb").chmod(0o644)
    key, cert = work / "key.pem", work / "cert.pem"
    authorities.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "30",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    cert.chmod(0o644)
    open_to_all(site)
    open_to_all(work)
    made = webserver.Nginx(work, site, tls=(cert, key), client_ca=pki.ec_ca.cert, http2=request.param == "http2")
    made.ca = cert
    yield made.start()
    made.stop()


def configure(device, server, key, cert):
    device.change("streaming", tls_ca=server.ca, tls_key=key, tls_cert=cert)


PIN = f"?pin-value={tokens.PIN}"


@pytest.mark.parametrize("kind", ["client", "rsa"])
def test_install(server, device, hsm, kind):
    """Key and certificate in the token, or the certificate in a file; for who has neither the server has nothing."""
    url = f"{server.url}/good.raucb"
    refused = device.call("install", "--tls-ca", server.ca, url)
    assert refused.code == 1 and device.chosen() == "A", refused.text
    configure(device, server, hsm.url(kind), hsm.url(kind) if kind == "client" else hsm.certs[kind])
    done = device.ok("install", url, env=hsm.env)
    assert device.content("rootfs.1", SIZE) == bundles.image(SIZE, 31) and device.chosen() == "B"
    assert tokens.PIN not in done.text
    assert [a.status for a in server.asked() if a.status == 206], server.asked()


PINS = {
    "environment": ("", {}),
    "url": (PIN, {"RAUC_PKCS11_PIN": ""}),
    "source": ("?pin-source=file:{0}/pin", {"RAUC_PKCS11_PIN": ""}),
}


@pytest.mark.parametrize("server", ["http1"], indirect=True)
@pytest.mark.parametrize("name", PINS)
def test_pin(server, device, hsm, name):
    query, env = PINS[name]
    (hsm.folder / "pin").write_text(tokens.PIN)
    (hsm.folder / "pin").chmod(0o644)
    url = hsm.url("client") + query.format(hsm.folder)
    device.ok("info", "--tls-ca", server.ca, "--tls-key", url, "--tls-cert", url, f"{server.url}/good.raucb",
              env={**hsm.env, **env})


WRONG = {
    "pin": ("pkcs11:token=release;object=client?pin-value=wrong-pin", {"RAUC_PKCS11_PIN": ""}),
    "no-pin": ("pkcs11:token=release;object=client", {"RAUC_PKCS11_PIN": ""}),
    "object": ("pkcs11:token=release;object=gone" + PIN, {}),
    "token": ("pkcs11:token=gone;object=client" + PIN, {}),
    "module": ("pkcs11:token=release;object=client" + PIN, {"RAUC_PKCS11_MODULE": "/nonexistent.so"}),
}


@pytest.mark.parametrize("server", ["http1"], indirect=True)
@pytest.mark.parametrize("name", WRONG)
def test_wrong(server, device, hsm, name):
    """Final, at once (a token locks itself after some wrong PINs), in one line without the PIN."""
    key, env = WRONG[name]
    configure(device, server, key, hsm.certs["client"])
    done = device.call("--debug", "install", f"{server.url}/good.raucb", env={**hsm.env, **env})
    assert done.code == 1 and device.chosen() == "A", done.text
    assert re.search("(?m)^installing .*: tls-cert or tls-key cannot be used: .*token", done.err), done.text
    assert tokens.PIN not in done.text and "wrong-pin" not in done.text and "next try" not in done.err, done.text
