# SPDX-License-Identifier: MIT
"""A .wks.in as wic reads it, and as a configuration of genimage, which makes the same disk."""

import argparse
import dataclasses
import pathlib
import re
import shlex

UNITS = {"K": 10, "M": 20, "G": 30}


@dataclasses.dataclass
class Part:
    options: argparse.Namespace
    line: int

    def __getattr__(self, name):
        return getattr(self.options, name)

    @property
    def file(self):
        match = re.fullmatch(r"file=(.+)", self.options.sourceparams or "")
        return match[1] if match else None


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise ValueError(message)


def size(text, unit="M"):
    """Bytes; a number alone is in that unit."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    if not match:
        raise ValueError(f"'{text}' is no size")
    return int(match[1]) << UNITS[match[2] or unit]


def parser():
    """The options that wic of scarthgap has, and no others."""
    top = Parser(add_help=False, allow_abbrev=False)
    kinds = top.add_subparsers(dest="kind", parser_class=Parser)
    part = kinds.add_parser("part", add_help=False, allow_abbrev=False)
    part.add_argument("mountpoint", nargs="?")
    for flag in ("active", "no-table", "use-uuid", "use-label", "no-fstab-update"):
        part.add_argument(f"--{flag}", action="store_true")
    for text in ("source", "sourceparams", "fstype", "label", "part-name", "part-type", "ondisk", "uuid", "fsuuid", "system-id",
                 "rootfs-dir", "mkfs-extraopts", "fsoptions"):
        part.add_argument(f"--{text}")
    part.add_argument("--align", type=lambda text: size(text, "K"))
    part.add_argument("--offset", type=lambda text: size(text, "K"))
    which = part.add_mutually_exclusive_group()
    which.add_argument("--size", type=size)
    which.add_argument("--fixed-size", type=size)
    boot = kinds.add_parser("bootloader", add_help=False, allow_abbrev=False)
    boot.add_argument("--ptable", choices=("gpt", "msdos"))
    for text in ("append", "configfile", "timeout", "source"):
        boot.add_argument(f"--{text}")
    return top


def expand(text, variables):
    def one(match):
        if match[1] not in variables:
            raise ValueError(f"${{{match[1]}}} is not set")
        return str(variables[match[1]])
    return re.sub(r"\$\{([A-Z_]+)\}", one, text)


def load(path, variables):
    """(label type, [Part])"""
    parts, label = [], None
    for number, line in enumerate(expand(pathlib.Path(path).read_text(), variables).splitlines(), 1):
        words = shlex.split(line, comments=True)
        if not words:
            continue
        options = parser().parse_args(words)
        if options.kind == "bootloader":
            label = options.ptable
        else:
            parts.append(Part(options, number))
    return label, parts


def name(part, number):
    return part.part_name or f"p{number}"


def genimage(label, parts, images, signature=None):
    """The configuration; images: {number of the part: file in the inputs}."""
    out = ["image disk.img {", "hdimage {", f'partition-table-type = "{ {"gpt": "gpt", "msdos": "mbr"}[label] }"']
    aligned = [part.align for part in parts if part.align]
    out.append(f"align = {aligned[0]}" if aligned else "")
    if signature:
        out.append(f"disk-signature = 0x{signature}")
    out.append("}")
    for number, part in enumerate(parts, 1):
        out.append(f"partition {name(part, number)} {{")
        if number in images:
            out.append(f'image = "{images[number]}"')
        if part.no_table:
            out.append("in-partition-table = false")
        if part.offset:
            out.append(f"offset = {part.offset}")
        if part.fixed_size or part.size:
            out.append(f"size = {part.fixed_size or part.size}")
        if part.part_type:
            out.append(f'partition-type-uuid = "{part.part_type}"')
        if part.system_id:
            out.append(f"partition-type = {part.system_id}")
        if part.active:
            out.append("bootable = true")
        out.append("}")
    return "\n".join(out + ["}"]) + "\n"
