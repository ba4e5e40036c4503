#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""pc-testdev and pci-testdev answer as Debian's QEMU does; SMBIOS by fw_cfg."""
import os
import shutil
import struct
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_TESTDEVS")
QEMU = shutil.which("qemu-system-x86_64")


def both(t, check, *args):
    for who, binary in (("", None), ("QEMU: ", QEMU)):
        if who and not binary:
            continue
        with harness.Machine(*args, binary=binary) as m:
            check(m, who)


def test_pc(t):
    def check(m, who):
        m.outl(0xe0, 0x11223344)
        t.eq(m.inl(0xe0), 0x11223344, who + "the port keeps a dword")
        m.outb(0xe1, 0xaa)
        t.eq(m.inl(0xe0), 0x1122aa44, who + "and bytes of it")
        t.eq(m.inw(0xe2), 0x1122, who + "and words")
        m.outl(0xe8, 0x55667788)
        t.eq(m.inl(0xe8), 0x55667788, who + "byte by byte")
        m.writeq(0xff000010, 0x0102030405060708)
        t.eq(m.readq(0xff000010), 0x0102030405060708, who + "memory")
        t.eq(m.readb(0xff000012), 6, who + "and a byte of it")
        m.command("irq_intercept_in ioapic")
        m.outb(0x2005, 1)
        m.outb(0x2005, 0)
        t.eq(m.q.take_irqs(), [(5, 1), (5, 0)], who + "line 5")
    both(t, check, "-device", "pc-testdev")


def test_pci(t):
    def check(m, who):
        bdf = (0, 4, 0)
        t.eq(m.cfg(bdf, 0), 0x00051b36, who + "vendor and device")
        m.set_cfg(bdf, 0x10, 0xe0000000)
        m.set_cfg(bdf, 0x14, 0xc001)
        m.set_cfg(bdf, 4, 3, 2)
        for n in range(3):
            m.writeb(0xe0000000, n)
            off = m.readl(0xe0000004)
            t.eq(m.readb(0xe0000001), 1, who + "test %d: width" % n)
            t.eq(off, 2048 + n, who + "offset")
            name = bytes(m.readb(0xe0000010 + i) for i in range(10))
            t.eq(name[:5], b"mmio-", who + "name")
            m.writeb(0xe0000000 + off, m.readb(0xe0000008))
            m.writeb(0xe0000000 + off, m.readb(0xe0000008) ^ 1)
            m.writeb(0xe0000000 + off + 1, 0)
            if not who or n == 0:       # QEMU waits for an eventfd in the others
                t.eq(m.readb(0xe000000c), 2 if n == 1 else 1, who + "writes that count")
        m.outb(0xc000, 0)
        t.eq(m.inb(0xc004), 128 + 3, who + "port test: offset")
        m.outb(0xc000 + 131, 0xfa)
        t.eq(m.inb(0xc00c), 1, who + "counted")
        m.outb(0xc000, 9)
        t.eq(m.inb(0xc001), 0, who + "no such test")
    both(t, check, "-device", "pci-testdev,addr=4")


def fw_cfg(m):
    """{name: contents}"""
    m.outw(0x510, 0x19)
    raw = lambda n: bytes(m.inb(0x511) for _ in range(n))
    files = []
    for _ in range(struct.unpack(">I", raw(4))[0]):
        size, key, _, name = struct.unpack(">IHH56s", raw(64))
        files.append((name.split(b"\0")[0].decode(), size, key))
    out = {}
    for name, size, key in files:
        if size < 8192:
            m.outw(0x510, key)
            out[name] = raw(size)
    return out


def test_smbios(t):
    with harness.Machine("-uuid", "00112233-4455-6677-8899-aabbccddeeff", "-smp", "3,sockets=3") as m:
        files = fw_cfg(m)
    a, data = files["etc/smbios/smbios-anchor"], files["etc/smbios/smbios-tables"]
    t.eq((a[:4], a[16:21]), (b"_SM_", b"_DMI_"), "anchor")
    t.eq((sum(a) & 255, sum(a[16:]) & 255), (0, 0), "its sums")
    at, kinds, largest = 0, [], 0
    while at < len(data):
        kind, n = data[at], data[at + 1]
        end = data.index(b"\0\0", at + n) + 2
        if kind == 1:
            t.eq(data[at + 8:at + 24].hex(), "33221100554477668899aabbccddeeff", "UUID")
            t.eq(data[at + n:end].split(b"\0")[0], b"QEMU", "manufacturer")
        if kind == 16:
            t.eq(struct.unpack_from("<I", data, at + 7)[0], 64 * 1024, "memory in KiB")
        kinds.append(kind)
        largest = max(largest, end - at)
        at = end
    t.eq(kinds, [1, 3, 4, 4, 4, 16, 17, 19, 32, 127], "structures")
    t.eq(struct.unpack_from("<H", a, 8)[0], largest, "largest one")
    t.eq(struct.unpack_from("<H", a, 22)[0], len(data), "length")
    t.eq(struct.unpack_from("<H", a, 28)[0], len(kinds), "count")


harness.run_all(sys.modules[__name__])
