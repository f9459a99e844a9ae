# SPDX-License-Identifier: MIT
"""kas fragments: loaded as YAML, with their includes; what they name exists."""

import pathlib
import re
import sys

import pytest
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layers  # noqa: E402

TOP = layers.TOP
FILES = sorted((TOP / "kas").rglob("*.yml"))
EXAMPLES = [path for path in FILES if path.parent.name == "examples"]
MACHINES = {"qemux86-64": "qemu", "raspberrypi4-64": "raspberrypi", "raspberrypi5": "raspberrypi"}
OURS = "moonforge-rauc"
# Of meta-moonforge, at the commit of kas/include/repo/meta-moonforge.yml.
THEIRS = {"kas/include/layer/meta-moonforge-distro.yml", "kas/include/layer/meta-moonforge-qemu.yml",
          "kas/include/layer/meta-moonforge-raspberrypi.yml", "kas/common/no-gplv3.yml"}
KEYS = {"header", "machine", "distro", "target", "repos", "env", "local_conf_header", "bblayers_conf_header"}


def name(path):
    return str(path.relative_to(TOP))


def merge(below, above):
    """As kas does: dictionaries are joined, the rest is replaced."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: merge(below[key], value) if key in below else value for key, value in above.items()}}


def load(path, foreign=None):
    """The file with all that it includes below it. foreign: a list that gets what comes from other repositories."""
    content = yaml.safe_load(path.read_text())
    whole = {}
    for include in content["header"].get("includes", []):
        if isinstance(include, str):
            whole = merge(whole, load(TOP / include, foreign))
        elif foreign is not None:
            foreign.append((include["repo"], include["file"]))
    return merge(whole, content)


def local_conf(config):
    """{variable: value}, as BitBake would have it: sections in the order of their keys, ?= gives way."""
    known = {}
    for section in sorted(config.get("local_conf_header", {})):
        for variable, how, value in re.findall(r'^([A-Z_:a-z0-9-]+) *(\?=|=) *"(.*)"$', config["local_conf_header"][section], re.MULTILINE):
            if how == "=" or variable not in known:
                known[variable] = value
    return known


def test_there_is_something_to_check():
    assert len(FILES) >= 15 and len(EXAMPLES) >= 6


@pytest.mark.parametrize("path", FILES, ids=name)
def test_loads(path):
    content = yaml.safe_load(path.read_text())
    assert content["header"]["version"] == 16
    assert set(content) <= KEYS
    for include in content["header"].get("includes", []):
        if isinstance(include, str):
            assert (TOP / include).is_file(), include
        else:
            assert set(include) == {"repo", "file"}
    assert merge({"a": {"b": 1}}, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_what_is_named_exists(path):
    foreign = []
    config = load(path, foreign)
    for repo, file in foreign:
        assert repo == "meta-moonforge" and file in THEIRS
        assert "url" in config["repos"][repo], f"{repo} is included from, but nobody says where it is"
    for repo, what in config.get("repos", {}).items():
        what = what or {}
        if repo == OURS:
            assert "url" not in what, "where this repository is, the product says"
            for layer in what["layers"]:
                assert (TOP / layer / "conf" / "layer.conf").is_file(), layer
        else:
            assert re.fullmatch("[0-9a-f]{40}", what["commit"]), repo
            assert what["url"].startswith("https://") and ("branch" in what or "tag" in what)


def test_every_repository_is_pinned_once():
    found = {}
    for path in FILES:
        for repo, what in (yaml.safe_load(path.read_text()).get("repos") or {}).items():
            if what and "url" in what:
                assert path.parent.name == "repo" and path.stem == repo
                assert repo not in found
                found[repo] = what["commit"]
    assert {"meta-rauc", "meta-moonforge"} <= set(found)


@pytest.mark.parametrize("layer", [path.name for path in layers.LAYERS])
def test_a_fragment_activates_its_layer_and_what_that_needs(layer):
    config = load(TOP / "kas" / "include" / "layer" / f"{layer}.yml")
    depends = layers.value(TOP / layer / "conf" / "layer.conf", f"LAYERDEPENDS_{layer}").split()
    assert layer in config["repos"][OURS]["layers"]
    for other in depends:
        if other.startswith("meta-moonforge-rauc"):
            assert other in config["repos"][OURS]["layers"]
    assert "rauc" not in depends or "meta-rauc" in config["repos"]
    assert 'DISTRO_FEATURES:append = " rauc"' in config["local_conf_header"]["20_meta-moonforge-rauc"]


def test_environment():
    config = load(TOP / "kas" / "include" / "layer" / "meta-moonforge-rauc-update.yml")
    for variable in ("RAUC_KEY_FILE", "RAUC_CERT_FILE", "RAUC_KEYRING_FILE", "RAUC_RELEASE_BUILD", "RAUC_BUNDLE_URL"):
        assert variable in config["env"] and config["env"][variable] is None


@pytest.mark.parametrize("alias", ["meta-moonforge-rauc-qemu", "meta-moonforge-rauc-raspberrypi"])
def test_aliases_add_nothing(alias):
    folder = TOP / "kas" / "include" / "layer"
    assert yaml.safe_load((folder / f"{alias}.yml").read_text()) == {
        "header": {"version": 16, "includes": ["kas/include/layer/meta-moonforge-rauc.yml"]}}


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_examples(path):
    foreign = []
    config = load(path, foreign)
    kind, _, machine = path.stem[len("moonforge-image-"):].partition("-")
    assert config["machine"] == machine
    assert ("meta-moonforge", f"kas/include/layer/meta-moonforge-{MACHINES[machine]}.yml") in foreign
    conf = local_conf(config)
    assert "WKS_FILE" not in conf and "OVERLAYFS_ETC_DEVICE" not in conf, "the machine implies them"
    if kind == "full":
        assert conf["RAUC_BUNDLE_URL"].startswith("http") and conf["RAUC_FORCE_REBOOT_ON_UPDATE"] == "1"


def test_examples_are_complete():
    assert {path.stem for path in EXAMPLES} == {f"moonforge-image-{kind}-{machine}" for kind in ("base", "full") for machine in MACHINES}
