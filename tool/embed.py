#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A text file as a C string: embed.py FILE NAME > file.c; comments of XML are left out."""

import pathlib
import re
import sys

path, name = pathlib.Path(sys.argv[1]), sys.argv[2]
text = re.sub(r"<!--.*?-->\s*", "", path.read_text(encoding="ascii"), flags=re.DOTALL)
print(f"/* SPDX-License-Identifier: MIT */\n/* Made from {path.name}. */\n")
print(f"extern const char {name}[];\nconst char {name}[] =")
for line in text.splitlines():
    escaped = line.strip().replace("\\", "\\\\").replace('"', '\\"')
    print(f'"{escaped}\\n"')
print(";")
