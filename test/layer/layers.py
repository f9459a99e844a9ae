# SPDX-License-Identifier: MIT
"""Our layers as files, and as much of BitBake's language as the checks need."""

import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
LAYERS = [TOP / "meta-moonforge-rauc", TOP / "meta-moonforge-rauc-update"]
KINDS = (".bb", ".bbappend", ".bbclass", ".conf", ".inc")
ASSIGN = re.compile(r"""^(?:export\s+)?(?P<name>[A-Za-z0-9_\-.+${}/:%]+?)(?:\[(?P<flag>[A-Za-z0-9_\-]+)\])?\s*"""
                    r"""(?P<how>\?\?=|\?=|:=|\.=|=\.|\+=|=\+|=)\s*(?P<quote>["'])(?P<value>.*)(?P=quote)\s*$""", re.DOTALL)


def metadata(layer=None):
    """Every file that BitBake reads."""
    return sorted(path for folder in ([layer] if layer else LAYERS) for path in folder.rglob("*")
                  if path.suffix in KINDS and path.is_file() and "/files/" not in str(path))


def assignments(path):
    """[(name, flag or None, operator, value)] outside of functions."""
    found, inside, line = [], False, ""
    for raw in pathlib.Path(path).read_text().splitlines():
        if inside:
            inside = raw != "}"
            continue
        line += raw
        if line.endswith("\\"):
            line = line[:-1]
            continue
        if re.match(r"^(fakeroot\s+)?(python\b)?[^=\"']*\(\s*\)\s*\{$", line):
            inside = True
        elif match := ASSIGN.match(line):
            found.append((match["name"], match["flag"], match["how"], match["value"]))
        line = ""
    return found


def value(path, name, flag=None):
    """What is assigned last, += and :append included."""
    text = None
    for key, its_flag, how, its_value in assignments(path):
        if its_flag != flag or key not in (name, f"{name}:append", f"{name}:prepend"):
            continue
        joined = how in ("+=", ".=") or key.endswith(":append")
        text = f"{text or ''} {its_value}" if joined else text if how == "??=" and text else its_value
    return text


def defaults():
    """Our layer.conf's variables, with the machine's overrides still in their names."""
    return {name: text for name, flag, _, text in assignments(LAYERS[0] / "conf" / "layer.conf") if not flag}


def for_machine(name, override):
    """A variable of layer.conf for a board."""
    known = defaults()
    text = known.get(f"{name}:{override}", known.get(name, ""))
    return re.sub(r"\$\{(MOONFORGE_[A-Z_]+)\}", lambda m: for_machine(m[1], override), text)
