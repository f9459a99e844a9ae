# SPDX-License-Identifier: MIT
"""What the audience sees: steps, commands, answers, the table at the end."""

import contextlib
import os
import re
import sys
import threading
import time

from .machine import Trouble

BOLD, DIM, RED, GREEN, PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[0m"
# percentage, bar, and what is being done, without the rate behind it
BAR = re.compile(r"^\s*\d+% \[[# ]*\] *(.*?)(?: [0-9.]+ [kMG]?i?B/s.*)?$")
WIPE = "\r\033[K"
WIDTH = 110


class Stage:
    """Prints the story. live draws a clock on a terminal while the device is busy."""

    def __init__(self, titles, live, verbose):
        self.titles = titles
        self.live = live and sys.stdout.isatty()
        self.colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.verbose = verbose
        self.results = []
        self.facts = 0
        self.lock = threading.Lock()
        self.wipe = ""
        self.moving = None
        self.last_bar = None

    def paint(self, colour, text):
        return f"{colour}{text}{PLAIN}" if self.colour else text

    def line(self, text=""):
        with self.lock:
            print(f"{self.wipe}{text}", flush=True)

    def say(self, text):
        self.line(f"      {text}")

    def command(self, text):
        self.line("      " + self.paint(BOLD, f"demo# {text}"))

    def answer(self, text):
        for line in text.splitlines():
            if line.strip() and not self.is_old_bar(line):
                self.line("      " + self.paint(DIM, f"| {line.rstrip()[:WIDTH]}"))

    def is_old_bar(self, line):
        """A progress bar that moved but says nothing new goes to the clock's line only."""
        bar = BAR.match(line)
        if not bar:
            return False
        self.moving = line.strip()
        old, self.last_bar = self.last_bar, bar[1]
        return old == bar[1]

    def check(self, what, found, wanted):
        """One fact read from the device against what the story promises."""
        if found != wanted:
            raise Trouble(f"{what} is {found!r}, expected {wanted!r}")
        self.facts += 1
        self.line("      " + self.paint(GREEN, "ok") + f"  {what}: {found}")

    @contextlib.contextmanager
    def step(self):
        """The next of the titles; remembers how long it took and whether it held."""
        title = self.titles[len(self.results)]
        self.line()
        self.line(self.paint(BOLD, f"[{len(self.results) + 1}/{len(self.titles)}] {title}"))
        start = time.monotonic()
        try:
            yield
        except BaseException:
            self.results.append((False, time.monotonic() - start))
            raise
        self.results.append((True, time.monotonic() - start))

    @contextlib.contextmanager
    def busy(self, what):
        """A clock behind what, on a terminal only."""
        if not self.live:
            yield
            return
        done = threading.Event()
        start = time.monotonic()
        self.moving = None

        def tick():
            while not done.wait(0.5):
                with self.lock:
                    print(f"{WIPE}      {(self.moving or what)[:WIDTH]} {time.monotonic() - start:3.0f} s", end="", flush=True)

        clock = threading.Thread(target=tick, daemon=True)
        self.wipe = WIPE
        clock.start()
        try:
            yield
        finally:
            done.set()
            clock.join()
            self.wipe = ""
            print(WIPE, end="", flush=True)

    def table(self, n_boots):
        self.line()
        for number, title in enumerate(self.titles, 1):
            if number <= len(self.results):
                held, seconds = self.results[number - 1]
                mark = self.paint(GREEN, "ok    ") if held else self.paint(RED, "FAILED")
                self.line(f"  {number:>2}  {title:<66} {mark} {seconds:7.1f} s")
            else:
                self.line(f"  {number:>2}  {title:<66} not reached")
        total = sum(seconds for _, seconds in self.results)
        first = self.results[0][1] if self.results else 0
        self.line(f"      {'':<66} total  {total:7.1f} s")
        self.line(f"      {total - first:.0f} s without building the images; {n_boots} boots, {self.facts} facts read from the device and checked")
