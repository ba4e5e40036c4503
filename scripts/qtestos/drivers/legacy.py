# SPDX-License-Identifier: GPL-2.0-or-later
"""Old parts of a PC: 16550 UARTs, the 8042, port 0x92, pvpanic."""
from ..model import Board, Driver


class Serial(Driver):
    """A 16550A at 0x3f8, given by -serial; what it sends goes to a file."""
    name = "isa-serial"
    consumes = Board
    matches = "isa-serial"
    BASE, IRQ = 0x3f8, 4
    DATA, IER, IIR, FCR, LCR, MCR, LSR, MSR, SCR = 0, 1, 2, 2, 3, 4, 5, 6, 7

    @classmethod
    def command(cls, node, line):
        node.data["sent"] = line.file(suffix=".serial")
        line.add("-serial", "file:" + node.data["sent"])

    def read(self, reg): return self.m.inb(self.BASE + reg)
    def write(self, reg, v): self.m.outb(self.BASE + reg, v)

    def divisor(self, value=None):
        """The divisor latch; the line control register is kept."""
        lcr = self.read(self.LCR)
        self.write(self.LCR, lcr | 0x80)
        if value is not None:
            self.write(0, value & 255)
            self.write(1, value >> 8)
        got = self.read(0) | self.read(1) << 8
        self.write(self.LCR, lcr)
        return got

    def sent(self):
        with open(self.node.data["sent"], "rb") as f:
            return f.read()


class I8042(Driver):
    """The keyboard controller, the keyboard and the mouse behind it."""
    name = "i8042"
    consumes = Board
    matches = "i8042"
    OBF, IBF, SYSTEM, COMMAND, AUX = 1, 2, 4, 8, 0x20

    def status(self): return self.m.inb(0x64)
    def send(self, code): self.m.outb(0x64, code)
    def write(self, data): self.m.outb(0x60, data)

    def drain(self):
        """Everything in the output buffer: [(byte, is from the mouse)]."""
        got = []
        while self.status() & self.OBF and len(got) < 64:
            aux = bool(self.status() & self.AUX)
            got.append((self.m.inb(0x60), aux))
        return got

    def ask(self, code, *data):
        """A controller command; the bytes of its answer."""
        self.send(code)
        for v in data:
            self.write(v)
        return [v for v, _ in self.drain()]

    def keyboard(self, *data):
        """Bytes to the keyboard; what it says."""
        got = []
        for v in data:
            self.write(v)
            got += self.drain()
        return [v for v, aux in got if not aux]

    def mouse(self, *data):
        got = []
        for v in data:
            self.send(0xd4)
            self.write(v)
            got += self.drain()
        return [v for v, aux in got if aux]


class Pvpanic(Driver):
    """pvpanic on ISA (QEMU's docs/specs/pvpanic)."""
    name = device = "pvpanic"
    consumes = Board
    matches = "isa"
    PORT = 0x505

    def read(self): return self.m.inb(self.PORT)
    def write(self, v): self.m.outb(self.PORT, v)
