# SPDX-License-Identifier: MIT
"""Bundles signed with keys in a PKCS#11 token, and everything that can be wrong with one. The token is SoftHSM's; openssl
and Debian's rauc judge, and sign for us to judge."""

import pathlib
import re
import shutil
import subprocess

import pytest

import bundles
import bus as buses
import device as devices
import tokens
from test_bad_input import assert_one_line, snapshot
from test_cli import on_terminal
from test_client import client

FORMATS = ["plain", "verity"]


@pytest.fixture(scope="module")
def hsm(tmp_path_factory, pki):
    for path, package in ((tokens.SOFTHSM, "softhsm2"), ("pkcs11-tool", "opensc"), ("gcc", "gcc")):
        if not (path.exists() if isinstance(path, pathlib.Path) else shutil.which(path)):
            pytest.skip(f"{path} is not installed ({package})")
    if not list(pathlib.Path("/usr/lib").glob("*/engines-3/pkcs11.so")):
        pytest.skip("OpenSSL's engine for PKCS#11 is not installed (libengine-pkcs11-openssl)")
    made = tokens.Hsm(tmp_path_factory.mktemp("hsm"), pki.ec_ca)
    for kind in tokens.TYPES:
        made.key(kind, kind)
    return made


@pytest.fixture
def content(tmp_path):
    """A new input folder at each call; Debian's rauc writes into it."""
    made = []

    def make(fmt="verity"):
        folder = tmp_path / f"content-{len(made)}"
        folder.mkdir()
        (folder / "rootfs.img").write_bytes(bundles.image(bundles.MIB, 5))
        (folder / "manifest.raucm").write_text(bundles.input_manifest({"rootfs": "rootfs.img"}, fmt))
        made.append(folder)
        return folder
    return make


def sign(program, hsm, content, out, key, cert, fmt="verity", env=None):
    result = devices.run(program, "bundle", "--cert", cert, "--key", key, content(fmt), out, env={**hsm.env, **(env or {})})
    assert result.code == 0, result.text
    return result


def spki(cert):
    """As rauc prints it."""
    public = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-pubkey"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, capture_output=True, check=True).stdout
    digest = bundles.sha256(der).upper()
    return ":".join(digest[i:i + 2] for i in range(0, len(digest), 2))


def assert_signed(program, hsm, bundle, kind, fmt):
    """`program` finds the signer; so does openssl in the signature itself."""
    ca = hsm.ca.cert
    shown = devices.run(program, "info", "--keyring", ca, bundle)
    assert shown.code == 0, shown.text
    assert re.search(rf"0 Subject: O = Test, CN = {kind}\n", shown.out), shown.text
    assert f"SPKI sha256: {spki(hsm.certs[kind])}\n" in shown.out
    payload, signature = bundles.disassemble(bundle.read_bytes())
    folder = bundle.parent
    (folder / "cms").write_bytes(signature)
    (folder / "payload").write_bytes(payload)
    detached = ["-content", folder / "payload"] if fmt == "plain" else []
    tokens.run("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", folder / "cms", "-CAfile", ca, *detached,
               "-out", folder / "said")
    signed = (folder / "said").read_bytes()
    assert signed == payload if fmt == "plain" else b"verity-hash=" in signed


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("kind", tokens.TYPES)
def test_signed_in_the_token(rauc, debian, hsm, content, tmp_path, kind, fmt):
    out = tmp_path / "out.raucb"
    sign(rauc, hsm, content, out, hsm.url(kind), hsm.url(kind), fmt)
    for judge in (rauc, debian):
        assert_signed(judge, hsm, out, kind, fmt)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("kind", tokens.TYPES)
def test_certificate_in_a_file(rauc, debian, hsm, content, tmp_path, kind, fmt):
    out = tmp_path / "out.raucb"
    sign(rauc, hsm, content, out, hsm.url(kind, type="private"), hsm.certs[kind], fmt)
    for judge in (rauc, debian):
        assert_signed(judge, hsm, out, kind, fmt)


def test_key_in_a_file(rauc, pki, hsm, content, tmp_path):
    """The other way round: a certificate that is published in a token."""
    hsm.put(pki.rsa.cert, "published", "f0")
    out = tmp_path / "out.raucb"
    sign(rauc, hsm, content, out, pki.rsa.key, hsm.url("published"), env={"RAUC_PKCS11_PIN": ""})
    shown = devices.run(rauc, "info", "--keyring", pki.ring, out)
    assert shown.code == 0 and spki(pki.rsa.cert) in shown.out


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("kind", tokens.TYPES)
def test_debians_rauc_with_the_same_token(rauc, debian, hsm, content, tmp_path, kind, fmt):
    out = tmp_path / "out.raucb"
    sign(debian, hsm, content, out, hsm.url(kind), hsm.url(kind), fmt)
    assert_signed(rauc, hsm, out, kind, fmt)


def test_intermediate_in_the_token(rauc, debian, pki, hsm, content, tmp_path):
    hsm.put(pki.middle_ca.cert, "middle", "f1")
    signer = pki.middle_ca.issue("below")
    out = tmp_path / "out.raucb"
    result = devices.run(rauc, "bundle", "--cert", signer.cert, "--key", signer.key, "--intermediate", hsm.url("middle"),
                         content(), out, env=hsm.env)
    assert result.code == 0, result.text
    for judge in (rauc, debian):
        shown = devices.run(judge, "info", "--keyring", pki.ec_ca.cert, out)
        assert shown.code == 0 and "CN = Middle" in shown.out, shown.text


def test_result_is_verified(rauc, hsm, pki, content, tmp_path):
    out = tmp_path / "out.raucb"
    args = ["bundle", "--cert", hsm.url("p256"), "--key", hsm.url("p256"), "--signing-keyring"]
    assert devices.run(rauc, *args, hsm.ca.cert, content(), out, env=hsm.env).code == 0
    folder = content()
    before = snapshot(tmp_path)
    refused = devices.run(rauc, *args, pki.rsa_ca.cert, folder, tmp_path / "other.raucb", env=hsm.env)
    assert refused.code == 1 and "signature verification failed" in refused.err, refused.text
    assert snapshot(tmp_path) == before


def test_installed(rauc, hsm, content, make_device, tmp_path):
    """All the way: what the token signed, a device installs."""
    out = tmp_path / "out.raucb"
    sign(rauc, hsm, content, out, hsm.url("p384"), hsm.url("p384"))
    device = make_device(keyring=hsm.ca.cert)
    result = device.install(out)
    assert result.code == 0, result.text


PINS = {
    "environment": ("", {}),
    "url": (f"?pin-value={tokens.PIN}", {"RAUC_PKCS11_PIN": "wrong"}),
    "source": ("?pin-source=file:{0}/pin", {"RAUC_PKCS11_PIN": ""}),
}


@pytest.mark.parametrize("name", PINS)
def test_pin(rauc, hsm, content, tmp_path, name):
    query, env = PINS[name]
    (tmp_path / "pin").write_text(tokens.PIN + "\n")
    sign(rauc, hsm, content, tmp_path / "out.raucb", hsm.url("p256") + query.format(tmp_path), hsm.url("p256"), env=env)


def test_without_module(rauc, hsm, content, tmp_path):
    """p11-kit knows the modules of the machine."""
    if not list(pathlib.Path("/usr/lib").glob("*/p11-kit-proxy.so")):
        pytest.skip("p11-kit's module of all modules is not installed (p11-kit-modules)")
    if not pathlib.Path("/usr/share/p11-kit/modules/softhsm2.module").exists():
        pytest.skip("SoftHSM did not register with p11-kit")
    sign(rauc, hsm, content, tmp_path / "out.raucb", hsm.url("p256"), hsm.url("p256"), env={"RAUC_PKCS11_MODULE": ""})


def fails(rauc, hsm, content, tmp_path, reason, key=None, cert=None, env=None, fmt="verity"):
    """One clear line without the PIN in it, also with --debug, and nothing left behind."""
    folder = content(fmt)
    before = snapshot(tmp_path)
    args = ["--cert", cert or hsm.url("p256"), "--key", key or hsm.url("p256"), folder, tmp_path / "bad.raucb"]
    result = devices.run(rauc, "bundle", *args, env={**hsm.env, **(env or {})})
    assert_one_line(result, "^Failed to create bundle: .*" + reason)
    told = devices.run(rauc, "--debug", "bundle", *args, env={**hsm.env, **(env or {})})
    for text in (result.text, told.text):
        assert tokens.PIN not in text and "wrong-pin" not in text, text
    assert snapshot(tmp_path) == before, "something was left behind or changed"
    return result


WRONG = {
    "no-module": ({}, {"RAUC_PKCS11_MODULE": "/nonexistent.so"}, r"RAUC_PKCS11_MODULE.*/nonexistent.so.*No such file"),
    "no-pkcs11-module": ({}, {"RAUC_PKCS11_MODULE": "libc.so.6"}, "libc.so.6 is not a PKCS#11 module"),
    "no-engine": ({}, {"OPENSSL_ENGINES": "/nonexistent"}, r"OpenSSL has no .*libengine-pkcs11-openssl"),
    "module-does-not-start": ({}, {"SOFTHSM2_CONF": "/nonexistent"}, "does not start"),
    "no-token": ({"key": "pkcs11:token=gone;object=p256"}, {}, "no token matches pkcs11:token=gone;object=p256.*'release'"),
    "no-key": ({"key": "pkcs11:token=release;object=gone"}, {}, "no private key matches .*object=gone in token 'release'"),
    "no-certificate": ({"cert": "pkcs11:token=release;object=gone"}, {}, "no certificate matches .*in token 'release'"),
    "no-pin": ({}, {"RAUC_PKCS11_PIN": ""}, "token 'release' needs a PIN: set it in RAUC_PKCS11_PIN"),
    "wrong-pin": ({}, {"RAUC_PKCS11_PIN": "wrong-pin"}, "cannot log in to token 'release': wrong PIN"),
    "wrong-pin-in-url": ({"key": "pkcs11:token=release;object=p256?pin-value=wrong-pin"}, {}, "wrong PIN"),
    "several": ({"cert": "pkcs11:token=release"}, {}, r"[0-9]+ objects match pkcs11:token=release: .*say which one"),
    "several-keys": ({"key": "pkcs11:token=release"}, {}, r"[0-9]+ objects match pkcs11:token=release: .*say which one"),
    "mismatch": ({"key": "pkcs11:token=release;object=p384"}, {},
                 "key pkcs11:token=release;object=p384 does not belong to certificate pkcs11:token=release;object=p256"),
    "malformed": ({"key": "pkcs11:token:release"}, {}, "pkcs11:token:release is not a valid PKCS#11 URL: "),
    "malformed-with-pin": ({"key": f"pkcs11:tokn=release?pin-value={tokens.PIN}"}, {}, "unknown attribute 'tokn'"),
    "pin-before-the-question-mark": ({"key": f"pkcs11:token=release;pin-value={tokens.PIN}"}, {}, "unknown attribute"),
    "pin-source-missing": ({"key": "pkcs11:token=release;object=p256?pin-source=/nonexistent"}, {}, "pin-source.*No such file"),
    "certificate-as-key": ({"key": "pkcs11:token=release;object=p256;type=cert"}, {}, "type=private is needed here"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(rauc, hsm, content, tmp_path, name):
    args, env, reason = WRONG[name]
    fails(rauc, hsm, content, tmp_path, reason, env=env, **args)


def test_mismatch_with_a_file(rauc, hsm, pki, content, tmp_path):
    fails(rauc, hsm, content, tmp_path, "does not belong to certificate .*: key values mismatch", cert=pki.ec.cert)
    fails(rauc, hsm, content, tmp_path, "does not belong to certificate .*: key type mismatch", cert=pki.rsa.cert)


def test_keyring_cannot_be_in_a_token(rauc, maker, hsm):
    url = f"pkcs11:token=release?pin-value={tokens.PIN}"
    result = devices.run(rauc, "info", "--keyring", url, maker.simple(), env=hsm.env)
    assert_one_line(result, r"pkcs11:token=release\?\*\*\*: this must be a PEM file")
    assert tokens.PIN not in result.text


def test_several_of_one_name(rauc, hsm, content, tmp_path, tmp_path_factory, pki):
    """Two keys with one label: never just any of them. Their numbers tell them apart."""
    twins = tokens.Hsm(tmp_path_factory.mktemp("twins"), pki.ec_ca)
    twins.key("twin", "p256")
    first = twins.certs["twin"].read_bytes()
    twins.pkcs11("--keypairgen", "--key-type", "rsa:2048", "--label", "twin", "--id", "7f")
    fails(rauc, twins, content, tmp_path, "2 objects match .*id=%01.*say which one", key=twins.url("twin"),
          cert=twins.url("twin"))
    sign(rauc, twins, content, tmp_path / "out.raucb", twins.url("twin", id="%01"), twins.url("twin"))
    assert_signed(rauc, twins, tmp_path / "out.raucb", "twin", "verity")
    assert twins.certs["twin"].read_bytes() == first


def calls(log):
    return log.read_text().split() if log.exists() else []


def test_wrong_pin_is_tried_once(rauc, hsm, content, tmp_path, tmp_path_factory):
    """Three wrong ones lock a card."""
    log = tmp_path_factory.mktemp("log") / "calls"
    for cert, n in ((hsm.certs["p256"], 1), (hsm.url("p256"), 1)):
        log.unlink(missing_ok=True)
        result = devices.run(rauc, "bundle", "--cert", cert, "--key", hsm.url("p256"), content(), tmp_path / "bad.raucb",
                             env={**hsm.shim(log=log), "RAUC_PKCS11_PIN": "wrong-pin"})
        assert_one_line(result, "wrong PIN")
        assert calls(log).count("login") == n


def test_locked_pin(rauc, hsm, content, tmp_path, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "calls"
    fails(rauc, hsm, content, tmp_path, "the PIN of token 'release' is locked", env=hsm.shim(flags="0x40000", log=log))
    assert "login" not in calls(log)
    fails(rauc, hsm, content, tmp_path, "cannot log in to token 'release': the PIN is locked", env=hsm.shim("login:1:0xa4"))
    fails(rauc, hsm, content, tmp_path, "one more wrong PIN locks it: wrong PIN",
          env={**hsm.shim(flags="0x20000"), "RAUC_PKCS11_PIN": "wrong-pin"})


# The call at which the token is pulled out, and what is left of it.
REMOVED = ["open:1", "open:2", "find:1", "find:2", "login:1", "login:2", "sign-init:1", "sign:1"]
RESULTS = {"0x32": "removed", "0xe0": "no pkcs#11 token present", "0x30": "device error", "0x6": "function failed"}


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
@pytest.mark.parametrize("call", REMOVED)
def test_removed(rauc, hsm, content, tmp_path, call, kind, fmt):
    result = fails(rauc, hsm, content, tmp_path, "[Rr]emoved", key=hsm.url(kind), cert=hsm.url(kind),
                   env=hsm.shim(call + ":0x32"), fmt=fmt)
    if call.startswith("sign"):
        assert "failed to create signature" in result.err, result.text


@pytest.mark.parametrize("result", RESULTS)
def test_token_gives_up(rauc, hsm, content, tmp_path, result):
    fails(rauc, hsm, content, tmp_path, "failed to create signature: .*(?i:" + RESULTS[result] + ")",
          env=hsm.shim(f"sign:1:{result}"))


def test_tokens_are_gone(rauc, content, tmp_path, tmp_path_factory, pki):
    """The real thing: the folder of the tokens is emptied."""
    gone = tokens.Hsm(tmp_path_factory.mktemp("gone"), pki.ec_ca)
    gone.key("p256", "p256")
    shutil.rmtree(gone.folder / "tokens")
    (gone.folder / "tokens").mkdir()
    fails(rauc, gone, content, tmp_path, "no token matches pkcs11:token=release;object=p256: .*is it plugged in")


def test_nobody_is_asked(rauc, hsm, pki, content, tmp_path):
    """On a terminal too: no PIN, no passphrase, a wrong one."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": devices.ASAN, **hsm.env}
    for key, cert, more, reason in (
            (hsm.url("p256"), hsm.url("p256"), {"RAUC_PKCS11_PIN": ""}, "needs a PIN"),
            (hsm.url("p256"), hsm.url("p256"), {"RAUC_PKCS11_PIN": "wrong-pin"}, "wrong PIN"),
            (pki.encrypted.key, pki.encrypted.cert, {}, "RAUC_KEY_PASSPHRASE"),
            (pki.encrypted.key, pki.encrypted.cert, {"RAUC_KEY_PASSPHRASE": "wrong"}, "is the passphrase right")):
        command = [rauc, "bundle", "--cert", cert, "--key", key, content(), tmp_path / "bad.raucb"]
        shown, code = on_terminal(command, {**environment, **more})
        assert code == 1 and reason in shown
        assert len(shown.strip().splitlines()) == 1, shown


@pytest.fixture
def encrypted(rauc, hsm, content, tmp_path):
    """encrypted(label): a bundle that the key of this name opens; everything from the token."""
    def make(label):
        plain, out = tmp_path / f"{label}.crypt", tmp_path / f"{label}.raucb"
        sign(rauc, hsm, content, plain, hsm.url("p256"), hsm.url("p256"), "crypt")
        result = devices.run(rauc, "encrypt", "--keyring", hsm.ca.cert, "--to", hsm.url(label), plain, out, env=hsm.env)
        assert result.code == 0, result.text
        return out
    return make


@pytest.mark.parametrize("kind", tokens.TYPES)
def test_opened_with_the_token(rauc, hsm, encrypted, make_device, tmp_path, kind):
    """info and extract with --key, an installation with [encryption]; openssl opens it, too."""
    out = encrypted(kind)
    for verb, to in (("info", []), ("extract", [tmp_path / "out"]), ("extract-signature", [tmp_path / "signature"])):
        result = devices.run(rauc, verb, "--keyring", hsm.ca.cert, "--key", hsm.url(kind), out, *to, env=hsm.env)
        assert result.code == 0, result.text
    assert (tmp_path / "out" / "rootfs.img").read_bytes() == bundles.image(bundles.MIB, 5)

    _, envelope = bundles.disassemble(out.read_bytes())
    (tmp_path / "envelope").write_bytes(envelope)
    hsm.tool("openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", tmp_path / "envelope", "-out", tmp_path / "inside",
             "-engine", "pkcs11", "-keyform", "engine", "-inkey", f"{hsm.url(kind)}?pin-value={tokens.PIN}",
             "-recip", hsm.certs[kind])
    assert (tmp_path / "inside").read_bytes() == (tmp_path / "signature").read_bytes()

    (tmp_path / "pin").write_text(tokens.PIN)
    device = make_device(keyring=hsm.ca.cert)
    device.change("encryption", key=f"{hsm.url(kind)}?pin-source={tmp_path}/pin", cert=hsm.url(kind))
    result = device.install(out, env={**hsm.env, "RAUC_PKCS11_PIN": ""})
    assert result.code == 0, result.text


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_debians_rauc_opens_it_with_the_token(debian, hsm, encrypted, tmp_path, kind):
    """Debian's has no option for the certificate here; its message says whether it took the key."""
    result = devices.run(debian, "info", "--keyring", hsm.ca.cert, "--key", hsm.url(kind), encrypted(kind), env=hsm.env)
    assert result.code == 0 and "CN = p256" in result.out, result.text


CLOSED = {
    "wrong-key": ({"key": "rsa3072"}, {}, r"key pkcs11:token=release;object=rsa3072\?\*\*\* opens none of its 1 recipients"),
    "wrong-pin": ({}, {"RAUC_PKCS11_PIN": "wrong-pin"}, "cannot log in to token 'release': wrong PIN"),
    "no-pin": ({}, {"RAUC_PKCS11_PIN": ""}, "needs a PIN"),
    "no-engine": ({}, {"OPENSSL_ENGINES": "/nonexistent"}, "libengine-pkcs11-openssl"),
}


def info_of(rauc, hsm, bundle, label, reason, env):
    result = devices.run(rauc, "info", "--keyring", hsm.ca.cert, "--key", hsm.url(label) + "?x-note=" + tokens.PIN, bundle,
                         env={**hsm.env, **env})
    assert_one_line(result, reason)
    assert tokens.PIN not in result.text and "wrong-pin" not in result.text
    return result


@pytest.mark.parametrize("name", CLOSED)
def test_not_opened(rauc, hsm, encrypted, name):
    args, env, reason = CLOSED[name]
    info_of(rauc, hsm, encrypted("rsa2048"), args.get("key", "rsa2048"), reason, env)


REMOVED_OPENING = [(kind, call) for kind, opens in (("rsa2048", "decrypt:1"), ("p256", "derive:1"))
                   for call in ("open:1", "login:1", "login:2", opens)]


@pytest.mark.parametrize("kind,call", REMOVED_OPENING)
def test_removed_while_opening(rauc, hsm, encrypted, kind, call):
    info_of(rauc, hsm, encrypted(kind), kind, "([Rr]emoved|is it plugged in)", hsm.shim(call + ":0x32"))


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_service(hsm, encrypted, make_device, bus, tmp_path, kind):
    """Several installations by one process. The token is pulled out and plugged in again: OpenSSL's engine does not get over that,
    and the message says what helps."""
    bundle = encrypted(kind)
    device = make_device(keyring=hsm.ca.cert)
    device.change("encryption", key=hsm.url(kind), cert=hsm.url(kind))
    gone = tmp_path / "gone"
    words = ["env", *(f"{name}={value}" for name, value in hsm.shim(gone=gone).items())]
    service = buses.Service(device, bus, wrap=words)

    def install(reason=None):
        result = client(device, bus, "install", bundle)
        assert result.code == (1 if reason else 0), result.text + service.text
        assert not reason or re.search("LastError: .*" + reason, result.out), result.text
        inspected = bus.call("InspectBundle", str(bundle), "{}")
        assert (inspected.returncode != 0) == bool(reason), inspected.stderr

    try:
        install()
        install()
        gone.touch()
        install("(removed|is it plugged in)")
        install("(removed|is it plugged in)")
        gone.unlink()
        install("start this program again if the token was plugged in anew")
        service.end()
        service = buses.Service(device, bus, wrap=words)
        install()
    finally:
        service.end()
    assert tokens.PIN not in service.text


def test_resigned_in_the_token(rauc, debian, pki, maker, hsm, content, tmp_path):
    """Both hands of a signing room: the old signature's keyring is a file, the new key is in the token."""
    out = tmp_path / "out.raucb"
    result = devices.run(rauc, "resign", "--keyring", pki.ring, "--cert", hsm.url("p384"), "--key", hsm.url("p384"),
                         "--signing-keyring", hsm.ca.cert, maker.simple(), out, env=hsm.env)
    assert result.code == 0, result.text
    for judge in (rauc, debian):
        assert_signed(judge, hsm, out, "p384", "verity")


def test_config_takes_urls(rauc, hsm, device, maker):
    """[encryption] and [streaming] of system.conf: a URL is not a path below the folder of the file."""
    device.change("encryption", key="pkcs11:token=release;object=p256", cert="pkcs11:token=release;object=p256")
    device.change("streaming", tls_cert="pkcs11:token=x", tls_key="pkcs11:token=y;object=z?pin-source=/run/pin")
    assert device.ok("status").code == 0
    result = device.install(maker.simple(size=bundles.MIB))
    assert result.code == 0, result.text
    options = ["--tls-cert=pkcs11:token=x", "--tls-key=pkcs11:token=y"]
    assert devices.run(rauc, "info", "--conf", device.conf, *options, maker.simple()).code == 0
