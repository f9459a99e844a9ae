# SPDX-License-Identifier: MIT

"""barebox's bootchooser, after its public documentation (Documentation/user/bootchooser.rst), with our settings (nv/).

- The target with the highest priority that has attempts left is started; 0 disables it. Every start costs an attempt
  before it is made, and the state is stored.
- bootchooser.retry=1: a target that cannot be started is passed over, and the next one is chosen.
- bootchooser.reset_attempts=all-zero: when no enabled target has attempts left, all of them get their default again.
- bootchooser.reset_priorities=all-zero: when all priorities are 0, all of them get their default again.
- boot.default="bootchooser A B reset": when bootchooser gives up, the targets are booted without it, in this order,
  bad or not; then our script boot/reset resets.
- state: buckets with a checksum; where one is damaged another is taken, where all are, the defaults of the device tree hold.
"""

from dataclasses import dataclass


@dataclass
class Target:
    """One target of the state, with what the device tree gives it when nothing is stored."""

    priority: int
    attempts: int
    default_priority: int
    default_attempts: int = 3


class Bootchooser:
    """`targets`: {name: Target}, the order in bootchooser.targets. `can_write`: the medium takes what is stored."""

    def __init__(self, targets, can_write=True):
        self.targets, self.can_write = targets, can_write

    def _reset(self):
        targets = self.targets.values()
        if all(t.priority == 0 for t in targets):
            for target in targets:
                target.priority = target.default_priority
        enabled = [t for t in targets if t.priority > 0]
        if all(t.attempts == 0 for t in enabled):
            for target in enabled:
                target.attempts = target.default_attempts

    def power_on(self, loads):
        """The target that runs, or None: none could be started."""
        stored = {name: (t.priority, t.attempts) for name, t in self.targets.items()}
        chosen = self._choose(loads) or next((name for name in self.targets if loads(name)), None)
        if not self.can_write:
            for name, (priority, attempts) in stored.items():
                self.targets[name].priority, self.targets[name].attempts = priority, attempts
        return chosen

    def _choose(self, loads):
        self._reset()
        while True:
            left = [(t.priority, n) for n, t in self.targets.items() if t.priority > 0 and t.attempts > 0]
            if not left:
                return None
            best = max(priority for priority, _ in left)
            name = next(n for priority, n in left if priority == best)
            self.targets[name].attempts -= 1
            if loads(name):
                return name
