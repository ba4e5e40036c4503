#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The VGA: memory logic and pictures of each kind of mode, pixel for pixel the
same as those of Debian's QEMU; PNG; the PCI function."""
import os
import random
import shutil
import struct
import sys
import time
import zlib
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_VGA")
QEMU = shutil.which("qemu-system-x86_64")
FB = 0xe0000000
REGS = 0xe1000000
BDF = (0, 1, 0)

# QEMU's text has no blinking: bit 3 of the attribute mode is off here,
# and bit 2: its line graphics begin at 0xb0, IBM's at 0xc0.
# misc, sequencer, CRTC, graphics, attribute: IBM's tables of the BIOS modes
MODES = {
    "text 80x25": ("67", "0300030002", "5f4f508255 81bf1f004f2d0e000000 509c0e8f281f96b9a3ff",
                   "0000000000100e00ff", "000102030405140738393a3b3c3d3e3f00000f0000"),
    "CGA 320x200x4": ("63", "0309030002", "2d2728902b80bf1f00c1000000000000 9c8e8f140096b9a2ff",
                      "0000000000300f00ff", "0013151702040607101112131415161701000300 00"),
    "EGA 320x200x16": ("63", "03090f0006", "2d2728902b80bf1f00c0000000000000 9c8e8f140096b9e3ff",
                       "0000000000000 50fff", "000102030405060710111213141516170100 0f0000"),
    "VGA 640x480x16": ("e3", "03010f0006", "5f4f50825480 0b3e0040000000000000 ea0cdf2800e704e3ff",
                       "000000000000050fff", "000102030405140738393a3b3c3d3e3f01000f0000"),
    "VGA 320x200x256": ("63", "03010f000e", "5f4f50825480bf1f0041000000000000 9c0e8f284096b9a3ff",
                        "000000000040050fff", "000102030405060708090a0b0c0d0e0f41000f0000"),
}


class Vga:
    def __init__(self, binary=None):
        self.m = harness.Machine("-vga", "std", binary=binary)
        m = self.m
        m.set_cfg(BDF, 0x10, FB)
        m.set_cfg(BDF, 0x18, REGS)
        m.set_cfg(BDF, 4, 3, 2)

    def picture(self, *options):
        name = os.path.abspath("p%d" % time.monotonic_ns())
        self.m.qmp.hmp(" ".join(("screendump", name) + options))
        with open(name, "rb") as f:
            return f.read()

    def indexed(self, port, i, v):
        self.m.outb(port, i)
        self.m.outb(port + 1, v)

    def mode(self, name):
        m, (misc, seq, crtc, gr, attr) = self.m, MODES[name]
        data = lambda s: enumerate(bytes.fromhex(s.replace(" ", "")))
        m.outb(0x3c2, int(misc, 16))
        for i, v in data(seq):
            self.indexed(0x3c4, i, v)
        self.indexed(0x3d4, 0x11, 0)
        for i, v in data(crtc):
            self.indexed(0x3d4, i, v)
        for i, v in data(gr):
            self.indexed(0x3ce, i, v)
        m.inb(0x3da)
        for i, v in data(attr):
            m.outb(0x3c0, i)
            m.outb(0x3c0, v)
        m.outb(0x3c0, 0x20)
        m.outb(0x3c8, 0)
        r = random.Random(1)
        for _ in range(768):
            m.outb(0x3c9, r.choice((0, 2, 4, 8, 14, 49, 55, 63)))   # QEMU's eight bits of these are the same

    def close(self):
        self.m.close()


def both(t, check):
    """check(vga) returns what must be the same in both."""
    ours = Vga()
    got = check(ours)
    ours.close()
    theirs = Vga(binary=QEMU)
    want = check(theirs)
    theirs.close()
    for name in got:
        a, b = got[name], want[name]
        t.ok(a == b, name)
        if a != b:
            print("# %r and %r" % (a[:40], b[:40]))


def fill(v, seed, n):
    data = random.Random(seed).randbytes(n)
    for at in range(0, n, 4096):
        v.m.write(FB + at, data[at:at + 4096])


def test_modes(t):
    if not QEMU:
        return
    def check(v):
        out = {}
        fill(v, 7, 0x40000)
        for name in MODES:
            v.mode(name)
            out[name] = v.picture()
        v.mode("VGA 640x480x16")
        v.indexed(0x3d4, 0x0c, 0x12), v.indexed(0x3d4, 0x0d, 0x34)
        out["start address"] = v.picture()
        v.indexed(0x3d4, 0x13, 0x2d)
        out["wider rows"] = v.picture()
        v.indexed(0x3d4, 0x18, 100), v.indexed(0x3d4, 7, 0x2e), v.indexed(0x3d4, 9, 0)
        out["split screen"] = v.picture()
        v.mode("text 80x25")
        v.indexed(0x3c4, 3, 0x05)
        out["another font"] = v.picture()
        v.indexed(0x3c4, 1, 1)
        out["8 dots"] = v.picture()
        return out
    both(t, check)


def test_dispi(t):
    if not QEMU:
        return
    def check(v):
        def reg(i, val=None):
            v.m.outw(0x1ce, i)
            return v.m.inw(0x1cf) if val is None else v.m.outw(0x1cf, val)
        out = {"id": [reg(0)], "video memory": [reg(10)]}
        v.m.inb(0x3da), v.m.outb(0x3c0, 0x20)
        v.m.outw(0x1ce, 0)
        for bpp in (8, 15, 16, 24, 32):
            reg(4, 0)
            reg(1, 640), reg(2, 400), reg(3, bpp)
            reg(4, 0x41)
            fill(v, bpp, 640 * 8 * 4)
            # QEMU leaves the low bits of 5-bit colours 0.
            mask = (lambda p: bytes(b & 0xf8 for b in p)) if bpp == 15 else (lambda p: p)
            out["%d bits" % bpp] = mask(v.picture())
            reg(6, 800), reg(8, 8), reg(9, 3)
            out["%d bits, panned" % bpp] = mask(v.picture())
        reg(4, 0)
        reg(1, 1023), reg(2, 0xffff), reg(3, 16), reg(4, 0x41)
        reg(5, 3)
        v.m.writeb(0xa0001, 0x5a)
        out["bank"] = [v.m.readb(FB + 0x30001)]
        reg(4, 2)
        out["capabilities"] = [reg(3)]
        out["registers in the BAR"] = [int(v.m.command("readw 0x%x" % (REGS + 0x500)), 16), v.m.readb(REGS + 0x400 + 0xc)]
        return out
    both(t, check)


def test_memory(t):
    if not QEMU:
        return
    def check(v):
        out = {}
        v.mode("VGA 640x480x16")
        r = random.Random(5)
        for n in range(40):
            v.indexed(0x3c4, 2, r.randrange(16))
            v.indexed(0x3c4, 4, r.choice((6, 6, 14)))
            for i, top in ((0, 16), (1, 16), (2, 16), (3, 32), (4, 4), (7, 16), (8, 256)):
                v.indexed(0x3ce, i, r.randrange(top))
            v.indexed(0x3ce, 5, r.choice((0, 1, 2, 3, 8, 0x40)))
            v.indexed(0x3ce, 6, r.choice((1, 5, 9, 13)))
            got = []
            for _ in range(12):
                at = 0xa0000 + r.choice((0, 0x10000, 0x18000)) + r.randrange(16)
                if r.random() < 0.5:
                    got.append(v.m.readb(at))
                else:
                    v.m.writeb(at, r.randrange(256))
            out["round %d: reads" % n] = got
        out["memory"] = v.m.read(FB, 0x400)
        return out
    both(t, check)


def test_png(t):
    v = Vga()
    v.mode("VGA 320x200x256")
    fill(v, 3, 64000)
    ppm, png = v.picture(), v.picture("-f", "png")
    v.close()
    at, kinds, rows = 8, [], b""
    while at < len(png):
        n = struct.unpack(">I", png[at:at + 4])[0]
        body = png[at + 4:at + 8 + n]
        t.eq(zlib.crc32(body), struct.unpack(">I", png[at + 8 + n:at + 12 + n])[0], "CRC of " + body[:4].decode())
        kinds.append(body[:4])
        if body[:4] == b"IDAT":
            rows = zlib.decompress(body[4:])
        at += 12 + n
    t.eq(kinds, [b"IHDR", b"IDAT", b"IEND"], "chunks")
    t.eq(ppm[:15], b"P6\n640 400\n255\n", "size")
    t.ok(b"".join(rows[y * 1921 + 1:(y + 1) * 1921] for y in range(400)) == ppm[15:], "PNG and PPM show the same")


def test_pci(t):
    v = Vga()
    m = v.m
    t.eq(m.cfg(BDF, 0), 0x11111234, "vendor and device")
    t.eq(m.cfg(BDF, 8) >> 8, 0x030000, "class")
    m.set_cfg(BDF, 0x30, 0xe2000001)
    if os.path.exists("/usr/share/seabios/vgabios-stdvga.bin"):
        t.eq(int(m.command("readw 0xe2000000"), 16), 0xaa55, "the video BIOS is in the ROM")
    m.outb(0x3c2, 0x66)
    t.eq(m.inb(0x3da), 0xff, "the colour ports vanish with the misc register")
    t.ok(m.inb(0x3ba) != 0xff, "and the monochrome ones appear")
    m.outb(0x3c2, 0x67)
    seen = set()
    for _ in range(400):
        m.clock_step(50000)
        seen.add(m.inb(0x3da) & 9)
    t.eq(seen, {0, 1, 9}, "retrace comes and goes")
    v.close()


harness.run_all(sys.modules[__name__])
