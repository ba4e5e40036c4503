# SPDX-License-Identifier: GPL-2.0-or-later
"""What counts time: 8254, HPET, the RTC of the MC146818, ACPI's PM timer and events."""
from ..model import Board, Driver


class Pit(Driver):
    """8254: three counters at 0x40, gate and output of the third at 0x61."""
    name = "isa-pit"
    consumes = Board
    matches = "isa-pit"
    HZ = 1193182

    def mode(self, n, mode, access=3, bcd=0): self.m.outb(0x43, n << 6 | access << 4 | mode << 1 | bcd)

    def load(self, n, count):
        self.m.outb(0x40 + n, count & 255)
        self.m.outb(0x40 + n, count >> 8 & 255)

    def program(self, n, mode, count, bcd=0):
        self.mode(n, mode, 3, bcd)
        self.load(n, count)

    def latch(self, n): self.m.outb(0x43, n << 6)
    def read(self, n): return self.m.inb(0x40 + n) | self.m.inb(0x40 + n) << 8

    def count(self, n):
        self.latch(n)
        return self.read(n)

    def status(self, n):
        """Read-back of the status alone: output, null count, access, mode, BCD."""
        self.m.outb(0x43, 0xe0 | 2 << n)
        return self.m.inb(0x40 + n)

    def gate2(self, on): self.m.outb(0x61, self.m.inb(0x61) & 0xc | bool(on))
    def out2(self): return self.m.inb(0x61) >> 5 & 1

    def ticks(self, n):
        """Lets n periods of the input clock pass, and no more than a bit of the next."""
        self.m.clock_step(-(-n * 10**9 // self.HZ) + 1)


class Hpet(Driver):
    """IA-PC HPET 1.0a."""
    name = "hpet"
    consumes = Board
    matches = "hpet"
    qom = "hpet"
    BASE = 0xfed00000
    CAP, CONFIG, STATUS, COUNTER = 0, 0x10, 0x20, 0xf0

    def attach(self):
        self.period_fs = self.readq(self.CAP) >> 32
        self.timers = (self.readl(self.CAP) >> 8 & 31) + 1

    def readl(self, reg): return self.m.readl(self.BASE + reg)
    def readq(self, reg): return self.m.readq(self.BASE + reg)
    def writel(self, reg, v): self.m.writel(self.BASE + reg, v)
    def writeq(self, reg, v): self.m.writeq(self.BASE + reg, v)
    def timer(self, n, reg=0): return 0x100 + 0x20 * n + reg
    def enable(self, on=True, legacy=False): self.writeq(self.CONFIG, on | legacy << 1)
    def ticks(self, n): self.m.clock_step(n * self.period_fs // 10**6)


class Rtc(Driver):
    """MC146818A with its century byte, at 0x70."""
    name = "isa-rtc"
    consumes = Board
    matches = "isa-rtc"
    A, B, C, D, CENTURY = 10, 11, 12, 13, 0x32
    SET, PIE, AIE, UIE, BINARY, HOURS24 = 0x80, 0x40, 0x20, 0x10, 4, 2

    def read(self, reg):
        self.m.outb(0x70, reg)
        return self.m.inb(0x71)

    def write(self, reg, value):
        self.m.outb(0x70, reg)
        self.m.outb(0x71, value)

    def date(self):
        """(century, year, month, day, hours, minutes, seconds) as they stand in the registers."""
        return tuple(self.read(r) for r in (self.CENTURY, 9, 8, 7, 4, 2, 0))

    def set_date(self, *values):
        for r, v in zip((self.CENTURY, 9, 8, 7, 4, 2, 0), values):
            self.write(r, v)


class AcpiPm(Driver):
    """The ICH9's PM block, put at BASE as firmware would."""
    name = "acpi-pm"
    consumes = Board
    matches = "acpi-pm"
    BASE = 0x600
    EVENT, ENABLE, CONTROL, TIMER, GPE_STATUS, GPE_ENABLE = 0, 2, 4, 8, 0x20, 0x28
    HZ = 3579545

    def start(self):
        host = self.m.pci_host()
        dev, reg, control, value = (31, 0x40, 0x44, 0x80) if self.m.desc.name == "q35" else (1, 0x40, 0x80, 1)
        fn = 0 if dev == 31 else 3
        host.write((0, dev, fn), reg, self.BASE | 1)
        host.write((0, dev, fn), control, value, 1)

    def inw(self, reg): return self.m.inw(self.BASE + reg)
    def inl(self, reg): return self.m.inl(self.BASE + reg)
    def outw(self, reg, v): self.m.outw(self.BASE + reg, v)
