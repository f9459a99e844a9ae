# SPDX-License-Identifier: MIT

"""The NVRAM of OVMF (OVMF_VARS.fd) and AAVMF, to and from a folder that the real efibootmgr takes for efivarfs (EFIVARFS_PATH).

    firmware volume        0x00 zero vector, 0x10 GUID of the file system, 0x20 u64 length, 0x28 "_FVH", 0x30 u16 header length
    variable store         at the header's end: 0x00 GUID (authenticated variables), 0x10 u32 size of all, 0x14 0x5a formatted, 0x15 0xfe healthy
      variable             0x00 u16 0x55aa, 0x02 state, 0x04 u32 attributes, 0x08 u64 count, 0x10 time (16), 0x20 u32 key,
                           0x24 u32 size of name, 0x28 u32 size of data, 0x2c GUID of the vendor, 0x3c name, data; the next one at a multiple of 4
    behind the store       the log and the spare block of the fault tolerant write, which a machine that is off has no need of

A state has bits cleared one after another: 0x3f is in force, 0x3e too while its successor is being written; others are old.
AAVMF's is nothing but zeros until its first power-on, when the firmware makes the volume.
A file of efivarfs is NAME-GUID: u32 attributes, data.
"""

import struct
import uuid
from dataclasses import dataclass

AUTHENTICATED = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792")
GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
OURS = uuid.UUID("6d2cf6b5-5b5c-4b0f-9a3e-8e1d7b4620d1")  # boot/efi/fallback.c
KEPT = 7  # non-volatile, and both before and after the boot
VARIABLE = struct.Struct("<HBxIQ16sIII16s")
STORE = struct.Struct("<16sIBBHI")


@dataclass(frozen=True)
class Variable:
    name: str
    vendor: uuid.UUID
    attributes: int
    data: bytes
    rest: tuple = (0, bytes(16), 0)  # count, time, key


def store_of(flash):
    """(where the variables begin, where they end)."""
    if flash[0x28:0x2C] != b"_FVH":
        raise ValueError("no firmware volume")
    begin = struct.unpack_from("<H", flash, 0x30)[0]
    guid, size, formatted, healthy, _, _ = STORE.unpack_from(flash, begin)
    if uuid.UUID(bytes_le=guid) != AUTHENTICATED or (formatted, healthy) != (0x5A, 0xFE):
        raise ValueError("no store of authenticated variables")
    return begin + STORE.size, begin + size


def load(flash):
    """[Variable] that are in force."""
    if flash.count(0) == len(flash):
        return []
    at, end = store_of(flash)
    found = {}
    while at + VARIABLE.size <= end:
        start, state, attributes, count, time, key, n_name, n_data, vendor = VARIABLE.unpack_from(flash, at)
        if start != 0x55AA:
            break
        data = at + VARIABLE.size + n_name
        if data + n_data > end:
            raise ValueError(f"a variable at {at:#x} is longer than the store")
        name = flash[at + VARIABLE.size:data].decode("utf-16-le").rstrip("\0")
        variable = Variable(name, uuid.UUID(bytes_le=vendor), attributes, flash[data:data + n_data], (count, time, key))
        if state == 0x3F or (state == 0x3E and (name, vendor) not in found):
            found[name, vendor] = variable
        at = (data + n_data + 3) & ~3
    return list(found.values())


def save(flash, variables):
    """The flash with these variables in place of its own."""
    at, end = store_of(flash)
    content = b""
    for v in variables:
        name = v.name.encode("utf-16-le") + b"\0\0"
        count, time, key = v.rest
        content += VARIABLE.pack(0x55AA, 0x3F, v.attributes, count, time, key, len(name), len(v.data), v.vendor.bytes_le) + name + v.data
        content += b"\xff" * (-len(content) % 4)
    if len(content) > end - at:
        raise ValueError("too many variables")
    return flash[:at] + content.ljust(end - at, b"\xff") + flash[end:]


def unfold(folder, variables):
    folder.mkdir()
    for v in variables:
        (folder / f"{v.name}-{v.vendor}").write_bytes(struct.pack("<I", v.attributes) + v.data)


def fold(folder):
    found = []
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        found.append(Variable(file.name[:-37], uuid.UUID(file.name[-36:]), struct.unpack_from("<I", content)[0], content[4:]))
    return found


# --- Boot entries -----------------------------------------------------------------


def label(entry):
    """The description of a boot entry, or None."""
    end = 6
    while entry[end:end + 2] not in (b"\0\0", b"", entry[-1:]):
        end += 2
    return entry[6:end].decode("utf-16-le", "replace") if entry[end:end + 2] == b"\0\0" else None


def renamed(entry, name):
    """The same entry with another description, and a loader that is not there."""
    old = label(entry).encode("utf-16-le")
    loader = "\\linux.efi".encode("utf-16-le")
    assert entry.count(loader) == 1
    return entry[:6] + name.encode("utf-16-le") + entry[6 + len(old):].replace(loader, "\\lost!.efi".encode("utf-16-le"))
