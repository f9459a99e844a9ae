# SPDX-License-Identifier: MIT
"""M1 to M12: what was wrong with a layer of the same purpose. Each check has to fail on the old behaviour (old/) and to pass on ours."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "boot"), str(HERE.parents[1] / "boot" / "grub")]
import fakebb  # noqa: E402
import layers  # noqa: E402
import wks  # noqa: E402
from boards import BOARDS, GRUB, LAYER, PI, QEMU, conf  # noqa: E402

TOP, OLD = layers.TOP, HERE / "old"
UPDATE = layers.LAYERS[1]
KEYS = LAYER / "classes" / "moonforge-rauc-lib.bbclass"
KAS = TOP / "kas" / "include" / "layer"


def text(name):
    return (OLD / name).read_text()


def tool(name):
    if not shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        pytest.skip(f"{name} is not installed")


# M1: the boot script.


class Switched:
    """Slots that boot and never mark themselves good, in the real GRUB with any script."""

    def __init__(self, script, folder):
        import grub_table
        self.table = grub_table
        missing = grub_table.what_is_missing()
        if missing:
            pytest.skip(f"not installed: {' '.join(missing)}")
        bench = grub_table.Bench(folder)
        self.machine = grub_table.Machine(bench, {}, folder)
        subprocess.run(["mcopy", "-o", "-i", self.machine.esp, script, "::EFI/BOOT/grub.cfg"], check=True, timeout=60)
        self.grubenv, self.spare = grub_table.first_state({"env": {"ORDER": "A B", "A": "1 0", "B": "1 0"}})

    def power_on(self):
        self.machine._put("grubenv", self.grubenv)
        self.machine._put("grubenv.spare", self.spare)
        said = self.table.SAID.findall(self.machine._power_on())
        self.grubenv, self.spare = self.machine._get("grubenv", b""), self.machine._get("grubenv.spare", b"")
        assert len(said) == 1
        return re.search(rb"rauc\.slot=(\w+)", said[0][2])[1].decode()


def test_m1_old(tmp_path):
    machine = Switched(OLD / "grub.cfg", tmp_path)
    assert [machine.power_on() for _ in range(3)] == ["A", "A", "A"], "a bad A never gives way"


def test_m1_ours():
    """In the model, which test/boot holds against the real GRUB; and it is that very script that the recipe installs."""
    import model
    grubenv, spare = (model.block({"ORDER": "A B", **{f"{name}_{key}": value for name in "AB" for key, value in (("OK", "1"), ("TRY", "0"))}}),
                      model.block({"spare_used": "0"}))
    booted = []
    for _ in range(4):
        choice = model.choose(grubenv, spare)
        booted.append(choice.slot)
        grubenv, spare = choice.grubenv, choice.spare
    assert booted[:2] == ["A", "B"] and set(booted) == {"A", "B"}
    recipe = next(GRUB.glob("*.bb"))
    assert "file://boot/grub/grub.cfg" in layers.value(recipe, "SRC_URI") and not list(LAYER.rglob("grub.cfg"))


# M2: the timer.


def timer_complaints(path, folder):
    tool("systemd-analyze")
    shutil.copy(path, folder / "rauc-update.timer")
    (folder / "rauc-update.service").write_text("[Service]\nType=oneshot\nExecStart=/bin/true\n")
    done = subprocess.run(["systemd-analyze", "--man=no", "verify", folder / "rauc-update.timer"], capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"})
    return [line for line in done.stderr.splitlines() if "rauc-update" in line or str(folder) in line]


def test_m2(tmp_path):
    assert any("OnUnitActive" in line for line in timer_complaints(OLD / "rauc-update.timer", tmp_path))
    ours = TOP / "data" / "rauc-update.timer"
    assert timer_complaints(ours, tmp_path) == []
    assert re.search(r"^OnUnitActiveSec=", ours.read_text(), re.MULTILINE)


# M3: demo keys.


def build_bundle(recipe, **more):
    """What a release build says before this recipe's bundle is made."""
    d = fakebb.Data(PN="bundle", MOONFORGE_RAUC_LAYERDIR=str(LAYER), MOONFORGE_RAUC_CHECKOUT=str(TOP), RAUC_RELEASE_BUILD="1", **more)
    classes = [LAYER / "classes" / f"{name}.bbclass" for line in re.findall(r"^inherit (.*)$", recipe, re.MULTILINE) for name in line.split()
               if (LAYER / "classes" / f"{name}.bbclass").is_file()]
    prefuncs = [layers.value(path, "do_bundle", "prefuncs") for path in classes]
    d.load(LAYER / "classes" / "moonforge-rauc-lib.bbclass", *classes)
    for name in " ".join(filter(None, prefuncs)).split():
        d.call(name)


def test_m3():
    demo = {name: layers.value(KEYS, name) for name in ("RAUC_KEY_FILE", "RAUC_CERT_FILE", "RAUC_KEYRING_FILE")}
    build_bundle(text("moonforge-bundle-base.bb"), **demo)  # says nothing, signs
    with pytest.raises(fakebb.Fatal, match="RAUC_RELEASE_BUILD"):
        build_bundle((LAYER / "recipes-core" / "bundles" / "moonforge-bundle.inc").read_text(), **demo)
    shown = subprocess.run(["openssl", "x509", "-in", TOP / "pki/demo/demo-ca.cert.pem", "-noout", "-enddate"], check=True, capture_output=True, text=True).stdout
    assert "9999" not in shown


# M4: sizes and names of slots.


def slot_faults(disk, system_conf, classes):
    faults = re.findall(r"/dev/(?:sd|mmcblk|vd)\S*", system_conf)
    faults += [line for line in disk.splitlines() if re.search(r"--fixed-size \d+M", line) and "root" in line]
    if "do_moonforge_slot_size" not in classes or "bb.fatal" not in classes:
        faults.append("no gate")
    return faults


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.override)
def test_m4(board):
    assert {"/dev/sda2", "/dev/sda3", "no gate"} < set(slot_faults(text("disk.wks.in"), text("system.conf"), text("moonforge-image-base.bbappend")))
    disk = (LAYER / "wic" / board.variable("MOONFORGE_RAUC_WKS_FILE")).read_text()
    image = (LAYER / "classes" / "moonforge-rauc-image.bbclass").read_text()
    assert "inherit moonforge-slot-size" in image
    assert slot_faults(disk, board.system_conf(), (LAYER / "classes" / "moonforge-slot-size.bbclass").read_text()) == []


# M5: the boot partition.


def always_mounted(fstab):
    lines = (line.split() for line in fstab.splitlines() if line and not line.startswith("#"))
    return [words[1] for words in lines if words[1].startswith("/boot") and not {"noauto", "ro"} & set(words[3].split(","))]


def saves_at_every_boot(script):
    """save_env outside of any function and condition."""
    return [line for line in script.splitlines() if line.startswith("save_env")]


def test_m5():
    import model
    assert always_mounted(text("fstab")) == ["/boot"] and saves_at_every_boot(text("grub.cfg"))
    assert not list(LAYER.rglob("fstab"))
    for path in LAYER.rglob("*.mount"):
        assert "[Install]" not in path.read_text(), "only somebody's use mounts it"
        assert re.search(r"^TimeoutIdleSec=\d+s$", path.with_suffix(".automount").read_text(), re.MULTILINE)
    assert not saves_at_every_boot((TOP / "boot" / "grub" / "grub.cfg").read_text())
    committed = model.block({"ORDER": "A B", "A_OK": "1", "A_TRY": "0", "A_LEFT": "0", "A_COMMIT": "1", "B_OK": "1", "B_TRY": "0"})
    spare = model.block({"spare_used": "0", "A_TRY": "0", "B_TRY": "0"})
    choice = model.choose(committed, spare)
    assert (choice.slot, choice.grubenv, choice.spare) == ("A", committed, spare), "a committed slot boots without a write"


# M6: what makes downloads small and fast.


def test_m6():
    assert layers.value(OLD / "moonforge-bundle-base.bb", "RAUC_SLOT_rootfs", "adaptive") is None
    ours = LAYER / "recipes-core" / "bundles" / "moonforge-bundle.inc"
    assert layers.value(ours, "RAUC_SLOT_rootfs", "adaptive") == "block-hash-index"
    assert layers.value(ours, "RAUC_BUNDLE_FORMAT") == "verity"

    def speaks_http2(folder, name):
        return bool(re.search(r"^\s*(listen .*\bhttp2\b|http2 on)", "".join(path.read_text() for path in folder.glob(name)), re.MULTILINE))

    assert not speaks_http2(OLD, "nginx.conf")
    assert speaks_http2(TOP / "backend", "*.conf")


# M7: the updater.


def test_m7(tmp_path):
    tool("shellcheck")
    script = tmp_path / "old.sh"
    script.write_text("#!/bin/sh\n" + text("rauc-update"))
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, timeout=60, check=False)
    assert {"SC3010", "SC3046", "SC3001"} <= set(re.findall(r"SC\d+", done.stdout))
    assert "rootfs.0" in text("rauc-update") and "&& reboot" in text("rauc-update")
    ours = (TOP / "data" / "rauc-update.service.in").read_text()
    assert re.search(r"^ExecStart=@bindir@/rauc update$", ours, re.MULTILINE)
    for path in [*layers.metadata(UPDATE), *UPDATE.rglob("*")]:
        assert not path.is_file() or not path.read_bytes().startswith(b"#!"), f"{path}: no program of its own"


# M8: one fragment.


def what_a_board_adds(fragment):
    return {key: value for key, value in yaml.safe_load(fragment).items() if key not in ("header",)}


def test_m8():
    assert what_a_board_adds(text("rauc-raspberrypi.yml"))
    for alias in KAS.glob("meta-moonforge-rauc-[qr]*.yml"):
        assert what_a_board_adds(alias.read_text()) == {}
    for board in BOARDS:
        assert (LAYER / "wic" / board.variable("MOONFORGE_RAUC_WKS_FILE")).is_file()
        assert list(LAYER.rglob(board.variable("MOONFORGE_RAUC_BOOT") + ".bb"))


# M9: the environment.


def passed(fragment):
    return set(yaml.safe_load(fragment).get("env", {}))


def test_m9():
    names = {"RAUC_KEY_FILE", "RAUC_CERT_FILE", "RAUC_KEYRING_FILE"}
    assert not names & passed(text("rauc.yml"))
    assert names <= passed((KAS / "meta-moonforge-rauc.yml").read_text())


# M10: the keyring's name.


def test_m10(tmp_path):
    from test_python import install_conf
    keyring = tmp_path / "fleet.pem"
    shutil.copy(TOP / "pki" / "demo" / "demo-ca.cert.pem", keyring)
    script = re.search(r"do_install \(\) \{\n(.*?)^\}", text("rauc-conf.bb"), re.MULTILINE | re.DOTALL)[1]
    known = {"D": str(tmp_path / "old"), "sysconfdir": "/etc", "WORKDIR": str(OLD), "RAUC_KEYRING_FILE": str(keyring)}
    subprocess.run(["sh", "-e", "-c", re.sub(r"\$\{(\w+)\}", lambda m: known[m[1]], script)], check=True, timeout=60)
    installed = tmp_path / "old" / "etc" / "rauc"
    assert not (installed / conf.keyring_name((installed / "system.conf").read_text())).exists()
    installed = install_conf(tmp_path / "ours", RAUC_KEYRING_FILE=str(keyring))
    assert (installed / conf.keyring_name((installed / "system.conf").read_text())).read_bytes() == keyring.read_bytes()


# M11: what yocto-check-layer wants.


def layer_faults(depends, appended, page):
    faults = [] if "meta-moonforge-distro" in depends or "moonforge-image-base" not in appended else ["LAYERDEPENDS"]
    return faults + [word for word in ("maintainer", "patch") if word not in page.lower()]


@pytest.mark.parametrize("layer", layers.LAYERS, ids=lambda layer: layer.name)
def test_m11(layer):
    assert layer_faults(layers.value(OLD / "layer.conf", "LAYERDEPENDS_old").split(), "moonforge-image-base.bbappend", text("page.md")) == \
        ["LAYERDEPENDS", "maintainer", "patch"]
    depends = layers.value(layer / "conf" / "layer.conf", f"LAYERDEPENDS_{layer.name}").split()
    assert layer_faults(depends, " ".join(path.name for path in layer.rglob("*.bbappend")), (layer / "README.md").read_text()) == []


# M12: ESP and slot B.


def disk_faults(label, parts):
    faults = []
    if label == "gpt" and parts[0].part_type != "c12a7328-f81f-11d2-ba4b-00a0c93ec93b":
        faults.append("ESP by no type")
    if not (parts[2].fstype and parts[2].label):
        faults.append("slot B is nothing")
    return faults


def test_m12():
    assert disk_faults(*wks.load(OLD / "disk.wks.in", {"IMAGE_DATA_MIN_SIZE": "100M"})) == ["ESP by no type", "slot B is nothing"]
    for board in (QEMU, PI):
        label, parts = board.disk()
        assert disk_faults(label, [part for part in parts if not part.no_table]) == []
