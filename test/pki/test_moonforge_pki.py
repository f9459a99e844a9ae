# SPDX-License-Identifier: MIT
"""pki/moonforge-pki, with openssl, our rauc and Debian's as the judges."""

import fcntl
import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = TOP / "pki" / "moonforge-pki"
EXAMPLE = TOP / "pki" / "pki.conf.example"
RAUC = pathlib.Path(os.environ.get("RAUC", TOP / "build/release/src/rauc")).resolve()
DEBIAN = pathlib.Path("/usr/bin/rauc")

BASE = """[pki]
organisation = Test Devices
profile = {profile}
[root one]
days = 4000
[ca one]
root = one
days = 2000
[signer one]
ca = one
days = 1000
[recipient fleet]
[keyring devices]
roots = one
"""


def run(*args, cwd=None, days=0, **env):
    """The command, so many days from now."""
    wrap = []
    if days:
        library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
        if not library:
            pytest.skip("libfaketime is not installed")
        wrap = ["env", f"LD_PRELOAD={library}", f"FAKETIME={days:+}d"]
    return subprocess.run([str(a) for a in (*wrap, *args)], cwd=cwd, text=True, capture_output=True, timeout=120,
                          env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent",
                               **env})


def pki(folder, *args, **kwargs):
    return run(SCRIPT, "-c", folder / "pki.conf", *args, **kwargs)


def ok(folder, *args, **kwargs):
    done = pki(folder, *args, **kwargs)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(done, part):
    assert done.returncode == 1 and done.stderr.startswith("moonforge-pki: ") and done.stderr.count("\n") == 1, done.stderr
    assert part in done.stderr, done.stderr


def files_below(folder):
    """Every path with content and mode, to see that nothing changed."""
    return {str(p.relative_to(folder)): (p.stat().st_mode, p.read_bytes() if p.is_file() else None) for p in folder.rglob("*")}


def conf(folder, text=BASE, profile="ec-p256"):
    folder.mkdir(exist_ok=True)
    (folder / "pki.conf").write_text(text.format(profile=profile))
    return folder


def openssl(*args, cwd=None):
    done = run("openssl", *args, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["ec-p256", "rsa-3072"])
def made(request, tmp_path_factory):
    folder = conf(tmp_path_factory.mktemp("pki"), profile=request.param)
    ok(folder, "make")
    return request.param, folder


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = conf(tmp_path_factory.mktemp("template") / "pki")
    ok(folder, "make")
    return folder


@pytest.fixture
def own(tmp_path, template):
    """A PKI the test may change."""
    return shutil.copytree(template, tmp_path / "pki")


# --- What is made -------------------------------------------------------------


def test_files_and_modes(made):
    _, folder = made
    for path in folder.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.name == "key.pem":
            assert mode == 0o600, path
        elif path.parent == folder and path.is_dir():
            assert mode == (0o755 if path.name == "public" else 0o700), path
        elif path.parent.name == "public":
            assert mode == 0o644 and b"PRIVATE KEY" not in path.read_bytes(), path
    assert sorted(p.name for p in folder.iterdir()) == ["ca-one", "pki.conf", "public", "recipient-fleet", "root-one", "signer-one"]
    assert sorted(p.name for p in (folder / "public").iterdir()) == [
        "ca-one.cert.pem", "ca-one.crl.pem", "keyring-devices.pem", "recipient-fleet.cert.pem", "root-one.cert.pem", "root-one.crl.pem",
        "signer-one.cert.pem", "signer-one.chain.pem"]


@pytest.mark.parametrize("owner", ["root-one", "ca-one", "signer-one", "recipient-fleet"])
def test_profile(made, owner):
    profile, folder = made
    text = openssl("pkey", "-in", folder / owner / "key.pem", "-noout", "-text")
    assert ("3072 bit" in text) if profile == "rsa-3072" else ("prime256v1" in text)


@pytest.mark.parametrize("purpose", ["smimesign", "any"])
def test_chain(made, purpose):
    public = made[1] / "public"
    ring = public / "keyring-devices.pem"
    openssl("verify", "-x509_strict", "-crl_check_all", "-purpose", purpose, "-CAfile", ring, "-untrusted", public / "ca-one.cert.pem",
            public / "signer-one.cert.pem")


def test_usage(made):
    public = made[1] / "public"

    def text(name):
        return openssl("x509", "-in", public / f"{name}.cert.pem", "-noout", "-text")

    assert re.search(r"Key Usage: critical\s+Digital Signature\n", text("signer-one"))
    assert re.search(r"Extended Key Usage: \s+Code Signing, E-mail Protection\n", text("signer-one"))
    assert re.search(r"Basic Constraints: critical\s+CA:FALSE\n", text("signer-one"))
    assert re.search(r"Basic Constraints: critical\s+CA:TRUE, pathlen:1\n", text("root-one"))
    assert re.search(r"Basic Constraints: critical\s+CA:TRUE, pathlen:0\n", text("ca-one"))
    for name in ("root-one", "ca-one"):
        assert re.search(r"Key Usage: critical\s+Certificate Sign, CRL Sign\n", text(name))
    assert "O = Test Devices, CN = Test Devices update signer one" in openssl(
        "x509", "-in", public / "signer-one.cert.pem", "-noout", "-subject", "-nameopt", "oneline")


def test_recipient_does_not_chain_to_the_root_and_opens_what_is_for_it(made, tmp_path):
    _, folder = made
    cert = folder / "public/recipient-fleet.cert.pem"
    assert run("openssl", "verify", "-CAfile", folder / "public/keyring-devices.pem", cert).returncode != 0
    (tmp_path / "text").write_text("secret\n")
    openssl("cms", "-encrypt", "-binary", "-aes256", "-in", "text", "-outform", "DER", "-out", "cms", cert, cwd=tmp_path)
    assert openssl("cms", "-decrypt", "-inform", "DER", "-in", "cms", "-inkey", folder / "recipient-fleet/key.pem", "-recip", cert,
                   cwd=tmp_path) == "secret\n"


def test_crls(made):
    public = made[1] / "public"
    for name in ("root-one", "ca-one"):
        done = run("openssl", "crl", "-in", public / f"{name}.crl.pem", "-noout", "-CAfile", public / f"{name}.cert.pem")
        assert "verify OK" in done.stderr + done.stdout
    ring = (public / "keyring-devices.pem").read_text()
    assert ring.count("BEGIN CERTIFICATE") == 1 and ring.count("BEGIN X509 CRL") == 2


def test_every_run_is_the_same(made):
    _, folder = made
    before = files_below(folder)
    again = ok(folder, "make")
    assert files_below(folder) == before and "made " not in again and "wrote " not in again


def test_exports(made):
    _, folder = made
    values = dict(re.findall(r'export (\w+)="([^"]*)"', ok(folder, "make")))
    assert set(values) == {"RAUC_KEY_FILE", "RAUC_CERT_FILE", "RAUC_INTERMEDIATE_CERT_FILE", "RAUC_KEYRING_FILE"}
    assert all(pathlib.Path(value).is_file() for value in values.values())


def test_check(made):
    assert "FAILED" not in ok(made[1], "check")


# --- Judged by rauc -----------------------------------------------------------


def judges():
    """Ours and Debian's, each where it is there."""
    yield pytest.param(RAUC, id="ours", marks=pytest.mark.skipif(not RAUC.exists(), reason=f"there is no {RAUC}: build it"))
    yield pytest.param(DEBIAN, id="debian", marks=pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's rauc is not installed"))


def make_bundle(rauc, folder, out, signer="one", ca="one"):
    content = out.parent / "content"
    if not content.exists():
        content.mkdir()
        (content / "rootfs.img").write_bytes(os.urandom(16 * 4096))
        (content / "manifest.raucm").write_text("[update]\ncompatible=Test\n[bundle]\nformat=verity\n[image.rootfs]\nfilename=rootfs.img\n")
    done = run(rauc, "bundle", f"--cert={folder}/public/signer-{signer}.cert.pem", f"--key={folder}/signer-{signer}/key.pem",
               f"--intermediate={folder}/public/ca-{ca}.cert.pem", content, out)
    assert done.returncode == 0, done.stderr
    return out


def info(rauc, bundle, keyring, folder, **rules):
    lines = {"path": keyring, "check-crl": "true", "check-purpose": "codesign", **{k.replace("_", "-"): v for k, v in rules.items()}}
    system = folder / "system.conf"
    system.write_text("[system]\ncompatible=Test\nbootloader=noop\n[keyring]\n" + "".join(f"{k}={v}\n" for k, v in lines.items() if v)
                      + "[slot.rootfs.0]\ndevice=/dev/null\n")
    return run(rauc, "--conf", system, "info", bundle)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """bundle(rauc, folder): one of each, made once."""
    known = {}

    def make(rauc, folder):
        if (rauc, folder) not in known:
            known[rauc, folder] = make_bundle(rauc, folder, tmp_path_factory.mktemp("bundle") / "b.raucb")
        return known[rauc, folder]
    return make


@pytest.mark.parametrize("signer", judges())
@pytest.mark.parametrize("judge", judges())
@pytest.mark.parametrize("purpose, crl", [("codesign", "true"), ("codesign", None), (None, "true"), (None, None)])
def test_accepted(made, bundle, tmp_path, signer, judge, purpose, crl):
    _, folder = made
    done = info(judge, bundle(signer, folder), folder / "public/keyring-devices.pem", tmp_path, check_purpose=purpose, check_crl=crl)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("judge", judges())
def test_revoked_signer_and_ca(own, tmp_path, judge):
    bundle = make_bundle(judge, own, tmp_path / "b.raucb")
    ring = own / "public/keyring-devices.pem"
    before = tmp_path / "before.pem"
    before.write_bytes(ring.read_bytes())
    assert "revoked signer one" in ok(own, "revoke", "signer", "one")
    done = info(judge, bundle, ring, tmp_path)
    assert done.returncode == 1 and "certificate revoked" in done.stderr, done.stderr
    assert info(judge, bundle, ring, tmp_path, check_crl=None).returncode == 0  # nobody looks
    assert info(judge, bundle, before, tmp_path).returncode == 0  # nobody has told this device

    text = (own / "pki.conf").read_text()
    (own / "pki.conf").write_text(text + "[signer two]\nca = one\ndays = 900\n")
    ok(own, "make")
    second = make_bundle(judge, own, tmp_path / "c.raucb", signer="two")
    assert info(judge, second, ring, tmp_path).returncode == 0
    ok(own, "revoke", "ca", "one")
    done = info(judge, second, ring, tmp_path)
    assert done.returncode == 1 and "certificate revoked" in done.stderr, done.stderr


@pytest.mark.parametrize("judge", judges())
@pytest.mark.parametrize("without", ["root-one", "ca-one"])
def test_missing_crl(made, bundle, tmp_path, judge, without):
    _, folder = made
    public = folder / "public"
    ring = tmp_path / "ring.pem"
    ring.write_bytes(b"".join((public / f"{n}.pem").read_bytes() for n in ("root-one.cert", "root-one.crl", "ca-one.crl")
                              if n != f"{without}.crl"))
    done = info(judge, bundle(judge, folder), ring, tmp_path)
    assert done.returncode == 1 and "unable to get certificate CRL" in done.stderr, done.stderr


@pytest.mark.parametrize("judge", judges())
@pytest.mark.parametrize("days, says", [(999, None), (1001, "certificate has expired"), (-3, "not yet valid")])
def test_over_the_years(made, bundle, tmp_path, judge, days, says):
    _, folder = made
    info(judge, bundle(judge, folder), folder / "public/keyring-devices.pem", tmp_path)  # writes system.conf
    done = run(judge, "--conf", tmp_path / "system.conf", "info", bundle(judge, folder), days=days)
    assert (done.returncode == 0) == (says is None) and (says or "") in done.stderr, done.stderr


# --- Rotation and refusals ----------------------------------------------------


def test_a_second_root_is_added_without_touching_the_first(own):
    before = files_below(own)
    text = (own / "pki.conf").read_text()
    (own / "pki.conf").write_text(text.replace("roots = one", "roots = one two") +
                                  "[root two]\n[ca two]\nroot = two\n[signer two]\nca = two\n")
    ok(own, "make")
    after = files_below(own)
    assert {k: v for k, v in after.items() if k in before and after[k] != before[k]}.keys() == {
        "pki.conf", "public/keyring-devices.pem"}
    assert (own / "public/keyring-devices.pem").read_text().count("BEGIN CERTIFICATE") == 2
    assert (own / "public/keyring-devices.pem").read_text().count("BEGIN X509 CRL") == 4


def test_root_on_a_medium(tmp_path):
    """Away: what needs it says so; what does not works. Back: it is used."""
    folder, stick = conf(tmp_path / "pki", BASE.replace("[root one]\n", f"[root one]\nfolder = {tmp_path}/stick/root\n")), tmp_path / "stick"
    stick.mkdir()
    ok(folder, "make")
    stick.rename(tmp_path / "drawer")
    before = files_below(folder)
    assert "made" not in ok(folder, "make") and files_below(folder) == before
    (folder / "pki.conf").write_text((folder / "pki.conf").read_text() + "[signer two]\nca = one\ndays = 10\n")
    assert "made signer two" in ok(folder, "make")
    (folder / "pki.conf").write_text((folder / "pki.conf").read_text() + "[ca two]\nroot = one\ndays = 10\n")
    before = files_below(folder)
    refused(pki(folder, "make"), "the key of root one is needed for ca two and is not in")
    assert files_below(folder) == before
    assert "left out root one: its key is not here" in ok(folder, "crl")
    (tmp_path / "drawer").rename(stick)
    assert "made ca two" in ok(folder, "make")


@pytest.mark.parametrize("change, says", [
    (("days = 2000", "days = 5000"), "ca one would end on "),
    (("days = 1000", "days = 2500"), "signer one would end on "),
])
def test_nothing_outlives_its_issuer(tmp_path, change, says):
    folder = conf(tmp_path / "pki", BASE.replace(*change))
    refused(pki(folder, "make"), says)
    assert not [p for p in folder.rglob("*") if "moonforge-pki" in p.name], "nothing temporary stays"
    (folder / "pki.conf").write_text(BASE.format(profile="ec-p256"))
    assert "FAILED" not in ok(folder, "make") and "FAILED" not in ok(folder, "check")


@pytest.mark.parametrize("change, says", [
    (("organisation = Test Devices", "organisation = Other"), "root one exists as '/O=Test Devices/CN=Test Devices update root one'"),
    (("profile = ec-p256", "profile = rsa-3072"), "root one exists with profile ec-p256, the configuration says rsa-3072"),
    (("[signer one]", "[signer one]\ncommon-name = Other"), "signer one exists as "),
])
def test_what_is_made_is_not_changed(own, change, says):
    (own / "pki.conf").write_text((own / "pki.conf").read_text().replace(*change))
    before = files_below(own)
    refused(pki(own, "make"), says)
    assert files_below(own) == before


def test_a_folder_that_is_not_ours(tmp_path):
    folder = conf(tmp_path / "pki")
    (folder / "root-one").mkdir()
    (folder / "root-one/precious").write_text("key")
    before = files_below(folder)
    refused(pki(folder, "make"), "root-one is there already, and it is no folder of moonforge-pki")
    assert files_below(folder) == before


def test_a_folder_of_another_root(own, tmp_path):
    other = conf(tmp_path / "other")
    ok(other, "make")
    (own / "root-one").rename(tmp_path / "gone")
    (other / "root-one").rename(own / "root-one")
    refused(pki(own, "make"), "root-one is of another root than")
    refused(pki(own, "crl", "root", "one"), "root-one is of another root than")


@pytest.mark.parametrize("command", [("make",), ("crl", "ca", "one"), ("revoke", "signer", "one")])
def test_loose_key_is_refused(own, command):
    key = own / "ca-one/key.pem"
    key.chmod(0o640)
    before = files_below(own)
    refused(pki(own, *command), "ca-one/key.pem can be read or written by others: chmod 600 it")
    assert files_below(own) == before
    done = pki(own, "check")
    assert done.returncode == 1 and re.search(r"(?m)^FAILED  ca one .*can be read or written by others", done.stdout)


# --- Passphrases --------------------------------------------------------------


def with_passphrase(tmp_path, line):
    return conf(tmp_path / "pki", BASE.replace("[signer one]", f"[signer one]\n{line}").replace("[root one]", f"[root one]\n{line}"))


def test_passphrase_from_the_environment(tmp_path):
    folder = with_passphrase(tmp_path, "passphrase-env = PKI_TEST")
    refused(pki(folder, "make"), "[root one] the passphrase is expected in the environment variable PKI_TEST, which is not set")
    assert [p.name for p in folder.iterdir()] == ["pki.conf"]
    ok(folder, "make", PKI_TEST="open sesame")
    for name in ("root-one", "signer-one"):
        assert "BEGIN ENCRYPTED PRIVATE KEY" in (folder / name / "key.pem").read_text()
    assert "FAILED" not in ok(folder, "check", PKI_TEST="open sesame") and "FAILED" not in ok(folder, "check")
    assert "cannot be opened" in pki(folder, "check", PKI_TEST="wrong").stdout
    before = files_below(folder)
    refused(pki(folder, "crl", "root", "one", PKI_TEST="wrong"), "openssl failed: ")
    assert files_below(folder) == before


def test_passphrase_from_a_file(tmp_path):
    folder = with_passphrase(tmp_path, "passphrase-file = secret")
    refused(pki(folder, "make"), "secret, which is not there or empty")
    (folder / "secret").write_text("open sesame\n")
    (folder / "secret").chmod(0o644)
    refused(pki(folder, "make"), "secret can be read or written by others")
    (folder / "secret").chmod(0o600)
    ok(folder, "make")
    openssl("pkey", "-in", folder / "root-one/key.pem", "-passin", "pass:open sesame", "-noout")


def test_passphrase_is_on_no_command_line(tmp_path):
    """A program called openssl that writes down how it is called."""
    folder = with_passphrase(tmp_path, "passphrase-env = PKI_TEST")
    spy = tmp_path / "bin"
    spy.mkdir()
    (spy / "openssl").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\nexec /usr/bin/openssl "$@"\n')
    (spy / "openssl").chmod(0o755)
    done = subprocess.run([SCRIPT, "-c", folder / "pki.conf", "make"], capture_output=True, text=True, timeout=120,
                          env={"PATH": f"{spy}:/usr/bin:/bin", "PKI_TEST": "open sesame"})
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls").read_text()
    assert "env:PKI_TEST" in calls and "sesame" not in calls and "sesame" not in done.stdout + done.stderr


def test_rauc_signs_with_the_passphrase(tmp_path):
    if not RAUC.exists():
        pytest.skip(f"there is no {RAUC}: build it")
    folder = with_passphrase(tmp_path, "passphrase-env = PKI_TEST")
    ok(folder, "make", PKI_TEST="open sesame")
    os.environ["RAUC_KEY_PASSPHRASE"] = "open sesame"
    try:
        make_bundle(RAUC, folder, tmp_path / "b.raucb")
    finally:
        del os.environ["RAUC_KEY_PASSPHRASE"]


# --- The configuration --------------------------------------------------------


@pytest.mark.parametrize("change, says", [
    (("organisation = Test Devices\n", ""), "[pki] organisation ''"),
    (("Test Devices", "a/CN=b"), "[pki] organisation 'a/CN=b' may contain"),
    (("profile = ec-p256", "profile = dsa"), "profile is neither rsa-3072 nor ec-p256"),
    (("days = 4000", "days = soon"), "[root one] days is not a number of days"),
    (("days = 4000", "days = 0"), "[root one] days is not a number of days"),
    (("days = 4000", "dayz = 4000"), "unknown key 'dayz' in [root one]"),
    (("days = 4000", "days ="), "'days' has no value"),
    (("days = 4000", "days"), "not understood"),
    (("days = 4000", "days = 1\ndays = 2"), "'days' stands here a second time"),
    (("[ca one]", "[ca ../one]"), "is no section"),
    (("[ca one]", "[root one]"), "section [root one] stands here a second time"),
    (("[ca one]", "[ca $(id)]"), "is no section"),
    (("ca = one", "ca = two"), "[signer one] belongs to ca two, and there is no section [ca two]"),
    (("ca = one\n", ""), "[signer one] does not say which ca it belongs to"),
    (("roots = one", "roots = one two"), "[keyring devices] belongs to root two"),
    (("roots = one", "roots = one\ncrls = maybe"), "crls is neither yes nor no"),
    (("[root one]", "[root one]\nstart = tomorrow"), "start is not a date"),
    (("[root one]", "[root one]\npassphrase-env = a;b"), "passphrase-env is no name of a variable"),
    (("[root one]", "[root one]\npassphrase-env = A\npassphrase-file = b"), "one of them"),
])
def test_bad_configuration(tmp_path, change, says):
    folder = conf(tmp_path / "pki", BASE.replace("{profile}", "ec-p256").replace(*change))
    refused(pki(folder, "make"), says)
    assert [p.name for p in folder.iterdir()] == ["pki.conf"]


@pytest.mark.parametrize("args, says", [
    ([], "a command is needed"), (["what"], "unknown command 'what'"), (["--what"], "unknown option"), (["make", "x"], "takes no argument 'x'"),
    (["revoke", "signer"], "revoke takes a kind and a name"), (["revoke", "root", "one"], "a root cannot be revoked"),
    (["revoke", "signer", "two"], "there is no section [signer two]"), (["crl", "signer", "one"], "a signer has no revocation list"),
    (["revoke", "signer", "one"], "signer one is not made yet"), (["-c"], "-c needs a file"),
])
def test_bad_arguments(tmp_path, args, says):
    folder = conf(tmp_path / "pki")
    before = files_below(folder)
    refused(pki(folder, *args), says)
    assert files_below(folder) == before


def test_without_configuration(tmp_path):
    refused(run(SCRIPT, "make", cwd=tmp_path), "pki.conf.example")


def test_example(tmp_path):
    (tmp_path / "pki.conf").write_text(EXAMPLE.read_text())
    done = run(SCRIPT, "make", cwd=tmp_path, PKI_ROOT_PASSPHRASE="correct horse")
    assert done.returncode == 0, done.stderr
    assert "FAILED" not in ok(tmp_path, "check", PKI_ROOT_PASSPHRASE="correct horse")


def test_help():
    shown = run(SCRIPT, "--help")
    assert shown.returncode == 0 and "revoke KIND NAME" in shown.stdout


def test_start(tmp_path):
    folder = conf(tmp_path / "pki", BASE.replace("[root one]", "start = 2001-02-03\n[root one]"))
    ok(folder, "make")
    for name in ("root-one", "ca-one", "signer-one"):
        assert openssl("x509", "-in", folder / f"public/{name}.cert.pem", "-noout", "-startdate") == "notBefore=Feb  3 00:00:00 2001 GMT\n"


@pytest.mark.parametrize("name", ["root-one.cert.pem", "root-one.crl.pem", "ca-one.cert.pem", "ca-one.crl.pem", "signer-one.cert.pem",
                                  "keyring-devices.pem"])
def test_what_is_public_can_be_made_again(own, name):
    """Lost or of another day: check says so, make brings it back."""
    path = own / "public" / name
    data = path.read_bytes()
    path.unlink()
    done = pki(own, "check")
    assert done.returncode == 1 and "FAILED" in done.stdout and done.stderr == "", done.stdout + done.stderr
    assert f"wrote {path}" in ok(own, "make") and path.read_bytes() == data
    assert "FAILED" not in ok(own, "check")
    if name.startswith("keyring"):
        path.write_bytes(data + data)
        assert re.search(r"(?m)^FAILED  keyring devices .*: run make$", pki(own, "check").stdout)


def test_other_days(own):
    """Dates are those of the clock there is, also one of faketime's."""
    done = pki(own, "check", days=1001)
    assert done.returncode == 1 and re.search(r"(?m)^FAILED  signer one +certificate has expired", done.stdout), done.stdout
    done = pki(own, "check", days=3700)
    assert re.search(r"(?m)^FAILED  CRL of ca one +had to be renewed before ", done.stdout), done.stdout
    ok(own, "crl", days=3700)
    assert "CRL of root one      to be renewed" in pki(own, "check", days=3700).stdout


# --- Nothing half made --------------------------------------------------------


def test_one_at_a_time(tmp_path):
    folder = conf(tmp_path / "pki")
    with open(folder / "pki.conf") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused(pki(folder, "make"), "another moonforge-pki works")


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13, 20, 22])
def test_stopped_anywhere(tmp_path, n):
    """openssl fails at its n-th call: nothing half made is seen, and the next run makes the rest."""
    folder = conf(tmp_path / "pki")
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "openssl").write_text(f"#!/bin/sh\necho >>{tmp_path}/calls\n"
                                  f"[ $(wc -l <{tmp_path}/calls) -ne {n} ] || {{ echo 'no entropy today' >&2; exit 1; }}\n"
                                  'exec /usr/bin/openssl "$@"\n')
    (fake / "openssl").chmod(0o755)
    done = subprocess.run([SCRIPT, "-c", folder / "pki.conf", "make"], capture_output=True, text=True, timeout=120,
                          env={"PATH": f"{fake}:/usr/bin:/bin"})
    assert len((tmp_path / "calls").read_text()) >= n, "the call was not reached"
    assert done.returncode != 0 and done.stderr, done.stdout
    for path in folder.iterdir():
        assert path.name == "pki.conf" or path.name == "public" or (path / "cert.pem").is_file() and (path / "key.pem").is_file(), path
        assert ".moonforge-pki" not in path.name
    kept = {p: p.read_bytes() for p in folder.rglob("key.pem")}
    ok(folder, "make")
    assert "FAILED" not in ok(folder, "check")
    assert all(p.read_bytes() == data for p, data in kept.items()), "a key was made again"


@pytest.mark.parametrize("n", range(1, 6))
def test_revocation_stopped_anywhere(own, tmp_path, n):
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "openssl").write_text(f"#!/bin/sh\necho >>{tmp_path}/calls\n[ $(wc -l <{tmp_path}/calls) -ne {n} ] || exit 1\n"
                                  'exec /usr/bin/openssl "$@"\n')
    (fake / "openssl").chmod(0o755)
    subprocess.run([SCRIPT, "-c", own / "pki.conf", "revoke", "signer", "one"], capture_output=True, timeout=120,
                   env={"PATH": f"{fake}:/usr/bin:/bin"})
    ok(own, "revoke", "signer", "one")
    ok(own, "revoke", "signer", "one")
    text = openssl("crl", "-in", own / "public/ca-one.crl.pem", "-noout", "-text")
    assert text.count("Serial Number:") == 1
    assert (own / "public/ca-one.crl.pem").read_text() in (own / "public/keyring-devices.pem").read_text()
