#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the bundles of this folder and the keys they are signed with:

    make.py FOLDER

The same again in structure, not in bytes: keys and signatures are new. README.md says what is wrong with each and what is
said about it; what is new there, or changed, is to be made once and kept."""

import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "flow"))

import bundles  # noqa: E402
import der  # noqa: E402
from authority import FUTURE, PAST, Authority, openssl  # noqa: E402

IMAGE = bundles.image(4096, 1)
PLAIN = f"""[update]
compatible=Test
version=1

[bundle]
format=plain

[image.rootfs]
sha256={bundles.sha256(IMAGE)}
size={len(IMAGE)}
filename=rootfs.img
"""
SIGNED_DATA, DATA, ENVELOPED, DIGESTED = (f"1.2.840.113549.1.7.{n}" for n in (2, 1, 3, 5))
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{n}" for n in (3, 4, 5))
MD5, SHA1, SHA512 = "1.2.840.113549.2.5", "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.3"
RSA_SHA256, NOTHING = "1.2.840.113549.1.1.11", "1.3.6.1.4.1.99999.2"
# Where things are in a SignedData, and in its SignerInfo.
VERSION, DIGESTS, CONTENT, CERTS, SIGNERS = range(5)
SIGNER_VERSION, SIGNER_ID, SIGNER_DIGEST, ATTRIBUTES, ALGORITHM, SIGNATURE = range(6)


def issue_of_size(pki, name, issuer, size):
    """An integer in DER is a byte shorter now and then; this certificate is put into a file 180 times, whose size shall be the same."""
    for _ in range(100):
        pki.issue(name, issuer)
        der_bytes = subprocess.run(["openssl", "x509", "-in", pki.cert(name), "-outform", "DER"], capture_output=True, check=True).stdout
        if len(der_bytes) == size:
            return
    raise AssertionError(f"{name} never has {size} bytes")


def issue_all(folder):
    """Who there is. All say TEST ONLY."""
    pki = Authority(folder)
    pki.issue("root", ext="ca_")
    pki.issue("stranger-root", ext="ca_", cn="root")  # by name the same
    pki.issue("middle", "root", ext="ca_")
    pki.issue("signer", "root")
    issue_of_size(pki, "other-signer", "root", 436)
    pki.issue("rsa-signer", "root", kind="rsa")
    pki.issue("below", "middle")
    pki.issue("self-signed")
    pki.issue("stranger", "stranger-root", cn="signer")
    pki.issue("expired", "root", days=PAST)
    pki.issue("future", "root", days=FUTURE)
    pki.issue("expired-middle", "root", ext="ca_", days=PAST)
    pki.issue("below-expired", "expired-middle")
    pki.issue("below-leaf", "signer")
    pki.issue("end", "root", ext="ca_end")
    pki.issue("end-middle", "end", ext="ca_")
    pki.issue("too-deep", "end-middle")
    pki.issue("no-certs", "root", ext="ca_no_certs")
    pki.issue("below-no-certs", "no-certs")
    pki.issue("names", "root", ext="ca_names")
    pki.issue("other-name", "names")
    pki.issue("mail", "root", ext="mail")
    pki.issue("server", "root", ext="server")
    pki.issue("encipher", "root", ext="encipher")
    pki.issue("unknown", "root", ext="unknown")
    pki.issue("revoked", "root")
    pki.issue("below-revoked", "middle")
    pki.issue("recipient")
    pki.issue("other-recipient")
    before = pki.crl("before", "root")
    middle = pki.crl("middle", "middle")
    now = pki.crl("now", "root", revoke=["revoked"])
    stale = pki.crl("stale", "root", update=PAST)
    early = pki.crl("early", "root", update=FUTURE)
    other = pki.crl("other", "stranger-root")
    broken = pki.folder / "broken.crl.pem"
    tree = der.parse(openssl("crl", "-in", now, "-outform", "DER"))
    tree[2] = der.Node(0x03, tree[2].value[:-1] + bytes([tree[2].value[-1] ^ 1]))
    broken.write_bytes(openssl("crl", "-inform", "DER", data=tree.encode()))
    root = pki.cert("root")
    for name, crls in {"crl": [now, middle], "no-crl": [], "half-crl": [now], "stale-crl": [stale, middle], "early-crl": [early, middle],
                       "other-crl": [other, middle], "broken-crl": [broken, middle]}.items():
        pki.ring(name, root, *crls)
    pki.before = before
    pki.clean()
    return pki


class Maker:
    def __init__(self, out, pki, scratch):
        self.out, self.pki, self.scratch = out, pki, scratch
        folder = scratch / "content"
        folder.mkdir()
        (folder / "rootfs.img").write_bytes(IMAGE)
        (folder / "manifest.raucm").write_text(PLAIN)
        self.payload = bundles.squashfs(folder, scratch / "payload")
        self.salt = bytes(range(32))
        self.hashes, self.root = bundles.tree(self.payload, self.salt)
        self.manifest = PLAIN.replace("format=plain\n", "format=verity\nverity-hash={}\nverity-salt={}\nverity-size={}\n".format(
            self.root, self.salt.hex(), len(self.hashes)))

    def sign(self, content, *signers, more=(), args=(), detached=False):
        """SignedData by the openssl program."""
        (self.scratch / "in").write_bytes(content)
        names = [word for name in signers for word in ("-signer", self.pki.cert(name), "-inkey", self.pki.key(name))]
        (self.scratch / "more").write_bytes(b"".join(self.pki.cert(name).read_bytes() for name in more))
        extra = ["-certfile", self.scratch / "more"] if more else []
        return openssl("cms", "-sign", "-binary", "-nosmimecap", "-outform", "DER", "-in", self.scratch / "in", *names, *extra,
                       *args, *([] if detached else ["-nodetach"]))

    def encrypt(self, content, *recipients):
        (self.scratch / "in").write_bytes(content)
        return openssl("cms", "-encrypt", "-binary", "-aes256", "-outform", "DER", "-in", self.scratch / "in",
                       *(self.pki.cert(name) for name in recipients))

    def write(self, name, data):
        (self.out / f"{name}.raucb").write_bytes(data)

    def verity(self, name, cms, payload=None, hashes=None):
        self.write(name, bundles.assemble((payload or self.payload) + (hashes or self.hashes), cms))

    def text(self, name, text, signer="signer"):
        """A manifest that is signed, whatever it is."""
        self.verity(name, self.sign(text if isinstance(text, bytes) else text.encode(), signer))

    def tree(self, name, change, content=None, **kwargs):
        """A signature with its tree changed: change(SignedData, whole)."""
        whole = der.parse(self.sign(content or self.manifest.encode(), "signer", **kwargs))
        self.verity(name, (change(whole[1][0], whole) or whole).encode())

    def resign(self, name, change, content=None):
        """The signed attributes changed, and signed again as they are: change(list of attributes) -> list."""
        whole = der.parse(self.sign(content or self.manifest.encode(), "signer"))
        info = whole[1][0][SIGNERS][0]
        made = change(info[ATTRIBUTES].value)
        info[ATTRIBUTES] = der.Node(0xA0, made)
        info[SIGNATURE] = der.octets(self.raw(der.Node(0x31, made).encode()))
        self.verity(name, whole.encode())

    def raw(self, data):
        (self.scratch / "raw").write_bytes(data)
        return openssl("dgst", "-sha256", "-sign", self.pki.key("signer"), self.scratch / "raw")

    def der(self, name):
        return openssl("x509", "-in", self.pki.cert(name), "-outform", "DER")


def put(index, node):
    """A change that replaces a field of the SignedData."""
    def change(signed, _whole):
        signed[index] = node
    return change


def info(index, node):
    """The same in its SignerInfo."""
    def change(signed, _whole):
        signed[SIGNERS][0][index] = node
    return change


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def good(make):
    text = make.manifest.encode()
    make.verity("good-verity", make.sign(text, "signer"))
    make.verity("good-rsa", make.sign(text, "rsa-signer"))
    make.verity("good-chain", make.sign(text, "below", more=["middle"]))
    make.write("good-plain", bundles.assemble(make.payload, make.sign(make.payload, "signer", detached=True)))
    make.verity("good-crl", make.sign(text, "below", more=["middle"]))
    make.verity("good-cns", make.sign(text, "signer"))


def trailer(make):
    whole = make.payload + make.hashes
    cms = make.sign(make.manifest.encode(), "signer")
    size = bundles.struct.pack
    make.write("trailer-empty-file", b"")
    make.write("trailer-alone", size(">Q", 0))
    make.write("trailer-zero", whole + cms + size(">Q", 0))
    make.write("trailer-all-ones", whole + cms + b"\xff" * 8)
    make.write("trailer-little-endian", whole + cms + size("<Q", len(cms)))
    make.write("trailer-short", whole + cms + size(">Q", len(cms) - 1))
    make.write("trailer-long", whole + cms + size(">Q", len(cms) + 1))
    make.write("trailer-missing", whole + cms)
    make.write("trailer-byte-behind-the-cms", whole + cms + b"\0" + size(">Q", len(cms) + 1))
    make.write("trailer-byte-behind", whole + cms + size(">Q", len(cms)) + b"\n")
    make.write("trailer-no-payload", cms + size(">Q", len(cms)))
    make.write("trailer-two", whole + cms + size(">Q", len(cms)) + size(">Q", len(cms)))


def cms_fields(make):
    """ContentInfo and SignedData."""
    tree = make.tree
    tree("cms-type-data", lambda s, w: der.sequence(der.oid(DATA), der.Node(0xA0, [der.octets(w.encode())])))
    tree("cms-type-digested", lambda s, w: der.sequence(der.oid(DIGESTED), w[1]))
    tree("cms-type-unknown", lambda s, w: der.sequence(der.oid(NOTHING), w[1]))
    tree("cms-type-no-oid", lambda s, w: der.sequence(der.integer(2), w[1]))
    tree("cms-nothing-in-it", lambda s, w: der.sequence(w[0]))
    tree("odd-version-zero", put(VERSION, der.integer(0)))
    tree("cms-version-huge", put(VERSION, der.integer(2**80)))
    tree("odd-version-negative", put(VERSION, der.Node(0x02, b"\xff")))
    tree("cms-version-text", put(VERSION, der.octets(b"1")))
    tree("cms-version-missing", lambda s, w: s.value.pop(VERSION) and None)
    tree("cms-digests-none", put(DIGESTS, der.set_of()))
    tree("cms-digests-md5", put(DIGESTS, der.set_of(der.sequence(der.oid(MD5)))))
    tree("cms-digests-unknown", put(DIGESTS, der.set_of(der.sequence(der.oid(NOTHING)))))
    tree("cms-digests-number", put(DIGESTS, der.integer(256)))
    tree("cms-content-type-other", put(CONTENT, der.sequence(der.oid(SIGNED_DATA), der.Node(0xA0, [der.octets(b"x")]))))
    tree("cms-content-missing", put(CONTENT, der.sequence(der.oid(DATA))))
    tree("cms-content-empty", put(CONTENT, der.sequence(der.oid(DATA), der.Node(0xA0, [der.octets(b"")]))))
    tree("cms-content-number", put(CONTENT, der.sequence(der.oid(DATA), der.Node(0xA0, [der.integer(1)]))))
    other = make.manifest.replace("compatible=Test", "compatible=Tess").encode()
    tree("cms-content-other", put(CONTENT, der.sequence(der.oid(DATA), der.Node(0xA0, [der.octets(other)]))))
    more = make.manifest.encode() + b"\n"
    tree("cms-content-longer", put(CONTENT, der.sequence(der.oid(DATA), der.Node(0xA0, [der.octets(more)]))))
    tree("cms-certificates-none", lambda s, w: s.value.pop(CERTS) and None)
    tree("cms-certificates-empty", put(CERTS, der.Node(0xA0, [])))
    tree("cms-certificates-of-another", put(CERTS, der.Node(0xA0, [der.parse(make.der("other-signer"))])))
    tree("cms-certificates-number", put(CERTS, der.Node(0xA0, [der.integer(1)])))
    tree("cms-certificates-attribute", put(CERTS, der.Node(0xA0, [der.Node(0xA2, der.nodes(make.der("signer")))])))
    tree("cms-certificates-too-many", put(CERTS, der.Node(0xA0, [der.parse(make.der(n)) for n in ("signer", *["other-signer"] * 180)])))
    tree("cms-signers-none", put(SIGNERS, der.set_of()))
    tree("cms-signers-missing", lambda s, w: s.value.pop(SIGNERS) and None)
    tree("cms-signers-number", put(SIGNERS, der.set_of(der.integer(1))))
    tree("cms-field-too-many", lambda s, w: s.value.append(der.integer(1)))


def signer_fields(make):
    """SignerInfo, signed attributes, signature."""
    tree = make.tree
    tree("odd-signer-version-zero", info(SIGNER_VERSION, der.integer(0)))
    tree("signer-version-text", info(SIGNER_VERSION, der.octets(b"1")))
    tree("signer-serial-other", lambda s, w: s[SIGNERS][0][SIGNER_ID].value.__setitem__(1, der.integer(4711)))
    tree("signer-issuer-other", lambda s, w: s[SIGNERS][0][SIGNER_ID].value.__setitem__(0, der.sequence()))
    tree("signer-key-id-other", info(SIGNER_ID, der.Node(0x80, b"\x01" * 20)))
    tree("signer-id-number", info(SIGNER_ID, der.integer(1)))
    tree("signer-digest-unknown", info(SIGNER_DIGEST, der.sequence(der.oid(NOTHING))))
    tree("signer-digest-sha512", info(SIGNER_DIGEST, der.sequence(der.oid(SHA512))))
    tree("signer-digest-md5", info(SIGNER_DIGEST, der.sequence(der.oid(MD5))))
    tree("odd-algorithm-rsa", info(ALGORITHM, der.sequence(der.oid(RSA_SHA256), der.Node(0x05, b""))))
    tree("odd-algorithm-unknown", info(ALGORITHM, der.sequence(der.oid(NOTHING))))
    tree("signature-empty", info(SIGNATURE, der.octets(b"")))
    tree("signature-zero", info(SIGNATURE, der.octets(der.sequence(der.integer(0), der.integer(0)).encode())))
    tree("signature-one", info(SIGNATURE, der.octets(der.sequence(der.integer(1), der.integer(1)).encode())))
    tree("signature-huge", info(SIGNATURE, der.octets(der.sequence(der.integer(2**4096), der.integer(1)).encode())))
    tree("signature-number", info(SIGNATURE, der.integer(1)))
    tree("signature-flipped", lambda s, w: info(SIGNATURE, der.octets(flip(s[SIGNERS][0][SIGNATURE].value, -3)))(s, w))
    tree("attributes-none", lambda s, w: s[SIGNERS][0].value.pop(ATTRIBUTES) and None)
    tree("attributes-empty", info(ATTRIBUTES, der.Node(0xA0, [])))
    tree("attributes-digest-flipped", lambda s, w: find(s[SIGNERS][0][ATTRIBUTES].value, MESSAGE_DIGEST)[1].value.__setitem__(
        0, der.octets(b"\0" * 32)))

    resign, digest = make.resign, lambda data: attribute(MESSAGE_DIGEST, der.octets(data))
    resign("attributes-without-digest", lambda a: [x for x in a if x is not find(a, MESSAGE_DIGEST)])
    resign("attributes-without-type", lambda a: [x for x in a if x is not find(a, CONTENT_TYPE)])
    resign("attributes-digest-short", lambda a: [digest(b"\1\2\3") if x is find(a, MESSAGE_DIGEST) else x for x in a])
    resign("attributes-digest-text", lambda a: [attribute(MESSAGE_DIGEST, der.integer(1)) if x is find(a, MESSAGE_DIGEST) else x for x in a])
    resign("attributes-digest-twice", lambda a: [*a, digest(b"\0" * 32)])
    resign("attributes-digest-two-values", lambda a: [
        attribute(MESSAGE_DIGEST, x[1][0], der.octets(b"\0" * 32)) if x is find(a, MESSAGE_DIGEST) else x for x in a])
    resign("odd-attribute-of-another-type", lambda a: [attribute(CONTENT_TYPE, der.oid(SIGNED_DATA)) if x is find(a, CONTENT_TYPE) else x for x in a])

    # The attributes of a good bundle as the content of one without any: the same bytes are signed.
    whole = der.parse(make.sign(make.manifest.encode(), "signer"))
    signed = whole[1][0]
    attributes = der.Node(0x31, signed[SIGNERS][0][ATTRIBUTES].value).encode()
    signed[CONTENT] = der.sequence(der.oid(DATA), der.Node(0xA0, [der.octets(attributes)]))
    signed[SIGNERS][0].value.pop(ATTRIBUTES)
    make.verity("attributes-as-content", whole.encode())


def attribute(number, *values):
    return der.sequence(der.oid(number), der.set_of(*values))


def find(attributes, number):
    return next(a for a in attributes if a[0].encode() == der.oid(number).encode())


def several(make):
    text = make.manifest.encode()
    make.verity("signers-two", make.sign(text, "signer", "other-signer"))
    make.verity("signers-one-stranger", make.sign(text, "signer", "stranger"))
    make.verity("signers-one-expired", make.sign(text, "signer", "expired"))
    make.verity("signers-one-self-signed", make.sign(text, "signer", "self-signed"))
    make.tree("signers-twice-the-same", lambda s, w: s[SIGNERS].value.append(s[SIGNERS][0].copy()))

    def break_second(signed, _whole):
        signed[SIGNERS][1][SIGNATURE] = der.octets(flip(signed[SIGNERS][1][SIGNATURE].value, -3))
    whole = der.parse(make.sign(text, "signer", "other-signer"))
    break_second(whole[1][0], whole)
    make.verity("signers-one-broken", whole.encode())


def chain(make):
    text = make.manifest.encode()
    for name, signer, more in (
            ("self-signed", "self-signed", []), ("stranger", "stranger", ["stranger-root"]), ("expired", "expired", []),
            ("not-yet-valid", "future", []), ("middle-expired", "below-expired", ["expired-middle"]), ("middle-missing", "below", []),
            ("middle-of-another", "below", ["end"]), ("below-a-leaf", "below-leaf", ["signer"]),
            ("too-deep", "too-deep", ["end-middle", "end"]), ("ca-may-not-sign-certificates", "below-no-certs", ["no-certs"]),
            ("name-not-allowed", "other-name", ["names"]), ("purpose-server", "server", []), ("purpose-encipher", "encipher", []),
            ("purpose-codesign", "mail", []), ("purpose-codesign-none", "signer", []), ("unknown-extension", "unknown", []),
            ("revoked", "revoked", []), ("crl-missing", "signer", []), ("crl-of-the-middle-missing", "below", ["middle"]),
            ("crl-stale", "signer", []), ("crl-not-yet-valid", "signer", []), ("crl-of-another", "signer", []),
            ("crl-broken", "signer", []), ("name-not-on-the-list", "other-signer", [])):
        make.verity("chain-" + name, make.sign(text, signer, more=more))

    # A revoked signer brings a list from before.
    whole = der.parse(make.sign(text, "revoked"))
    old = der.parse(openssl("crl", "-in", make.pki.before, "-outform", "DER"))
    whole[1][0].value.insert(SIGNERS, der.Node(0xA1, [old]))
    make.verity("chain-revoked-with-an-old-crl", whole.encode())

    def changed(name, change, signer="signer"):
        whole = der.parse(make.sign(text, signer))
        change(whole[1][0][CERTS].value)
        make.verity(name, whole.encode())

    def cert(field):
        """A change of the signed part of the signer's certificate."""
        def change(certs):
            field(certs[0][0])
        return change
    # tbsCertificate: version, serial, algorithm, issuer, validity, subject, key, extensions
    changed("certificate-signature-flipped", lambda c: c[0].value.__setitem__(2, der.Node(0x03, flip(c[0][2].value, -3))))
    changed("certificate-validity-longer", cert(lambda t: t[4].value.__setitem__(1, der.Node(0x18, b"20990101000000Z"))))
    changed("certificate-validity-text", cert(lambda t: t[4].value.__setitem__(1, der.Node(0x18, b"whenever"))))
    changed("certificate-subject-other", cert(lambda t: t.value.__setitem__(5, der.parse(make.der("root"))[0][5])))
    changed("certificate-key-other", cert(lambda t: t.value.__setitem__(6, der.parse(make.der("other-signer"))[0][6])))
    changed("certificate-key-unknown", cert(lambda t: t[6].value.__setitem__(0, der.sequence(der.oid(NOTHING)))))
    changed("certificate-key-not-on-the-curve", cert(lambda t: t[6].value.__setitem__(1, der.Node(0x03, b"\0\4" + b"\1" * 64))))
    changed("certificate-algorithm-other", cert(lambda t: t.value.__setitem__(2, der.sequence(der.oid(RSA_SHA256), der.Node(0x05, b"")))))
    changed("certificate-version-huge", cert(lambda t: t[0].value.__setitem__(0, der.integer(2**40))))
    changed("certificate-no-extensions", cert(lambda t: t.value.pop(7)))
    changed("certificate-cut", lambda c: c.__setitem__(0, der.sequence(c[0][0])))


def manifests(make):
    text, image = make.manifest, "[image.rootfs]\n"
    make.text("manifest-empty", b"\n")
    make.text("manifest-binary", bytes(range(256)))
    make.text("manifest-utf-16", text.encode("utf-16"))
    make.text("manifest-latin-1", text.encode() + b"# gr\xfc\xdfe\n[meta.x]\ny=\xfc\n")
    make.text("manifest-nul", text.encode() + b"\0")
    make.text("manifest-endless-line", text + "[meta.x]\ny=" + "z" * 50000 + "\n=\n")
    make.text("manifest-key-twice", text.replace("version=1\n", "version=1\nversion=2\n"))
    make.text("manifest-hash-twice", text.replace("verity-size", f"verity-hash={'0' * 64}\nverity-size"))
    make.text("manifest-key-unknown", text.replace("version=1\n", "version=1\nversoin=2\n"))
    make.text("manifest-section-unknown", text + "\n[imgae.rootfs]\nfilename=x\n")
    make.text("manifest-no-compatible", text.replace("compatible=Test\n", ""))
    make.text("manifest-no-bundle", text[:text.index("[bundle]")] + text[text.index(image):])
    make.text("manifest-format-plain", PLAIN)
    make.text("manifest-format-unknown", text.replace("=verity", "=unverified"))
    make.text("manifest-format-crypt", text.replace("=verity", "=crypt"))
    make.text("manifest-hash-missing", text.replace(f"verity-hash={make.root}\n", ""))
    make.text("manifest-hash-short", text.replace(make.root, make.root[:-2]))
    make.text("manifest-hash-other", text.replace(make.root, "0" * 64))
    make.text("manifest-salt-short", text.replace(make.salt.hex(), "00"))
    make.text("manifest-size-zero", text.replace("verity-size=4096", "verity-size=0"))
    make.text("manifest-size-odd", text.replace("verity-size=4096", "verity-size=4095"))
    make.text("manifest-size-overflow", text.replace("verity-size=4096", f"verity-size={2**64 - 4096}"))
    make.text("manifest-image-above", text.replace("=rootfs.img", "=../rootfs.img"))
    make.text("manifest-image-absolute", text.replace("=rootfs.img", "=/etc/passwd.img"))
    make.text("manifest-image-size-huge", text.replace(f"size={len(IMAGE)}", f"size={2**64 - 1}"))
    make.text("manifest-image-digest-short", text.replace(bundles.sha256(IMAGE), "abcd"))
    make.text("manifest-hook-above", text + "\n[hooks]\nfilename=../../bin/sh\nhooks=install-check;\n")


def payloads(make):
    text = make.manifest.encode()
    cms = make.sign(text, "signer")
    make.verity("payload-flipped", cms, payload=flip(make.payload, 200))
    make.verity("payload-tree-flipped", cms, hashes=flip(make.hashes, 3))
    make.verity("payload-tree-missing", cms, hashes=bytes(4096))
    make.write("payload-cut", bundles.assemble(make.payload, cms))
    make.write("plain-flipped", bundles.assemble(flip(make.payload, 200), make.sign(make.payload, "signer", detached=True)))
    make.write("plain-longer", bundles.assemble(make.payload + bytes(4096), make.sign(make.payload, "signer", detached=True)))
    noise = bytes(i * 7 % 256 for i in range(4096))
    make.write("plain-no-squashfs", bundles.assemble(noise, make.sign(noise, "signer", detached=True)))
    make.write("plain-inline", bundles.assemble(make.payload, make.sign(PLAIN.encode(), "signer")))


def encrypt_sectors(payload, key):
    """As format crypt does it: AES-256-CBC, each 4096 bytes for themselves."""
    made = b""
    for at in range(0, len(payload), bundles.BLOCK):
        iv = (at // 512).to_bytes(16, "little")
        made += openssl("enc", "-aes-256-cbc", "-nopad", "-K", key.hex(), "-iv", iv.hex(), data=payload[at:at + bundles.BLOCK])
    return made


def crypts(make):
    key = b"\7" * 32
    payload = encrypt_sectors(make.payload, key)
    hashes, root = bundles.tree(payload, make.salt)
    crypt = make.manifest.replace("[bundle]\n", f"[bundle]\ncrypt-key={key.hex()}\n").replace("=verity", "=crypt").replace(make.root, root)
    inner = make.sign(crypt.encode(), "signer")
    make.verity("good-crypt", make.encrypt(inner, "recipient"), payload, hashes)
    make.verity("crypt-not-encrypted", inner, payload, hashes)
    make.verity("crypt-payload-flipped", make.encrypt(inner, "recipient"), flip(payload, 5000), hashes)
    other = make.sign(crypt.replace("07" * 32, "08" * 32).encode(), "signer")
    make.verity("crypt-key-other", make.encrypt(other, "recipient"), payload, hashes)
    make.verity("crypt-no-key", make.encrypt(inner, "recipient"))
    make.verity("crypt-for-another", make.encrypt(inner, "other-recipient"))
    make.verity("crypt-in-crypt", make.encrypt(make.encrypt(inner, "recipient"), "recipient"))
    make.verity("crypt-of-a-detached-signature", make.encrypt(make.sign(crypt.encode(), "signer", detached=True), "recipient"))
    make.verity("crypt-of-text", make.encrypt(b"just words", "recipient"))
    make.verity("crypt-of-nothing", make.encrypt(b"", "recipient"))
    make.verity("crypt-by-a-stranger", make.encrypt(make.sign(crypt.encode(), "stranger"), "recipient"))
    make.verity("odd-envelope-around-verity", make.encrypt(make.sign(make.manifest.encode(), "signer"), "recipient"))
    make.verity("crypt-without-crypt-key", make.encrypt(make.sign(make.manifest.replace("=verity", "=crypt").encode(), "signer"), "recipient"))
    make.verity("crypt-key-short", make.encrypt(make.sign(crypt.replace("07" * 32, "0707").encode(), "signer"), "recipient"))
    whole = der.parse(make.encrypt(inner, "recipient"))
    last = whole[1][0][-1][-1]
    last.value = flip(last.value, -20)
    make.verity("crypt-flipped", whole.encode())
    whole = der.parse(make.encrypt(inner, "recipient"))
    whole[1][0][1] = der.set_of()
    make.verity("crypt-for-nobody", whole.encode())


def main():
    out = pathlib.Path(sys.argv[1]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    pki = issue_all(out / "keys")
    with tempfile.TemporaryDirectory() as scratch:
        make = Maker(out, pki, pathlib.Path(scratch))
        for group in (good, trailer, cms_fields, signer_fields, several, chain, manifests, payloads, crypts):
            group(make)


if __name__ == "__main__":
    try:
        main()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"make.py: {error}")
