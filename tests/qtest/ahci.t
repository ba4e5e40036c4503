#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ich9-ahci: registers, signatures, DMA, PIO and queued commands, packets, errors, hostile tables."""
import os
import random
import struct
import sys
import tempfile
import time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_AHCI")
DEV, BAR = (0, 0x1f, 2), 0xe0000000
CLB, FB, CT, DATA = 0x100000, 0x101000, 0x110000, 0x200000


class Port:
    def __init__(self, m, nr):
        self.m, self.at = m, BAR + 0x100 + 0x80 * nr
        self.clb, self.fb, self.ct = CLB + 0x10000 * nr, FB + 0x10000 * nr, CT + 0x10000 * nr
        m.writel(BAR + 4, 0x80000002)
        for off, v in ((0, self.clb), (4, 0), (8, self.fb), (12, 0)):
            m.writel(self.at + off, v)
        m.writel(self.at + 0x30, 0xffffffff)
        m.writel(self.at + 0x10, 0xffffffff)
        m.writel(self.at + 0x18, 0x17)

    def reg(self, off): return self.m.readl(self.at + off)

    def build(self, slot, command, lba=0, count=0, feature=0, device=0x40, write=False, prds=(), packet=b""):
        fis = bytearray(20)
        fis[0:4] = bytes((0x27, 0x80, command, feature & 255))
        fis[4:7] = (lba & 0xffffff).to_bytes(3, "little")
        fis[7] = device
        fis[8:11] = (lba >> 24).to_bytes(3, "little")
        fis[11] = feature >> 8
        fis[12:14] = struct.pack("<H", count)
        table = self.ct + 0x400 * slot
        self.m.write(table, bytes(fis).ljust(0x40, b"\0") + packet.ljust(0x40, b"\0") +
                     b"".join(struct.pack("<QII", a, 0, n - 1) for a, n in prds))
        self.m.write(self.clb + 32 * slot, struct.pack("<HHIQ", 5 | write << 6 | (0x20 if packet else 0), len(prds), 0, table).ljust(32, b"\0"))

    def wait(self, off, mask, want=0, seconds=10):
        end = time.time() + seconds
        while self.reg(off) & mask != want and time.time() < end:
            pass
        return self.reg(off) & mask == want

    def run(self, *args, **kw):
        """Status and error registers after the command, None if it hangs."""
        self.build(0, *args, **kw)
        self.m.writel(self.at + 0x38, 1)
        return self.reg(0x20) & 0xffff if self.wait(0x38, 1) else None

    def restart(self):
        self.m.writel(self.at + 0x18, 0x16)
        self.m.writel(self.at + 0x10, 0xffffffff)
        self.m.writel(self.at + 0x18, 0x17)


def image(size=1 << 20):
    f = tempfile.NamedTemporaryFile(suffix=".img")
    f.write(b"".join(struct.pack("<I", i) for i in range(size // 4)))
    f.flush()
    return f


def machine(disk, cd):
    m = harness.Machine("-drive", f"file={disk.name},format=raw,index=0,discard=unmap", "-cdrom", cd.name)
    m.set_cfg(DEV, 0x24, BAR)
    m.set_cfg(DEV, 4, 7, 2)
    return m


def word(i, k): return b"".join(struct.pack("<I", j) for j in range(i, i + k))


def test_disk(t):
    with image() as f, image() as cd, machine(f, cd) as m:
        t.eq((m.readl(BAR) >> 8 & 31, m.readl(BAR + 0xc), m.readl(BAR + 0x10)), (31, 0x3f, 0x10301), "32 slots, 6 ports, 1.3.1")
        p = Port(m, 0)
        t.eq((p.reg(0x24), p.reg(0x28), p.reg(0x20)), (0x101, 0x123, 0x150), "a disk's signature")
        t.eq(m.read(p.fb + 0x40, 1), b"\x34", "its first frame")
        p.m.writel(p.at + 0x14, 0xffffffff)
        m.command("irq_intercept_in ioapic")
        t.eq(p.run(0xec, prds=((DATA, 512),)), 0x50, "IDENTIFY")
        t.eq(m.q.take_irqs(), [(16, 1)], "INTx")
        ident = m.read(DATA, 512)
        t.eq((sum(ident) & 255, struct.unpack("<I", ident[120:124])[0], ident[54:62]), (0, 2048, b"EQUMH RA"), "its data")
        t.eq(struct.unpack("<I", m.read(p.clb + 4, 4))[0], 512, "bytes counted")
        t.eq(m.read(p.fb + 0x20, 3)[::2], b"\x5f\x50", "a PIO setup frame")
        m.writel(p.at + 0x10, 0xffffffff)
        m.writel(BAR + 8, 1)
        t.eq(m.q.take_irqs(), [(16, 0)], "acknowledged")
        t.eq(p.run(0x25, lba=3, count=2, prds=((DATA, 100), (DATA + 0x2002, 924))), 0x50, "READ DMA EXT, odd pieces")
        t.eq(m.read(DATA, 100) + m.read(DATA + 0x2002, 924), word(384, 256), "its data")
        m.write(DATA, b"\x69" * 1024)
        t.eq(p.run(0xca, lba=8, count=2, write=True, prds=((DATA, 1024),)), 0x50, "WRITE DMA")
        t.eq(p.run(0xe7), 0x50, "FLUSH CACHE")
        f.seek(4096)
        t.eq(f.read(1024), b"\x69" * 1024, "in the image")
        for slot in range(4):
            p.build(slot, 0x60, lba=slot * 8, count=slot << 3, feature=8, prds=((DATA + 0x1000 * slot, 4096),))
        m.writel(p.at + 0x34, 15)
        m.writel(p.at + 0x38, 15)
        t.ok(p.wait(0x34, 15), "four queued reads end")
        t.eq(b"".join(m.read(DATA + 0x1000 * s, 4096) for s in (0, 2, 3)), word(0, 1024) + word(2048, 2048), "each with its data")
        t.eq(m.read(p.fb + 0x58, 1), b"\xa1", "a set device bits frame")
        m.write(DATA, struct.pack("<Q", 16 << 48 | 64).ljust(512, b"\0"))
        t.eq(p.run(0x06, count=1, feature=1, prds=((DATA, 512),), write=True), 0x50, "TRIM")
        t.eq(p.run(0xb0, lba=0xc24f00, feature=0xda), 0x50, "SMART status")
        t.eq(p.run(0x25, lba=2048, count=1, prds=((DATA, 512),)), 0x1451, "beyond the end")
        t.eq(p.reg(0x10) >> 30 & 1, 1, "is a task file error")
        p.restart()
        t.eq(p.run(0x25, lba=0, count=2, prds=((DATA, 512),)), 0x0451, "a table too short")
        p.restart()
        t.eq(p.run(0x60 + 0x1f), 0x0451, "an unknown command")
        p.restart()
        p.build(5, 0x60, lba=4000, count=5 << 3, feature=1, prds=((DATA, 512),))
        m.writel(p.at + 0x34, 32)
        m.writel(p.at + 0x38, 32)
        p.wait(0x10, 1 << 30, 1 << 30)
        p.restart()
        t.eq((p.run(0x2f, lba=0x10, count=1, prds=((DATA, 512),)), m.read(DATA, 4)[0], m.read(DATA, 4)[2]), (0x50, 5, 0x51), "the log has the queued failure")


def test_cd(t):
    with image() as f, image(1 << 19) as cd, machine(f, cd) as m:
        p = Port(m, 2)
        t.eq(p.reg(0x24), 0xeb140101, "a CD drive's signature")
        t.eq(p.run(0xec, prds=((DATA, 512),)), 0x0451, "IDENTIFY DEVICE is refused")
        p.restart()
        t.eq(p.run(0xa1, prds=((DATA, 512),)), 0x50, "IDENTIFY PACKET DEVICE")

        def packet(cdb, room=2048):
            m.write(DATA, bytes(room))
            st = p.run(0xa0, feature=1, packet=bytes(cdb).ljust(12, b"\0"), prds=((DATA, room),))
            if st is None or st & 1:
                p.restart()
            return st, m.read(DATA, room)
        t.eq(packet([0]), (0x50, bytes(2048)), "TEST UNIT READY")
        t.eq(packet([0x25])[1][:8], struct.pack(">II", 255, 2048), "READ CAPACITY")
        t.eq(packet([0x28, 0, 0, 0, 0, 7, 0, 0, 1, 0]), (0x50, word(3584, 512)), "READ(10)")
        t.eq(packet([0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0])[1][:12], bytes((0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0)), "table of contents")
        t.eq(packet([0x46, 0, 0, 0, 0, 0, 0, 0, 64, 0])[1][6:8], b"\0\x08", "a CD by its profile")
        t.eq(packet([0x28, 0, 0, 0, 1, 0, 0, 0, 1, 0])[0], 0x5451, "beyond the end")
        t.eq(packet([0x03, 0, 0, 0, 18, 0])[1][2:14:10], b"\x05\x21", "its sense")
        t.eq(packet([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0])[0] & 1, 1, "no writing")
        t.eq(packet([0x1e, 0, 0, 0, 1, 0])[0], 0x50, "lock")
        t.eq(packet([0x1b, 0, 0, 0, 2, 0])[0], 0x5451, "a locked tray stays")
        packet([0x1e, 0, 0, 0, 0, 0])
        t.eq(packet([0x1b, 0, 0, 0, 2, 0])[0], 0x50, "open it")
        t.eq(packet([0])[0], 0x2051, "not ready then")
        t.eq(packet([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0])[1][5], 1, "tray open, says the event")
        t.eq((packet([0x1b, 0, 0, 0, 3, 0])[0], packet([0])[0]), (0x50, 0x50), "and closed")


def test_media(t):
    with image() as f, image(1 << 19) as cd, image(1 << 18) as other:
        m = harness.Machine("-drive", f"file={f.name},format=raw", "-drive", f"file={cd.name},index=2,media=cdrom,id=tray",
                       "-netdev", "socket,id=n,udp=127.0.0.1:9,localaddr=127.0.0.1:0", "-object", f"filter-dump,id=d,netdev=n,file={other.name}.pcap")
        with m:
            m.set_cfg(DEV, 0x24, BAR)
            m.set_cfg(DEV, 4, 7, 2)
            p = Port(m, 2)

            def packet(cdb):
                st = p.run(0xa0, feature=1, packet=bytes(cdb).ljust(12, b"\0"), prds=((DATA, 64),))
                if st & 1:
                    p.restart()
                return st
            packet([0x1e, 0, 0, 0, 1, 0])
            t.ok("is locked" in m.qmp.hmp("eject tray"), "a locked tray is not ejected")
            t.ok("Error" not in m.qmp.hmp("eject -f tray"), "but by force")
            t.eq(packet([0]), 0x2051, "not ready")
            t.ok("Error" in m.qmp.hmp("change tray /nonexistent"), "a missing file")
            t.ok("Error" not in m.qmp.hmp(f"change tray {other.name} raw"), "another medium")
            t.eq((packet([0]), packet([0])), (0x6051, 0x50), "attention, then ready")
            packet([0x25])
            t.eq(m.read(DATA, 4), struct.pack(">I", 127), "of its size")
            t.ok("not found" in m.qmp.hmp("eject nobody"), "an unknown device")
        with open(other.name + ".pcap", "rb") as pcap:
            t.eq(pcap.read(), bytes.fromhex("d4c3b2a1020004000000000000000000") + struct.pack("<II", 65536, 1), "a dump's header")
        os.unlink(other.name + ".pcap")


def test_hostile(t):
    r = random.Random(3)
    addr = lambda: r.choice((DATA, CLB, FB, CT, 0xfee00000, BAR, 0x4000000 - 64, 0x4000000, 2**64 - 512, r.getrandbits(64)))
    with image() as f, image() as cd, machine(f, cd) as m:
        for i in range(150):
            p = Port(m, r.choice((0, 0, 2, 1)))
            for slot in range(8):
                p.build(slot, r.choice((0x25, 0x35, 0x60, 0x61, 0x06, 0xa0, 0xec, 0x2f, 0x20, r.randrange(256))), lba=r.choice((0, 5, 2047, 2**48 - 1)),
                        count=r.choice((0, 1, slot << 3, 0xffff)), feature=r.choice((0, 1, 8, 0xffff)), prds=[(addr(), r.choice((1, 2, 512, 1 << 22))) for _ in range(4)],
                        packet=bytes(r.randrange(256) for _ in range(12)) if r.random() < .5 else b"")
                if r.random() < .3:
                    m.write(p.clb + 32 * slot, struct.pack("<HHIQ", r.getrandbits(16), r.choice((0, 4, 0xffff)), 0, addr()))
            m.writel(p.at + 0x34, r.getrandbits(8))
            m.writel(p.at + 0x38, r.getrandbits(8))
            m.writel(p.at + r.randrange(0, 0x40, 4), r.getrandbits(32))
            m.writel(p.at + 0x18, 0x16)
        m.writel(BAR + 4, 1)
        p = Port(m, 0)
        t.eq(p.run(0xec, prds=((DATA, 512),)), 0x50, "works again after 150 hostile tables")
        t.eq(m.close(), 0, "ends well")


harness.run_all(sys.modules[__name__])
