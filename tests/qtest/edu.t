#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""edu: registers, INTx, MSI and DMA; by it the PCI core's BARs and interrupts."""
import os
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["srctree"], "scripts"))
from qtestos import harness

harness.requires_config("CONFIG_VM", "CONFIG_EDU")
DEV, BAR = (0, 3, 0), 0xe0000000


def edu(*args):
    m = harness.Machine("-device", "edu,addr=3", *args)
    m.set_cfg(DEV, 0x10, BAR)
    m.set_cfg(DEV, 4, 6, 2)
    return m


def test_bar(t):
    with edu() as m:
        m.set_cfg(DEV, 0x10, 0xffffffff)
        t.eq(m.cfg(DEV, 0x10), 0xfff00000, "sizing: 1 MiB")
        m.set_cfg(DEV, 0x10, BAR)
        t.eq(m.readl(BAR), 0x010000ed, "identification")
        m.set_cfg(DEV, 4, 4, 2)
        t.eq(m.readl(BAR), 0xffffffff, "decoding off")
        m.set_cfg(DEV, 4, 6, 2)
        m.set_cfg(DEV, 0x10, BAR + 0x100000)
        t.eq((m.readl(BAR), m.readl(BAR + 0x100000)), (0xffffffff, 0x010000ed), "moved")
        m.set_cfg(DEV, 0x10, 0)
        t.eq(m.readl(0), 0, "address 0 is no place")


def test_registers(t):
    with edu() as m:
        m.writel(BAR + 4, 0x12345678)
        t.eq(m.readl(BAR + 4), 0xedcba987, "liveness")
        for n, f in ((0, 1), (5, 120), (13, 6227020800 & 0xffffffff), (40, 0), (0xffffffff, 0)):
            m.writel(BAR + 8, n)
            t.eq(m.readl(BAR + 8), f, "%d!" % n)
        t.eq(m.command("readb 0x%x" % BAR), "0x00000000000000ff", "bytes are refused")


def test_intx(t):
    with edu() as m:
        m.command("irq_intercept_in ioapic")
        m.writel(BAR + 0x60, 2)
        t.eq(m.q.take_irqs(), [(23, 1)], "slot 3 pin A is line 23")
        t.eq(m.readl(BAR + 0x24), 2, "status")
        t.eq(m.cfg(DEV, 6, 2) & 8, 8, "interrupt bit of the status register")
        m.set_cfg(DEV, 4, 0x406, 2)
        t.eq(m.q.take_irqs(), [(23, 0)], "INTx disable")
        m.set_cfg(DEV, 4, 6, 2)
        t.eq(m.q.take_irqs(), [(23, 1)], "and enable")
        m.writel(BAR + 0x64, 2)
        t.eq(m.q.take_irqs(), [(23, 0)], "acknowledged")


def test_shared_line(t):
    with harness.Machine("-device", "edu,addr=3", "-device", "edu,addr=7") as m:
        for slot in (3, 7):
            m.set_cfg((0, slot, 0), 0x10, BAR + (slot << 20))
            m.set_cfg((0, slot, 0), 4, 6, 2)
        m.command("irq_intercept_in ioapic")
        m.writel(BAR + (3 << 20) + 0x60, 1)
        m.writel(BAR + (7 << 20) + 0x60, 1)
        m.writel(BAR + (3 << 20) + 0x64, 1)
        t.eq(m.q.take_irqs(), [(23, 1)], "a shared line stays up for the other")
        m.writel(BAR + (7 << 20) + 0x64, 1)
        t.eq(m.q.take_irqs(), [(23, 0)], "until both are down")


def test_msi(t):
    with edu() as m:
        cap = m.pci_host().function(DEV[1]).cap(5)
        m.set_cfg(DEV, cap + 4, 0x20000)
        m.set_cfg(DEV, cap + 12, 0x4321, 2)
        m.set_cfg(DEV, cap + 2, 1, 2)
        m.writel(BAR + 0x60, 1)
        t.eq(m.readl(0x20000), 0x4321, "a message is a write to memory")
        m.writel(0x20000, 0)
        m.set_cfg(DEV, 4, 2, 2)
        m.writel(BAR + 0x60, 1)
        t.eq(m.readl(0x20000), 0, "none without bus mastering")


def test_dma(t):
    with edu() as m:
        data = bytes(range(256)) * 8
        m.write(0x10000, data)
        def go(src, dst, n, cmd):
            m.writeq(BAR + 0x80, src), m.writeq(BAR + 0x88, dst), m.writeq(BAR + 0x90, n)
            m.writeq(BAR + 0x98, cmd)
        go(0x10000, 0x40000, len(data), 1)
        t.eq(m.readl(BAR + 0x98) & 1, 1, "runs")
        m.clock_step(10**8)
        t.eq(m.readl(BAR + 0x98) & 1, 0, "done")
        go(0x40000, 0x30000, len(data), 7)
        m.clock_step(10**8)
        t.eq(m.read(0x30000, len(data)), data, "there and back")
        t.eq(m.readl(BAR + 0x24), 0x100, "DMA interrupt")
        for src, dst, n in ((0x40000, 0x30000, 4097), (0x40fff, 0x30000, 2), (0x3ffff, 0x30000, 1),
                            (0x40000, 0x30000, 2**64 - 1), (2**64 - 1, 0x30000, 16)):
            m.write(0x30000, b"\xaa" * 16)
            go(src, dst, n, 3)
            m.clock_step(10**8)
            t.eq(m.read(0x30000, 16), b"\xaa" * 16, "outside of the buffer: %#x+%#x" % (src, n))


harness.run_all(sys.modules[__name__])
