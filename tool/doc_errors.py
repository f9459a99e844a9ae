#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints doc/errors.md from the sources: codes from src/base/error.[hc], stages from src/install/install.[hc].

    tool/doc_errors.py > doc/errors.md
"""

import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parent.parent


def comments(header, prefix):
    """Enum value -> the comment beside it, of the one enum whose values begin with prefix."""
    enum = next(body for body in re.findall(r"typedef enum \{(.*?)\}", header, re.S) if prefix in body)
    found = re.findall(rf"^\s*({prefix}\w+),?\s*(?:/\* (.*?) \*/)?$", enum, re.M)
    return {name: text for name, text in found}


def codes():
    meaning = comments((TOP / "src/base/error.h").read_text(), "FAILURE_")
    source = (TOP / "src/base/error.c").read_text()
    rows = re.findall(r'\[(FAILURE_\w+)\] = \{ "([^"]+)", (true|false),\s*"([^"]+)" \}', source)
    if {row[0] for row in rows} != set(meaning):
        raise SystemExit("src/base/error.c and error.h do not name the same codes")
    for value, name, retry, hint in rows:
        yield name, meaning[value].split(":")[0], "yes" if retry == "true" else "no", hint


def stages():
    meaning = comments((TOP / "src/install/install.h").read_text(), "INSTALL_")
    table = re.search(r"names\[\] = \{(.*?)\};", (TOP / "src/install/install.c").read_text(), re.S)[1]
    names = re.findall(r'"([^"]+)"', table)
    if len(names) != len(meaning):
        raise SystemExit("src/install/install.c and install.h do not name the same stages")
    return zip(names, meaning.values())


def main():
    print("""<!-- SPDX-License-Identifier: MIT -->
# Errors

Every failure has one of these codes. The names stay as they are; the words of a message may change. This page is made by
`tool/doc_errors.py` from the sources.

| code | means | can trying again help | what to do |
|---|---|---|---|""")
    for row in codes():
        print("| `{}` | {} | {} | {} |".format(*row))
    print("""
An installation that fails also says at which stage. Up to `ask` nothing was changed; from `close` on the target slot does not boot until an
installation succeeds; the running slot is never touched.

| stage | what is done |
|---|---|""")
    for name, text in stages():
        print(f"| `{name}` | {text or name} |")


if __name__ == "__main__":
    main()
