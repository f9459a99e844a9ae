# SPDX-License-Identifier: MIT
"""The side of rauc in the talk with rauc-fetch (src/base/wire.h)."""

import contextlib
import os
import pathlib
import shutil
import socket
import struct
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
HEAD = struct.Struct("=IIQ")
OPEN, READ, CREDIT, CANCEL = 1, 2, 3, 4
OPENED, DATA, DONE, FAILED, WAITING, GOING, STATS = 101, 102, 103, 104, 105, 106, 107
PATIENCE = 60  # seconds, before a test is called stuck


def program():
    """The one with the sanitizers, where it was built."""
    given = os.environ.get("RAUC_FETCH")
    found = [given] if given else [TOP / "build" / kind / "src/fetch/rauc-fetch" for kind in ("dev", "release")]
    for path in map(pathlib.Path, found):
        if path.is_file():
            return path
    raise FileNotFoundError(f"no rauc-fetch: {', '.join(map(str, found))}; build it first")


@contextlib.contextmanager
def program_for_all():
    """A copy that everybody can start, wherever this tree lies; not in pytest's folder, which another pytest may close."""
    with tempfile.TemporaryDirectory(prefix="rauc-fetch-") as folder:
        os.chmod(folder, 0o755)
        copy = pathlib.Path(folder) / "rauc-fetch"
        shutil.copy(program(), copy)
        copy.chmod(0o755)
        yield copy


def words(pairs):
    return b"".join(f"{k}={v}".encode() + b"\0" for k, v in pairs)


def parse(data):
    return dict(word.decode().split("=", 1) for word in data.split(b"\0")[:-1])


class Fetch:
    """One rauc-fetch. `got[id]` are the bytes of a read, `failed[id]` why there are no more."""

    def __init__(self, wrap=(), env=None, binary=None):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        fd = os.dup(theirs.fileno()) if theirs.fileno() == 3 else theirs.fileno()
        everything = {**os.environ, "RAUC_FETCH_ALLOW_ROOT": "1", "no_proxy": "*", **(env or {})}
        argv = [*map(str, wrap), str(binary or program())]
        self.said = open(os.memfd_create("stderr"), "w+b")
        self.pid = os.posix_spawnp(argv[0], argv, {k: v for k, v in everything.items() if v is not None}, file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, self.said.fileno(), 2), (os.POSIX_SPAWN_DUP2, fd, 3)])
        theirs.close()
        self.status = None
        self.messages, self.got, self.failed, self.done = [], {}, {}, set()
        self.waiting, self.opened, self.stats = [], None, {}
        self.n_going = 0
        self.granted = {}
        self.is_over = False

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.socket.close()
        status = self.wait()
        if kind is None:
            assert status == 0, (status, self.stderr())

    def wait(self, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                os.kill(self.pid, 9)
                os.waitpid(self.pid, 0)
                self.status = -9
                raise TimeoutError("rauc-fetch does not end")
            else:
                time.sleep(0.01)
        return self.status

    def stderr(self):
        self.said.seek(0)
        return self.said.read().decode(errors="replace")

    def send(self, kind, number=0, data=b""):
        self.socket.sendall(HEAD.pack(kind, len(data), number) + data)

    def exactly(self, n):
        data = bytearray(n)
        done = 0
        while done < n:
            more = self.socket.recv_into(memoryview(data)[done:])
            if not more:
                return None
            done += more
        return bytes(data)

    def receive(self, timeout=PATIENCE):
        """The next message, noted; None: the end, or nothing in time."""
        self.socket.settimeout(timeout)
        try:
            head = self.exactly(HEAD.size)
        except TimeoutError:
            return None
        if head is None:
            self.is_over = True
            return None
        kind, size, number = HEAD.unpack(head)
        data = self.exactly(size) if size else b""
        self.note(kind, number, data)
        return kind, number, data

    def note(self, kind, number, data):
        self.messages.append((kind, number))
        if kind == DATA:
            self.got.setdefault(number, bytearray()).extend(data)
            assert len(self.got[number]) <= self.granted[number], "more than was granted"
            assert number not in self.done and number not in self.failed, "data after the end"
        elif kind == DONE:
            self.done.add(number)
        elif kind == FAILED:
            self.failed[number] = parse(data)
        elif kind == OPENED:
            self.opened = parse(data)
        elif kind == WAITING:
            self.waiting.append(parse(data))
        elif kind == GOING:
            self.n_going += 1
        elif kind == STATS:
            self.stats = parse(data)

    def until(self, condition, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"stuck; {self.messages[-10:]} {self.stderr()}")
            if self.receive(0.2) is None and self.is_over:
                raise EOFError(f"rauc-fetch has ended: {self.stderr()}")

    def idle(self, seconds):
        """Takes what comes in that time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.receive(left)

    def open(self, url, *more, **policy):
        """True: OPENED; False: FAILED, in failed[0]."""
        self.ask(url, *more, **policy)
        self.until(lambda: self.opened or 0 in self.failed)
        return self.opened is not None

    def ask(self, url, *more, **policy):
        quick = {"retry-max-sec": 1, "stall-sec": 1, "connect-sec": 5}
        quick.update({k.replace("_", "-"): v for k, v in policy.items()})
        self.send(OPEN, 0, words([("url", url), *more, *quick.items()]))

    def read(self, number, at, size, credit=None):
        """Asked for, not waited for."""
        credit = size if credit is None else credit
        self.granted[number] = credit
        self.send(READ, number, struct.pack("=QQQ", at, size, credit))

    def credit(self, number, more):
        self.granted[number] += more
        self.send(CREDIT, number, struct.pack("=Q", more))

    def take(self, *numbers):
        """Waits for the ends of these reads; the bytes of the first."""
        self.until(lambda: all(n in self.done or n in self.failed for n in numbers))
        assert not any(n in self.failed for n in numbers), self.failed
        return self.got.get(numbers[0], b"")

    def settle(self):
        """The numbers as they are now."""
        self.idle(1.2)
        return {k: int(v) for k, v in self.stats.items()}
