#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run one command as root in an emulated PC whose kernel has what user-mode Linux lacks: MTD, UBI, MMC.

The guest is an initramfs made for the occasion: busybox, the programs named (with their libraries), the files
given, and the kernel modules wanted. It runs in memory and is forgotten; what comes out is what the command says.
The kernel is Debian's, downloaded once and unpacked into out/cache, never installed. There is no KVM, no network
and no disk but those given.

For tests: qemu.run("command", modules=["mtdram total_size=8192"]) and qemu.why_not().
Exit status: the command's; 124 when the time was up; 125 when there was no guest."""

import argparse
import contextlib
import ctypes
import fcntl
import functools
import io
import lzma
import os
import pathlib
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE.parents[1] / "out" / "cache"
GUEST = HERE / "qemu-guest"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
QEMU = shutil.which("qemu-system-x86_64", path=PATH)
BUSYBOX = shutil.which("busybox", path=PATH)
TIME_UP, NO_GUEST = 124, 125
ALWAYS = ["virtio_pci", "virtio_console"]  # what the command says comes out through them
PR_SET_PDEATHSIG = 1


class NoGuest(Exception):
    """Why there is none, in one line."""


# --- The kernel ---------------------------------------------------------------


class Kernel:
    """A kernel and its modules, unpacked."""

    def __init__(self, folder):
        self.modules = next(folder.glob("lib/modules/*"))
        self.release = self.modules.name
        self.image = folder / "boot" / f"vmlinuz-{self.release}"
        lines = (line.partition(":") for line in (self.modules / "modules.dep").read_text().splitlines())
        self.needs = {path: needs.split() for path, _, needs in lines}
        self.path_of = {module_name(path): path for path in self.needs}
        self.builtin = {module_name(line) for line in (self.modules / "modules.builtin").read_text().splitlines()}

    def order(self, name):
        """The files of a module and of all it needs, first things first."""
        if name in self.builtin:
            return []
        if name not in self.path_of:
            raise NoGuest(f"Linux {self.release} has no module {name}")
        path = self.path_of[name]
        return [self.modules / p for p in [*reversed(self.needs[path]), path]]


def module_name(path):
    return re.sub(r"\.ko(\.\w+)?$", "", os.path.basename(path)).replace("-", "_")


def apt(*words, cwd=None, own=None):
    """apt-get or apt-cache, with the machine's lists of packages, or with lists of its own below `own`."""
    options = ["-o", "APT::Sandbox::User=root"]
    if own:
        options += ["-o", f"Dir::State={own}/state", "-o", f"Dir::Cache={own}/cache"]
        (own / "state" / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (own / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    done = subprocess.run([words[0], *options, *words[1:]], cwd=cwd, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=900)
    if done.returncode:
        raise NoGuest(f"{' '.join(words)}: " + (done.stderr.strip().splitlines() or ["failed"])[-1])
    return done.stdout


def download(folder, own=None):
    """Debian's kernel for real machines: the one for the cloud has neither MTD nor MMC."""
    if own:
        apt("apt-get", "update", own=own)
    package = re.search(r"^ *Depends: (linux-image-\S+)", apt("apt-cache", "depends", "linux-image-amd64", own=own), re.MULTILINE)
    if not package:
        raise NoGuest("apt knows no linux-image-amd64")
    apt("apt-get", "download", package[1], cwd=folder, own=own)
    return next(folder.glob("*.deb"))


def fetch(into):
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="kernel.") as folder:
        work = pathlib.Path(folder)
        try:
            deb = download(work)
        except NoGuest:  # no lists, or lists older than the mirror
            deb = download(work, own=work)
        tree = work / "tree"
        subprocess.run(["dpkg", "-x", deb, tree], check=True)
        release = next(tree.glob("lib/modules/*")).name
        subprocess.run([shutil.which("depmod", path=PATH) or "depmod", "-b", tree, release], check=True)
        os.chmod(tree, 0o755)
        tree.rename(into)


@functools.cache
def kernel():
    """The kernel in the cache; without one, it is fetched."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / "kernel-amd64"
    with open(CACHE / ".kernel.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            try:
                fetch(folder)
            except (OSError, subprocess.SubprocessError, StopIteration) as error:
                raise NoGuest(f"no kernel for the emulated PC: {error}") from None
    return Kernel(folder)


# --- The initramfs ------------------------------------------------------------


class Archive:
    """A cpio archive in the format the kernel unpacks, folders made as needed."""

    def __init__(self):
        self.out = io.BytesIO()
        self.names = set()

    def member(self, name, mode, data=b""):
        if name in self.names:
            return
        self.names.add(name)
        path = name.encode() + b"\0"
        fields = (len(self.names), mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        self.padded(b"070701" + b"".join(b"%08x" % field for field in fields) + path)
        self.padded(data)

    def padded(self, data):
        self.out.write(data + bytes(-len(data) % 4))

    def folder(self, name):
        if name and name != ".":
            self.folder(os.path.dirname(name))
            self.member(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        self.folder(os.path.dirname(name))
        self.member(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self.folder(os.path.dirname(name))
        self.member(name, stat.S_IFLNK | 0o777, target.encode())

    def close(self):
        self.member("TRAILER!!!", 0)
        return self.out.getvalue()


def place(path):
    """Where in the guest, in which bin, sbin and lib are links into usr as in Debian."""
    return re.sub(r"^/(bin|sbin|lib|lib64)/", r"/usr/\1/", os.path.normpath(path)).lstrip("/")


def libraries(program):
    shown = subprocess.run(["ldd", program], text=True, capture_output=True, timeout=60).stdout
    return re.findall(r"(?:=> |^\s+)(/\S+) \(0x", shown, re.MULTILINE)


def add_program(archive, program):
    path = shutil.which(program, path=PATH)
    if not path:
        raise NoGuest(f"there is no {program} on this machine")
    for each in [path, *libraries(path)]:
        archive.file(place(each), pathlib.Path(each).read_bytes(), 0o755)


def add_tree(archive, name, source):
    """bytes or text are a file's content; a path is a file or a whole folder."""
    if isinstance(source, (bytes, str)):
        return archive.file(name, source.encode() if isinstance(source, str) else source, 0o755)
    if source.is_symlink():
        return archive.link(name, os.readlink(source))
    if source.is_dir():
        archive.folder(name)
        for path in sorted(source.iterdir()):
            add_tree(archive, f"{name}/{path.name}", path)
        return None
    return archive.file(name, source.read_bytes(), stat.S_IMODE(source.stat().st_mode))


def add_modules(archive, wanted):
    """Each is "name option=value ..." of the kernel's own, or a path of a .ko file in its place."""
    orders, there = [], set()
    for words in (shlex.split(str(each)) for each in wanted):
        name, options = words[0], words[1:]
        files = [pathlib.Path(name)] if "/" in name else kernel().order(name.replace("-", "_"))
        for path in files:
            if path.name in there:
                continue
            there.add(path.name)
            data = path.read_bytes()
            archive.file(f"modules/{module_name(path)}.ko", lzma.decompress(data) if path.suffix == ".xz" else data)
            orders.append(shlex.join([f"/modules/{module_name(path)}.ko", *(options if path == files[-1] else [])]))
    return orders


def initramfs(command, programs, files, modules, env):
    archive = Archive()
    for name in ("bin", "sbin", "lib", "lib64"):
        archive.folder(f"usr/{name}")
        archive.link(name, f"usr/{name}")
    for name in ("dev", "proc", "sys", "run", "tmp", "root", "mnt", "etc", "var/lib"):
        archive.folder(name)
    for name, source in files.items():
        add_tree(archive, place(name), source)
    for program in ("dash", *programs):  # busybox's own sh would run its own tar, not the one named
        add_program(archive, str(program))
    archive.file("usr/bin/busybox", pathlib.Path(BUSYBOX).read_bytes(), 0o755)
    archive.link("usr/bin/sh", "dash")
    archive.file("init", GUEST.read_bytes(), 0o755)
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    archive.file("etc/group", b"root:x:0:\n")
    archive.file("modules/load", "".join(f"{order}\n" for order in add_modules(archive, modules)).encode())
    exports = "".join(f"export {name}={shlex.quote(str(value))}\n" for name, value in env.items())
    archive.file("command", f"cd /tmp\n{exports}{command}\n".encode())
    return archive.close()


# --- The machine --------------------------------------------------------------


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def arguments_of(folder, memory, disks, more):
    argv = [QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-accel", "tcg",
            "-cpu", "Nehalem", "-smp", "1", "-m", str(memory), "-no-reboot", "-kernel", kernel().image,
            "-initrd", folder / "initramfs", "-append",
            "console=ttyS0 quiet loglevel=4 panic=-1 reboot=t mitigations=off nokaslr random.trust_cpu=on apparmor=0 selinux=0",
            "-chardev", f"file,id=console,path={folder}/console", "-serial", "chardev:console",
            "-device", "virtio-serial-pci", "-device", "virtio-rng-pci"]
    for port in ("stdout", "stderr", "status"):
        argv += ["-chardev", f"file,id={port},path={folder}/{port}", "-device", f"virtserialport,chardev={port},name={port}"]
    for number, disk in enumerate(disks):
        argv += ["-drive", f"if=none,id=disk{number},format=raw,file={disk}", "-device", f"virtio-blk-pci,drive=disk{number}"]
    return [str(word) for word in [*argv, *more]]


def said_on(folder):
    said = read(folder / "console").replace("\r", "").splitlines()[-40:]
    return "".join("\n  " + line for line in ["; the console said:", *said]) if said else "\n"


def read(path):
    return path.read_text(errors="replace") if path.exists() else ""


def boot(folder, seconds, argv):
    """The exit status, and what to say besides."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True, start_new_session=True, preexec_fn=die_with_parent)
    try:
        said = process.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        return TIME_UP, f"qemu: not done after {seconds:g} s{said_on(folder)}\n"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    status = read(folder / "status").strip()
    if status.isdigit():
        return int(status), ""
    return NO_GUEST, f"qemu: the guest ended without a status{said_on(folder)}\n{said}"


def run(command, *, programs=(), files=None, modules=(), env=None, disks=(), memory=512, seconds=120, more=()):
    """A script as root in a fresh guest, in its /tmp; what subprocess.run() gives.

    programs: names in PATH, or paths. files: path in the guest -> content, or the Path of a file or folder.
    modules: "nandsim second_id_byte=0x33" of the kernel's own, or the path of a .ko file, options behind it;
    loaded in this order before the command begins, and left as /modules/NAME.ko. disks: files that are /dev/vda and so on. more: for QEMU."""
    try:
        if why := missing():
            raise NoGuest(why)
        with tempfile.TemporaryDirectory(prefix="qemu.") as name:
            folder = pathlib.Path(name)
            wanted = [*ALWAYS, *(["virtio_blk"] if disks else []), *modules]
            (folder / "initramfs").write_bytes(initramfs(command, programs, files or {}, wanted, env or {}))
            status, complaint = boot(folder, seconds, arguments_of(folder, memory, disks, more))
            return subprocess.CompletedProcess(command, status, read(folder / "stdout"), read(folder / "stderr") + complaint)
    except NoGuest as why:
        return subprocess.CompletedProcess(command, NO_GUEST, "", f"qemu: {why}\n")


def missing():
    for program, package in ((QEMU, "qemu-system-x86"), (BUSYBOX, "busybox-static")):
        if not program:
            return f"the Debian package {package} is not installed"
    return None


@functools.cache
def why_not():
    """Why there are no guests here, or None. A guest that does not start or misbehaves is no such reason."""
    try:
        why = missing()
        return why or (kernel() and None)
    except NoGuest as error:
        return str(error)


def main():
    parser = argparse.ArgumentParser(prog="qemu.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", action="append", default=[], metavar="NAME", help="a program for the guest")
    parser.add_argument("--file", action="append", default=[], type=pathlib.Path, metavar="PATH",
                        help="a file or folder, at the same place in the guest")
    parser.add_argument("--module", action="append", default=[], metavar="'NAME OPTION=VALUE'", help="a kernel module")
    parser.add_argument("--memory", type=int, default=512, metavar="MIB", help="of the guest (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=120, help="the time limit (default %(default)s)")
    parser.add_argument("command", help="a script for sh")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    done = run(args.command, programs=args.program, files={str(p.resolve()): p for p in args.file}, modules=args.module,
               memory=args.memory, seconds=args.seconds)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
