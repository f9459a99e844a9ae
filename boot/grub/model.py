# SPDX-License-Identifier: MIT

"""What grub.cfg does, in Python: which slot boots from this boot state?

    choose(grubenv_bytes) -> Choice(slot, grubenv, spare)

The real grub.cfg and this model run the same table (table.toml); a test that
needs the boot loader's answer for a grubenv, say after a power cut, asks here.
"""

from dataclasses import dataclass, field

HEADER = b"# GRUB Environment Block\n"
SIZE = 1024
CRASHES_ALLOWED = 3


class Refused(Exception):
    """GRUB would not read or write this block."""


def entries(block):
    """(name, value, start, end) of each variable, as GRUB reads a block."""
    if block is None or not block.startswith(HEADER):
        raise Refused("invalid environment block")
    at = len(HEADER)
    while 0 < at < len(block):
        if block[at] == ord("#"):
            at = block.find(b"\n", at) + 1
            continue
        equals = block.find(b"=", at)
        end = equals + 1
        plain = bytearray()
        while end < len(block) and block[end] != ord("\n"):
            end += block[end] == ord("\\")
            plain += block[end : end + 1]
            end += 1
        if equals < 0 or end >= len(block):
            return
        name, value = (bytes(text).split(b"\0")[0].decode("latin-1") for text in (block[at:equals], plain))
        yield name, value, at, end
        at = end + 1


def read(block):
    """Variables of a block; Refused where GRUB's load_env fails."""
    return {name: value for name, value, _, _ in entries(block)}


def _end_of_line(block, at):
    while at < len(block) and block[at] != ord("\n"):
        at += 2 if block[at] == ord("\\") else 1
    return at + 1


def _place(block, name, used):
    """Where a variable is to be written. GRUB looks for it by lines here, by '=' when it reads."""
    at = len(HEADER)
    while at < used:
        end = _end_of_line(block, at)
        if block.startswith(name.encode("latin-1") + b"=", at):
            return at, end
        at = end
    return used, used


def write(block, variables):
    """The block after GRUB's save_env of these variables (None deletes)."""
    read(block)
    for name, value in variables.items():
        free = len(block) - len(block.rstrip(b"#"))
        used = len(block) - free
        at, end = _place(block, name, used)
        line = b""
        if value is not None:
            escaped = value.replace("\\", "\\\\").replace("\n", "\\\n")
            line = f"{name}={escaped}\n".encode("latin-1")
        if at == end and value is None:
            continue
        if not block.endswith(b"\n", 0, used) or len(line) - (end - at) > free:
            raise Refused("environment block too small")
        block = (block[:at] + line + block[end:])[: len(block)].ljust(len(block), b"#")
    return block


def block(variables):
    """A fresh block with these variables, as grub-editenv would write it."""
    return write(HEADER.ljust(SIZE, b"#"), variables)


def spare_of(variables, slots=("A", "B")):
    """What rauc keeps in grubenv.spare beside these variables of grubenv."""
    found = {"spare_used": "0", "ORDER": variables.get("ORDER")}
    for slot in slots:
        found |= {f"{slot}_OK": variables.get(f"{slot}_OK"), f"{slot}_TRY": "0"}
    return {name: value for name, value in found.items() if value is not None}


@dataclass
class Choice:
    slot: str  # None: nothing on the disk boots
    grubenv: bytes
    spare: bytes
    tried: list = field(default_factory=list)  # those that would not load, first


class _Lost(Exception):
    """The count could not be kept where we wanted."""


class _Loader:
    def __init__(self, grubenv, spare, slots, loads, writable, crashed):
        self.main, self.spare = grubenv, spare
        self.slots, self.loads, self.writable, self.crashed = slots, loads, writable, crashed
        self.tried, self.first = [], None
        self._forget()
        self.order, self.good = "", {}
        try:
            self._load_main()
            self.memory = "main"
        except Refused:
            self.memory = "spare" if self._load_spare() else None
        self._take_copy("1" if self.memory != "main" else None)

    def _forget(self):
        self.tries, self.left, self.commit = {}, {}, {}

    def _load_main(self):
        found = read(self.main)
        self.order = found.get("ORDER", "")
        self.good = {s: found.get(s + "_OK") for s in self.slots}
        self.tries = {s: found.get(s + "_TRY") for s in self.slots}
        self.left = {s: found.get(s + "_LEFT") for s in self.slots}
        self.commit = {s: found.get(s + "_COMMIT") for s in self.slots}

    def _take_copy(self, otherwise):
        """What the block cannot say, the running system has written down a second time."""
        try:
            copy = read(self.spare)
        except Refused:
            copy = {}
        self.orders = [self.order, copy.get("ORDER", "")]
        for slot in self.slots:
            if self.good.get(slot) not in ("0", "1"):
                self.good[slot] = copy.get(slot + "_OK")
            if self.good[slot] not in ("0", "1"):
                self.good[slot] = otherwise

    def _load_spare(self):
        self._forget()
        try:
            found = read(self.spare)
        except Refused:
            return False
        self.tries = {s: self._try(found.get(s + "_TRY")) for s in self.slots}
        return True

    @staticmethod
    def _try(value):
        return "1" if value and value[0] in "123456789" else "0"

    def _rank(self, slot):
        return self.good[slot] if self.good[slot] in ("0", "1") else "unknown"

    def _save(self, block, names):
        if not self.writable:
            raise Refused("read-only")
        return write(block, names)

    def _count_in_main(self, slot):
        less = {str(n): str(n - 1) for n in range(1, 10)}.get(self.left.get(slot) or "")
        if self.good[slot] == "1" and self._is_committed(slot) and less is None:
            less = str(CRASHES_ALLOWED - 1)
        if not self._is_committed(slot) and self.commit.get(slot):
            self.commit[slot] = "0"
        if self.good[slot] == "1" and less is not None:
            self.left[slot] = less
            if less == "0":
                self.tries[slot] = "1"
        else:
            self.tries[slot] = "1"
            self.commit |= {s: "0" for s in self.slots if s != slot and self.commit.get(s)}
        names = {}
        for s in self.slots:
            names |= {s + "_TRY": self.tries.get(s), s + "_LEFT": self.left.get(s), s + "_COMMIT": self.commit.get(s)}
        self.main = self._save(self.main, names)
        self._check(self.main, slot)
        self._clear_spare()

    def _count(self, slot):
        try:
            if self.memory == "main":
                self._count_in_main(slot)
            elif self.memory == "spare":
                self.tries[slot] = "1"
                names = {s + "_TRY": self.tries.get(s) for s in self.slots}
                self.spare = self._save(self.spare, names | {"spare_used": "1"})
                self._check(self.spare, slot)
        except Refused as refused:
            raise _Lost from refused

    def _check(self, block, slot):
        found = read(block)
        if (self._try(found.get(slot + "_TRY")), found.get(slot + "_LEFT") or "") != (self._try(self.tries.get(slot)), self.left.get(slot) or ""):
            raise Refused("written, but not found again")

    def _clear_spare(self):
        try:
            if read(self.spare).get("spare_used") == "1":
                names = [s + "_TRY" for s in self.slots] + ["spare_used"]
                self.spare = self._save(self.spare, dict.fromkeys(names, "0"))
        except Refused:
            pass

    def _is_committed(self, slot):
        mark = self.commit.get(slot)
        return mark == "1" or (mark == "2" and slot != self.first)

    def _is_counted(self, slot):
        return self.crashed or self._rank(slot) != "1" or not self._is_committed(slot)

    def _pass(self, walk, rank):
        for slot in walk:
            if self._rank(slot) == rank and self._try(self.tries.get(slot)) == "0":
                if self._is_counted(slot):
                    self._count(slot)
                if self.loads(slot):
                    return slot
                self.tried.append(slot)
        return None

    def _forgive(self, rank):
        for slot in self.slots:
            if self._rank(slot) == rank:
                self.tries[slot] = "0"

    def _run(self, walk):
        steps = ["1", "unknown", ("1",), "1", "0", ("unknown", "0"), "unknown", "0"]
        for step in steps:
            if isinstance(step, tuple):
                for rank in step:
                    self._forgive(rank)
                continue
            slot = self._pass(walk, step)
            if slot:
                return slot
        return None

    def choose(self):
        named = next(filter(None, ([s for s in order.split() if s in self.slots] for order in self.orders)), [])
        walk = list(dict.fromkeys(named + list(self.slots)))
        self.first = walk[0]
        while True:
            try:
                return self._run(walk)
            except _Lost:
                if self.memory == "main" and self._load_spare():
                    self.memory = "spare"
                else:
                    self.memory = None
                    self._forget()


def choose(grubenv, spare=None, slots=("A", "B"), loads=lambda slot: True, writable=True, crashed=False):
    """What grub.cfg boots from these bytes (None: no such file), and what it leaves behind."""
    loader = _Loader(grubenv, spare, tuple(slots), loads, writable, crashed)
    slot = loader.choose()
    return Choice(slot, loader.main, loader.spare, loader.tried)
