# SPDX-License-Identifier: MIT
"""system.conf of a board, from the description of its disk in image/layout."""

import re

SECTION = re.compile(r"^\[(.+)\]$")


def keys(text):
    """{(section, key): value}"""
    found, section = {}, None
    for line in text.splitlines():
        match = SECTION.match(line.strip())
        if match:
            section = match[1]
        elif "=" in line and not line.lstrip().startswith("#"):
            key, _, value = line.partition("=")
            found[section, key.strip()] = value.strip()
    return found


def keyring_name(text):
    """The name below /etc/rauc under which the keyring has to be installed."""
    path = keys(text).get(("keyring", "path"))
    if not path:
        raise ValueError("system.conf has no path= in [keyring]: the device could verify nothing")
    name = path[len("/etc/rauc/"):] if path.startswith("/etc/rauc/") else path
    if "/" in name:
        raise ValueError(f"system.conf: path={path} in [keyring] is not a file in /etc/rauc, which is where the keyring goes")
    return name


def with_key(text, section, key, value):
    """The text with this key set; the section is made if there is none."""
    lines, out, inside, done = text.splitlines(), [], False, False
    for line in lines:
        match = SECTION.match(line.strip())
        if match:
            inside = match[1] == section
            out.append(line)
            if inside and not done:
                out.append(f"{key}={value}")
                done = True
        elif not (inside and line.partition("=")[0].strip() == key):
            out.append(line)
    if not done:
        out += ["", f"[{section}]", f"{key}={value}"]
    return "\n".join(out) + "\n"


def options(text):
    """[(section, key, value)] of "section:key=value|section:key=value"."""
    found = []
    for option in filter(None, (part.strip() for part in (text or "").split("|"))):
        match = re.fullmatch(r"([a-z0-9.-]+):([a-z0-9-]+)=(.*)", option)
        if not match:
            raise ValueError(f"MOONFORGE_RAUC_CONFOPT: '{option}' is not section:key=value")
        found.append(match.groups())
    return found


def render(text, compatible, allow_demo, fetch_user, confopt=""):
    """What is installed on the device."""
    text = text.replace("@COMPATIBLE@", compatible)
    for section, key, value in options(confopt):
        text = with_key(text, section, key, value)
    keyring_name(text)
    if fetch_user and ("streaming", "sandbox-user") not in keys(text):
        text = with_key(text, "streaming", "sandbox-user", fetch_user)
    if allow_demo:
        text = with_key(text, "keyring", "allow-demo-keys", "true")
    return text
