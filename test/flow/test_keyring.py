# SPDX-License-Identifier: MIT
"""rauc keyring status, and what `rauc bundle` asks keyrings that are out there before anybody can install its result."""

import datetime
import json
import re
import shlex
import subprocess

import pytest

import bundles
import device as devices
import pki as authorities


def day(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """Two authorities, old and new, each with a CA below its root, and their signers."""
    folder = tmp_path_factory.mktemp("houses")

    class House:
        def __init__(self, name):
            self.root = authorities.Ca(folder / name, kind="ec", subject=f"/O=Test/CN={name} root")
            self.ca = authorities.Ca(folder / f"{name}-ca", kind="ec", subject=f"/O=Test/CN={name} CA", parent=self.root)
            self.signer = self.ca.issue("signer", ext="ext_codesign", subject=f"/O=Test/CN={name} signer", end=300)
            self.crls = (self.root.crl(), self.ca.crl())

    class Houses:
        old, new = House("old"), House("new")

        def ring(self, name, *parts):
            path = folder / f"{name}.pem"
            path.write_bytes(b"".join(part.read_bytes() for part in parts))
            return path
    return Houses()


@pytest.fixture
def content(tmp_path):
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "rootfs.img").write_bytes(bundles.image(64 * 1024, 5))
    (folder / "manifest.raucm").write_text(bundles.input_manifest({"rootfs": "rootfs.img"}))
    return folder


@pytest.fixture
def bundle(rauc, content, tmp_path):
    """bundle(house, options...): the result of `rauc bundle`, in tmp_path/out.raucb."""
    def make(house, *args, conf=("keyring:check-purpose=codesign",), out="out.raucb"):
        before = set(tmp_path.iterdir())
        done = devices.run(rauc, *(f"--confopt={c}" for c in conf), "bundle", f"--cert={house.signer.cert}", f"--key={house.signer.key}",
                           f"--intermediate={house.ca.cert}", *args, content, tmp_path / out)
        assert set(tmp_path.iterdir()) - before == ({tmp_path / out} if done.code == 0 else set())
        return done
    return make


def refused(done, *parts):
    assert done.code == 1, done.text
    last = done.err.splitlines()[-1]
    assert last.startswith("Failed to create bundle: ") and all(part in last for part in parts), done.err


# --- rauc bundle --------------------------------------------------------------


def test_deployed_keyrings_accept(bundle, houses):
    old, both = houses.ring("old", houses.old.root.cert), houses.ring("both", houses.old.root.cert, houses.new.root.cert)
    done = bundle(houses.old, f"--deployed-keyring={old}", f"--deployed-keyring={both}")
    assert done.code == 0, done.text
    for ring in (old, both):
        assert re.search(rf"(?m)^deployed keyring {ring} accepts this bundle until \d{{4}}-\d\d-\d\dT\S+Z: then certificate "
                         r"'O = Test, CN = old signer' expires$", done.err), done.err


def test_signing_with_the_new_key_before_devices_have_its_root(bundle, houses):
    old, both = houses.ring("old", houses.old.root.cert), houses.ring("both", houses.old.root.cert, houses.new.root.cert)
    refused(bundle(houses.new, f"--deployed-keyring={both}", f"--deployed-keyring={old}"),
            f"deployed keyring {old} would refuse this bundle: ", "unable to get local issuer certificate",
            "sign below a root that is in every deployed keyring")
    assert bundle(houses.new, f"--deployed-keyring={both}").code == 0


@pytest.mark.parametrize("days, ok", [(200, True), (299, True), (301, False), (5000, False)])
def test_accepted_until(bundle, houses, days, ok):
    old = houses.ring("old", houses.old.root.cert)
    done = bundle(houses.old, f"--deployed-keyring={old}", f"--accepted-until={day(days)}")
    if ok:
        assert done.code == 0, done.text
    else:
        refused(done, f"deployed keyring {old} accepts this bundle only until ", "certificate 'O = Test, CN = old signer' expires",
                "sign with a certificate that lives longer")


def test_accepted_until_of_the_signing_keyring(bundle, houses):
    old = houses.ring("old", houses.old.root.cert)
    refused(bundle(houses.old, f"--signing-keyring={old}", f"--accepted-until={day(400)}"),
            f"keyring {old} accepts this bundle only until ")
    assert bundle(houses.old, f"--signing-keyring={old}", f"--accepted-until={day(200)}").code == 0


def test_signing_time_stands_in_for_the_date(bundle, houses):
    old = houses.ring("old", houses.old.root.cert)
    done = bundle(houses.old, f"--deployed-keyring={old}", f"--accepted-until={day(5000)}",
                  conf=["keyring:use-bundle-signing-time=true", "keyring:check-purpose=codesign"])
    assert done.code == 0 and "whenever it is installed: it judges by the signing time" in done.err, done.text


@pytest.mark.parametrize("args, says", [
    (["--accepted-until=2031-02-30"], "--accepted-until: '2031-02-30' is not a date"),
    (["--accepted-until=soon"], "--accepted-until: 'soon' is not a date"),
    (["--accepted-until=2001-01-01"], "--accepted-until: 2001-01-01 is not in the future"),
    (["--next-cert=x.pem"], "--carries-keyring"),
    (["--deployed-keyring=/nonexistent.pem"], "/nonexistent.pem"),
    (["--carries-keyring=/nonexistent.pem"], "/nonexistent.pem"),
])
def test_bad_options(bundle, houses, args, says):
    old = houses.ring("old", houses.old.root.cert)
    refused(bundle(houses.old, f"--signing-keyring={old}", *args), says)


def test_a_date_nobody_is_asked_about(bundle, houses):
    refused(bundle(houses.old, f"--accepted-until={day(9)}"), "--accepted-until needs somebody to ask")


def test_carried_keyring(bundle, houses):
    new, both = houses.ring("new", houses.new.root.cert), houses.ring("both", houses.old.root.cert, houses.new.root.cert)
    chain = houses.ring("next", houses.new.signer.cert, houses.new.ca.cert)
    assert bundle(houses.old, f"--carries-keyring={both}").code == 0
    assert bundle(houses.old, f"--carries-keyring={both}", f"--next-cert={chain}", out="b").code == 0
    assert bundle(houses.old, f"--carries-keyring={new}", f"--next-cert={chain}", out="c").code == 0


def test_carried_keyring_that_would_strand_devices(bundle, houses):
    old, new = houses.ring("old", houses.old.root.cert), houses.ring("new", houses.new.root.cert)
    chain = houses.ring("next", houses.new.signer.cert, houses.new.ca.cert)
    refused(bundle(houses.old, f"--carries-keyring={new}"),
            f"carried keyring {new} would refuse the next bundle, signed as this one: ", "could not be updated again")
    refused(bundle(houses.old, f"--carries-keyring={old}", f"--next-cert={chain}"),
            f"carried keyring {old} would refuse the next bundle, signed with {chain}: ", "could not be updated again")


def test_who_refuses_the_signer_says_so_before_work_is_done(bundle, houses):
    old = houses.ring("old", houses.old.root.cert)
    done = bundle(houses.new, f"--deployed-keyring={old}")
    refused(done, f"deployed keyring {old} would refuse this bundle")
    assert done.out == "" and done.err.count("\n") == 1, done.text


def test_plain_bundles_too(bundle, houses, content):
    manifest = content / "manifest.raucm"
    manifest.write_text(manifest.read_text().replace("format=verity", "format=plain"))
    old = houses.ring("old", houses.old.root.cert)
    assert bundle(houses.old, f"--deployed-keyring={old}").code == 0
    refused(bundle(houses.new, f"--deployed-keyring={old}", out="b"), "unable to get local issuer certificate")


# --- Revocation lists ---------------------------------------------------------

STRICT = ("keyring:check-crl=true", "keyring:check-purpose=codesign")


@pytest.mark.parametrize("parts, says", [
    (lambda h: [h.root.cert], "the keyring has no CRL of 'O = Test, CN = old CA', which check-crl=true needs"),
    (lambda h: [h.root.cert, h.crls[0]], "the keyring has no CRL of 'O = Test, CN = old CA', which check-crl=true needs"),
    (lambda h: [h.root.cert, h.crls[1]], "the keyring has no CRL of 'O = Test, CN = old root', which check-crl=true needs"),
])
def test_crl_missing(bundle, houses, parts, says):
    ring = houses.ring("crls", *parts(houses.old))
    refused(bundle(houses.old, f"--deployed-keyring={ring}", conf=STRICT), "unable to get certificate CRL", says)


def test_crl_ends_before_the_date(bundle, houses, tmp_path_factory):
    short = tmp_path_factory.mktemp("crl") / "short.pem"
    authorities.openssl("ca", "-config", "ca.conf", "-gencrl", "-crldays", "20", "-out", short, cwd=houses.old.ca.folder)
    ring = houses.ring("short", houses.old.root.cert, houses.old.crls[0], short)
    done = bundle(houses.old, f"--deployed-keyring={ring}", conf=STRICT)
    assert done.code == 0 and "then the CRL of 'O = Test, CN = old CA' has to be renewed" in done.err, done.text
    refused(bundle(houses.old, f"--deployed-keyring={ring}", f"--accepted-until={day(100)}", conf=STRICT, out="b"),
            "the CRL of 'O = Test, CN = old CA' has to be renewed", "ship a keyring with a newer CRL")


def test_crl_expired(rauc, bundle, houses, later):
    ring = houses.ring("fresh", houses.old.root.cert, *houses.old.crls)
    assert bundle(houses.old, f"--deployed-keyring={ring}", conf=STRICT).code == 0
    done = devices.run(rauc, *(f"--confopt={c}" for c in STRICT), "keyring", "status", f"--keyring={ring}",
                       wrap=later(4000))
    assert done.code == 1 and "the CRL of 'O = Test, CN = old root' had to be renewed before" in done.err, done.text


def test_revoked(bundle, houses, tmp_path_factory):
    ca = houses.old.ca
    house = type("House", (), {"ca": ca, "signer": ca.issue("gone", ext="ext_codesign", subject="/O=Test/CN=gone")})
    ca.revoke(house.signer)
    crl = tmp_path_factory.mktemp("crl") / "revoked.pem"
    authorities.openssl("ca", "-config", "ca.conf", "-gencrl", "-out", crl, cwd=ca.folder)
    before = houses.ring("before", houses.old.root.cert, *houses.old.crls)
    after = houses.ring("after", houses.old.root.cert, houses.old.crls[0], crl)
    assert bundle(house, f"--deployed-keyring={before}", conf=STRICT).code == 0
    refused(bundle(house, f"--deployed-keyring={after}", conf=STRICT, out="b"), "certificate revoked",
            "certificate 'O = Test, CN = gone', by the CRL of 'O = Test, CN = old CA'")


@pytest.fixture
def newer_crl(houses, later, tmp_path_factory):
    """A CRL of new's CA, made in five days."""
    crl = tmp_path_factory.mktemp("crl") / "newer.pem"
    subprocess.run([*later(5), "openssl", "ca", "-config", "ca.conf", "-gencrl", "-out", crl], cwd=houses.new.ca.folder, check=True,
                   capture_output=True)
    return crl


def test_signing_time_before_the_crl(rauc, bundle, houses, newer_crl, later, tmp_path):
    """Judged by its signing time a bundle that is older than the CRL is refused, and status says that it will be."""
    assert bundle(houses.new).code == 0
    ring = houses.ring("newer", houses.new.root.cert, houses.new.crls[0], newer_crl)
    strict = [*STRICT, "keyring:use-bundle-signing-time=true"]
    done, told = status(rauc, ring, tmp_path / "out.raucb", conf=strict, wrap=later(10))
    assert done.code == 1 and "CRL is not yet valid" in told["bundles"][0]["reason"], done.text
    assert "which is later than the time checked for" in told["bundles"][0]["reason"]
    assert any(n["code"] == "crl-newer" and "'O = Test, CN = new CA'" in n["text"] for n in told["notes"])
    done, _ = status(rauc, ring, tmp_path / "out.raucb", conf=STRICT, wrap=later(10))
    assert done.code == 0, done.text


def test_carried_keyring_must_not_undo_a_revocation(bundle, houses, newer_crl):
    old = houses.ring("older", houses.new.root.cert, *houses.new.crls)
    young = houses.ring("younger", houses.new.root.cert, houses.new.crls[0], newer_crl)
    refused(bundle(houses.new, f"--deployed-keyring={young}", f"--carries-keyring={old}", conf=STRICT),
            f"carried keyring {old} must not replace deployed keyring {young}: its CRL of 'O = Test, CN = new CA' is of ")
    assert bundle(houses.new, f"--deployed-keyring={old}", f"--carries-keyring={old}", conf=STRICT).code == 0


# --- rauc keyring status ------------------------------------------------------


def status(rauc, ring, *args, form="json", conf=("keyring:check-purpose=codesign",), **kwargs):
    done = devices.run(rauc, *(f"--confopt={c}" for c in conf), "keyring", "status", f"--keyring={ring}",
                       *([f"--output-format={form}"] if form else []), *args, **kwargs)
    return done, json.loads(done.out) if done.out and form and "json" in form else done.out


def test_status_says_what_openssl_says(rauc, houses):
    ring = houses.ring("chain", houses.old.root.cert, houses.old.ca.cert, houses.new.root.cert, *houses.old.crls)
    done, told = status(rauc, ring, conf=["keyring:expiry-warning-days=0"])
    assert done.code == 0 and told["state"] == "fine"
    for cert, path in zip(told["certificates"], (houses.old.root.cert, houses.old.ca.cert, houses.new.root.cert)):
        shown = authorities.openssl("x509", "-in", path, "-noout", "-subject", "-startdate", "-enddate", "-dateopt", "iso_8601")
        subject, begin, end = (line.split("=", 1)[1] for line in shown.splitlines())
        assert cert["subject"] == subject
        assert [cert["not-before"], cert["not-after"]] == [text.replace(" ", "T", 1) for text in (begin, end)]
    root, ca, other = told["certificates"]
    assert root["is-anchor"] and not ca["is-anchor"] and other["is-anchor"]
    assert root["issued"] == ["O = Test, CN = old CA"] and root["crl"]["revoked"] == 0 and other["crl"] is None


def test_status_of_bundles(rauc, bundle, houses, tmp_path):
    assert bundle(houses.old).code == 0 and bundle(houses.new, out="new.raucb").code == 0
    ring = houses.ring("old", houses.old.root.cert)
    done, told = status(rauc, ring, tmp_path / "out.raucb")
    (one,) = told["bundles"]
    assert done.code == 0 and one["is-accepted"] and one["anchor"] == "O = Test, CN = old root"
    assert one["until"].startswith(day(300)[:8]) and one["then"] == "certificate 'O = Test, CN = old signer' expires"
    done, told = status(rauc, ring, tmp_path / "out.raucb", tmp_path / "new.raucb", tmp_path / "nothing.raucb")
    assert done.code == 1 and [b["is-accepted"] for b in told["bundles"]] == [True, False, False]
    assert done.err.startswith(f"{tmp_path}/new.raucb is refused: signature verification failed: ") and done.err.count("\n") == 1


def test_status_until_a_date(rauc, bundle, houses, tmp_path):
    assert bundle(houses.old).code == 0
    ring = houses.ring("old", houses.old.root.cert)
    assert status(rauc, ring, tmp_path / "out.raucb", f"--accepted-until={day(200)}")[0].code == 0
    done, _ = status(rauc, ring, tmp_path / "out.raucb", f"--accepted-until={day(400)}")
    assert done.code == 1 and "it is accepted only until " in done.err
    assert status(rauc, ring, f"--accepted-until={day(7000)}")[0].code == 0
    done, _ = status(rauc, ring, f"--accepted-until={day(7500)}")
    assert done.code == 1 and re.match(r"on \S+ no bundle is accepted any more: 'O = Test, CN = old root' has expired", done.err)


@pytest.mark.parametrize("days, state, code, says", [
    (0, "fine", 0, "fine until "),
    (7200, "soon", 0, "start the rotation now"),
    (7400, "broken", 1, "no bundle is accepted any more"),
    (-4000, "broken", 1, "is it right?"),
])
def test_status_over_the_years(rauc, houses, later, days, state, code, says):
    ring = houses.ring("old", houses.old.root.cert)
    done, told = status(rauc, ring, wrap=later(days))
    assert told["state"] == state and done.code == code and says in told["action"], done.text


def test_status_is_made_for_shells(rauc, houses):
    ring = houses.ring("both", houses.old.root.cert, houses.new.root.cert)
    done, text = status(rauc, ring, form="shell")
    found = {key: shlex.split(value)[0] if value != "''" else "" for key, value in (line.split("=", 1) for line in text.splitlines())}
    assert found["RAUC_KEYRING_STATE"] == "fine" and found["RAUC_KEYRING_CERTS"] == "2"
    assert found["RAUC_KEYRING_CERT_SUBJECT_2"] == "O = Test, CN = new root"


@pytest.mark.parametrize("args, says", [
    ([], "A subcommand must be provided: status"),
    (["what"], "unknown subcommand what"),
    (["status"], "No keyring file or directory provided"),
    (["status", "--output-format=xml"], "Unknown output format: 'xml'"),
    (["status", "--keyring=/nonexistent"], "keyring: cannot open /nonexistent: No such file or directory"),
    (["status", "--keyring=/nonexistent", "--accepted-until=x"], "--accepted-until: 'x' is not a date"),
])
def test_status_called_wrongly(rauc, args, says):
    done = devices.run(rauc, "keyring", *args)
    assert done.code == 1 and done.out == "" and done.err.startswith(says) and done.err.count("\n") == 1, done.text


def test_status_of_a_device(device):
    done = device.ok("keyring", "status")
    assert done.out.startswith(f"=== Keyring ===\nFile:           {device.sections['keyring']['path']}\nState:          fine\n")


# --- What the device says of it -----------------------------------------------

@pytest.fixture(params=["direct", "service"])
def told(request, device, bus, start, later):
    """told(days, options...): what `rauc status` says so many days from now, by both doors."""
    def run(days, *args):
        wrap = later(days)
        if request.param == "direct":
            return device.ok("status", *args, wrap=wrap).out
        service = start(wrap=wrap)
        done = devices.run(device.rauc, "status", *args, env={**device.env, **bus.env})
        service.end()
        assert done.code == 0, done.text
        return done.out
    return run


def test_status_is_that_of_rauc_while_all_is_well(told):
    assert "eyring" not in told(0) and "eyring" not in told(0, "--detailed")
    assert "KEYRING" not in told(0, "--output-format=shell")
    assert list(json.loads(told(0, "--output-format=json")))[-1] == "trust"


def test_status_says_what_is_to_be_done(told):
    text = told(7200)
    assert re.search(r"\n\n=== Keyring ===\nNext: '.* expires in \d+ days, on .*: start the rotation now", text), text
    assert re.search(r"(?m)^RAUC_KEYRING_STATE='soon'\nRAUC_KEYRING_ACTION='.*'\nRAUC_KEYRING_UNTIL='\S+'$",
                     told(7200, "--output-format=shell"))
    found = json.loads(told(7200, "--output-format=json"))
    assert list(found)[-2:] == ["trust", "keyring"]
    assert found["keyring"]["state"] == "soon" and {n["code"] for n in found["keyring"]["notes"]} == {"anchor-expires"}


def test_the_service_tells_the_journal(device, start, later):
    device.change("log.x", filename=device.folder / "events", format="json", events="service")
    service = start(wrap=later(7400))
    assert service.end() == 0
    assert re.search(r"(?m)^warning: keyring: no bundle is accepted any more: ", service.text), service.text
    event = [json.loads(line) for line in (device.folder / "events").read_text().splitlines()][-1]
    assert event["MESSAGE_ID"] == "fde9d9038e0747fb8d9d2be0a362a989" and event["PRIORITY"] == "4"
    assert event["KEYRING_STATE"] == "broken" and event["KEYRING_NOTE"] == "anchor-expired"


def test_the_service_is_quiet_where_there_is_nothing_to_say(device, start, later):
    assert start().end() == 0
    device.change("keyring", expiry_warning_days=0)
    service = start(wrap=later(7400))
    assert service.end() == 0 and "keyring" not in service.text


def test_dbus_says_all_of_it(device, bus, start):
    start()
    (found,) = bus.json("GetKeyringStatus")
    assert {key: value["type"] for key, value in found.items()} == {
        "state": "s", "action": "s", "until": "x", "notes": "aa{sv}", "certificates": "aa{sv}"}
    first = found["certificates"]["data"][0]
    assert {key: value["type"] for key, value in first.items()} == {
        "subject": "s", "issuer": "s", "spki-sha256": "s", "not-before": "x", "not-after": "x", "is-anchor": "b"}
    assert found["state"]["data"] == "fine" and first["is-anchor"]["data"] is True
    told = json.loads(device.ok("keyring", "status", "--output-format=json").out)
    assert first["spki-sha256"]["data"] == told["certificates"][0]["spki-sha256"]
