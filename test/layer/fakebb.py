# SPDX-License-Identifier: MIT
"""The python of recipes and classes, run as it is: a datastore of plain text, and bb's words for saying something."""

import pathlib
import re
import types


class Fatal(Exception):
    """bb.fatal()"""


class Skipped(Exception):
    """bb.parse.SkipRecipe"""


class Data:
    """d: getVar() expands ${NAME} and ${@expression}; overrides are not looked at."""

    def __init__(self, **values):
        self.values, self.said, self.code = values, [], {}

    def getVar(self, name, expand=True):
        text = self.values.get(name)
        return self.expand(text) if expand and isinstance(text, str) else text

    def setVar(self, name, value):
        self.values[name] = value

    def expand(self, text):
        text = re.sub(r"\$\{@(.*?)\}", lambda m: str(eval(m[1], self.words())), text)  # what BitBake does with them
        return re.sub(r"\$\{([A-Za-z0-9_-]+)\}", lambda m: self.getVar(m[1]) if m[1] in self.values else m[0], text)

    def bb(self):
        def fatal(text):
            raise Fatal(text)

        def contains(variable, wanted, yes, no, d):
            return yes if set(wanted.split()) <= set((d.getVar(variable) or "").split()) else no

        return types.SimpleNamespace(
            fatal=fatal, warn=lambda text: self.said.append(("warn", text)), note=lambda text: self.said.append(("note", text)),
            parse=types.SimpleNamespace(SkipRecipe=Skipped), utils=types.SimpleNamespace(contains=contains))

    def words(self):
        import os
        return {"d": self, "bb": self.bb(), "os": os, **self.code}

    def load(self, *paths):
        """Take over the functions of these files; python tasks are called without arguments."""
        for path in paths:
            for name, source in functions(pathlib.Path(path).read_text()):
                known = self.words()
                exec(compile(source, f"{path}: {name}", "exec"), known)  # our own files
                self.code[name] = known[name]
        for name, function in self.code.items():
            function.__globals__.update(self.code)
        return self

    def call(self, name):
        return self.code[name]()


def functions(text):
    """(name, source) of each def, and of each `python name () {…}` as a def."""
    for match in re.finditer(r"^def (\w+)\(.*?(?=^\S)", text + "\nEND", re.MULTILINE | re.DOTALL):
        yield match[1], match[0]
    for name, body in re.findall(r"^(?:fakeroot )?python (\w*) ?\(\) ?\{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        yield name or "anonymous", f"def {name or 'anonymous'}():\n{body}"
