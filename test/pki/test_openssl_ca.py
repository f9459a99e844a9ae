# SPDX-License-Identifier: MIT
"""pki/openssl-ca.sh and the demo certificates, with openssl as the judge."""

import os
import pathlib
import re
import stat
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = TOP / "pki" / "openssl-ca.sh"
DEMO = TOP / "pki" / "demo"


def run(*args, cwd=None, env=None):
    return subprocess.run([str(a) for a in args], cwd=cwd, env=env, text=True, capture_output=True, timeout=120)


def files_below(folder):
    """Every path below folder with its content, to see that nothing changed."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(scope="module", params=["rsa", "ec"])
def ca(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca")
    made = run(SCRIPT, "--key-type", request.param, "--org", "Test Org", "--days", "30", cwd=folder)
    assert made.returncode == 0, made.stderr
    assert [p.name for p in folder.iterdir()] == ["openssl-ca"], "nothing temporary stays behind"
    return request.param, folder / "openssl-ca" / "dev"


def test_files_and_modes(ca):
    _, dev = ca
    assert mode(dev / "private") == 0o700
    for key in ("ca.key.pem", "development-1.key.pem"):
        assert mode(dev / "private" / key) == 0o600
    for public in ("development-1.cert.pem", "ca.cert.pem", "crl.pem"):
        assert mode(dev / public) == 0o644


def test_key_type(ca):
    kind, dev = ca
    text = run("openssl", "pkey", "-in", dev / "private/development-1.key.pem", "-noout", "-text").stdout
    assert ("3072 bit" in text) if kind == "rsa" else ("prime256v1" in text)


@pytest.mark.parametrize("purpose", ["smimesign", "any"])
def test_chain_verifies(ca, purpose):
    _, dev = ca
    judged = run("openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", "ca.cert.pem",
                 "development-1.cert.pem", cwd=dev)
    assert judged.returncode == 0, judged.stderr


def test_crl_verifies_and_can_revoke(ca):
    _, dev = ca
    (dev / "both.pem").write_bytes((dev / "ca.cert.pem").read_bytes() + (dev / "crl.pem").read_bytes())
    check = ("openssl", "verify", "-crl_check_all", "-CAfile", "both.pem", "development-1.cert.pem")
    assert run(*check, cwd=dev).returncode == 0

    assert run("openssl", "ca", "-config", "openssl.cnf", "-revoke", "development-1.cert.pem", cwd=dev).returncode == 0
    assert run("openssl", "ca", "-config", "openssl.cnf", "-gencrl", "-out", "new.pem", cwd=dev).returncode == 0
    (dev / "both.pem").write_bytes((dev / "ca.cert.pem").read_bytes() + (dev / "new.pem").read_bytes())
    judged = run(*check, cwd=dev)
    assert judged.returncode != 0 and "revoked" in judged.stderr


def test_key_usage(ca):
    _, dev = ca
    signer = run("openssl", "x509", "-in", dev / "development-1.cert.pem", "-noout", "-text").stdout
    assert re.search(r"Key Usage: critical\s+Digital Signature\n", signer)
    assert re.search(r"Extended Key Usage: \s+Code Signing, E-mail Protection\n", signer)
    assert "CA:FALSE" in signer
    root = run("openssl", "x509", "-in", dev / "ca.cert.pem", "-noout", "-text").stdout
    assert re.search(r"Key Usage: critical\s+Certificate Sign, CRL Sign\n", root)
    assert "CA:TRUE" in root and "Test Org bundle CA" in root


def test_cms_signature(ca, tmp_path):
    _, dev = ca
    (tmp_path / "text").write_text("update\n")
    key = dev / "private/development-1.key.pem"
    assert run("openssl", "cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-in", "text", "-out", "sig", "-signer",
               dev / "development-1.cert.pem", "-inkey", key, cwd=tmp_path).returncode == 0
    judged = run("openssl", "cms", "-verify", "-inform", "DER", "-in", "sig", "-CAfile", dev / "ca.cert.pem", cwd=tmp_path)
    assert judged.returncode == 0 and judged.stdout == "update\n"


@pytest.mark.parametrize("exists", ["folder", "file", "dangling link"])
def test_refuses_to_overwrite(tmp_path, exists):
    target = tmp_path / "openssl-ca"
    if exists == "folder":
        target.mkdir()
        (target / "precious").write_text("key")
    elif exists == "file":
        target.write_text("x")
    else:
        target.symlink_to("nowhere")
    before = files_below(tmp_path)
    refused = run(SCRIPT, cwd=tmp_path)
    assert refused.returncode == 1 and refused.stdout == ""
    assert re.fullmatch(r"openssl-ca\.sh: openssl-ca exists already in .*; nothing was changed .*\n", refused.stderr)
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("args, says", [
    (["--key-type", "dsa"], "--key-type 'dsa'"),
    (["--key-type"], "needs a value"),
    (["--days", "0"], "--days '0'"),
    (["--days", "-1"], "--days '-1'"),
    (["--days", "many"], "--days 'many'"),
    (["--days", "999999"], "--days '999999'"),
    (["--org", "a/CN=b"], "--org"),
    (["--org", ""], "--org"),
    (["--start", "yesterday"], "--start 'yesterday'"),
    (["--what"], "unknown argument"),
])
def test_bad_arguments(tmp_path, args, says):
    refused = run(SCRIPT, *args, cwd=tmp_path)
    assert refused.returncode == 1 and says in refused.stderr and refused.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_openssl_failure_leaves_nothing(tmp_path):
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "openssl").write_text("#!/bin/sh\necho 'no entropy today' >&2\nexit 1\n")
    (fake / "openssl").chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    refused = run(SCRIPT, cwd=work, env={**os.environ, "PATH": f"{fake}:{os.environ['PATH']}"})
    assert refused.returncode == 1 and refused.stderr == "openssl-ca.sh: openssl failed: no entropy today\n"
    assert list(work.iterdir()) == []


def test_help():
    shown = run(SCRIPT, "--help")
    assert shown.returncode == 0 and "RAUC_KEYRING_FILE" in shown.stdout


def test_start_date(tmp_path):
    assert run(SCRIPT, "--key-type", "ec", "--start", "2001-02-03", cwd=tmp_path).returncode == 0
    for cert in ("ca.cert.pem", "development-1.cert.pem"):
        shown = run("openssl", "x509", "-in", tmp_path / "openssl-ca/dev" / cert, "-noout", "-startdate").stdout
        assert shown == "notBefore=Feb  3 00:00:00 2001 GMT\n"


def test_demo_certificates_belong_together_and_say_what_they_are():
    assert run("openssl", "verify", "-purpose", "smimesign", "-CAfile", DEMO / "demo-ca.cert.pem",
               DEMO / "demo.cert.pem").returncode == 0
    in_cert = run("openssl", "x509", "-in", DEMO / "demo.cert.pem", "-noout", "-pubkey").stdout
    in_key = run("openssl", "pkey", "-in", DEMO / "demo.key.pem", "-pubout").stdout
    assert in_cert == in_key
    for cert in ("demo.cert.pem", "demo-ca.cert.pem"):
        subject = run("openssl", "x509", "-in", DEMO / cert, "-noout", "-subject").stdout
        assert "DEMO - NOT FOR PRODUCTION" in subject
        assert run("openssl", "x509", "-in", DEMO / cert, "-noout", "-checkend", str(20 * 365 * 86400)).returncode == 0
