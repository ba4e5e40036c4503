# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtqueues, split (virtio 1.2 section 2.7) and packed (2.8), with indirect tables and event suppression by index."""
import struct

NEXT, WRITE, INDIRECT = 1, 2, 4
AVAIL, USED = 1 << 7, 1 << 15
F_INDIRECT, F_EVENT_IDX = 28, 29


def _up(n, align):
    return (n + align - 1) // align * align


class VirtQueue:
    """One queue of dev (a VirtioDevice). add() takes [(address, length, device writes)], pop() gives (token, length)."""

    def __init__(self, dev, index, size):
        self.dev, self.m, self.index, self.size = dev, dev.m, index, size
        self.tables, self.tokens = {}, {}
        self.indirect = dev.has(F_INDIRECT) and dev.variant["indirect"] == "on"
        self.event_idx = dev.has(F_EVENT_IDX)
        self.quiet = dev.variant["intr"] == "poll"
        self.area = self.m.alloc(self.bytes(), 4096, f"queue {index}")
        self.place()

    def free(self):
        for table in self.tables.values():
            self.m.free(table)
        self.tables = {}
        self.m.free(self.area)

    def kick(self):
        self.dev.notify(self.index)

    def table(self, bufs, packed):
        """An indirect table in new memory."""
        last = len(bufs) - 1
        if packed:
            rows = (struct.pack("<QIHH", a, n, 0, WRITE if w else 0) for a, n, w in bufs)
        else:
            rows = (struct.pack("<QIHH", a, n, (WRITE if w else 0) | (NEXT if i < last else 0), i + 1 if i < last else 0)
                    for i, (a, n, w) in enumerate(bufs))
        return self.m.put(b"".join(rows), 16, "indirect table")

    def drop(self, token):
        if token in self.tables:
            self.m.free(self.tables.pop(token))

    def wait(self, what="a used buffer"):
        """The next used (token, length), and the interrupt that comes with it."""
        got = self.m.wait(self.pop, f"{what} in queue {self.index}")
        if not self.quiet:
            self.dev.wait_queue_irq(self.index)
        return got

    def run(self, bufs):
        """One request from beginning to end; the bytes that the device says it wrote."""
        token = self.add(bufs)
        self.kick()
        got, length = self.wait()
        if got != token:
            raise AssertionError(f"queue {self.index}: buffer {got} came back, not {token}")
        return length


class SplitQueue(VirtQueue):
    def bytes(self):
        return _up(16 * self.size + 6 + 2 * self.size, 4096) + 6 + 8 * self.size

    def place(self):
        self.desc, self.driver = self.area, self.area + 16 * self.size
        self.device = self.area + _up(16 * self.size + 6 + 2 * self.size, 4096)
        self.unused = list(range(self.size))
        self.avail = self.seen = 0
        if self.quiet:
            self.m.writew(self.driver, 1)
        self._arm()

    def _arm(self):
        """used_event: the index whose entry is to interrupt."""
        if self.event_idx:
            self.m.writew(self.driver + 4 + 2 * self.size, (self.seen + 0x4000 if self.quiet else self.seen) & 0xffff)

    def add(self, bufs):
        if self.indirect and len(bufs) > 1:
            table = self.table(bufs, False)
            bufs, extra = [(table, 16 * len(bufs), False)], INDIRECT
        else:
            table, extra = None, 0
        slots = [self.unused.pop(0) for _ in bufs]
        head = slots[0]
        if table is not None:
            self.tables[head] = table
        self.tokens[head] = slots
        with self.m.batch() as b:
            for i, (addr, n, writes) in enumerate(bufs):
                more = i + 1 < len(bufs)
                flags = extra | (WRITE if writes else 0) | (NEXT if more else 0)
                b.write(self.desc + 16 * slots[i], struct.pack("<QIHH", addr, n, flags, slots[i + 1] if more else 0))
            b.writew(self.driver + 4 + 2 * (self.avail % self.size), head)
            self.avail = self.avail + 1 & 0xffff
            b.writew(self.driver + 2, self.avail)
        return head

    def pop(self):
        if self.m.readw(self.device + 2) == self.seen:
            return None
        head, length = struct.unpack("<II", self.m.read(self.device + 4 + 8 * (self.seen % self.size), 8))
        self.seen = self.seen + 1 & 0xffff
        self._arm()
        self.unused += self.tokens.pop(head)
        self.drop(head)
        return head, length


class PackedQueue(VirtQueue):
    def bytes(self):
        return 16 * self.size + 8

    def place(self):
        self.desc = self.area
        self.driver = self.area + 16 * self.size
        self.device = self.driver + 4
        self.unused = list(range(self.size))
        self.next, self.wrap, self.seen, self.seen_wrap = 0, 1, 0, 1
        self.m.writew(self.driver + 2, 1 if self.quiet else 0)

    def add(self, bufs):
        if self.indirect and len(bufs) > 1:
            table = self.table(bufs, True)
            bufs, extra = [(table, 16 * len(bufs), False)], INDIRECT
        else:
            table, extra = None, 0
        token = self.unused.pop(0)
        self.tokens[token] = len(bufs)
        if table is not None:
            self.tables[token] = table
        rows = []
        for i, (addr, n, writes) in enumerate(bufs):
            flags = extra | (WRITE if writes else 0) | (NEXT if i + 1 < len(bufs) else 0) | (AVAIL if self.wrap else USED)
            rows.append((self.desc + 16 * self.next, struct.pack("<QIH", addr, n, token), flags))
            self.next += 1
            if self.next == self.size:
                self.next, self.wrap = 0, self.wrap ^ 1
        with self.m.batch() as b:		# the first row's flags last: then all are there at once
            for at, row, flags in rows:
                b.write(at, row)
            for at, _, flags in reversed(rows):
                b.writew(at + 14, flags)
        return token

    def pop(self):
        flags = self.m.readw(self.desc + 16 * self.seen + 14)
        if (flags >> 7 & 1, flags >> 15 & 1) != (self.seen_wrap, self.seen_wrap):
            return None
        length, token = struct.unpack("<IH", self.m.read(self.desc + 16 * self.seen + 8, 6))
        self.seen += self.tokens.pop(token)
        if self.seen >= self.size:
            self.seen, self.seen_wrap = self.seen - self.size, self.seen_wrap ^ 1
        self.unused.append(token)
        self.drop(token)
        return token, length
