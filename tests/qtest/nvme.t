#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""nvme: queues, identification, data by PRPs and SGLs, errors, MSI-X, hostile commands."""
import os
import random
import struct
import sys
import tempfile
import time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_NVME")
DEV, BAR, TABLE = (0, 4, 0), 0xe0000000, 0xe0100000
ASQ, ACQ, SQ, CQ, DATA, LIST = 0x100000, 0x102000, 0x104000, 0x106000, 0x200000, 0x300000


class Nvme:
    def __init__(self, m):
        self.m = m
        m.set_cfg(DEV, 0x10, BAR)
        m.set_cfg(DEV, 0x20, TABLE)
        m.set_cfg(DEV, 4, 6, 2)
        self.start()

    def start(self):
        m = self.m
        m.writel(BAR + 0x14, 0)
        for a in (ASQ, ACQ, SQ, CQ):
            m.write(a, bytes(0x2000))
        m.writel(BAR + 0x24, 15 << 16 | 15)
        m.writeq(BAR + 0x28, ASQ)
        m.writeq(BAR + 0x30, ACQ)
        m.writel(BAR + 0x14, 0x460001)
        self.tail, self.head, self.cid = [0, 0], [0, 0], 0

    def command(self, q, op, nsid=0, prp=(0, 0), dws=(), flags=0):
        """(status, dword 0) of one command; the queues have 16 entries."""
        m = self.m
        self.cid += 1
        e = struct.pack("<BBHI16xQQ", op, flags, self.cid, nsid, *prp) + b"".join(struct.pack("<I", d) for d in dws)
        m.write((ASQ, SQ)[q] + 64 * self.tail[q], e.ljust(64, b"\0"))
        self.tail[q] = (self.tail[q] + 1) % 16
        m.writel(BAR + 0x1000 + 8 * q, self.tail[q])
        return self.done(q)

    def done(self, q, seconds=10):
        end, n = time.time() + seconds, self.head[q]
        while True:
            dw0, _, _, _, cid, st = struct.unpack("<IIHHHH", self.m.read((ACQ, CQ)[q] + 16 * (n % 16), 16))
            if st & 1 != (n // 16) & 1:
                break
            if time.time() > end:
                return None
        self.head[q] += 1
        self.m.writel(BAR + 0x1004 + 8 * q, self.head[q] % 16)
        return (st >> 1 & 0x7ff, dw0) if cid == self.cid else ("cid", cid)

    def queues(self, vector=1, ien=True):
        return (self.command(0, 5, prp=(CQ, 0), dws=(15 << 16 | 1, vector << 16 | ien << 1 | 1))[0],
                self.command(0, 1, prp=(SQ, 0), dws=(15 << 16 | 1, 1 << 16 | 1))[0])

    def rw(self, op, lba, n, prp, nsid=1, flags=0, dw12=0):
        return self.command(1, op, nsid, prp, (lba & 0xffffffff, lba >> 32, n - 1 | dw12), flags)[0]


def image():
    f = tempfile.NamedTemporaryFile(suffix=".img")
    f.write(b"".join(struct.pack("<I", i) for i in range(1 << 18)))
    f.flush()
    return f


def machine(f):
    return harness.Machine("-drive", f"file={f.name},format=raw,if=none,id=a,discard=unmap", "-drive", "driver=null-co,read-zeroes=on,size=8M,if=none,id=b",
                      "-device", "nvme,serial=s1,drive=a,addr=4,id=nv", "-device", "nvme-ns,drive=b,bus=nv,nsid=7,logical_block_size=4096")


def test_admin(t):
    with image() as f, machine(f) as m:
        n = Nvme(m)
        t.eq((m.readl(BAR + 8), m.readl(BAR + 0x1c)), (0x10400, 1), "version 1.4, ready")
        t.eq(n.command(0, 6, prp=(DATA, 0), dws=(1,))[0], 0, "identify the controller")
        page = m.read(DATA, 4096)
        t.eq((page[4:24].strip(), page[24:64].strip(), page[111]), (b"s1", b"QEMU NVMe Ctrl", 1), "its names")
        t.eq(n.command(0, 6, nsid=0, prp=(DATA, 0), dws=(2,))[0], 0, "list namespaces")
        t.eq(m.read(DATA, 12), struct.pack("<III", 1, 7, 0), "1 and 7")
        n.command(0, 6, nsid=7, prp=(DATA, 0), dws=(0,))
        page = m.read(DATA, 4096)
        t.eq((struct.unpack("<Q", page[:8])[0], page[130]), (2048, 12), "of 4096-byte blocks")
        t.eq(n.command(0, 6, nsid=9, prp=(DATA, 0), dws=(3,))[0], 0x00b, "descriptors of none")
        t.eq(n.command(0, 2, nsid=0xffffffff, prp=(DATA, 0), dws=(127 << 16 | 2,))[0], 0, "SMART log")
        t.eq(n.command(0, 9, dws=(7, 0x10001))[1], 63 << 16 | 63, "64 queue pairs")
        t.eq((n.command(0, 0xa, dws=(6,))[1], n.command(0, 9, dws=(6, 0))[0], n.command(0, 0xa, dws=(6,))[1]), (1, 0, 0), "write cache off")
        t.eq(n.command(0, 0x55)[0], 1, "unknown opcode")
        t.eq(n.queues(), (0, 0), "queues are made")
        t.eq(n.command(0, 1, prp=(SQ, 0), dws=(15 << 16 | 1, 1 << 16 | 1))[0], 0x101, "not twice")
        t.eq(n.command(0, 4, dws=(1,))[0], 0x10c, "a completion queue in use stays")
        t.eq((n.command(0, 0, dws=(1,))[0], n.command(0, 4, dws=(1,))[0]), (0, 0), "deleted in order")
        m.writel(BAR + 0x14, 0x464001)
        t.eq(m.readl(BAR + 0x1c) >> 2 & 3, 2, "shut down")


def test_io(t):
    with image() as f, machine(f) as m:
        n = Nvme(m)
        m.writeq(TABLE + 16, 0x80000)
        m.writel(TABLE + 24, 0x77)
        m.writel(TABLE + 28, 0)
        cap = m.pci_host().function(DEV[1]).cap(0x11)
        m.set_cfg(DEV, cap + 2, 0x8000, 2)
        n.queues()
        word = lambda i, k: b"".join(struct.pack("<I", j) for j in range(i, i + k))
        t.eq(n.rw(2, 5, 2, (DATA + 0xe00, DATA + 0x2000)), 0, "read over a page's end")
        t.eq(m.read(DATA + 0xe00, 512) + m.read(DATA + 0x2000, 512), word(640, 256), "both pages")
        t.eq(m.readl(0x80000), 0x77, "an MSI-X message")
        m.write(LIST, b"".join(struct.pack("<Q", DATA + 0x1000 * (9 - i)) for i in range(8)))
        t.eq(n.rw(2, 0, 64, (DATA + 0x10000, LIST)), 0, "read by a PRP list")
        t.eq(m.read(DATA + 0x10000, 4096) + b"".join(m.read(DATA + 0x1000 * (9 - i), 4096) for i in range(7)), word(0, 8192), "32 KiB in place")
        m.write(LIST, struct.pack("<QI3xBQI3xB", DATA, 100, 0, DATA + 0x5001, 924, 0))
        t.eq(n.rw(2, 8, 2, (LIST, 32 | 0x30 << 56), flags=0x40), 0, "read by an SGL")
        t.eq(m.read(DATA, 100) + m.read(DATA + 0x5001, 924), word(1024, 256), "odd pieces")
        m.write(DATA, b"\x3c" * 512)
        t.eq((n.rw(1, 3, 1, (DATA, 0), dw12=1 << 30), n.rw(5, 3, 1, (DATA, 0)), n.rw(5, 4, 1, (DATA, 0))), (0, 0, 0x285), "write, compare")
        t.eq((n.rw(8, 3, 2, (0, 0)), n.rw(2, 3, 2, (DATA, 0)), m.read(DATA, 1024)), (0, 0, bytes(1024)), "write zeroes")
        m.write(DATA, struct.pack("<IIQ", 0, 8, 16))
        t.eq(n.command(1, 9, 1, (DATA, 0), (0, 4))[0], 0, "deallocate")
        t.eq((n.command(1, 0, 1)[0], n.command(1, 0, 0xffffffff)[0]), (0, 0), "flush")
        t.eq((n.rw(2, 2048, 1, (DATA, 0)), n.rw(2, 2**64 - 1, 2, (DATA, 0))), (0x80, 0x80), "beyond the end")
        t.eq((n.rw(2, 0, 1, (DATA, 0), nsid=0), n.rw(2, 0, 1, (DATA, 0), nsid=3)), (0xb, 2), "namespaces that are not there")
        t.eq((n.rw(2, 0, 1, (0xfee00000, 0)), n.rw(2, 0, 24, (DATA + 0xe00, LIST + 4))), (4, 0x13), "memory that is none, a crooked list")
        t.eq(n.rw(2, 2047, 1, (DATA, 0), nsid=7), 0, "the other namespace")
        f.seek(1536)
        t.eq(f.read(512), bytes(512), "the image has the zeros")


def test_full_queue(t):
    with image() as f, machine(f) as m:
        n = Nvme(m)
        n.queues(ien=False)
        for i in range(30):
            m.write(SQ + 64 * (i % 16), struct.pack("<BBHI", 0, 0, i, 1).ljust(64, b"\0"))
            m.writel(BAR + 0x1008, (i + 1) % 16)
        # 15 completions fit; the rest come when the head moves.
        end = time.time() + 10
        while struct.unpack("<H", m.read(CQ + 16 * 14 + 14, 2))[0] & 1 == 0 and time.time() < end:
            pass
        t.eq(struct.unpack("<H", m.read(CQ + 16 * 15 + 14, 2))[0] & 1, 0, "the last place stays empty")
        m.writel(BAR + 0x100c, 15)
        while struct.unpack("<H", m.read(CQ + 16 * 15 + 14, 2))[0] & 1 == 0 and time.time() < end:
            pass
        t.eq(struct.unpack("<H", m.read(CQ + 16 * 15 + 14, 2))[0] & 1, 1, "a command waited for a place")


def test_hostile(t):
    r = random.Random(5)
    addrs = lambda: r.choice((DATA, DATA + 0x800, LIST, LIST + 0xff8, SQ, 0xfee00000, BAR, 0x3fff000, 0x4000000, 2**64 - 4096, r.getrandbits(64)))
    with image() as f, machine(f) as m:
        n = Nvme(m)
        for i in range(40):
            n.start()
            n.queues(vector=r.randrange(3))
            m.write(LIST, b"".join(struct.pack("<Q", addrs()) for _ in range(512)))
            for q in (0, 1):
                for k in range(8):
                    e = struct.pack("<BBHI16xQQ", r.randrange(14), r.choice((0, 0, 0x40, 0x80, 1)), k, r.choice((0, 1, 7, 0xffffffff)), addrs(), addrs())
                    e += b"".join(struct.pack("<I", r.choice((0, 1, 7, 255, 0xffff, r.getrandbits(32)))) for _ in range(6))
                    m.write((ASQ, SQ)[q] + 64 * ((n.tail[q] + k) % 16), e)
                m.writel(BAR + 0x1000 + 8 * q, (n.tail[q] + 8) % 16)
            m.writel(BAR + r.choice((0x1004, 0x100c, 0x1010, 0x11f8)), r.choice((0, 5, 15, 16, 0xffffffff)))
        n.start()
        t.eq(m.readl(BAR + 0x1c), 1, "ready again after 40 rounds")
        t.eq(m.close(), 0, "ends well")


harness.run_all(sys.modules[__name__])
