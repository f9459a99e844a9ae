# SPDX-License-Identifier: MIT
"""The python of recipes and classes, run with a datastore of our own."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import fakebb  # noqa: E402
import layers  # noqa: E402
from boards import BOARDS, LAYER, PI, QEMU, conf  # noqa: E402

TOP = layers.TOP
CLASSES = LAYER / "classes"
LIB, SIGNING = CLASSES / "moonforge-rauc-lib.bbclass", CLASSES / "moonforge-rauc-signing.bbclass"
IMAGE, SIZE = CLASSES / "moonforge-rauc-image.bbclass", CLASSES / "moonforge-slot-size.bbclass"
CONF = LAYER / "recipes-core" / "moonforge-rauc" / "moonforge-rauc-conf.bb"
BRIDGE = LAYER / "recipes-core" / "bundles" / "moonforge-bundle-keyring.bb"


def data(**more):
    return fakebb.Data(**{"PN": "x", "MOONFORGE_RAUC_LAYERDIR": str(LAYER), "MOONFORGE_RAUC_CHECKOUT": str(TOP), "DISTRO_FEATURES": "rauc",
                          **{name: layers.value(LIB, name) for name in ("RAUC_KEY_FILE", "RAUC_CERT_FILE", "RAUC_KEYRING_FILE", "RAUC_RELEASE_BUILD")},
                          **more})


def test_every_function_compiles():
    found = [(path, name, source) for path in layers.metadata() for name, source in fakebb.functions(path.read_text())]
    assert len(found) >= 9
    for path, name, source in found:
        compile(source, f"{path}: {name}", "exec")


def test_every_expression_compiles():
    n = 0
    for path in layers.metadata():
        for expression in re.findall(r"\$\{@(.*?)\}", path.read_text()):
            compile(expression, f"{path}", "eval")
            n += 1
    assert n > 15


# Signing.


def test_demo_keys_warn_in_the_build_log():
    d = data().load(LIB, SIGNING)
    d.call("moonforge_rauc_check_signing")
    assert [kind for kind, _ in d.said] == ["warn"] and "NOT FOR PRODUCTION" in d.said[0][1]


def test_demo_keys_end_a_release_build():
    with pytest.raises(fakebb.Fatal, match="RAUC_RELEASE_BUILD is set, but RAUC_KEY_FILE"):
        data(RAUC_RELEASE_BUILD="1").load(LIB, SIGNING).call("moonforge_rauc_check_signing")


def test_signing_is_checked_before_every_bundle():
    assert layers.value(SIGNING, "do_bundle", "prefuncs").strip() == "moonforge_rauc_check_signing"
    for recipe in LAYER.rglob("moonforge-bundle-*.bb"):
        assert "require moonforge-bundle.inc" in recipe.read_text()
    assert "inherit moonforge-rauc-lib bundle moonforge-rauc-signing" in (LAYER / "recipes-core" / "bundles" / "moonforge-bundle.inc").read_text()


@pytest.mark.parametrize("word", ["yes", "true", "01", " 1"])
def test_a_release_is_not_missed(word):
    with pytest.raises(fakebb.Fatal, match="neither 0 nor 1"):
        data(RAUC_RELEASE_BUILD=word).load(LIB, SIGNING).call("moonforge_rauc_check_signing")


@pytest.mark.parametrize("release, keys", [("0", "allow"), ("", "allow"), ("1", "refuse"), ("yes", "refuse")])
def test_the_builds_own_client_refuses_them_too(release, keys):
    text = layers.value(LAYER / "recipes-core" / "moonforge-rauc" / "moonforge-rauc_0.1.0.bb", "MOONFORGE_RAUC_DEMO_KEYS:class-native")
    assert data(RAUC_RELEASE_BUILD=release).expand(text) == keys


def test_tokens_bring_their_recipes():
    text = layers.value(SIGNING, "DEPENDS")
    assert data(RAUC_PKCS11_DEPENDS="a-native").expand(text).split() == []
    assert data(RAUC_PKCS11_DEPENDS="a-native", RAUC_KEY_FILE="pkcs11:object=x").expand(text).split() == ["a-native"]


def test_a_bridge_without_questions_is_refused():
    with pytest.raises(fakebb.Fatal, match="RAUC_NEXT_CERT_FILE is not set"):
        data(RAUC_DEPLOYED_KEYRINGS="/a.pem").load(BRIDGE).call("moonforge_rauc_check_bridge")
    data(RAUC_DEPLOYED_KEYRINGS="/a.pem", RAUC_NEXT_CERT_FILE="/b.pem").load(BRIDGE).call("moonforge_rauc_check_bridge")


# rauc-conf.


def install_conf(folder, **more):
    (folder / "image").mkdir(parents=True)
    shutil.copytree(TOP / "image" / "layout", folder / "image" / "layout")
    values = {"WORKDIR": str(folder), "B": str(folder / "build"), "MACHINE": "qemux86-64", "MOONFORGE_RAUC_LAYOUT": "qemux86-64",
              "MOONFORGE_RAUC_SYSTEM_CONF": layers.value(CONF, "MOONFORGE_RAUC_SYSTEM_CONF"), "MOONFORGE_RAUC_COMPATIBLE": "${MACHINE}", **more}
    d = data(**values).load(LIB, CONF)
    d.call("anonymous")
    d.call("moonforge_rauc_check_keyring")
    d.call("do_compile")
    return folder / "build" / "rauc"


@pytest.mark.parametrize("name", ["ca.cert.pem", "fleet-2031.pem"])
def test_keyring_gets_the_name_of_system_conf(tmp_path, name):
    keyring = tmp_path / name
    shutil.copy(TOP / "pki" / "demo" / "demo-ca.cert.pem", keyring)
    made = install_conf(tmp_path / "work", RAUC_KEYRING_FILE=str(keyring))
    text = (made / "system.conf").read_text()
    assert {path.name for path in made.iterdir()} == {"system.conf", conf.keyring_name(text)}
    assert (made / conf.keyring_name(text)).read_bytes() == keyring.read_bytes()
    assert conf.keys(text)["keyring", "allow-demo-keys"] == "true"


def test_conf_is_skipped_without_a_board():
    d = data(MOONFORGE_RAUC_SYSTEM_CONF="", MACHINE="other").load(CONF)
    with pytest.raises(fakebb.Skipped, match="machine 'other'"):
        d.call("anonymous")


def test_release_refuses_the_demo_ca_on_devices(tmp_path):
    with pytest.raises(fakebb.Fatal, match="RAUC_KEYRING_FILE is public"):
        install_conf(tmp_path / "work", RAUC_RELEASE_BUILD="1")


# Where updates are.


@pytest.mark.parametrize("url, reboot, why", [
    ("https://u.example.com/ota/x.raucb", "1", None), ("http://10.0.2.2:3333/a.raucb?b=%20c", "0", None), ("", "0", "RAUC_BUNDLE_URL"),
    ("ftp://x/y", "0", "RAUC_BUNDLE_URL"), ('https://x/"; reboot', "0", "RAUC_BUNDLE_URL"), ("https://x/y", "yes", "RAUC_FORCE_REBOOT_ON_UPDATE"),
])
def test_update_environment(tmp_path, url, reboot, why):
    recipe = layers.LAYERS[1] / "recipes-core" / "moonforge-rauc-update" / "moonforge-rauc-update.bb"
    d = data(B=str(tmp_path), RAUC_BUNDLE_URL=url, RAUC_FORCE_REBOOT_ON_UPDATE=reboot).load(LIB, recipe)
    if why:
        with pytest.raises(fakebb.Fatal, match=why):
            d.call("do_compile")
        assert not (tmp_path / "update.env").exists()
    else:
        d.call("do_compile")
        assert (tmp_path / "update.env").read_text() == f'RAUC_BUNDLE_URL="{url}"\nRAUC_FORCE_REBOOT_ON_UPDATE={reboot}\n'


# The image.


def choose(board, chosen, device=""):
    d = data(WKS_FILE=chosen, OVERLAYFS_ETC_DEVICE=device, IMAGE_BASENAME="moonforge-image-base", MACHINE=board.machine,
             MOONFORGE_RAUC_WKS_REPLACES=layers.value(IMAGE, "MOONFORGE_RAUC_WKS_REPLACES"),
             **{name: board.variable(name) for name in ("MOONFORGE_RAUC_WKS_FILE", "MOONFORGE_RAUC_DATA_DEVICE")}).load(IMAGE)
    d.setVar("WKS_FILE", d.code["moonforge_rauc_wks"](d))
    return d.getVar("WKS_FILE"), d.code["moonforge_rauc_data"](d)


@pytest.mark.parametrize("board, chosen", [
    (QEMU, "qemux86-directdisk.wks"), (QEMU, "moonforge-image-base-qemux86-64.wks.in"), (QEMU, "moonforge-image-base.qemux86-64.wks"),
    (PI, "sdimage-raspberrypi.wks"), (PI, "moonforge-image-base-raspberrypi.wks.in"), (QEMU, "moonforge-image-rauc-qemux86-64.wks.in"),
])
def test_the_machine_implies_the_disk(board, chosen):
    assert choose(board, chosen, "/dev/sda3") == (board.variable("MOONFORGE_RAUC_WKS_FILE"), board.variable("MOONFORGE_RAUC_DATA_DEVICE"))


def test_a_product_keeps_its_own_disk():
    assert choose(QEMU, "product.wks.in", "/dev/vda7") == ("product.wks.in", "/dev/vda7")


@pytest.mark.parametrize("mib, fits", [(60, True), (61, False)])
def test_slot_size_gate(tmp_path, mib, fits):
    with open(tmp_path / "image.ext4", "wb") as file:
        file.truncate(mib << 20)
    d = data(IMGDEPLOYDIR=str(tmp_path), IMAGE_LINK_NAME="image", MOONFORGE_RAUC_SLOT_SIZE="64M", MOONFORGE_RAUC_SLOT_MARGIN="5").load(LIB, SIZE)
    if fits:
        d.call("do_moonforge_slot_size")
        assert "60.0 MiB of 64.0 MiB" in d.said[0][1]
    else:
        with pytest.raises(fakebb.Fatal, match=r"needs 61\.0 MiB, but a slot has 64\.0 MiB"):
            d.call("do_moonforge_slot_size")


def test_slot_size_gate_comes_before_disk_and_bundle():
    assert "addtask moonforge_slot_size after do_image_ext4 before do_image_wic do_image_complete\n" in SIZE.read_text()


def test_factory_data(tmp_path):
    if os.geteuid() != 0 or not shutil.which("mke2fs", path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
        pytest.skip("it gives files to root, which BitBake's pseudo allows and this user may not")
    (tmp_path / "image.ext4").write_bytes(os.urandom(65536))
    d = data(IMGDEPLOYDIR=str(tmp_path), IMAGE_LINK_NAME="image", MOONFORGE_RAUC_WORK=str(tmp_path / "work"), MACHINE="qemux86-64", IMAGE_VERSION="7",
             IMAGE_DATA_MIN_SIZE="16M", SOURCE_DATE_EPOCH="1700000000").load(LIB, IMAGE)
    before = dict(os.environ)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    try:
        d.call("do_moonforge_rauc_data")
        shown = subprocess.run(["debugfs", "-R", "cat /rauc/central.raucs", tmp_path / "work" / "data.ext4"], check=True, capture_output=True, text=True, timeout=60).stdout
        assert "[slot.rootfs.0]" in shown and "bundle.version=7" in shown and "bundle.compatible=qemux86-64" in shown
        owner = subprocess.run(["debugfs", "-R", "stat /rauc/central.raucs", tmp_path / "work" / "data.ext4"], check=True, capture_output=True, text=True, timeout=60).stdout
        assert re.search(r"User: +0 +Group: +0", owner) and "Mode:  0600" in owner
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_the_disk_gets_its_signature(tmp_path):
    """The shell that comes behind wic writes what PARTUUIDs are made of."""
    body = re.search(r"^IMAGE_CMD:wic:append:rpi \(\) \{\n(.*?)^\}", IMAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
    disk = tmp_path / "x.wic"
    disk.write_bytes(b"\x11" * 1024)
    script = data(MOONFORGE_RAUC_DISK_ID="6d667261").expand(body)
    subprocess.run(["sh", "-e", "-c", f"out={tmp_path}/x\n{script}"], check=True, timeout=60)
    assert disk.read_bytes() == b"\x11" * 440 + bytes.fromhex("6172666d") + b"\x11" * 580


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.override)
def test_the_image_waits_for_the_boot_files(board):
    d = data(MOONFORGE_RAUC_BOOT=board.variable("MOONFORGE_RAUC_BOOT"), MOONFORGE_RAUC_BUNDLE="moonforge-bundle-base")
    assert d.expand(layers.value(IMAGE, "do_image_wic", "depends")).split() == [board.variable("MOONFORGE_RAUC_BOOT") + ":do_deploy"]
    assert d.expand(layers.value(IMAGE, "do_build", "depends")).split() == ["moonforge-bundle-base:do_build"]
    d.setVar("MOONFORGE_RAUC_BUNDLE", "")
    assert d.expand(layers.value(IMAGE, "do_build", "depends")).split() == []
