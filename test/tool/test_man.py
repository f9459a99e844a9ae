# SPDX-License-Identifier: MIT
"""The manual pages are well formed and name what the program knows: no key, option, verb or variable
more or less. The program is asked; the sources only give the words to ask for."""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
RAUC = pathlib.Path(os.environ.get("RAUC", TOP / "build/release/src/rauc")).resolve()
MAN, MODEL = TOP / "doc/man", TOP / "src/model"
PAGES = sorted(path.name for path in MAN.iterdir())

# Group of system.conf -> (source with its keys, what must be set besides for conditional ones).
BOOT_REGION = ["slot.x.0:type=boot-mbr-switch", "slot.x.0:region-start=1M", "slot.x.0:region-size=8M"]
CONFIG = {
    "system": ("config_system.c", [[], ["system:bootloader=grub"], ["system:bootloader=barebox"],
                                   ["system:bootloader=efi"], ["system:bootloader=systemd-boot"], ["system:bootloader=raspberrypi"], ["system:bootloader=uboot"]]),
    "handlers": ("config_section.c", [[], ["system:bootloader=custom", "handlers:bootloader-custom-backend=/x"]]),
    "keyring": ("config_section.c", [[]]),
    "casync": ("config_section.c", [[]]),
    "streaming": ("config_section.c", [[]]),
    "polling": ("config_section.c", [["polling:url=http://x"]]),
    "update": ("config_update.c", [[]]),
    "encryption": ("config_section.c", [[]]),
    "autoinstall": ("config_section.c", [[]]),
    "log.x": ("config_log.c", [["log.x:filename=/x"]]),
    "slot.x.0": ("config_slot.c", [[], ["slot.x.0:type=boot-emmc"], ["system:bootloader=efi"], ["system:bootloader=raspberrypi"], BOOT_REGION]),
    "artifacts.r": ("config_repo.c", [["artifacts.r:path=/x", "artifacts.r:type=files"]]),
}
WITHOUT_KEYS = {"config.c", "config_take.c", "config_format.c"}
CONF = "[system]\ncompatible=x\nbootloader=noop\n[slot.x.0]\ndevice=/dev/null\n"

# Group of the manifest -> what stands in it besides.
MANIFEST = {
    "update": ["compatible=x"],
    "bundle": ["format=plain", "format=verity", "format=crypt"],
    "handler": ["filename=x"],
    "hooks": ["filename=x"],
    "image.x": ["filename=x.img"],
    "image.r/a": ["filename=x.img"],
}


@pytest.fixture(autouse=True)
def there_is_a_program():
    if not RAUC.exists():
        pytest.skip(f"there is no {RAUC}: build it, or name another with RAUC=")


def tool(name):
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not path:
        pytest.skip(f"{name} is not installed")
    return path


def run(*args, **kwargs):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60,
                          env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, **kwargs)


def page(name):
    """Without fonts and escapes."""
    text = (MAN / name).read_text()
    return re.sub(r"\\f[A-Z]", "", text).replace("\\-", "-").replace("\\&", "").replace("\\|", "")


# Form.

@pytest.mark.parametrize("name", PAGES)
def test_groff(name):
    done = run(tool("groff"), "-t", "-man", "-Tutf8", "-ww", "-z", MAN / name)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("name", PAGES)
def test_mandoc(name):
    done = run(tool("mandoc"), "-T", "lint", "-W", "warning", MAN / name)
    assert done.returncode == 0 and done.stdout + done.stderr == ""


def test_every_page_is_installed():
    assert set(re.findall(r"doc/man/([\w.-]+)", (TOP / "meson.build").read_text())) == set(PAGES)


# Keys.

def documented(name):
    """Group, without what follows the first dot -> keys -> what is said of them."""
    groups = {}
    for part in re.split(r"(?m)^\.SS ", page(name).split(".SH GROUPS\n")[1].split("\n.SH ")[0])[1:]:
        group = re.match(r"\[([a-z]+)", part)[1]
        entries = re.split(r"(?m)^\.TP\n\.BI ([a-z0-9-]+)= ", part)
        assert group not in groups and len(entries[1::2]) == len(set(entries[1::2])), group
        groups[group] = dict(zip(entries[1::2], entries[2::2]))
        groups[group] = {key: text + entries[0] for key, text in groups[group].items()}
    return groups


def words(source):
    """Every string of a source that may be a key."""
    return sorted(set(re.findall(r'"([a-z][a-z0-9-]*)"', (MODEL / source).read_text())))


def many(ask, questions):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda question: ask(*question), questions))


def known_to_config(folder):
    """(group, key) that the program takes, of all that its sources may mean."""
    conf = folder / "system.conf"
    conf.write_text(CONF)

    def ask(group, key, more):
        settings = [f"--confopt={setting}" for setting in [*more, f"{group}:{key}=1"]]
        done = run(RAUC, f"--conf={conf}", *settings, "status")
        assert done.returncode == 1, done.stdout
        return None if f"Invalid key '{key}' in group '[{group}]'" in done.stderr else (group.split(".")[0], key)

    return set(many(ask, [(group, key, more) for group, (source, settings) in CONFIG.items()
                          for key in words(source) for more in settings])) - {None}


def known_to_manifest(folder):
    def ask(group, key, line):
        place = folder / f"{group}-{key}-{line}".replace("/", "_")
        place.mkdir()
        texts = {"update": "compatible=x\n", "image.missing": "filename=missing.img\n"}
        texts[group] = line + "\n" + ("" if line.startswith(key + "=") else f"{key}=1\n")
        (place / "manifest.raucm").write_text("".join(f"[{name}]\n{text}" for name, text in texts.items()))
        done = run(RAUC, "-C", "keyring:allow-demo-keys=true", "bundle", f"--cert={TOP}/pki/demo/demo.cert.pem", f"--key={TOP}/pki/demo/demo.key.pem",
                   place, folder / "out.raucb")
        assert done.returncode == 1, done.stdout
        return None if f"Invalid key '{key}' in group '[{group}]'" in done.stderr else (group.split(".")[0], key)

    return set(many(ask, [(group, key, line) for group, lines in MANIFEST.items()
                          for key in words("manifest_parse.c") for line in lines])) - {None}


def pairs(groups):
    return {(group, key) for group, keys in groups.items() for key in keys}


def test_keys_of_system_conf(tmp_path):
    known = known_to_config(tmp_path)
    assert {("system", "grubenv"), ("slot", "size-limit"), ("log", "max-files")} <= known
    assert known == pairs(documented("rauc-system.conf.5"))


def test_keys_of_the_manifest(tmp_path):
    known = known_to_manifest(tmp_path)
    assert {("update", "compatible"), ("bundle", "crypt-key"), ("image", "adaptive")} <= known
    assert known == pairs(documented("rauc-manifest.5"))


def test_no_source_with_keys_is_forgotten():
    assert {path.name for path in MODEL.glob("config*.c")} - WITHOUT_KEYS == {source for source, _ in CONFIG.values()}


@pytest.mark.parametrize("name", ["rauc-system.conf.5", "rauc-manifest.5"])
def test_every_key_says_what_holds_without_it(name):
    says = r"Default:|Required|Not used yet|Written by|[Oo]lder (name|place)|older name|Refused|The same\."
    for group, keys in documented(name).items():
        for key, text in keys.items():
            assert re.search(says, text), (group, key)


def defaults():
    text = (MODEL / "config.c").read_text()
    return {
        "boot-attempts": "0", "boot-attempts-primary": "0", "mountprefix": re.search(r'mount_prefix = g_strdup\("(.*)"\)', text)[1],
        "expiry-warning-days": re.search(r"expiry_warning_days = (\d+)", text)[1],
        "timeout-sec": re.search(r"handler_timeout_sec = (\d+)", text)[1],
        "max-bundle-signature-size": str(eval(re.search(r"max_bundle_signature_size = (.*);", text)[1])),
        "max-bundle-download-size": str(eval(re.search(r"max_bundle_download_size = (.*);", text)[1])),
        **{key.replace("_", "-"): "true" for key in re.findall(r"config->(\w+) = true;", text)},
    }


def test_defaults_that_are_not_nothing():
    told = {key: text for keys in documented("rauc-system.conf.5").values() for key, text in keys.items()}
    for key, value in defaults().items():
        found = re.search(r"Default:(?: |\n\.\w+ )(\S+?)\.?(?:$|\s)", told[key])
        assert found and found[1].removesuffix(" .") == value, key


# Verbs, options, variables.

def help_of(*verb):
    done = run(RAUC, *verb, "--help")
    assert done.returncode == 0, done.stderr
    return done.stdout


def verbs():
    return re.findall(r"(?m)^  ([a-z-]+) ", help_of().split("List of rauc commands:\n")[1].split("\n\n")[0])


def sections(text, macro):
    parts = re.split(rf"(?m)^\.{macro} (.*)\n", text)
    return dict(zip(parts[1::2], parts[2::2]))


def test_every_verb_is_told():
    commands = sections(page("rauc.1"), "SH")["COMMANDS"]
    named = set(re.findall(r"(?m)^\.TP\n\.B ([a-z-]+)", commands))
    named |= {name for line in re.findall(r"(?m)^\.TP\n\.BR (.*)", commands) for name in re.findall(r"[a-z-]{3,}", line)}
    assert named == set(verbs())


def test_every_option_is_told_where_it_is_looked_for():
    told = sections(sections(page("rauc.1"), "SH")["OPTIONS"], "SS")
    for verb in verbs():
        places = "".join(text for title, text in told.items() if verb in title.split(", ") or title == "Every command")
        options = set(re.findall(r"(?m)^  (?:-., )?(--[a-z0-9-]+)", help_of(verb)))
        assert options <= set(re.findall(r"--[a-z0-9-]+", places)), verb


def test_no_option_is_told_that_nobody_takes():
    text = sections(page("rauc.1"), "SH")["OPTIONS"]
    known = {option for verb in verbs() for option in re.findall(r"--[a-z0-9-]+", help_of(verb))}
    assert set(re.findall(r"--[a-z0-9-]+", text)) - {"--option"} <= known


def test_every_variable_is_told():
    text = sections(page("rauc.1"), "SH")["ENVIRONMENT"]
    asked = {name for path in (TOP / "src").rglob("*.c") for name in re.findall(r'getenv\("(\w+)"\)', path.read_text())}
    assert "RAUC_KEY_PASSPHRASE" in asked
    assert asked <= set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", text))


def test_every_exit_code_is_told():
    assert re.findall(r"(?m)^\.TP\n\.B (\d)$", sections(page("rauc.1"), "SH")["EXIT STATUS"]) == ["0", "1", "2", "3", "4", "5", "6"]


def test_variables_of_hooks_and_handlers():
    source = (TOP / "src/install/environment.c").read_text()
    names = set(re.findall(r'"(RAUC_[A-Z_]+)"', source)) | {
        f"RAUC_{name}_" for name in re.findall(r'set_numbered\(env, "(\w+)"', source)}
    for path in (TOP / "src/writer").glob("*.c"):
        names |= set(re.findall(r'"(RAUC_BOOT_[A-Z_]+)', path.read_text()))
    assert len(names) > 30
    told = set(re.findall(r"RAUC_[A-Z_]+", page("rauc-manifest.5")))
    assert names <= told, names - told
