# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver for virtio 1.2 devices over PCI (modern, split rings) on harness.Machine."""
import struct
import time

BAR = 0xe4000000
NEXT, WRITE, INDIRECT = 1, 2, 4


class Device:
    """dev: (bus, slot, function). Rings at base, a page for each part of a queue."""

    def __init__(self, m, dev, base=0x100000, bar=BAR):
        self.m, self.dev, self.bar, self.base = m, dev, bar, base
        m.set_cfg(dev, 0x20, bar)
        m.set_cfg(dev, 0x24, 0)
        m.set_cfg(dev, 4, 6, 2)
        self.queues = {}

    def common(self, off, size=4): return int(self.m.command({1: "readb", 2: "readw", 4: "readl"}[size] + " 0x%x" % (self.bar + off)), 16)
    def set_common(self, off, v, size=4): self.m.command({1: "writeb", 2: "writew", 4: "writel"}[size] + " 0x%x 0x%x" % (self.bar + off, v))
    def config(self, off, n): return b"".join(bytes([self.m.readb(self.bar + 0x2000 + off + i)]) for i in range(n))

    def features(self):
        got = 0
        for i in range(2):
            self.set_common(0, i)
            got |= self.common(4) << (32 * i)
        return got

    def start(self, want, queues, size=16):
        """Resets, negotiates `want` of what is offered, makes the queues; returns the features."""
        self.set_common(0x14, 0, 1)
        self.set_common(0x14, 3, 1)
        have = self.features() & want | 1 << 32
        for i in range(2):
            self.set_common(8, i)
            self.set_common(0xc, have >> (32 * i) & 0xffffffff)
        self.set_common(0x14, 11, 1)
        for q in queues:
            self.set_common(0x16, q, 2)
            self.set_common(0x18, size, 2)
            at = self.base + q * 0x4000
            self.m.write(at, bytes(0x3000))
            for i, off in enumerate((0x20, 0x28, 0x30)):
                self.set_common(off, at + 0x1000 * i)
                self.set_common(off + 4, 0)
            self.set_common(0x1c, 1, 2)
            self.queues[q] = {"at": at, "size": size, "free": 0, "avail": 0, "used": 0}
        self.set_common(0x14, 15, 1)
        return have

    def status(self): return self.common(0x14, 1)

    def add(self, q, bufs):
        """bufs: (address, length, device writes). Returns the head."""
        s = self.queues[q]
        head = s["free"]
        for i, (addr, n, w) in enumerate(bufs):
            at = s["free"]
            s["free"] = (at + 1) % s["size"]
            flags = (WRITE if w else 0) | (NEXT if i + 1 < len(bufs) else 0)
            self.m.write(s["at"] + 16 * at, struct.pack("<QIHH", addr, n, flags, s["free"]))
        self.m.write(s["at"] + 0x1000 + 4 + 2 * (s["avail"] % s["size"]), struct.pack("<H", head))
        s["avail"] += 1
        self.m.write(s["at"] + 0x1002, struct.pack("<H", s["avail"] & 0xffff))
        return head

    def kick(self, q): self.set_common(0x3000 + 4 * q, q, 2)

    def used(self, q, seconds=10):
        """The next used element as (head, length), None when none comes."""
        s = self.queues[q]
        end = time.time() + seconds
        while struct.unpack("<H", self.m.read(s["at"] + 0x2002, 2))[0] == s["used"] & 0xffff:
            if time.time() > end:
                return None
        at = s["at"] + 0x2004 + 8 * (s["used"] % s["size"])
        s["used"] += 1
        return struct.unpack("<II", self.m.read(at, 8))

    def run(self, q, bufs, seconds=10):
        self.add(q, bufs)
        self.kick(q)
        got = self.used(q, seconds)
        return got and got[1]
