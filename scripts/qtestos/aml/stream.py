# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes of AML: numbers, package lengths, names (ACPI 6.4, 20.2.1 to 20.2.4). Every read is checked against the enclosing end."""
from .namespace import Path
from .values import AmlError

NAME_LEAD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ_")
NAME_CHAR = NAME_LEAD | frozenset(b"0123456789")
NAME_START = NAME_LEAD | frozenset(b"\\^\x2e\x2f")
MAX_UPS = 255


class Stream:
    """A place in a block of code: [pos, end) of data."""
    __slots__ = ("data", "pos", "end")

    def __init__(self, data, pos, end):
        self.data, self.pos, self.end = data, pos, end

    def u8(self):
        if self.pos >= self.end:
            raise AmlError("AE_AML_TRUNCATED", "the code ends at 0x%x in the middle of a term" % self.pos)
        self.pos += 1
        return self.data[self.pos - 1]

    def peek(self):
        return self.data[self.pos] if self.pos < self.end else -1

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def take(self, size):
        if size > self.end - self.pos:
            raise AmlError("AE_AML_TRUNCATED", "%d bytes at 0x%x, %d are left" % (size, self.pos, self.end - self.pos))
        self.pos += size
        return self.data[self.pos - size:self.pos]

    def cstring(self):
        at = self.data.find(b"\0", self.pos, self.end)
        if at < 0:
            raise AmlError("AE_AML_TRUNCATED", "a string without an end at 0x%x" % self.pos)
        text, self.pos = self.data[self.pos:at], at + 1
        return text

    def package_end(self):
        """Reads a PkgLength; where the package ends, which the enclosing one must hold."""
        start, lead = self.pos, self.u8()
        size = lead & 63
        if lead >> 6:
            size = lead & 15
            for i in range(lead >> 6):
                size |= self.u8() << 4 + 8 * i
        if start + size > self.end or start + size < self.pos:
            raise AmlError("AE_AML_PACKAGE_LIMIT", "a package of 0x%x bytes at 0x%x, the enclosing one ends at 0x%x" % (size, start, self.end))
        return start + size

    def field_length(self):
        """A PkgLength that counts bits."""
        lead = self.u8()
        if not lead >> 6:
            return lead & 63
        size = lead & 15
        for i in range(lead >> 6):
            size |= self.u8() << 4 + 8 * i
        return size

    def seg(self):
        raw = self.take(4)
        if raw[0] not in NAME_LEAD or not all(c in NAME_CHAR for c in raw):
            raise AmlError("AE_BAD_CHARACTER", "%r at 0x%x is no name" % (bytes(raw), self.pos - 4))
        return raw.decode()

    def path(self):
        absolute, ups = False, 0
        if self.peek() == 0x5c:
            absolute = True
            self.pos += 1
        while self.peek() == 0x5e and ups < MAX_UPS:
            ups += 1
            self.pos += 1
        lead = self.peek()
        if lead == 0x00:
            self.pos += 1
            return Path(absolute, ups, ())
        count = 1
        if lead == 0x2e:
            self.pos += 1
            count = 2
        elif lead == 0x2f:
            self.pos += 1
            count = self.u8()
        return Path(absolute, ups, tuple(self.seg() for _ in range(count)))
