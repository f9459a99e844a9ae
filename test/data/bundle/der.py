# SPDX-License-Identifier: MIT
"""DER as a tree that can be changed: what the damaged signatures of this folder are made with."""


class Node:
    """A tag and either bytes or nodes below it."""

    def __init__(self, tag, value):
        self.tag, self.value = tag, value

    def __getitem__(self, index):
        return self.value[index]

    def __setitem__(self, index, node):
        self.value[index] = node

    def encode(self):
        body = self.value if isinstance(self.value, bytes) else b"".join(node.encode() for node in self.value)
        return bytes([self.tag]) + length(len(body)) + body

    def copy(self):
        return parse(self.encode())


def length(n):
    if n < 128:
        return bytes([n])
    digits = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits


def take(data):
    """(node, rest)"""
    tag, n, at = data[0], data[1], 2
    if n & 0x80:
        at += n & 0x7F
        n = int.from_bytes(data[2:at], "big")
    body = data[at:at + n]
    return Node(tag, nodes(body) if tag & 0x20 else body), data[at + n:]


def nodes(data):
    found = []
    while data:
        node, data = take(data)
        found.append(node)
    return found


def parse(data):
    node, rest = take(data)
    assert not rest
    return node


def integer(n):
    return Node(0x02, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def octets(data):
    return Node(0x04, data)


def sequence(*below):
    return Node(0x30, list(below))


def set_of(*below):
    return Node(0x31, sorted(below, key=Node.encode))


def oid(text):
    first, second, *rest = map(int, text.split("."))
    body = bytes([first * 40 + second])
    for n in rest:
        part = [n & 0x7F]
        while n := n >> 7:
            part.insert(0, 0x80 | n & 0x7F)
        body += bytes(part)
    return Node(0x06, body)
