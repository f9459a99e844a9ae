# SPDX-License-Identifier: MIT

"""The boot of a Raspberry Pi 4 or 5 up to the partition, after its public documentation; it reads the very files.

What is modelled, and where it is documented (raspberrypi/documentation: config_txt/autoboot, raspberry-pi/bootflow,
raspberry-pi/eeprom-bootloader):

- autoboot.txt is read from the first FAT partition, at most 512 bytes of it; [all], [none] and [tryboot] are its filters;
  '#' begins a comment; a key that comes again replaces what was there.
- A restart may carry a partition number and the flag ("0 tryboot"). The flag is cleared before anything is started.
- boot_partition names the partition, unless the restart did. None, or 0: the first bootable FAT.
- tryboot_a_b=1: the flag chooses in autoboot.txt, and config.txt of the partition is read. Without it, the flag makes
  the firmware look for tryboot.txt there, which our partitions do not have.
- A partition is bootable that is FAT and has config.txt and a device tree (Pi 5) or start4.elf (Pi 4).
- PARTITION_WALK=1 in the EEPROM: where that one is not bootable, the next ones are tried in turn, then from the
  first again; autoboot.txt is not looked at in this walk. Without it, the device does not boot.
- [boot_partition=N] in config.txt: what follows counts where the system boots from that partition.
- The firmware never writes, and does not check the kernel it starts.
"""

from dataclasses import dataclass, field

LIMIT = 512
LAST_PARTITION = 8  # where a walk turns back


def parse(text):
    """{"all": {...}, "tryboot": {...}} of the bytes of an autoboot.txt."""
    found, section = {"all": {}, "none": {}, "tryboot": {}}, "all"
    for line in (text or b"")[:LIMIT].split(b"\0")[0].decode("latin-1").splitlines():
        line = line.split("#", 1)[0].strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].lower()
        elif "=" in line and section in found:
            key, _, value = line.partition("=")
            found[section][key.strip()] = value.strip()
    return found


def number(text):
    """What the firmware makes of a value: its leading digits."""
    digits = ""
    for letter in text or "":
        if not letter.isascii() or not letter.isdigit():
            break
        digits += letter
    return int(digits or 0)


def command_line(config, partition):
    """The name of the file that a config.txt has the kernel's command line in, on this partition."""
    name, counts = "cmdline.txt", True
    for line in config.decode("latin-1").splitlines():
        line = line.strip()
        if line.startswith("["):
            counts = line in ("[all]", f"[boot_partition={partition}]")
        elif counts and line.startswith("cmdline="):
            name = line.partition("=")[2]
    return name


@dataclass
class Board:
    """`bootable`: the numbers of partitions that are."""

    bootable: set = field(default_factory=set)
    walks: bool = True  # PARTITION_WALK=1

    def power_on(self, autoboot, tryboot=False):
        """(number of the partition that boots or None, whether it is a tryboot)."""
        found = parse(autoboot)
        settings = {**found["all"], **(found["tryboot"] if tryboot else {})}
        wanted = number(settings.get("boot_partition"))
        if tryboot and number(found["all"].get("tryboot_a_b")) != 1:
            return None, True  # tryboot.txt, which no partition has
        if wanted == 0:
            return min(self.bootable, default=None), tryboot
        if wanted in self.bootable:
            return wanted, tryboot
        if not self.walks:
            return None, tryboot
        order = [*range(wanted + 1, LAST_PARTITION + 1), *range(1, wanted)]
        return next((n for n in order if n in self.bootable), None), tryboot
