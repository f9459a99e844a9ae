# SPDX-License-Identifier: MIT
"""Layers and recipes as files: what they name exists, and is what they say."""

import hashlib
import json
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layers  # noqa: E402

TOP = layers.TOP
RECIPES = [path for path in layers.metadata() if path.suffix in (".bb", ".inc", ".bbappend")]
# Whose recipes they are that we append or require.
OWNERS = {"moonforge-image-base": "meta-moonforge-distro", "linux-yocto": "core", "bundle": "rauc"}
CLIENT = TOP / "meta-moonforge-rauc" / "recipes-core" / "moonforge-rauc" / "moonforge-rauc_0.1.0.bb"


def name(path):
    return str(path.relative_to(TOP))


def layer_of(path):
    return next(layer for layer in layers.LAYERS if layer in path.parents)


def depends(layer):
    return layers.value(layer / "conf" / "layer.conf", f"LAYERDEPENDS_{layer.name}").split()


@pytest.mark.parametrize("layer", layers.LAYERS, ids=lambda layer: layer.name)
def test_layer_conf(layer):
    conf = layer / "conf" / "layer.conf"
    assert layers.value(conf, "BBFILE_COLLECTIONS").strip() == layer.name
    assert layers.value(conf, f"BBFILE_PRIORITY_{layer.name}") == "7"
    assert layers.value(conf, f"LAYERSERIES_COMPAT_{layer.name}") == "scarthgap"
    assert layers.value(conf, f"BBFILE_PATTERN_{layer.name}") == "^${LAYERDIR}/"
    assert {"core", "meta-moonforge-distro"} <= set(depends(layer))
    for pattern in re.findall(r"\$\{LAYERDIR\}/(\S+\.bb\w*)", layers.value(conf, "BBFILES_DYNAMIC") or ""):
        assert (layer / pattern.split("/recipes-")[0]).is_dir(), pattern


@pytest.mark.parametrize("layer", layers.LAYERS, ids=lambda layer: layer.name)
def test_page(layer):
    """What yocto-check-layer asks of it."""
    text = (layer / "README.md").read_text()
    for wanted in ("maintainer", "patch", "dependenc"):
        assert wanted in text.lower()
    assert re.search(r"[\w.+-]+@[\w-]+\.[\w.-]+", text)
    assert "README" not in text, "it would look at nothing else then"
    for other in depends(layer):
        if other not in ("core", "rauc"):
            assert other in text
    for file in re.findall(r"\]\((\.\.?/[^)#]+)", text):
        assert (layer / file).exists(), file


@pytest.mark.parametrize("path", RECIPES, ids=name)
def test_files_exist(path):
    """Every file:// of SRC_URI, in the folders where BitBake looks."""
    package = path.stem.split("_")[0]
    folders = [path.parent / package, path.parent / "files"]
    if "MOONFORGE_RAUC_CHECKOUT" in path.read_text():
        folders.insert(0, TOP)
    for variable, _, _, text in layers.assignments(path):
        if not re.match("SRC_URI|MOONFORGE_RAUC_FILES", variable):
            continue
        for file in re.findall(r"file://([A-Za-z0-9_./-]+)", text):
            found = [folder / file for folder in folders if (folder / file).exists()]
            assert found, f"{file} is in none of {folders}"


@pytest.mark.parametrize("path", RECIPES, ids=name)
def test_license_checksums(path):
    for variable, _, _, text in layers.assignments(path):
        if variable != "LIC_FILES_CHKSUM":
            continue
        for file, digest in re.findall(r"file://(\S+?);md5=([0-9a-f]{32})", text):
            assert hashlib.md5((TOP / file).read_bytes()).hexdigest() == digest
            assert "file://LICENSES" in path.read_text()


@pytest.mark.parametrize("path", [p for p in RECIPES if p.suffix == ".bb"], ids=name)
def test_head(path):
    for variable in ("SUMMARY", "DESCRIPTION", "HOMEPAGE", "LICENSE"):
        assert layers.value(path, variable), variable
    assert len(layers.value(path, "SUMMARY")) <= 80
    assert re.fullmatch(r"[a-z0-9-]+(_[0-9][a-z0-9.+]*)?\.bb", path.name)


@pytest.mark.parametrize("path", [p for p in RECIPES if p.suffix == ".bbappend"], ids=name)
def test_appended_recipes_are_of_layers_we_depend_on(path):
    owner = OWNERS[path.stem.split("_")[0]]
    known = set(depends(layer_of(path)))
    match = re.search(r"dynamic-layers/([^/]+)/", str(path))
    assert owner in known | ({match[1]} if match else set())


@pytest.mark.parametrize("path", [p for p in RECIPES if p.suffix == ".bbappend"], ids=name)
def test_appends_do_nothing_without_the_feature(path):
    """Nothing but the name of a file to include, which is empty then: signatures stay what they are."""
    found = layers.assignments(path)
    assert len(found) == 1 and found[0][0].startswith("MOONFORGE_RAUC_")
    included = re.fullmatch(r"\$\{@bb\.utils\.contains\('DISTRO_FEATURES', 'rauc', '([\w.-]+\.inc)', '', d\)\}", found[0][3])
    assert included and (path.parent / included[1]).is_file()
    code = [line for line in path.read_text().splitlines() if line and not line.startswith(("#", found[0][0]))]
    assert code == [f"require ${{{found[0][0]}}}"]


def test_dynamic_layers_are_used():
    patterns = layers.value(layers.LAYERS[0] / "conf" / "layer.conf", "BBFILES_DYNAMIC")
    for path in RECIPES:
        match = re.search(r"dynamic-layers/([^/]+)/recipes-[^/]+/[^/]+/[^/]+\.bb(append)?$", str(path))
        if match:
            assert re.search(rf"{match[1]}:\$\{{LAYERDIR\}}/dynamic-layers/{match[1]}/recipes-\*/\*/\*\.bb{match[2] or ''}(\s|$)", patterns)


@pytest.mark.parametrize("path", [p for p in RECIPES if p.suffix != ".inc"], ids=name)
def test_bitbake_finds_it(path):
    layer = layer_of(path)
    conf = layer / "conf" / "layer.conf"
    patterns = re.findall(r"\$\{LAYERDIR\}/(\S+)", layers.value(conf, "BBFILES") + " " + (layers.value(conf, "BBFILES_DYNAMIC") or ""))
    assert any(path.relative_to(layer).match(pattern) and len(path.relative_to(layer).parts) == pattern.count("/") + 1 for pattern in patterns)


def installed():
    """What `meson install` installs, below its prefix."""
    build = TOP / "build" / "release"
    if not (build / "build.ninja").is_file():
        pytest.skip(f"{build} is not there")
    shown = subprocess.run(["meson", "introspect", "--installed", build], check=True, capture_output=True, text=True, timeout=60).stdout
    prefix = next(option["value"] for option in json.loads(subprocess.run(["meson", "introspect", "--buildoptions", build], check=True,
                  capture_output=True, text=True, timeout=60).stdout) if option["name"] == "prefix")
    return sorted(str(pathlib.PurePath(path).relative_to(prefix)) for path in json.loads(shown).values())


def test_every_installed_file_is_in_a_package():
    """Else BitBake says installed-vs-shipped, or it lands in the package that everybody installs."""
    where = {"datadir": "share", "libexecdir": "libexec", "nonarch_libdir": "lib", "systemd_system_unitdir": "lib/systemd/system"}
    packages = {"${PN}": ["bin/rauc"], "${PN}-doc": ["share/man"]}
    for package in layers.value(CLIENT, "PACKAGES").split():
        files = layers.value(CLIENT, f"FILES:{package}").split()
        packages[package] = [re.sub(r"\$\{(\w+)\}", lambda m: where[m[1]], file) for file in files]
    found = installed()
    assert "bin/rauc" in found and "libexec/rauc/rauc-fetch" in found
    for path in found:
        owners = [package for package, files in packages.items() if any(path == file or path.startswith(file + "/") for file in files)]
        assert len(owners) == 1, f"{path}: {owners}"
    for package, files in packages.items():
        for file in files:
            assert any(path == file or path.startswith(file + "/") for path in found), f"{package}: nothing is installed as {file}"


def options():
    return dict(re.findall(r"option\('([a-z0-9_-]+)', type: '(\w+)'", (TOP / "meson_options.txt").read_text()))


def test_meson_options_exist():
    used = re.findall(r"-D([a-z0-9_-]+)=", CLIENT.read_text())
    assert {"tests", "demo_keys", "service", "streaming", "gpt", "uboot", "fuse", "libdeflate"} <= set(used)
    assert not set(used) - set(options())
    switches = {name for name, kind in options().items() if kind == "feature"}
    assert switches == {flag for name, flag, _, _ in layers.assignments(CLIENT) if name == "PACKAGECONFIG" and flag}, "each has its PACKAGECONFIG"


def clean_build():
    """[(kind, name, value)] of tool/build-clean.options, which builds the client in a fresh chroot."""
    lines = (line.split() for line in (TOP / "tool" / "build-clean.options").read_text().splitlines() if line and not line.startswith("#"))
    return [tuple(line) for line in lines]


def test_recipe_is_what_the_clean_build_tries():
    """Same meson options, and the same libraries by their names in OpenEmbedded."""
    given = {name: value for kind, name, value in clean_build() if kind == "option"}
    configs = {flag: text.split(",") for name, flag, _, text in layers.assignments(CLIENT) if name == "PACKAGECONFIG" and flag}
    chosen = layers.value(CLIENT, "PACKAGECONFIG:class-target").split()
    for name, (on, off, *_) in configs.items():
        assert on == f"-D{name}=enabled" and off == f"-D{name}=disabled", name
        assert given[name] == ("enabled" if name in chosen else "disabled"), name
    fixed = dict(re.findall(r"-D([a-z0-9_-]+)=(\S+)", layers.value(CLIENT, "EXTRA_OEMESON")))
    assert fixed["tests"] == given["tests"] == "false"
    assert fixed["demo_keys"] == "${MOONFORGE_RAUC_DEMO_KEYS}" and layers.value(CLIENT, "MOONFORGE_RAUC_DEMO_KEYS") == given["demo_keys"] == "refuse"
    linked, more = ({recipe for kind, _, recipe in clean_build() if kind == wanted} for wanted in ("link", "more"))
    needs = {name: words[2] for name, words in configs.items() if len(words) > 2 and words[2]}
    wanted = {name for name in layers.value(CLIENT, "DEPENDS").split() if not name.endswith("-native")}
    assert wanted | {recipe for name, recipe in needs.items() if name in chosen} == linked
    assert {recipe for name, recipe in needs.items() if name not in chosen} == more
    for _, _, recipe in (line for line in clean_build() if line[0] == "run"):
        assert f"{recipe}-native" in layers.value(CLIENT, "RDEPENDS:${PN}:append:class-native")


def test_client():
    version = re.search(r"version: '([0-9.]+)'", (TOP / "meson.build").read_text())[1]
    assert CLIENT.name == f"moonforge-rauc_{version}.bb"
    assert layers.value(CLIENT, "PROVIDES").split() == ["rauc"]
    assert layers.value(CLIENT, "RPROVIDES:${PN}").split() == ["rauc"]
    assert layers.value(CLIENT, "BBCLASSEXTEND").split() == ["native", "nativesdk"]
    packages = layers.value(CLIENT, "PACKAGES").split()
    assert {"rauc-service", "rauc-mark-good", "rauc-fetch"} <= set(packages)
    for package in packages:
        assert layers.value(CLIENT, f"FILES:{package}"), package


def test_units_are_packaged():
    """What data/meson.build installs is in a package, and what is enabled there."""
    text = CLIENT.read_text()
    for unit in re.findall(r"output: '([\w-]+\.(?:service|timer))',[^)]*?systemd-unit-dir", (TOP / "data" / "meson.build").read_text(), re.DOTALL):
        assert f"${{systemd_system_unitdir}}/{unit}" in text, unit


def test_enabled_units_exist():
    """data/ has what the client's recipe enables, the other recipes have theirs beside them."""
    for path in RECIPES:
        for variable, _, _, value in layers.assignments(path):
            for unit in value.split() if variable.startswith("SYSTEMD_SERVICE:") else ():
                beside = [path.parent / "files" / unit, TOP / "data" / unit, TOP / "data" / f"{unit}.in"]
                found = [file for file in beside if file.is_file()]
                assert found and "[Install]" in found[0].read_text(), unit


def test_providers_are_ours_only_with_the_feature():
    known = layers.defaults()
    for recipe in ("rauc", "rauc-native", "nativesdk-rauc", "rauc-conf"):
        text = known[f"PREFERRED_PROVIDER_{recipe}"]
        assert "'DISTRO_FEATURES', 'rauc'" in text and f"'{recipe}'" in text
        ours = {"rauc": "moonforge-rauc", "rauc-native": "moonforge-rauc-native", "nativesdk-rauc": "nativesdk-moonforge-rauc",
                "rauc-conf": "moonforge-rauc-conf"}[recipe]
        assert f"'{ours}'" in text


GPL3 = {"bash", "coreutils", "dosfstools", "findutils", "gawk", "grep", "grub", "grub-editenv", "grub-efi", "gptfdisk", "mtools", "parted", "readline", "sed", "tar"}


def test_no_gplv3_on_the_device():
    """What our packages pull in, and what the image installs of ours. GRUB itself lies on the ESP, in no package."""
    pulled = set()
    for path in layers.metadata():
        for variable, flag, _, text in layers.assignments(path):
            if re.match(r"(RDEPENDS|RRECOMMENDS|CORE_IMAGE_EXTRA_INSTALL)", variable) and "class-native" not in variable:
                pulled |= set(re.findall(r"(?<![\w$-])[a-z][a-z0-9-]+(?![\w(-])", text))
            if variable == "PACKAGECONFIG" and flag:
                pulled |= set(text.split(",", 2)[-1].replace(",", " ").split())
    assert {"util-linux-mount", "rauc-mark-good", "libubootenv"} <= pulled
    assert not pulled & GPL3
    for path in RECIPES:
        if "GPL-3.0" in (layers.value(path, "LICENSE") or ""):
            assert layers.value(path, "LICENSE:${PN}") == "MIT"


def test_no_syntax_of_other_releases():
    for path in layers.metadata():
        text = path.read_text()
        assert "UNPACKDIR" not in text, f"{path}: not in scarthgap"
        assert not re.search(r"^[A-Za-z_]+_(append|prepend|remove|class-native)\b", text, re.MULTILINE), path


def test_nothing_for_other_recipes_in_layer_conf():
    """A variable that recipes of other layers know would give them another signature when this layer is added."""
    for variable in layers.defaults():
        assert re.match(r"BB|LAYER|MOONFORGE_RAUC_|PREFERRED_PROVIDER_", variable), variable
