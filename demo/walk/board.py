# SPDX-License-Identifier: MIT
"""The devices the demo can play on, and what their boot loaders' variables have to say at each turn of the story."""

import dataclasses
import platform

from . import machine


@dataclasses.dataclass(frozen=True)
class Turn:
    """Some of the boot loader's variables, and the values they have to have."""
    what: str
    names: tuple
    values: tuple

    def found(self, variables):
        return [variables.get(name) for name in self.names]

    def check(self, stage, variables):
        """One fact for the audience; a single value is shown without brackets."""
        found, wanted = self.found(variables), list(self.values)
        stage.check(self.what, *((found[0], wanted[0]) if len(wanted) == 1 else (found, wanted)))


@dataclasses.dataclass(frozen=True)
class Board:
    name: str  # of its layout in image/layout
    arch: str
    what: str  # in the demo's first line
    hardware: type
    read_state: str  # what prints NAME=value on the device
    where: str  # how these are called
    prefix: str  # of the variables of one slot
    healthy: Turn  # fresh from the factory
    committed: Turn  # slot B was updated and is good
    used_up: Turn  # slot A was updated and has failed
    can_kvm: bool

    def is_foreign(self):
        """Must programs for it be made by a cross compiler?"""
        return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine()) != self.arch

    def variables_of(self, slot, variables):
        return {name: value for name, value in variables.items() if name.startswith(self.prefix.format(slot))}


PC = Board(
    name="qemux86-64", arch="amd64", what="", hardware=machine.Pc, can_kvm=True,
    read_state="cat /boot/efi/EFI/BOOT/grubenv", where="in grubenv", prefix="{}_",
    healthy=Turn("A_TRY in grubenv, after the health check", ("A_TRY",), ("0",)),
    committed=Turn("B_OK, B_TRY, B_COMMIT in grubenv", ("B_OK", "B_TRY", "B_COMMIT"), ("1", "0", "1")),
    used_up=Turn("A_TRY, A_LEFT in grubenv: its attempts are used up", ("A_TRY", "A_LEFT"), ("1", "0")))

# fw_printenv is libubootenv's own program: a second opinion
ARM64 = Board(
    name="qemuarm64", arch="arm64", what=", arm64 with U-Boot", hardware=machine.Arm64, can_kvm=False,
    read_state="fw_printenv", where="of U-Boot", prefix="BOOT_{}_",
    healthy=Turn("BOOT_ORDER, BOOT_A_LEFT of U-Boot, after the health check", ("BOOT_ORDER", "BOOT_A_LEFT"), ("A", "03")),
    committed=Turn("BOOT_ORDER, BOOT_A_LEFT, BOOT_B_LEFT of U-Boot", ("BOOT_ORDER", "BOOT_A_LEFT", "BOOT_B_LEFT"), ("B A", "03", "03")),
    used_up=Turn("BOOT_ORDER, BOOT_A_LEFT of U-Boot: its attempts are used up", ("BOOT_ORDER", "BOOT_A_LEFT"), ("A B", "0")))

BOARDS = {board.name: board for board in (PC, ARM64)}
