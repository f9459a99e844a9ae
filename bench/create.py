# SPDX-License-Identifier: MIT
"""`rauc bundle`: ours and Debian's, the same image in turns. Both leave the packing to the same mksquashfs; what is
measured is what they do around it, and what a person waits for in all."""

import os
import pathlib
import re
import shutil
import statistics
import subprocess
import threading
import time

import material

COLUMNS = [  # title, key, divisor, decimals
    ("wall s", "wall", 1, 2),
    ("CPU s", "cpu", 1, 2),
    ("own wall s", "own", 1, 2),
    ("rauc RSS MiB", "rss", 1 << 20, 1),
    ("rauc anon MiB", "anon", 1 << 20, 1),
    ("all RSS MiB", "tree", 1 << 20, 1),
]
FORMATS = ("verity", "plain")
ROUNDS = {"gzip": 2, "xz": 2}  # at most, each first once: minutes, of which all but seconds are the same mksquashfs
SAMPLE_SECONDS = 0.01
PAGE = os.sysconf("SC_PAGE_SIZE")


def numbers(pid):
    """(peak RSS, anonymous memory now) of a process, in bytes."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return tuple(int(re.search(rf"{key}:\s+(\d+) kB", text)[1]) * 1024 for key in ("VmHWM", "RssAnon"))


def children(pid):
    try:
        return [int(child) for task in os.listdir(f"/proc/{pid}/task")
                for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except OSError:
        return []


def family(pid):
    return [pid] + [one for child in children(pid) for one in family(child)]


def resident(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def is_packer(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "mksquashfs"
    except OSError:
        return False


class Watch(threading.Thread):
    """Looks at a process and its children until it ends: peaks, and how long mksquashfs ran."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peaks, self.packing = pid, {"rss": 0, "anon": 0, "tree": 0}, 0.0

    def run(self):
        before = time.monotonic()
        while True:
            try:
                rss, anon = numbers(self.pid)
            except (OSError, TypeError):  # a zombie has no memory
                return
            everyone = family(self.pid)
            for key, value in (("rss", rss), ("anon", anon), ("tree", sum(map(resident, everyone)))):
                self.peaks[key] = max(self.peaks[key], value)
            now = time.monotonic()
            self.packing += (now - before) * any(map(is_packer, everyone))
            before = now
            time.sleep(SAMPLE_SECONDS)


def prepare(folder, image, form):
    shutil.rmtree(folder, ignore_errors=True)
    content = folder / "content"
    content.mkdir(parents=True)
    os.link(image, content / "rootfs.img")
    (content / "manifest.raucm").write_text(f"[update]\ncompatible=bench\nversion=1\n\n[bundle]\nformat={form}\n\n"
                                            "[image.system]\nfilename=rootfs.img\n")
    os.sync()
    with open(image, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return content, folder / "out.raucb"


def measure(who, program, image, form, codec, folder, log):
    content, bundle = prepare(folder, image, form)
    begin = time.monotonic()
    allow = ["-C", "keyring:allow-demo-keys=true"] if who == "ours" else []  # Debian's does not know whose keys these are
    process = subprocess.Popen([program, *allow, f"--cert={material.CERT}", f"--key={material.KEY}", f"--keyring={material.KEYRING}", "bundle",
                                f"--mksquashfs-args={material.CODECS[codec]}", content, bundle],
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    watch = Watch(process.pid)
    watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.join()
    right = process.returncode == 0 and subprocess.run([material.JUDGE, f"--keyring={material.KEYRING}", "info", bundle],
                                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode == 0
    size = bundle.stat().st_size if right else 0
    shutil.rmtree(folder)
    return {"format": form, "codec": codec, "status": process.returncode, "right": right, "size": size, "wall": wall,
            "cpu": usage.ru_utime + usage.ru_stime, "own": wall - watch.packing, **watch.peaks}


def run(programs, image, codecs, rounds, formats, out):
    runs = []
    with open(out / "create.log", "w") as log:
        for form in formats:
            for codec in codecs:
                for n in range(min(rounds, ROUNDS.get(codec, rounds))):
                    order = sorted(programs) if n % 2 else sorted(programs, reverse=True)
                    for who in order:
                        log.write(f"== round {n + 1}: {who}, {form} {codec}\n")
                        log.flush()
                        done = measure(who, programs[who], image, form, codec, out / "create", log)
                        runs.append({"who": who, **done})
                        how = "" if done["right"] else f"  FAILED (status {done['status']}, see {out}/create.log)"
                        print(f"bench: create, round {n + 1}, {form:6} {codec:4} {who:6} {done['wall']:7.2f} s{how}", flush=True)
    return runs


def median(runs, key):
    return statistics.median(r[key] for r in runs)


def row(name, values):
    return f"  {name:16}" + "".join(f"{value:>15}" for value in values)


def show(runs, about):
    lines = ["", "== making a bundle ==", *(f"  {key}: {value}" for key, value in about.items()), ""]
    for cell in dict.fromkeys((r["format"], r["codec"]) for r in runs):
        mine = [r for r in runs if (r["format"], r["codec"]) == cell]
        whos = {who: [r for r in mine if r["who"] == who] for who in ("debian", "ours")}
        lines.append(row(" ".join(cell), [title for title, *_ in COLUMNS]))
        good = {who: some for who, some in whos.items() if some and all(r["right"] for r in some)}
        for who, some in whos.items():
            cells = [f"{median(some, k) / d:.{p}f}" for _, k, d, p in COLUMNS] if who in good else ["failed"]
            lines.append(row(who, cells))
        if len(good) == 2:
            lines.append(row("ours/debian", [f"{median(good['ours'], k) / median(good['debian'], k):.2f}" for _, k, _, _ in COLUMNS]))
        lines.append("")
    return "\n".join(lines)
