# SPDX-License-Identifier: GPL-2.0-or-later
"""The PCI core, by edu."""
from qtestos import Machine, eq
from qtestos.drivers.edu import Edu


def test_identity(edu: Edu):
    eq(edu.regs.readl(0), 0x010000ed)
    edu.regs.writel(4, 0x12345678)
    eq(edu.regs.readl(4), 0xedcba987)


def test_intx(edu: Edu):
    m, line = edu.m, edu.function.intx_line()
    m.intercept("ioapic")
    edu.raise_irq(2)
    m.wait(lambda: m.q.irq_level(line), "the line")
    edu.ack(2)
    m.wait(lambda: not m.q.irq_level(line), "the line to fall")


def test_memory(m: Machine):
    a = m.alloc(100)
    with m.batch() as b:
        for i in range(25):
            b.writel(a + 4 * i, i)
        got = b.read(a, 100)
    eq(bytes(got), b"".join(i.to_bytes(4, "little") for i in range(25)))
    m.free(a)
