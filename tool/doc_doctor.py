#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the table of findings of doc/doctor.md from src/doctor/doctor_kinds.c.

    tool/doc_doctor.py            the table
    tool/doc_doctor.py --write    put it into doc/doctor.md
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
PAGE = TOP / "doc/doctor.md"
BEGIN, END = "<!-- made by tool/doc_doctor.py -->\n", "<!-- end -->\n"
STRING = r'"((?:[^"\\]|\\.)*)"'
ROW = re.compile(rf"\{{ {STRING}, DOCTOR_(\w+),\s*{STRING},\s*{STRING} \}}")


def table():
    lines = ["| finding | | why it matters | what to do |", "|---|---|---|---|"]
    for name, severity, why, fix in ROW.findall((TOP / "src/doctor/doctor_kinds.c").read_text()):
        cells = [text.replace("|", "\\|").replace("<", "&lt;") for text in (why, fix)]
        lines.append(f"| `{name}` | {severity.lower()} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines) + "\n"


def main():
    if sys.argv[1:] == ["--write"]:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(before + BEGIN + table() + END + rest.partition(END)[2])
    else:
        print(table(), end="")


if __name__ == "__main__":
    main()
