# SPDX-License-Identifier: MIT
"""One system call of many, chosen from a trace, and the same one met by a fault in another run.

strace counts calls a thread; a program with threads does not make the same number of them each time (one
wakes another, or need not). So where the fault met another call than the one that was chosen, it is tried again,
and one earlier and one later.
"""

import re

import device as devices

CHANGES = ["write", "pwrite64", "fallocate", "ftruncate", "fsync", "fdatasync", "rename", "renameat", "renameat2",
           "openat", "unlink", "mkdir", "fchmod", "close"]
# Leak detection does not work below strace.
ASAN_TRACED = devices.ASAN.replace("detect_leaks=1", "detect_leaks=0")
# A second arena makes glibc ask for the number of processors, which opens a file now and then.
STEADY = {"ASAN_OPTIONS": ASAN_TRACED, "GLIBC_TUNABLES": "glibc.malloc.arena_max=1"}
TRIES = (0, 0, -1, 1, 0, -1, 1, -2, 2, 0, 0, 0)


def calls(path):
    """[pid, call] a line of a trace; a call that was interrupted by another thread's is one again."""
    found, open_calls = [], {}
    for line in path.read_text(errors="replace").splitlines():
        pid, text = line.split(None, 1)
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
        if resumed and pid in open_calls:
            open_calls.pop(pid)[1] += resumed[1]
            continue
        found.append([pid, text])
        if text.endswith(" <unfinished ...>"):
            found[-1][1] = text[:-len(" <unfinished ...>")]
            open_calls[pid] = found[-1]
    return found


def file_of(call):
    """The call and the file it is about, without what is random in names."""
    found = re.match(r'(\w+)\((?:AT_FDCWD(?:<[^>]*>)?, )?(?:\d+<([^>]*)>|"([^"]*)")?', call)
    return found and (found[1], re.sub(r"\.\w{6}$", "", found[2] or found[3] or ""))


def is_change(call, folder):
    """Does it change something on the medium?"""
    name = re.match(r"(\w+)\(", call)
    if not name or name[1] not in CHANGES or str(folder) not in call:
        return False
    harmless = name[1] == "openat" and "O_CREAT" not in call or name[1] == "close"
    return not harmless and ("= -1" not in call or "(INJECTED)" in call)


def moments(trace, folder):
    """(syscall, number, line) of each call that changes something on the medium, counted as strace does."""
    counts, found = {}, []
    for pid, call in trace:
        name = re.match(r"(\w+)\(", call)
        if not name or name[1] not in CHANGES:
            continue
        key = (pid, name[1])
        counts[key] = counts.get(key, 0) + 1
        if is_change(call, folder):
            found.append((name[1], counts[key], call))
    return found


def is_met(trace, found, n, folder):
    """Was it number n of `found` that the fault met: that file, that call, for the same time?"""
    name, _, call = found[n]
    struck = [i for i, (_, text) in enumerate(trace) if "(INJECTED)" in text] or [
        i for i, (_, text) in enumerate(trace) if text.startswith(name + "(")][-1:]
    if not struck or file_of(trace[struck[0]][1]) != file_of(call):
        return False
    before = [text for _, text in trace[:struck[0]] if is_change(text, folder)]
    return sum(file_of(text) == file_of(call) for text in before) == sum(
        file_of(text) == file_of(call) for _, _, text in found[:n])


def strike(run, fault, found, n, folder, rest=""):
    """run(strace options) -> (result, trace), until the fault has met call n of `found`; that result and trace."""
    name, number, call = found[n]
    for shift in TRIES:
        if number + shift < 1:
            continue
        result, trace = run("-e", f"trace={name}", "-e", f"inject={name}:{fault}:when={number + shift}{rest}")
        if is_met(trace, found, n, folder):
            return result, trace
    raise AssertionError(f"{fault} never met {name} number {number}: {call[:150]}")
