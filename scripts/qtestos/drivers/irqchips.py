# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupt controllers: the two 8259s, the IOAPIC, and what devices can see of the local APICs."""
from ..model import Board, Driver


class Pic(Driver):
    """Both 8259s; start() initialises them as PCs do."""
    name = "isa-pic"
    consumes = Board
    matches = "isa-pic"
    MASTER, SLAVE = 0x20, 0xa0

    def start(self): self.init()

    def init(self, vectors=(0x20, 0x28), icw1=0x11, icw4=1):
        for base, v, icw3 in ((self.MASTER, vectors[0], 4), (self.SLAVE, vectors[1], 2)):
            self.m.outb(base, icw1)
            self.m.outb(base + 1, v)
            self.m.outb(base + 1, icw3)
            if icw1 & 1:
                self.m.outb(base + 1, icw4)
            self.m.outb(base + 1, 0)

    def attach(self):
        """Ours has one device with 16 inputs; QEMU has two without names, the master first."""
        self.chips = ["isa-i8259"]
        if self.m.binary.kind == "qemu":
            found = [c["name"] for c in self.m.qmp("qom-list", path="/machine/unattached") if c["type"] == "child<isa-i8259>"]
            found.sort(key=lambda name: int(name[7:-1]))
            self.chips = ["/machine/unattached/" + name for name in found]

    def pin(self, n, level):
        if len(self.chips) == 2:
            self.m.set_irq_in(self.chips[n // 8], n % 8, level)
        else:
            self.m.set_irq_in(self.chips[0], n, level)

    def poll(self, base=MASTER):
        """Acknowledges by a poll: 0x80 and the line, or no bit 7."""
        self.m.outb(base, 0x0c)
        return self.m.inb(base)

    def irr(self, base=MASTER):
        self.m.outb(base, 0x0a)
        return self.m.inb(base)

    def isr(self, base=MASTER):
        self.m.outb(base, 0x0b)
        return self.m.inb(base)

    def eoi(self, base=MASTER): self.m.outb(base, 0x20)
    def mask(self, bits, base=MASTER): self.m.outb(base + 1, bits)


class Ioapic(Driver):
    """82093AA with the EOI register of its successors."""
    name = "ioapic"
    consumes = Board
    matches = "ioapic"
    BASE = 0xfec00000
    MASKED, LEVEL, REMOTE_IRR, LOW, PENDING = 1 << 16, 1 << 15, 1 << 14, 1 << 13, 1 << 12

    def read(self, reg):
        self.m.writel(self.BASE, reg)
        return self.m.readl(self.BASE + 0x10)

    def write(self, reg, value):
        self.m.writel(self.BASE, reg)
        self.m.writel(self.BASE + 0x10, value)

    def entry(self, n): return self.read(0x10 + 2 * n) | self.read(0x11 + 2 * n) << 32

    def set_entry(self, n, value):
        self.write(0x11 + 2 * n, value >> 32)
        self.write(0x10 + 2 * n, value & 0xffffffff)

    def eoi(self, vector): self.m.writel(self.BASE + 0x40, vector)
    def pin(self, n, level): self.m.set_irq_in("ioapic", n, level)


class Lapic(Driver):
    """The window of the local APICs, as everything but a processor sees it: messages go in, registers do not come out."""
    name = "lapic"
    consumes = Board
    matches = "lapic"
    BASE = 0xfee00000

    def message(self, vector, destination=0, mode=0): self.m.writel(self.BASE | destination << 12, mode << 8 | vector)
