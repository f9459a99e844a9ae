# SPDX-License-Identifier: MIT
"""One disk, told in five places: .wks.in, system.conf, boot script, units and data device agree; the .wks.in made into a real
image by genimage is that of image/layout, partition by partition."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layers  # noqa: E402
import wks  # noqa: E402
from boards import BOARDS, GRUB, LAYER, PI, QEMU, UBOOT, conf, make_boot  # noqa: E402

TOP = layers.TOP
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
ESP, ROOT = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
SLOT, DATA = 64, 32  # MiB
board_of = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.override)


def run(*argv, **more):
    return subprocess.run([str(word) for word in argv], check=True, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PATH": PATH, **more.pop("env", {})}, **more).stdout


def tool(name):
    if not shutil.which(name, path=PATH):
        pytest.skip(f"{name} is not installed")


def slots(board):
    """{boot name: device} of system.conf"""
    known = conf.keys(board.system_conf())
    return {known[section, "bootname"]: known[section, "device"] for section, key in known if key == "bootname"}


def numbered(parts):
    """{number in the label: part}"""
    return dict(enumerate((part for part in parts if not part.no_table), 1))


# They agree.


@board_of
def test_wks_can_be_read(board):
    label, parts = board.disk()
    assert label == ("gpt" if board is QEMU else "msdos")
    assert [part.source for part in numbered(parts).values()] == ["bootimg-partition", "rawcopy", None, "rawcopy"]
    assert not any(part.mountpoint for part in parts), "wic would write it into fstab, and slot A be another image than the bundle's"


@board_of
def test_slots_are_one_size_and_their_own_file_system(board):
    parts = numbered(board.disk()[1])
    assert parts[2].fixed_size == parts[3].fixed_size == SLOT << 20
    assert parts[2].file == "/deploy/image.ext4" and not parts[2].label, "a label would change the image"
    assert parts[3].fstype == "ext4" and parts[3].label == "empty"
    for path in (LAYER / "wic").glob("*.wks.in"):
        assert path.read_text().count("--fixed-size ${MOONFORGE_RAUC_SLOT_SIZE}") == 2


def test_devices_of_slots_gpt():
    parts = numbered(QEMU.disk()[1])
    assert slots(QEMU) == {name: f"/dev/disk/by-partlabel/{parts[number].part_name}" for name, number in (("A", 2), ("B", 3))}
    assert QEMU.variable("MOONFORGE_RAUC_DATA_DEVICE") == f"PARTLABEL={parts[4].part_name}"


def test_devices_of_slots_dos():
    signature = PI.variable("MOONFORGE_RAUC_DISK_ID")
    assert slots(PI) == {name: f"/dev/disk/by-partuuid/{signature}-{number:02}" for name, number in (("A", 2), ("B", 3))}
    assert PI.variable("MOONFORGE_RAUC_DATA_DEVICE") == f"PARTUUID={signature}-04"
    assert f"disk-signature = 0x{signature}" in (PI.layout / "genimage.cfg").read_text()


@board_of
def test_no_device_names(board):
    for text in (board.system_conf(), *(path.read_text() for path in LAYER.rglob("*") if path.is_file() and path.suffix not in (".md", ".pyc"))):
        assert not re.search(r"/dev/(sd|mmcblk|vd|nvme)", text)


def test_grub_script():
    text = (GRUB / "files" / "slots.cfg").read_text()
    known = dict(re.findall(r'^set (\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
    parts = numbered(QEMU.disk()[1])
    assert known["slots"].split() == list(slots(QEMU))
    for name in slots(QEMU):
        assert parts[int(known[f"{name}_part"])].part_name == known[f"{name}_label"]
        assert slots(QEMU)[name].endswith("/" + known[f"{name}_label"])


def test_uboot_script():
    text = (PI.layout / "slots.env").read_text()
    known = dict(re.findall(r"^(ab_\w+)=(.*)$", text, re.MULTILINE))
    assert known["ab_slots"].split() == list(slots(PI))
    for name, device in slots(PI).items():
        assert not known[f"ab_{name}_label"] and device.endswith(f"-{int(known[f'ab_{name}_part'], 16):02}")
    outside = [part.offset for part in PI.disk()[1] if part.no_table]
    assert outside == [int(known[key], 16) * 512 for key in ("ab_env_at", "ab_env_at2")]


def test_where_the_boot_state_is_mounted():
    mount = (GRUB / "files" / "boot-efi.mount").read_text()
    parts = numbered(QEMU.disk()[1])
    assert re.search(r"^What=/dev/disk/by-partlabel/(.*)$", mount, re.MULTILINE)[1] == parts[1].part_name
    where = re.search(r"^Where=(.*)$", mount, re.MULTILINE)[1]
    assert conf.keys(QEMU.system_conf())["system", "grubenv"] == f"{where}/EFI/BOOT/grubenv"
    assert "EFI/BOOT/" in layers.value(LAYER / "classes" / "moonforge-rauc-image.bbclass", "MOONFORGE_RAUC_BOOT_FILES:qemux86-64")


def test_where_the_boot_state_lies(tmp_path):
    made = make_boot(PI, tmp_path)
    signature = PI.variable("MOONFORGE_RAUC_DISK_ID")
    lines = [line.split() for line in (made / "etc" / "fw_env.config").read_text().splitlines() if not line.startswith("#")]
    assert [(line[0], int(line[1], 0)) for line in lines] == [(f"/dev/disk/by-ptuuid/{signature}", at << 20) for at in (4, 8)]
    assert 'SYMLINK+="disk/by-ptuuid/$env{ID_PART_TABLE_UUID}"' in (UBOOT / "files" / "61-moonforge-rauc-disk.rules").read_text()


@board_of
def test_status_file_is_where_the_client_looks(board):
    layout = (board.layout / "layout.conf").read_text()
    assert "STATUS_FILE=rauc/central.raucs" in layout and "FACTORY_SLOT=rootfs.0" in layout
    assert conf.keys(board.system_conf())["system", "data-directory"] == "/data/rauc"


# The client and other judges accept it.


@board_of
@pytest.mark.parametrize("allow_demo", [True, False])
def test_client_accepts_system_conf(board, allow_demo, tmp_path):
    rauc = os.environ.get("RAUC", str(TOP / "build" / "release" / "src" / "rauc"))
    if not os.access(rauc, os.X_OK):
        pytest.skip(f"{rauc} is not built")
    folder = tmp_path / "etc" / "rauc"
    folder.mkdir(parents=True)
    text = board.system_conf(allow_demo)
    (folder / "system.conf").write_text(text)
    shutil.copy(TOP / "pki" / "demo" / "demo-ca.cert.pem", folder / conf.keyring_name(text))
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\nrauc-fetch:x:990:990::/:/sbin/nologin\n")
    if board is PI:
        for path in (make_boot(board, tmp_path / "work") / "etc").iterdir():
            shutil.copy(path, tmp_path / "etc")
    done = subprocess.run([rauc, "doctor", f"--root={tmp_path}", "--output-format=json"], capture_output=True, text=True, timeout=60, check=False)
    findings = json.loads(done.stdout)["findings"]
    assert not [finding for finding in findings if finding["id"].startswith(("config.", "slots."))]
    # the word lets devices trust the demo CA, with a warning; without it they do not
    assert {finding["id"] for finding in findings if finding["severity"] == "error"} == (set() if allow_demo else {"trust.demo-keys"})
    assert "streaming.no-user" not in {finding["id"] for finding in findings}


def test_client_understands_more_keys(tmp_path):
    """MOONFORGE_RAUC_CONFOPT, as the layer's page has it; and a mistake in it is found here, not on the device."""
    rauc = os.environ.get("RAUC", str(TOP / "build" / "release" / "src" / "rauc"))
    if not os.access(rauc, os.X_OK):
        pytest.skip(f"{rauc} is not built")
    (tmp_path / "etc" / "rauc").mkdir(parents=True)
    shutil.copy(TOP / "pki" / "demo" / "demo-ca.cert.pem", tmp_path / "etc" / "rauc" / "keyring.pem")
    for confopt, errors in (("update:rollout-percent=10|update:window=Mon..Fri 22:00-04:00|keyring:check-purpose=codesign", set()),
                            ("update:rollout-percent=101", {"config.invalid"})):
        text = conf.render((QEMU.layout / "system.conf").read_text(), "x", True, "", f"{confopt}|update:url=https://u.example.com/x.raucb")
        (tmp_path / "etc" / "rauc" / "system.conf").write_text(text)
        done = subprocess.run([rauc, "doctor", f"--root={tmp_path}", "--output-format=json"], capture_output=True, text=True, timeout=60, check=False)
        assert {finding["id"] for finding in json.loads(done.stdout)["findings"] if finding["severity"] == "error"} == errors


def test_grub_accepts_the_script(tmp_path):
    tool("grub-script-check")
    made = make_boot(QEMU, tmp_path)
    for name in ("grub.cfg", "slots.cfg"):
        run("grub-script-check", made / name)
    assert "set kernel=/boot/bzImage" in (made / "slots.cfg").read_text() and "@" not in (made / "slots.cfg").read_text()
    assert (made / "grub.cfg").read_bytes() == (TOP / "boot" / "grub" / "grub.cfg").read_bytes()


def test_systemd_accepts_the_units(tmp_path):
    tool("systemd-analyze")
    for path in (GRUB / "files").glob("boot-efi.*"):
        shutil.copy(path, tmp_path)
    done = subprocess.run(["systemd-analyze", "--man=no", "verify", *tmp_path.iterdir()], capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    assert done.returncode == 0 and "boot-efi" not in done.stderr, done.stderr


def shell_functions():
    """(file, name, body) of each shell function of the metadata."""
    for path in layers.metadata():
        for head, body in re.findall(r"^(?!python|fakeroot python)(?:fakeroot )?([\w:-]+) ?\(\) ?\{\n(.*?)^\}", path.read_text(), re.MULTILINE | re.DOTALL):
            yield path, head, body


def test_shellcheck_accepts_the_functions(tmp_path):
    tool("shellcheck")
    found = list(shell_functions())
    assert len(found) >= 6
    for number, (path, head, body) in enumerate(found):
        file = tmp_path / f"{number}-{re.sub(r'[^a-z_]', '_', head)}.sh"
        known = re.sub(r"\$\{@.*?\}", "expression", body)
        known = re.sub(r"\$\{([A-Za-z_]+)\}", lambda m: f"/{m[1].lower()}", known)
        file.write_text("#!/bin/sh\n: \"${out:=/tmp/out}\"\nbbfatal() { exit 1; }\n" + known)
        done = subprocess.run(["shellcheck", "--severity=warning", file], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{path}: {head}: {done.stdout}"


# The disk is that of image/.


def table(image):
    parsed = json.loads(run("sfdisk", "--json", image))["partitiontable"]
    return parsed, [{key: part.get(key) for key in ("start", "size", "type", "name", "bootable")} for part in parsed["partitions"]]


def mke2fs(path, label, mib, tree=None):
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, *(["-d", tree] if tree else []), path, f"{mib}M")


def fat(path, mib, folder, files, label):
    """A FAT with {name on it: file below folder}"""
    with open(path, "wb") as file:
        file.truncate(mib << 20)
    run("mkfs.vfat", "-n", label, path)
    for name in sorted({str(pathlib.PurePath(name).parent) for name in files} - {"."}):
        for above in (*reversed(pathlib.PurePath(name).parents), pathlib.PurePath(name)):
            if str(above) != ".":
                subprocess.run(["mmd", "-D", "s", "-i", path, f"::{above}"], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    for name, source in files.items():
        run("mcopy", "-i", path, folder / source, f"::{name}")


def boot_files(board, deploy):
    """{name on the boot partition: file in the deploy folder}, as bootimg-partition takes IMAGE_BOOT_FILES."""
    files = {}
    text = layers.value(LAYER / "classes" / "moonforge-rauc-image.bbclass", f"MOONFORGE_RAUC_BOOT_FILES:{board.override}")
    for entry in text.split():
        pattern, _, target = entry.partition(";")
        for path in sorted(deploy.glob(pattern)):
            name = target + path.name if target.endswith("/") else target or path.name
            files[name] = str(path.relative_to(deploy))
    return files


def deploy(board, folder):
    """Run do_deploy of the board's recipe: the deploy folder."""
    made = make_boot(board, folder / "work")
    target = folder / "images"
    recipe = next((GRUB if board is QEMU else UBOOT).glob("*.bb"))
    text = re.search(r"^do_deploy \(\) \{\n(.*?)^\}", recipe.read_text(), re.MULTILINE | re.DOTALL)[1]
    assert made.is_dir()
    run("sh", "-e", "-c", wks.expand(text, {"DEPLOYDIR": target, "B": folder / "work" / "build"}))
    return target


def ours(board, folder, tree=None):
    """The disk of the .wks.in; tree: what lies in slot A."""
    images, inputs = deploy(board, folder), folder / "in"
    inputs.mkdir()
    mke2fs(inputs / "image.ext4", "rootfs", 16, tree)
    mke2fs(inputs / "data.ext4", "data", DATA)
    label, parts = board.disk(f"{SLOT}M", f"{DATA}M", IMGDEPLOYDIR=inputs, MOONFORGE_RAUC_WORK=inputs, DEPLOY_DIR_IMAGE=images)
    taken = {}
    for number, part in enumerate(parts, 1):
        if part.source == "bootimg-partition":
            fat(inputs / "boot.vfat", part.fixed_size >> 20, images, boot_files(board, images), part.label)
            taken[number] = "boot.vfat"
        elif part.source == "rawcopy":
            shutil.copy(part.file, inputs / pathlib.Path(part.file).name) if pathlib.Path(part.file).parent != inputs else None
            taken[number] = pathlib.Path(part.file).name
        elif part.fstype == "ext4":
            mke2fs(inputs / f"{number}.ext4", part.label, part.fixed_size >> 20)
            taken[number] = f"{number}.ext4"
    config = folder / "ours.cfg"
    config.write_text(wks.genimage(label, parts, taken, board.variable("MOONFORGE_RAUC_DISK_ID") if label == "msdos" else None))
    (folder / "root").mkdir()
    run("genimage", "--config", config, "--rootpath", folder / "root", "--tmppath", folder / "tmp", "--inputpath", inputs, "--outputpath", folder / "out")
    return folder / "out" / "disk.img", parts


def theirs(board, folder):
    """The disk of image/layout with the same sizes."""
    from make import layout as layouts
    from make import disk
    layout = layouts.load(board.layout.name, f"{SLOT}M")
    layout.sizes["DATA_SIZE"] = DATA << 20
    firmware = None
    if board is PI:
        firmware = folder / "firmware"
        firmware.mkdir()
        for name in layout.words["BOOT_REQUIRED"].split():
            (firmware / name).write_bytes(b"firmware")
    mke2fs(folder / "slot.ext4", "rootfs", 16)
    facts = {"version": "1", "compatible": board.machine, "size": 16 << 20, "epoch": 0, "sha256": "0" * 64, "index": b""}
    disk.make(folder / "slot.ext4", folder / "disk.img", layout, facts, folder, firmware)
    return folder / "disk.img"


def probe(image, part):
    """(type, label) of what lies in a partition."""
    with open(image, "rb") as file:
        file.seek(part["start"] * 512)
        head = file.read(2 << 20)
    if head[1080:1082] == b"\x53\xef":
        return "ext4", head[1144:1160].rstrip(b"\0").decode()
    return ("vfat", head[43:54].decode().strip()) if head[54:57] == b"FAT" else ("vfat", head[71:82].decode().strip()) if head[82:85] == b"FAT" else None


@pytest.fixture(scope="module", params=BOARDS, ids=lambda board: board.override)
def disks(request, tmp_path_factory):
    for name in ("genimage", "sfdisk", "mke2fs", "mkfs.vfat", "mcopy", "mkimage" if request.param is PI else "grub-mkimage"):
        tool(name)
    folder = tmp_path_factory.mktemp(request.param.override)
    (folder / "ours").mkdir()
    (folder / "theirs").mkdir()
    image, parts = ours(request.param, folder / "ours")
    yield request.param, image, parts, theirs(request.param, folder / "theirs")
    shutil.rmtree(folder)


def test_disk_is_that_of_image(disks):
    board, image, _, reference = disks
    (mine, my_parts), (other, other_parts) = table(image), table(reference)
    assert mine["label"] == other["label"] == ("gpt" if board is QEMU else "dos")
    assert my_parts == other_parts, "start, size, type, name and flag of each"
    assert len(my_parts) == 4
    if board is PI:
        assert mine["id"] == other["id"] == "0x" + board.variable("MOONFORGE_RAUC_DISK_ID")


def test_file_systems_are_those_of_image(disks):
    board, image, _, reference = disks
    for part in table(image)[1]:
        assert probe(image, part) == probe(reference, part), part
    kinds = [probe(image, part) for part in table(image)[1]]
    assert kinds[0] == ("vfat", "ESP" if board is QEMU else "BOOT")
    assert kinds[2] == ("ext4", "empty") and kinds[3] == ("ext4", "data")


def test_boot_partition_is_that_of_image(disks):
    """Script and boot state, byte for byte; what differs is what the product says of its slots."""
    board, image, _, reference = disks
    start = table(image)[1][0]["start"] * 512
    names = ["EFI/BOOT/" + name for name in ("BOOTX64.EFI", "grub.cfg", "slots.cfg", "grubenv", "grubenv.spare")] if board is QEMU else ["boot.scr", "slots.env"]
    for name in names:
        mine, other = (subprocess.run(["mtype", "-i", f"{disk}@@{start}", f"::{name}"], check=True, capture_output=True, timeout=60).stdout
                       for disk in (image, reference))
        assert mine
        if name == "boot.scr":
            mine, other = mine[64:], other[64:]  # behind the header with its time
        assert mine == other or name.rpartition("/")[2] in ("slots.cfg", "slots.env"), name


def test_environment_lies_where_image_has_it(disks):
    board, image, parts, reference = disks
    places = [part.offset for part in parts if part.no_table]
    assert len(places) == (2 if board is PI else 0)
    for at in places:
        with open(image, "rb") as mine, open(reference, "rb") as other:
            mine.seek(at)
            other.seek(at)
            block = mine.read(4096)
            assert block == other.read(4096) and b"BOOT_ORDER=A" in block


def test_disk_boots(tmp_path):
    """The disk of the .wks.in in the real firmware and GRUB: slot A by the names it has there, counted as a trial."""
    sys.path[:0] = [str(TOP / "test" / "boot"), str(TOP / "boot" / "grub")]
    import grub_table
    import model
    missing = grub_table.what_is_missing()
    if missing or not shutil.which("genimage", path=PATH):
        pytest.skip(f"not installed: {' '.join(missing) or 'genimage'}")
    (tmp_path / "bench").mkdir()
    (tmp_path / "tree" / "boot").mkdir(parents=True)
    bench = grub_table.Bench(tmp_path / "bench")
    (tmp_path / "tree" / "boot" / QEMU.kernel).write_bytes(bench._kernel("1"))
    image, parts = ours(QEMU, tmp_path, tmp_path / "tree")
    machine = grub_table.Machine(bench, {}, tmp_path / "bench")
    machine.drives = [image]
    said = grub_table.SAID.findall(machine._power_on())
    words = said[0][2].decode().split()
    assert {"root=PARTLABEL=root_a", "rauc.slot=A", "rootwait", "console=ttyS0,115200"} <= set(words)
    start = table(image)[1][0]["start"] * 512
    grubenv = subprocess.run(["mtype", "-i", f"{image}@@{start}", "::EFI/BOOT/grubenv"], check=True, capture_output=True, timeout=60).stdout
    known = model.read(grubenv)
    assert (known["A_OK"], known["A_LEFT"], known["B_OK"]) == ("1", "2", "0"), "one of three attempts is used, B is empty"
