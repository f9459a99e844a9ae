# SPDX-License-Identifier: MIT
"""Does the root file system fit its slot, with room for the versions to come?"""

import re

UNITS = {"M": 20, "G": 30}


def parse(text):
    """Bytes of a size such as 1024M or 2G."""
    match = re.fullmatch(r"([1-9][0-9]{0,6})([MG])", text.strip())
    if not match:
        raise ValueError(f"MOONFORGE_RAUC_SLOT_SIZE = '{text}' is no size such as 1024M or 2G")
    return int(match[1]) << UNITS[match[2]]


def percent(text):
    if not re.fullmatch(r"[0-9]{1,2}", text.strip()):
        raise ValueError(f"MOONFORGE_RAUC_SLOT_MARGIN = '{text}' is no percentage from 0 to 99")
    return int(text)


def mib(n_bytes):
    return f"{n_bytes / (1 << 20):.1f} MiB"


def judge(n_bytes, slot_text, margin_text):
    """(fits, words with both sizes)."""
    slot, margin = parse(slot_text), percent(margin_text)
    room = slot - slot * margin // 100
    if n_bytes > room:
        return False, (f"the root file system needs {mib(n_bytes)}, but a slot has {mib(slot)}, of which {margin} % "
                       f"({mib(slot - room)}) are to stay free: make it smaller, or MOONFORGE_RAUC_SLOT_SIZE larger "
                       f"(which needs a new disk image on every device)")
    return True, f"the root file system takes {mib(n_bytes)} of {mib(slot)}, {mib(slot - n_bytes)} head-room"
