# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver for virtio 1.2 devices on memory mapped registers: virtio.Device by other offsets."""
import virtio

BASE, SIZE, SLOTS = 0xfeb00000, 0x200, 8
# Common configuration of PCI (4.1.4.3) -> register (4.2.2).
REGS = {0: 0x14, 4: 0x10, 8: 0x24, 0xc: 0x20, 0x14: 0x70, 0x15: 0xfc, 0x16: 0x30, 0x18: 0x38, 0x1c: 0x44,
        0x20: 0x80, 0x24: 0x84, 0x28: 0x90, 0x2c: 0x94, 0x30: 0xa0, 0x34: 0xa4}


def find(m, ident, slots=SLOTS):
    """The registers of the device with that number; None: there is none."""
    return next((at for at in range(BASE, BASE + slots * SIZE, SIZE) if m.readl(at + 8) == ident), None)


class Device(virtio.Device):
    def __init__(self, m, at, base=0x100000):
        self.m, self.at, self.base = m, at, base
        self.queues = {}

    def common(self, off, size=4): return self.m.readl(self.at + REGS[off])
    def set_common(self, off, v, size=4): self.m.writel(self.at + REGS[off], v)
    def config(self, off, n): return bytes(self.m.readb(self.at + 0x100 + off + i) for i in range(n))
    def kick(self, q): self.m.writel(self.at + 0x50, q)
    def isr(self): return self.m.readl(self.at + 0x60)
    def ack(self, bits): self.m.writel(self.at + 0x64, bits)
