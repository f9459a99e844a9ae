# SPDX-License-Identifier: MIT
"""tool/build-clean.options against what the house says elsewhere; what tool/build-clean refuses at once. The build is build_clean.py."""

import os
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD_CLEAN = TOP / "tool" / "build-clean"


def rows():
    lines = (TOP / "tool" / "build-clean.options").read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def options():
    return {name: value for kind, name, value in rows() if kind == "option"}


def test_packages_are_those_of_the_build_group():
    ours = [name for kind, name, _ in rows() if kind != "option"]
    group = [line.split()[1] for line in (TOP / "tool" / "packages.list").read_text().splitlines() if line.startswith("build ")]
    assert sorted(ours) == sorted(group)
    assert {kind for kind, *_ in rows()} == {"option", "tool", "link", "run", "more"}


def test_every_feature_is_said():
    """A feature left to "auto" would be missing without a word where its library is."""
    features = re.findall(r"^option\('(\w+)', type: 'feature'", (TOP / "meson_options.txt").read_text(), re.MULTILINE)
    assert features and {options().get(name) for name in features} <= {"enabled", "disabled"}


def test_every_library_of_the_build_is_named():
    """One package for each dependency() of the build; libraries that come with another one's headers aside."""
    text = "".join(path.read_text() for path in [TOP / "meson.build", *(TOP / "src").rglob("meson.build")])
    wanted = set(re.findall(r"dependency\('([^']+)'", text)) - {"threads", "gio-2.0", "gio-unix-2.0"}
    probes = {line.split()[1]: line.split()[2] for line in (TOP / "tool" / "packages.list").read_text().splitlines() if line.startswith("build ")}
    assert {probes[name].removeprefix("pc:") for kind, name, _ in rows() if kind in ("link", "more")} == wanted


def recipe():
    """(options, dependencies) that the recipe has on a device: what it says itself, and by its default PACKAGECONFIG."""
    text = next((TOP / "meta-moonforge-rauc").rglob("moonforge-rauc_*.bb")).read_text()
    words = re.search(r'^EXTRA_OEMESON = "([^"]*)"', text, re.MULTILINE)[1].replace("\\", " ").split()
    depends = set(re.search(r'^DEPENDS = "([^"]*)"', text, re.MULTILINE)[1].split()) - {"glib-2.0-native"}
    wanted = re.search(r'^PACKAGECONFIG:class-target \?\?= "([^"$]*)"', text, re.MULTILINE)[1].split()
    for flag, value in re.findall(r'^PACKAGECONFIG\[(\w+)\] = "([^"]*)"', text, re.MULTILINE):
        on, off, needs = (value.split(",") + [""] * 3)[:3]
        words.append(on if flag in wanted else off)
        depends |= set(needs.split()) if flag in wanted else set()
    found = dict(word.removeprefix("-D").split("=", 1) for word in words)
    found["demo_keys"] = re.search(r'^MOONFORGE_RAUC_DEMO_KEYS = "(\w+)"', text, re.MULTILINE)[1]
    return found, depends


def test_the_recipe_builds_the_same():
    """Its options but for folders, which BitBake has words for, and its libraries."""
    theirs, depends = recipe()
    named = set(re.findall(r"^option\('([\w-]+)'", (TOP / "meson_options.txt").read_text(), re.MULTILINE))
    assert {n: v for n, v in theirs.items() if not n.endswith("-dir")} == {n: v for n, v in options().items() if n in named}
    assert depends == {recipe for kind, _, recipe in rows() if kind == "link"}


def refused(*args, **env):
    done = subprocess.run([BUILD_CLEAN, *args], text=True, capture_output=True, timeout=60, env={**os.environ, **env})
    assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr.strip()


def test_refusals(tmp_path):
    assert refused("riscv64") == "build-clean: 'riscv64' is none of amd64 arm64"
    for tool in ("bash", "readlink", "dirname"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    assert refused("amd64", PATH=str(tmp_path)) == "build-clean: mmdebstrap is not installed (make deps)"
