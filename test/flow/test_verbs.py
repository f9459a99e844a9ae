# SPDX-License-Identifier: MIT
"""Every verb on every format with every kind of key; openssl, unsquashfs, veritysetup and Debian's rauc judge
what comes out, and what they make goes in."""

import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import time

import pytest

import bundles
import device as devices
import pki as authorities
from conftest import OLD

SIZE = 2 * bundles.MIB + 777
FORMATS = ["plain", "verity", "crypt"]
KINDS = ["rsa", "rsa3072", "ec", "ec384"]
FILES = {"rootfs.img": bundles.image(SIZE, 11), "notes.txt": b"notes\n" * 3000}
TEXT = "[update]\ncompatible=Test\nversion=1.2\n\n[bundle]\nformat={}\n\n[image.rootfs]\nfilename=rootfs.img\n"
MORE_KEYS = {"rsa3072": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
             "ec384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]}


def run(*args, **kwargs):
    return subprocess.run([str(a) for a in args], capture_output=True, timeout=120, **kwargs)


@pytest.fixture(scope="module")
def signers(tmp_path_factory):
    """One CA, and for each kind of key a signer below it and a recipient that signed itself."""
    authorities.KEYS.update(MORE_KEYS)
    ca = authorities.Ca(tmp_path_factory.mktemp("ca") / "ca", kind="ec")
    made = {kind: ca.issue(f"signer-{kind}", kind=kind) for kind in KINDS}
    made["ring"] = ca.cert
    return made


@pytest.fixture(scope="module")
def recipients(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipients")
    authorities.KEYS.update(MORE_KEYS)
    made = {}
    for kind in [*KINDS, "stranger"]:
        key, cert = folder / f"{kind}.key.pem", folder / f"{kind}.cert.pem"
        authorities.openssl("genpkey", *authorities.KEYS["ec" if kind == "stranger" else kind], "-out", key)
        authorities.openssl("req", "-x509", "-key", key, "-out", cert, "-subj", f"/O=Test/CN={kind}", "-days", "30")
        made[kind] = authorities.Identity(cert, key)
    return made


@pytest.fixture(scope="module")
def made(rauc, debian, signers, tmp_path_factory):
    """made(program, fmt, kind): a bundle, once."""
    known = {}

    def make(program, fmt, kind="ec"):
        key = (str(program), fmt, kind)
        if key not in known:
            folder = tmp_path_factory.mktemp("made")
            for name, data in FILES.items():
                (folder / "in").mkdir(exist_ok=True)
                (folder / "in" / name).write_bytes(data)
            (folder / "in" / "manifest.raucm").write_text(TEXT.format(fmt))
            done = devices.run(program, "bundle", "--cert", signers[kind].cert, "--key", signers[kind].key,
                               "--keyring", signers["ring"], folder / "in", folder / "out.raucb")
            assert done.code == 0, done.text
            known[key] = folder / "out.raucb"
        return known[key]
    return make


def good(program, *args, **kwargs):
    done = devices.run(program, *args, **kwargs)
    assert done.code == 0, done.text
    return done


def conf(folder, ring, key=None, cert=None):
    """A configuration for verbs of Debian's that have no option for a key."""
    path = folder / "host.conf"
    text = f"[system]\ncompatible=Test\nbootloader=noop\n[keyring]\npath={ring}\n"
    text += f"[encryption]\nkey={key}\n" if key else ""
    text += f"cert={cert}\n" if cert else ""
    path.write_text(text)
    return path


def cms_content(signature, folder, ring, content=None):
    """What openssl says was signed, if it believes it."""
    (folder / "judged.cms").write_bytes(signature)
    args = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", folder / "judged.cms", "-CAfile", ring,
            "-purpose", "any"]
    if content is not None:
        (folder / "judged.content").write_bytes(content)
        args += ["-content", folder / "judged.content"]
    done = run(*args)
    assert done.returncode == 0, done.stderr
    return done.stdout


def manifest_of(bundle, folder, ring):
    """(payload with tree, manifest as signed) once openssl has believed the signature."""
    payload, signature = bundles.disassemble(bundle.read_bytes())
    if b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" not in signature[:40]:
        raise AssertionError("not a SignedData")
    content = cms_content(signature, folder, ring)
    return payload, content.decode()


def value(manifest, key):
    return re.search(rf"(?m)^{key}=(.*)$", manifest)[1]


def decrypt(payload, key):
    """What dm-crypt would read: AES-256-CBC per 4096 bytes, IV from the number of the 512-byte sector. By openssl."""
    out = []
    for at in range(0, len(payload), bundles.BLOCK):
        iv = struct.pack("<Q8x", at // 512).hex()
        done = run("openssl", "enc", "-d", "-aes-256-cbc", "-nopad", "-K", key, "-iv", iv,
                   input=payload[at : at + bundles.BLOCK])
        assert done.returncode == 0, done.stderr
        out.append(done.stdout)
    return b"".join(out)


def squashfs_content(image, folder):
    (folder / "judged.squashfs").write_bytes(image)
    shutil.rmtree(folder / "judged", ignore_errors=True)
    done = run("unsquashfs", "-no-progress", "-dest", folder / "judged", folder / "judged.squashfs")
    assert done.returncode == 0, done.stderr + done.stdout
    return {p.name: p.read_bytes() for p in (folder / "judged").iterdir() if p.name != "manifest.raucm"}


def judge(bundle, fmt, folder, ring, tool):
    """openssl verifies the signature, veritysetup the tree, openssl decrypts, unsquashfs reads."""
    if fmt == "plain":
        payload, signature = bundles.disassemble(bundle.read_bytes())
        cms_content(signature, folder, ring, payload)
        assert squashfs_content(payload, folder) == FILES
        return
    payload, manifest = manifest_of(bundle, folder, ring)
    size = len(payload) - int(value(manifest, "verity-size"))
    (folder / "judged.payload").write_bytes(payload)
    done = run(tool("veritysetup"), "verify", "--no-superblock", "--data-block-size=4096", "--hash-block-size=4096",
               "--hash=sha256", f"--hash-offset={size}", f"--data-blocks={size // 4096}",
               f"--salt={value(manifest, 'verity-salt')}", folder / "judged.payload", folder / "judged.payload",
               value(manifest, "verity-hash"))
    assert done.returncode == 0, done.stderr
    data = payload[:size]
    if fmt == "crypt":
        assert not data.startswith(b"hsqs")
        # the first and the last blocks suffice: one openssl a block
        clear = decrypt(data, value(manifest, "crypt-key")) if size < 400 * bundles.BLOCK else None
        assert clear is None or squashfs_content(clear, folder) == FILES
        head = decrypt(data[: bundles.BLOCK], value(manifest, "crypt-key"))
        assert head.startswith(b"hsqs")
        return
    assert squashfs_content(data, folder) == FILES


def assert_extracts(program, bundle, ring, folder, key=None):
    """The program verifies and extracts it."""
    out = folder / f"out-{time.monotonic_ns()}"
    if "debian" in str(program) or str(program) == "/usr/bin/rauc":
        good(program, "-c", conf(folder, ring, key), "extract", bundle, out)
    else:
        good(program, "extract", "--keyring", ring, *(["--key", key] if key else []), bundle, out)
    assert {p.name: p.read_bytes() for p in out.iterdir() if p.name != "manifest.raucm"} == FILES
    shutil.rmtree(out)


matrix = pytest.mark.parametrize("fmt,kind", [(f, k) for f in FORMATS for k in KINDS])


@matrix
def test_bundle(rauc, debian, made, signers, tmp_path, tool, fmt, kind):
    ours, theirs = made(rauc, fmt, kind), made(debian, fmt, kind)
    judge(ours, fmt, tmp_path, signers["ring"], tool)
    assert_extracts(debian, ours, signers["ring"], tmp_path)
    assert_extracts(rauc, theirs, signers["ring"], tmp_path)


@matrix
def test_resign(rauc, debian, made, signers, pki, tmp_path, tool, fmt, kind):
    """To another authority; payload, tree and manifest stay. Debian's 1.8 looks for a squashfs in what is encrypted,
    so of format crypt it resigns nothing, and it makes a new tree, so its result is only read."""
    jobs = [(rauc, rauc), (rauc, debian), (debian, rauc)]
    for n, (maker, program) in enumerate(jobs[:2] if fmt != "crypt" else jobs[::2]):
        bundle, out = made(maker, fmt, kind), tmp_path / f"{n}.raucb"
        signer, ca = ((pki.rsa, pki.rsa_ca), (pki.ec, pki.ec_ca))[n % 2]
        done = good(program, "resign", "--keyring", signers["ring"], "--signing-keyring", ca.cert, "--cert", signer.cert,
                    "--key", signer.key, bundle, out)
        for reader in (rauc, debian):
            assert_extracts(reader, out, ca.cert, tmp_path)
        if program != rauc:
            continue
        assert done.out == f"Resigning '{fmt}' format bundle\n"
        assert bundles.disassemble(out.read_bytes())[0] == bundles.disassemble(bundle.read_bytes())[0]
        judge(out, fmt, tmp_path, ca.cert, tool)
        if fmt != "plain":
            assert manifest_of(out, tmp_path, ca.cert)[1] == manifest_of(bundle, tmp_path, signers["ring"])[1]


@matrix
def test_resign_append(rauc, made, signers, pki, tmp_path, fmt, kind):
    """Two signatures, both of which openssl believes; a device refuses to choose."""
    bundle, out = made(rauc, fmt, kind), tmp_path / "two.raucb"
    good(rauc, "resign", "--append", "--keyring", signers["ring"], "--cert", pki.rsa.cert, "--key", pki.rsa.key, bundle,
         out)
    payload, signature = bundles.disassemble(out.read_bytes())
    both = tmp_path / "both.pem"
    both.write_bytes(signers["ring"].read_bytes() + pki.rsa_ca.cert.read_bytes())
    cms_content(signature, tmp_path, both, payload if fmt == "plain" else None)
    (tmp_path / "two.cms").write_bytes(signature)
    printed = run("openssl", "cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", tmp_path / "two.cms").stdout
    assert printed.count(b"signatureAlgorithm:") == 2
    told = devices.run(rauc, "info", "--keyring", both, out)
    assert told.code == 1 and "Unsupported number of signers" in told.err, told.text
    # one of two is not enough
    assert devices.run(rauc, "info", "--keyring", signers["ring"], out).code == 1
    # and back to one
    one = tmp_path / "one.raucb"
    good(rauc, "resign", "--no-verify", "--cert", signers[kind].cert, "--key", signers[kind].key, out, one)
    assert_extracts(rauc, one, signers["ring"], tmp_path)


@matrix
def test_signature_out_and_in(rauc, debian, made, signers, pki, tmp_path, fmt, kind):
    """extract-signature, a signing room with openssl, replace-signature; both programs, byte for byte."""
    bundle = made(rauc, fmt, kind)
    payload, signature = bundles.disassemble(bundle.read_bytes())
    for program in (rauc, debian):
        sig = tmp_path / f"{program.parent.name}.sig"
        good(program, "extract-signature", "--keyring", signers["ring"], bundle, sig)
        assert sig.read_bytes() == signature
        assert sig.stat().st_mode & 0o777 in (0o600, 0o644)
    room = tmp_path / "room.cms"
    if fmt == "plain":
        room.write_bytes(bundles.cms(payload, pki.rsa, tmp_path, True))
    else:
        room.write_bytes(bundles.cms(cms_content(signature, tmp_path, signers["ring"]), pki.rsa, tmp_path, False))
    for program in (rauc, debian) if fmt != "crypt" else (rauc,):  # as with resign
        out = tmp_path / f"{program.parent.name}.raucb"
        good(program, "replace-signature", "--keyring", signers["ring"], "--signing-keyring", pki.rsa_ca.cert, bundle,
             room, out)
        for reader in (rauc, debian):
            assert_extracts(reader, out, pki.rsa_ca.cert, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_encrypt(rauc, debian, made, signers, recipients, tmp_path, tool, kind):
    """For four recipients by either program, opened by either with each key, and by openssl."""
    for maker, program in ((rauc, rauc), (rauc, debian), (debian, rauc)):
        out = tmp_path / f"{maker.parent.name}-{program.parent.name}.raucb"
        to = [word for k in KINDS for word in ("--to", recipients[k].cert)]
        done = good(program, "encrypt", "--keyring", signers["ring"], *to, made(maker, "crypt"), out)
        if program == rauc:
            assert done.out == f"Encrypted bundle written to {out}\n" and "Encrypted for 4 recipients" in done.err
        payload, envelope = bundles.disassemble(out.read_bytes())
        assert payload == bundles.disassemble(made(maker, "crypt").read_bytes())[0]
        (tmp_path / "envelope").write_bytes(envelope)
        opened = run("openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", tmp_path / "envelope", "-recip",
                     recipients[kind].cert, "-inkey", recipients[kind].key)
        assert opened.returncode == 0, opened.stderr
        assert opened.stdout == bundles.disassemble(made(maker, "crypt").read_bytes())[1]
        for reader in (rauc, debian):
            assert_extracts(reader, out, signers["ring"], tmp_path, key=recipients[kind].key)
        told = good(rauc, "info", "--keyring", signers["ring"], "--key", recipients[kind].key, out)
        assert "crypt [encrypted CMS]" in told.out and "Crypt Key:    '<hidden>'" in told.out
        sig = tmp_path / f"{maker.parent.name}-{program.parent.name}.sig"
        good(rauc, "extract-signature", "--keyring", signers["ring"], "--key", recipients[kind].key, out, sig)
        assert sig.read_bytes() == opened.stdout


def test_encrypt_by_openssl(rauc, made, signers, recipients, tmp_path):
    """An envelope that neither of us made."""
    payload, signature = bundles.disassemble(made(rauc, "crypt").read_bytes())
    (tmp_path / "signed").write_bytes(signature)
    done = run("openssl", "cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "DER", "-in", tmp_path / "signed",
               "-out", tmp_path / "envelope", recipients["ec"].cert, recipients["rsa"].cert)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "foreign.raucb"
    out.write_bytes(bundles.assemble(payload, (tmp_path / "envelope").read_bytes()))
    for kind in ("ec", "rsa"):
        assert_extracts(rauc, out, signers["ring"], tmp_path, key=recipients[kind].key)


def test_dump_recipients_as_debian(rauc, debian, made, signers, recipients, tmp_path):
    out = tmp_path / "e.raucb"
    good(rauc, "encrypt", "--keyring", signers["ring"], "--to", recipients["ec"].cert, "--to", recipients["rsa"].cert,
         made(rauc, "crypt"), out)
    ours = good(rauc, "info", "--keyring", signers["ring"], "--key", recipients["ec"].key, "--dump-recipients", out).out
    theirs = good(debian, "-c", conf(tmp_path, signers["ring"], recipients["ec"].key), "info", "--dump-recipients",
                  out).out
    def part(text):
        return text[text.index("2 Recipients:") :].split("\n\n")[0]
    assert part(ours) == part(theirs)
    unkeyed = devices.run(rauc, "info", "--keyring", signers["ring"], "--dump-recipients", out)
    assert unkeyed.code == 1 and part(unkeyed.out) == part(ours)


def test_dump_cert_as_debian(rauc, debian, made, signers):
    bundle = made(rauc, "verity", "rsa")
    ours = good(rauc, "info", "--keyring", signers["ring"], "--dump-cert", bundle).out
    theirs = good(debian, "info", "--keyring", signers["ring"], "--dump-cert", bundle).out
    def part(text):
        return text[text.index("Certificate:\n") :].split("Signature Value")[0]
    assert "Public-Key: (2048 bit)" in part(ours)
    assert part(ours) == part(theirs)


# Installing what is encrypted.

@pytest.fixture
def encrypted(rauc, made, signers, recipients, tmp_path):
    out = tmp_path / "encrypted.raucb"
    good(rauc, "encrypt", "--keyring", signers["ring"], "--to", recipients["rsa"].cert, "--to", recipients["ec"].cert,
         made(rauc, "crypt"), out)
    return out


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("with_cert", [False, True])
def test_install_encrypted(make_device, encrypted, signers, recipients, kind, with_cert):
    device = make_device(keyring=signers["ring"])
    device.change("encryption", key=recipients[kind].key, cert=recipients[kind].cert if with_cert else None)
    device.ok("install", encrypted)
    assert device.content("rootfs.1", SIZE) == FILES["rootfs.img"]
    assert device.chosen() == "B"


def test_install_debians_encrypted(debian, made, make_device, signers, recipients, tmp_path):
    out = tmp_path / "theirs.raucb"
    good(debian, "encrypt", "--keyring", signers["ring"], "--to", recipients["ec"].cert, made(debian, "crypt"), out)
    device = make_device(keyring=signers["ring"])
    device.change("encryption", key=recipients["ec"].key)
    device.ok("install", out)
    assert device.content("rootfs.1", SIZE) == FILES["rootfs.img"]


REFUSED = {
    "unencrypted": (None, dict(key="ec"), "Refusing to install unencrypted crypt bundles"),
    "no-key": ("encrypted", {}, "Encrypted bundle detected, but no decryption key given"),
    "wrong-key": ("encrypted", dict(key="stranger"), "Failed to decrypt bundle: Failed to decrypt CMS EnvelopedData: "),
    "wrong-cert": ("encrypted", dict(key="ec", cert="rsa"), "does not belong to certificate"),
    "no-recipient": ("encrypted", dict(key="stranger", cert="stranger"), "no matching recipient"),
    "key-gone": ("encrypted", dict(key="/nowhere/key.pem"), "/nowhere/key.pem"),
    "format-forbidden": ("encrypted", dict(key="ec", formats="verity"), "Bundle format 'crypt' not allowed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_install_refused(rauc, made, make_device, encrypted, signers, recipients, case):
    which, given, message = REFUSED[case]
    device = make_device(keyring=signers["ring"])
    paths = {name: getattr(recipients[who], {"key": "key", "cert": "cert"}[name]) if who in recipients else who
             for name, who in given.items() if name != "formats"}
    if paths:
        device.change("encryption", **paths)
    if "formats" in given:
        device.change("system", bundle_formats=given["formats"])
    bundle = encrypted if which else made(rauc, "crypt")
    done = device.call("install", bundle)
    assert done.code == 1 and message in done.err, done.text
    assert device.chosen() == "A" and device.content("rootfs.1") == OLD


# What goes wrong.

@pytest.mark.parametrize("verb", ["resign", "replace-signature", "encrypt"])
def test_damaged_payload_is_not_signed_again(rauc, made, signers, pki, recipients, tmp_path, verb):
    """Also when only the last byte of the hash tree is wrong: a signature says that all of it is right."""
    source = made(rauc, "crypt")
    payload, signature = bundles.disassemble(source.read_bytes())
    (tmp_path / "sig").write_bytes(signature)
    for at in (0, len(payload) // 2, len(payload) - 1):
        damaged, out = tmp_path / "damaged.raucb", tmp_path / "out.raucb"
        bundles.copy_of(source, damaged, lambda d: d[:at] + bytes([d[at] ^ 1]) + d[at + 1 :])
        words = {"resign": ["--cert", pki.ec.cert, "--key", pki.ec.key, damaged, out],
                 "replace-signature": ["--signing-keyring", signers["ring"], damaged, tmp_path / "sig", out],
                 "encrypt": ["--to", recipients["ec"].cert, damaged, out]}[verb]
        done = devices.run(rauc, verb, "--keyring", signers["ring"], *words)
        assert done.code == 1 and "bundle payload is corrupted" in done.err, done.text
        assert not out.exists()


VERBS = {
    "bundle": lambda s, p, r, t: ["bundle", "--cert", p.ec.cert, "--key", p.ec.key, s["in"], t / "out"],
    "resign": lambda s, p, r, t: ["resign", "--keyring", r["ring"], "--signing-keyring", p.ec_ca.cert, "--cert",
                                  p.ec.cert, "--key", p.ec.key, s["crypt"], t / "out"],
    "append": lambda s, p, r, t: ["resign", "--append", "--keyring", r["ring"], "--cert", p.ec.cert, "--key", p.ec.key,
                                  s["crypt"], t / "out"],
    "replace": lambda s, p, r, t: ["replace-signature", "--keyring", r["ring"], s["crypt"], s["sig"], t / "out"],
    "encrypt": lambda s, p, r, t: ["encrypt", "--keyring", r["ring"], "--to", s["to"], s["crypt"], t / "out"],
    "extract": lambda s, p, r, t: ["extract", "--keyring", r["ring"], s["crypt"], t / "out"],
    "extract-signature": lambda s, p, r, t: ["extract-signature", "--keyring", r["ring"], s["crypt"], t / "out"],
}


@pytest.fixture
def sources(rauc, made, signers, recipients, tmp_path):
    bundle = made(rauc, "crypt")
    (tmp_path / "sig").write_bytes(bundles.disassemble(bundle.read_bytes())[1])
    return {"in": bundle.parent / "in", "crypt": bundle, "sig": tmp_path / "sig", "to": recipients["ec"].cert}


@pytest.mark.parametrize("verb", VERBS)
def test_output_exists(rauc, sources, signers, pki, tmp_path, verb):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "out").write_text("mine")
    done = devices.run(rauc, *VERBS[verb](sources, pki, signers, folder))
    assert done.code == 1 and re.search(r"exist", done.err), done.text
    assert (folder / "out").read_text() == "mine"
    assert os.listdir(folder) == ["out"]


@pytest.mark.parametrize("share", [0, 0.4, 0.98])
@pytest.mark.parametrize("verb", [v for v in VERBS if v != "extract-signature"])
def test_disk_full(rauc, sources, signers, pki, tmp_path, verb, share):
    """The limit on the size of a file is met like a full disk: nothing of the output stays."""
    folder = tmp_path / "full"
    folder.mkdir()
    size = int(sources["crypt"].stat().st_size * share)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = devices.run(rauc, *VERBS[verb](sources, pki, signers, folder), preexec_fn=limit)
    assert done.code == 1 and done.err.strip(), done.text
    assert os.listdir(folder) == []
    assert not (sources["in"] / ".rauc-workdir").exists()


@pytest.mark.parametrize("verb", [v for v in VERBS if v not in ("extract-signature",)])
def test_really_full_disk(rauc, root, sources, signers, pki, tmp_path, mount, verb):
    folder = mount("none", "small", "-t", "tmpfs", "-o", "size=600k")
    before = os.statvfs(folder).f_bavail
    done = devices.run(rauc, *VERBS[verb](sources, pki, signers, folder))
    assert done.code == 1 and re.search("No space left|write to output", done.err), done.text
    assert os.listdir(folder) == []
    assert os.statvfs(folder).f_bavail == before


@pytest.mark.parametrize("verb", ["resign", "encrypt", "replace"])
def test_killed(rauc, sources, signers, pki, tmp_path, verb):
    """SIGKILL at any time leaves the whole bundle or none of it."""
    folder = tmp_path / "killed"
    folder.mkdir()
    args = [str(a) for a in [rauc, *VERBS[verb](sources, pki, signers, folder)]]
    whole = 0
    for n in range(12):
        process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.002 + 0.006 * n)
        process.kill()
        process.wait()
        left = os.listdir(folder)
        if left:
            assert left == ["out"]
            assert len((folder / "out").read_bytes()) > SIZE // 3
            bundles.disassemble((folder / "out").read_bytes())
            (folder / "out").unlink()
            whole += 1
    assert whole < 12


def test_no_question_is_asked(rauc, sources, signers, pki, tmp_path):
    """A key behind a passphrase that is wrong or missing is one line, on a terminal too."""
    for passphrase, message in ((None, "RAUC_KEY_PASSPHRASE"), ("wrong", "is the passphrase right?")):
        env = {"RAUC_KEY_PASSPHRASE": passphrase} if passphrase else {}
        done = devices.run(rauc, "resign", "--keyring", signers["ring"], "--cert", pki.encrypted.cert, "--key",
                           pki.encrypted.key, sources["crypt"], tmp_path / "out", env=env)
        assert done.code == 1 and message in done.err and done.err.count("\n") == 1, done.text
    good(rauc, "resign", "--keyring", signers["ring"], "--signing-keyring", pki.ec_ca.cert, "--cert", pki.encrypted.cert,
         "--key", pki.encrypted.key, sources["crypt"], tmp_path / "out", env={"RAUC_KEY_PASSPHRASE": "secret"})


# Who would still accept it.

def test_resign_asks_the_deployed_keyrings(rauc, sources, signers, pki, tmp_path):
    """A keyring out there that does not know the new signer stops the bundle, one that does is told of."""
    out = tmp_path / "out"
    words = ["resign", "--keyring", signers["ring"], "--cert", pki.ec.cert, "--key", pki.ec.key]
    done = devices.run(rauc, *words, "--deployed-keyring", signers["ring"], sources["crypt"], out)
    assert done.code == 1 and not out.exists(), done.text
    assert f"deployed keyring {signers['ring']} would refuse this bundle: " in done.err, done.text
    far = devices.run(rauc, *words, "--deployed-keyring", pki.ec_ca.cert, "--accepted-until", "2090-01-01",
                      sources["crypt"], out)
    assert far.code == 1 and not out.exists() and "not on 2090-01-01T23:59:59Z" in far.err, far.text
    several = devices.run(rauc, *words, "--append", "--deployed-keyring", pki.ec_ca.cert, sources["crypt"], out)
    assert several.code == 1 and not out.exists() and "exactly one key" in several.err, several.text
    until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400 * 300))
    told = good(rauc, *words, "--signing-keyring", pki.ec_ca.cert, "--deployed-keyring", pki.ec_ca.cert,
                "--accepted-until", until, sources["crypt"], out)
    assert re.search(rf"{pki.ec_ca.cert} accepts", told.out + told.err), told.text
